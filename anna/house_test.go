package anna_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

const module = "github.com/jjgarcianorway/anna-assistant/"

// rooms names, for each outside module, the rooms that may import it: a folder,
// or a pattern of files; "test" stands for any test file and package annatest,
// "*" for every room.
var rooms = map[string][]string{
	"github.com/pelletier/go-toml/v2":         {"anna/config"},
	"github.com/urfave/cli/v2":                {"anna", "anna/console", "applets/*/command.go", "applets/*/*_command.go"},
	"github.com/expr-lang/expr":               {"anna/policy"},
	"github.com/rivo/tview":                   {"anna/ui/dash"},
	"github.com/gdamore/tcell/v2":             {"anna/ui/dash"},
	"github.com/rivo/uniseg":                  {"anna/ui"},
	"github.com/coreos/go-systemd/v22":        {"anna/daemon", "anna/rpc/diagnose"},
	"github.com/prometheus/procfs":            {"anna/metrics"},
	"github.com/HdrHistogram/hdrhistogram-go": {"anna/metrics"},
	"modernc.org/sqlite":                      {"anna/telemetry"},
	"github.com/fsnotify/fsnotify":            {"anna/events"},
	"github.com/mdlayher/netlink":             {"anna/events"},
	"github.com/jsimonetti/rtnetlink/v2":      {"anna/events"},
	"github.com/moby/sys/mountinfo":           {"anna/events"},
	"golang.org/x/term":                       {"anna/console"},
	"golang.org/x/sys":                        {"*"},
	"github.com/rogpeppe/go-internal":         {"test", "applets/storage/diff_content.go"},
	"github.com/google/go-cmp":                {"test"},
	"go.uber.org/goleak":                      {"test"},
	"github.com/creachadair/jrpc2":            {"test"},
	"github.com/creack/pty":                   {"test"},
	"github.com/godbus/dbus/v5":               {"test"},
}

// leaves names the rooms that stand on (almost) nothing of the house.
var leaves = map[string][]string{
	"anna/btrfs":        {},
	"anna/btrfs/diff":   {"anna/btrfs", "anna/btrfs/nodes"},
	"anna/btrfs/nodes":  {"anna/btrfs"},
	"anna/metrics":      {},
	"anna/events":       {},
	"anna/health":       {},
	"anna/nearest":      {},
	"anna/facts":        {},
	"anna/version":      {},
	"anna/rpc/diagnose": {},
	"anna/config":       {"anna/nearest"},
	"anna/telemetry":    {"anna/metrics"},
	"anna/capability":   {},
	"anna/rpc":          {"anna/rpc/diagnose"},
	"anna/ui":           {"anna/health"},
}

type goFile struct {
	path    string // from the root, with slashes
	room    string
	test    bool
	imports []string
}

func goFiles(t *testing.T) []goFile {
	t.Helper()
	root := annatest.RepoRoot(t)
	var files []goFile
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".go" {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		f := goFile{path: filepath.ToSlash(rel), room: filepath.ToSlash(filepath.Dir(rel)), test: strings.HasSuffix(rel, "_test.go")}
		f.test = f.test || f.room == "anna/annatest"
		for _, spec := range tree.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, name)
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestImportsPointOneWay holds the directions: main -> applets -> applets/* ->
// anna/*. An applet never imports another; the core never imports an applet.
func TestImportsPointOneWay(t *testing.T) {
	stands := map[[2]string]bool{} // a leaf on a room
	for _, f := range goFiles(t) {
		for _, name := range f.imports {
			inner, ours := strings.CutPrefix(name, module)
			if !ours {
				continue
			}
			switch {
			case inner == "anna/annatest" && !f.test:
				t.Errorf("%s imports annatest, which is for tests", f.path)
			case strings.HasPrefix(f.room, "anna") && strings.HasPrefix(inner, "applets") && !f.test:
				t.Errorf("%s is of the core and imports %s", f.path, inner)
			case strings.HasPrefix(f.room, "applets/") && strings.HasPrefix(inner, "applets") && !f.test:
				t.Errorf("%s imports %s: an applet knows no other", f.path, inner)
			case strings.HasPrefix(f.room, "applets/") && inner == "anna":
				t.Errorf("%s imports the program it is a part of", f.path)
			}
			if allowed, leaf := leaves[f.room]; leaf && !f.test && !slices.Contains(allowed, inner) {
				t.Errorf("%s imports %s: %s stands on %v alone", f.path, inner, f.room, allowed)
			}
			if !f.test {
				stands[[2]string{f.room, inner}] = true
			}
		}
	}
	for leaf, allowed := range leaves {
		for _, room := range allowed {
			if !stands[[2]string{leaf, room}] {
				t.Errorf("%s does not stand on %s", leaf, room)
			}
		}
	}
}

// TestRoomsOfModules holds which rooms may import which outside module, and that
// the table names no more than it has to.
func TestRoomsOfModules(t *testing.T) {
	type entry struct{ module, room string }
	used := map[entry]bool{}
	for _, f := range goFiles(t) {
		for _, name := range f.imports {
			if strings.HasPrefix(name, module) || !strings.Contains(strings.Split(name, "/")[0], ".") {
				continue
			}
			outside, room := f.entry(t, name)
			if room == "" {
				t.Errorf("%s imports %s, which is not for this room", f.path, name)
			}
			used[entry{outside, room}] = true
		}
	}
	for outside, allowed := range rooms {
		for _, room := range allowed {
			if !used[entry{outside, room}] {
				t.Errorf("%s is for %s, which does not import it", outside, room)
			}
		}
	}
}

// entry finds what allows a file to import a package: the module and the room of
// the table; "" where nothing does.
func (f goFile) entry(t *testing.T, name string) (outside, room string) {
	for outside, allowed := range rooms {
		if name != outside && !strings.HasPrefix(name, outside+"/") {
			continue
		}
		for _, room := range allowed {
			file, err := filepath.Match(room, f.path)
			if err != nil {
				t.Fatal(err)
			}
			if room == "*" || room == f.room || file || room == "test" && f.test {
				return outside, room
			}
		}
	}
	return "", ""
}

// TestLayout holds the top level: what stands there and nothing else.
func TestLayout(t *testing.T) {
	known := []string{
		"main.go", "anna", "applets", "testdata", "dist", "docs", "scripts",
		"justfile", "README.md", "CHANGELOG.md", "LICENSE", "go.mod", "go.sum",
	}
	entries, err := os.ReadDir(annatest.RepoRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(known, e.Name()) {
			t.Errorf("the layout does not know %q at the top level", e.Name())
		}
	}
}

// TestPackageComments holds that every package explains itself, once, and with
// an example: a block in its comment, or one that is a test.
func TestPackageComments(t *testing.T) {
	root := annatest.RepoRoot(t)
	comments, shown := map[string]int{}, map[string]bool{}
	for _, f := range goFiles(t) {
		if strings.HasSuffix(f.path, "_test.go") {
			text, err := os.ReadFile(filepath.Join(root, f.path))
			if err != nil {
				t.Fatal(err)
			}
			shown[f.room] = shown[f.room] || strings.Contains(string(text), "\nfunc Example")
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, f.path), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		comments[f.room] += 0
		if tree.Doc != nil {
			comments[f.room]++
			shown[f.room] = shown[f.room] || strings.Contains(tree.Doc.Text(), "\n\t")
		}
	}
	for room, n := range comments {
		if n != 1 {
			t.Errorf("package %s has %d package comments, not one", room, n)
		}
		if !shown[room] {
			t.Errorf("package %s shows no example", room)
		}
	}
}
