package anna_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/applets"
)

// TestCLIPage writes docs/CLI.md from the dispatch table and the help of every
// command, and holds it there.
func TestCLIPage(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# Every command\n\nMade from the dispatch table: what `anna COMMAND --help` prints, one after the other. `annactl` takes the same.\n")
	chapter := func(title, file string) {
		text, err := os.ReadFile(filepath.Join(annatest.RepoRoot(t), "testdata/help", file+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		short, _, _ := strings.Cut(string(text), "\nCommon flags:\n") // the same everywhere
		if file == "anna" {
			short = string(text)
		} else if _, exits, ok := strings.Cut(string(text), "\nExit status:\n"); ok {
			exits, _, _ = strings.Cut(exits, "\n\n")
			short += "\nExit status:\n" + exits
		}
		fmt.Fprintf(&b, "\n## %s\n\n```text\n%s\n```\n", title, strings.TrimSpace(short))
	}
	chapter("anna", "anna")
	chapter("anna daemon", "daemon")
	var walk func(path []string, list []*console.Command)
	walk = func(path []string, list []*console.Command) {
		for _, c := range list {
			words := append(slices.Clone(path), c.Name)
			if !c.Hidden {
				chapter("anna "+strings.Join(words, " "), strings.Join(words, "-"))
			}
			walk(words, c.Sub)
		}
	}
	walk(nil, applets.Table.Commands())
	annatest.Golden(t, "docs/CLI.md", b.Bytes())
}
