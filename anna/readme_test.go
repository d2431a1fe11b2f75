package anna_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
	"github.com/jjgarcianorway/anna-assistant/applets"
)

// TestReadme keeps the README true: its screen is what `anna health` prints,
// its commands are those of the table, and its links lead somewhere.
func TestReadme(t *testing.T) {
	root := annatest.RepoRoot(t)
	screens, err := os.ReadFile(filepath.Join(root, "testdata/screen/health-healthy.txt"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(screens), "# text\n")
	text, _, found := strings.Cut(text, "\n# ")
	if !found || !strings.Contains(text, "healthy") {
		t.Fatal("the golden screen of anna health has no part \"# text\"")
	}
	annatest.GoldenSection(t, "README.md", "screen", []byte("```text\n$ anna health\n"+strings.TrimRight(text, "\n")+"\n```\n"))

	rows := [][]string{}
	for _, c := range applets.Table.Commands() {
		if !c.Hidden && len(c.Examples) > 0 {
			rows = append(rows, []string{c.Examples[0].Line, "# " + c.Summary})
		} else if !c.Hidden && len(c.Sub) > 0 {
			rows = append(rows, []string{c.Sub[0].Examples[0].Line, "# " + c.Summary})
		}
	}
	annatest.GoldenSection(t, "README.md", "commands", fmt.Appendf(nil, "```sh\n%s```\n", ui.Columns(rows)))
}

// TestLinks holds that every relative link in the documents leads to a file.
func TestLinks(t *testing.T) {
	root := annatest.RepoRoot(t)
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, filepath.Join(root, "README.md"), filepath.Join(root, "CHANGELOG.md"))
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for rest := string(text); ; {
			_, after, ok := strings.Cut(rest, "](")
			if !ok {
				break
			}
			target, _, _ := strings.Cut(after, ")")
			rest = after
			target, _, _ = strings.Cut(target, "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), target)); err != nil {
				t.Errorf("%s links to %s: %v", filepath.Base(page), target, err)
			}
		}
	}
}
