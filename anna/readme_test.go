package anna_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
	"github.com/jjgarcianorway/anna-assistant/anna/version"
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

// TestReadmeNamesEveryDocument holds that no document can be found by nobody.
func TestReadmeNamesEveryDocument(t *testing.T) {
	root := annatest.RepoRoot(t)
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d documents, %v", len(pages), err)
	}
	for _, page := range append(pages, "CHANGELOG.md", "LICENSE") {
		if link := strings.TrimPrefix(page, root+"/"); !strings.Contains(string(readme), "]("+link+")") {
			t.Errorf("the README has no link to %s", link)
		}
	}
}

// TestChanges holds that the changes begin with those of this version, and say
// how to move over.
func TestChanges(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(annatest.RepoRoot(t), "CHANGELOG.md"))
	if err != nil {
		t.Fatal(err)
	}
	newest, _, _ := strings.Cut(strings.TrimPrefix(string(text), "# Changes\n\n## "), "\n## ")
	if title, _, _ := strings.Cut(newest, "\n"); title != version.Number || !strings.Contains(newest, "\n### How to move over\n") {
		t.Errorf("the newest changes are of %q, not %s, or do not say how to move over", title, version.Number)
	}
}

// anchors are those of a document's headings, as GitHub makes them.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for line := range strings.Lines(text) {
		if title := strings.TrimLeft(line, "#"); title != line && strings.HasPrefix(title, " ") {
			found[strings.Map(func(r rune) rune {
				switch {
				case r == ' ':
					return '-'
				case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
					return unicode.ToLower(r)
				}
				return -1
			}, strings.TrimSpace(title))] = true
		}
	}
	return found
}

// TestLinks holds that every relative link in the documents leads to a file, and
// to a heading in it where it names one.
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
			if strings.Contains(target, "://") {
				continue
			}
			file, anchor, _ := strings.Cut(target, "#")
			if file = filepath.Join(filepath.Dir(page), file); strings.HasPrefix(target, "#") {
				file = page
			}
			there, err := os.ReadFile(file)
			if info, isDir := os.Stat(file); isDir == nil && info.IsDir() {
				err = nil
			}
			if err != nil || anchor != "" && !anchors(string(there))[anchor] {
				t.Errorf("%s links to %s: there is no such file or heading (%v)", filepath.Base(page), target, err)
			}
		}
	}
}
