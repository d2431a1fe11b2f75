package anna_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestRoadmapStatus holds that docs/ROADMAP-STATUS.md has every item of
// testdata/roadmap.txt, and that what it names as proof is there: tests, files,
// and commands, which are run with a private daemon.
func TestRoadmapStatus(t *testing.T) {
	root := annatest.RepoRoot(t)
	page, err := os.ReadFile(filepath.Join(root, "docs/ROADMAP-STATUS.md"))
	if err != nil {
		t.Fatal(err)
	}
	items, err := os.ReadFile(filepath.Join(root, "testdata/roadmap.txt"))
	if err != nil {
		t.Fatal(err)
	}
	there := tests(t, root)
	quoted := regexp.MustCompile("`([^`]+)`")
	commands := map[string]bool{}
	number := 0
	for item := range strings.Lines(string(items)) {
		number++
		id, text, _ := strings.Cut(strings.TrimSpace(item), "\t")
		_, rest, found := strings.Cut(string(page), "\n| "+id+" | "+text+" | ")
		if !found {
			t.Errorf("item %s is missing: %s", id, text)
			continue
		}
		proof, _, _ := strings.Cut(rest, "\n")
		names := quoted.FindAllStringSubmatch(proof, -1)
		if len(names) == 0 && !strings.Contains(proof, "the rows above") {
			t.Errorf("nothing shows item %s", id)
		}
		for _, n := range names {
			switch name := n[1]; {
			case strings.HasPrefix(name, "Test"):
				if !there[name] {
					t.Errorf("item %s: there is no %s", id, name)
				}
			case strings.HasPrefix(name, "anna "):
				commands[name] = true
			default:
				if _, err := os.Stat(filepath.Join(root, name)); err != nil {
					t.Errorf("item %s: %v", id, err)
				}
			}
		}
	}
	if rows := strings.Count(string(page), "\n| ") - 2*strings.Count(string(page), "\n## ") + strings.Count(string(page), "\n|---"); rows != number {
		t.Errorf("the page has %d rows, the roadmap %d items", rows, number)
	}
	bin := annatest.Build(t)
	for command := range commands {
		words := strings.Fields(command)
		if !strings.Contains(command, " help ") && !strings.HasSuffix(command, "--help") && !strings.HasPrefix(command, "anna explain") {
			words = append(words, "--standalone")
		}
		out, err := exec.Command(filepath.Join(bin, "anna"), words[1:]...).CombinedOutput()
		var exit *exec.ExitError
		if errors.As(err, &exit) && !slices.Contains([]int{0, 3, 4, 5}, exit.ExitCode()) || err != nil && exit == nil {
			t.Errorf("%s: %v\n%s", strings.Join(words, " "), err, out)
		}
	}
}
