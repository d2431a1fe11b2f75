package anna_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/applets"
)

// TestHelp freezes the help of every command, as users read it.
func TestHelp(t *testing.T) {
	anna := filepath.Join(annatest.Build(t), "anna")
	help := func(golden string, words ...string) {
		t.Helper()
		var errs bytes.Buffer
		cmd := exec.Command(anna, append(words, "--help")...)
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil || errs.Len() > 0 {
			t.Errorf("anna %s --help: %v, stderr %q", strings.Join(words, " "), err, errs.String())
		}
		for line := range strings.SplitSeq(string(out), "\n") {
			if len([]rune(line)) > 110 {
				t.Errorf("anna %s --help has a line of %d characters: %q", strings.Join(words, " "), len([]rune(line)), line)
			}
		}
		annatest.Golden(t, "testdata/help/"+golden+".txt", out)
	}
	help("anna")
	help("daemon", "daemon")
	var walk func(path []string, list []*console.Command)
	walk = func(path []string, list []*console.Command) {
		for _, c := range list {
			words := append(path[:len(path):len(path)], c.Name)
			if !c.Hidden {
				help(strings.Join(words, "-"), words...)
			}
			walk(words, c.Sub)
		}
	}
	walk(nil, applets.Table.Commands())
}

// TestExitStatuses holds that every status that a command can end with has a
// meaning, and that none is 2, which a crash of the Go runtime ends with.
func TestExitStatuses(t *testing.T) {
	var walk func(list []*console.Command)
	walk = func(list []*console.Command) {
		for _, c := range list {
			for _, status := range c.AllExits() {
				if status == 2 || console.ExitMeanings[status] == "" {
					t.Errorf("command %s can end with %d, which means nothing", c.Name, status)
				}
			}
			walk(c.Sub)
		}
	}
	walk(applets.Table.Commands())
}

// TestMethodsPage keeps docs/RPC.md's list of methods true.
func TestMethodsPage(t *testing.T) {
	for section, old := range map[string]bool{"methods": false, "old methods": true} {
		annatest.GoldenSection(t, "docs/RPC.md", section, methodRows(old))
	}
}

// methodRows lists the methods, those of today or the old names.
func methodRows(old bool) []byte {
	var b bytes.Buffer
	b.WriteString("| method | kind | access | idempotent | what it answers |\n|---|---|---|---|---|\n")
	for _, row := range applets.Table {
		for _, m := range row.Methods {
			if m.Old != old {
				continue
			}
			idempotent := "no"
			if m.Idempotent {
				idempotent = "yes"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", m.Name, m.Kind, m.Access, idempotent, m.Summary)
		}
	}
	return b.Bytes()
}
