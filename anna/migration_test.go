package anna_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/applets"
)

// TestMigrationPage tries every row of docs/MIGRATION.md that can be tried: a
// command answers or says what to use, a method is there or known to be gone,
// a key is read, with a word about it where it is gone.
func TestMigrationPage(t *testing.T) {
	page := filepath.Join(annatest.RepoRoot(t), "docs/MIGRATION.md")
	bin := annatest.Build(t)
	d := annatest.Daemon(t, "")
	var listed []string
	for _, row := range table(t, page, "commands") {
		words := strings.Fields(row[0])
		listed = append(listed, words[1])
		cmd := exec.Command(filepath.Join(bin, words[0]), words[1:]...)
		cmd.Env = append(os.Environ(), "ANNA_SOCKET="+d.Socket, "PATH="+bin+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		status := 0
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			status = exit.ExitCode()
		}
		fine := []int{0, 3, 4, 5}
		switch {
		case row[1] == "gone":
			fine = []int{64}
		case strings.HasSuffix(row[0], "doctor pre"):
			fine = []int{0, 10}
		case strings.HasSuffix(row[0], "doctor post"):
			fine = []int{0, 11, 12}
		}
		if !slices.Contains(fine, status) || row[1] == "gone" && (strings.Count(string(out), "\n") != 1 || !strings.Contains(string(out), "of v0.12.6 is not here; ")) {
			t.Errorf("%s: status %d\n%s", row[0], status, out)
		}
	}
	for _, c := range applets.Table.Commands() {
		if c.Instead != "" && !slices.Contains(listed, c.Name) {
			t.Errorf("the page does not name the command %s", c.Name)
		}
	}
	gone := applets.Table.Gone()
	listed = nil
	for _, row := range table(t, page, "methods") {
		listed = append(listed, row[0])
		_, there := applets.Table.Spec(row[0])
		if row[1] == "gone" && gone[row[0]] == "" || row[1] != "gone" && !there {
			t.Errorf("%s is %s", row[0], row[1])
		}
	}
	for name := range gone {
		if !slices.Contains(listed, name) {
			t.Errorf("the page does not name the method %s", name)
		}
	}
	for _, row := range table(t, page, "keys") {
		section, key, _ := strings.Cut(row[0], ".")
		path := filepath.Join(t.TempDir(), "config.toml")
		if err := os.WriteFile(path, []byte("["+section+"]\n"+key+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(filepath.Join(bin, "annactl"), "config", "validate", path).CombinedOutput()
		if err != nil || row[1] == "gone" && !strings.Contains(string(out), "no longer used") {
			t.Errorf("%s: %v\n%s", row[0], err, out)
		}
	}
}

// table is a section's table in a document, its first two cells without their
// quotes.
func table(t *testing.T, page, section string) [][]string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "<!-- "+section+" -->\n")
	rest, _, found := strings.Cut(rest, "<!-- end "+section+" -->")
	lines := strings.Split(strings.TrimSpace(rest), "\n")
	if !found || len(lines) < 3 {
		t.Fatalf("%s has no table %q", page, section)
	}
	var rows [][]string
	for _, line := range lines[2:] {
		cells := strings.Split(strings.Trim(line, "|"), " | ")
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(strings.Trim(cells[i], "|")), "`")
		}
		rows = append(rows, cells)
	}
	return rows
}
