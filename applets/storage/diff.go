package storage

import (
	"errors"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// diffEngines and diffSorts are the words of --engine and --sort.
var (
	diffEngines = []string{"auto", string(diff.Tree), string(diff.Send), string(diff.Paths)}
	diffSorts   = []string{"path", "size"}
)

func kindWords() []string {
	words := make([]string, len(diff.Kinds))
	for i, k := range diff.Kinds {
		words[i] = string(k)
	}
	return words
}

// diffOptions are what the user asks of a comparison.
type diffOptions struct {
	engine   diff.Engine
	retry    bool
	form     diffForm
	null     bool
	depth    int
	bySize   bool
	selected selection
}

// A diffForm is a shape that the answer can have.
type diffForm int

const (
	formText diffForm = iota // grouped by directory
	formStat
	formNames
	formDepth
	formObject
	formStream
)

// forms are the flags that give the answer a shape of its own.
var forms = []struct {
	flag string
	form diffForm
}{{"stat", formStat}, {"name-only", formNames}, {"depth", formDepth}}

func diffOptionsOf(c *console.Console) (o diffOptions, err error) {
	see := "see: " + c.Path() + " --help"
	if slices.Contains(c.Args, "") { // an unset variable of a script
		return o, console.Usagef(see, "a subvolume's name is empty")
	}
	if err := choice("engine", c.String("engine"), diffEngines); err != nil {
		return o, err
	}
	if o.engine = diff.Engine(c.String("engine")); o.engine == "auto" {
		o.engine = diff.Auto
	}
	if c.IsSet("sort") {
		if err := choice("sort", c.String("sort"), diffSorts); err != nil {
			return o, err
		}
	}
	o.bySize, o.retry, o.null, o.depth = c.String("sort") == "size", c.Bool("retry"), c.Bool("null"), c.Int("depth")
	if o.depth < 0 {
		return o, console.Usagef(see, "flag --depth needs a number from 0 on")
	}
	if o.form, err = textForm(c, see); err != nil {
		return o, err
	}
	for _, flag := range []string{"stat", "name-only", "null", "depth", "filter", "only", "sort", "engine", "retry", "stream"} {
		if c.IsSet("content") && c.IsSet(flag) {
			return o, console.Usagef(see, "flags --content and --%s exclude each other", flag)
		}
	}
	switch {
	case o.null && o.form != formNames:
		return o, console.Usagef("add --name-only", "flag --null needs --name-only")
	case c.Bool("stream") && !c.JSON:
		return o, console.Usagef("add --json", "flag --stream needs --json")
	case c.Bool("stream") && (c.IsSet("sort") || o.retry):
		return o, console.Usagef("leave out --stream", "flag --stream gives changes as they are found: no --sort, no --retry")
	case c.Bool("stream"):
		o.form = formStream
	case c.JSON:
		o.form = formObject
	}
	if o.selected.kinds, err = kindsOf(c.String("only")); err != nil {
		return o, err
	}
	if c.IsSet("filter") {
		if o.selected.filter, err = newGlob(c.String("filter")); err != nil {
			return o, console.Usagef(see, "flag --filter: %v", err)
		}
	}
	return o, nil
}

// textForm is the shape that a flag asks for, of which there can be one.
func textForm(c *console.Console, see string) (form diffForm, err error) {
	shape := ""
	for _, f := range forms {
		switch {
		case !c.IsSet(f.flag) || f.form != formDepth && !c.Bool(f.flag):
		case c.JSON:
			return form, console.Usagef("--json has every change and the sums", "flag --%s is for text, not for --json", f.flag)
		case shape != "":
			return form, console.Usagef(see, "flags --%s and --%s exclude each other", shape, f.flag)
		default:
			shape, form = f.flag, f.form
		}
	}
	return form, nil
}

// kindsOf reads the words of --only.
func kindsOf(list string) (map[diff.Kind]bool, error) {
	if list == "" {
		return nil, nil
	}
	kinds := map[diff.Kind]bool{}
	for word := range strings.SplitSeq(list, ",") {
		word = strings.ReplaceAll(strings.TrimSpace(word), "-", "_")
		if !slices.Contains(kindWords(), word) {
			hint := "there are: " + strings.Join(kindWords(), ", ")
			if near := nearest.Of(word, kindWords()); near != "" {
				hint = "did you mean: " + near
			}
			return nil, console.Usagef(hint, "flag --only does not know %q", word)
		}
		kinds[diff.Kind(word)] = true
	}
	return kinds, nil
}

// diffGC lets the heap grow to 8 MiB before the first collection, of which a
// comparison in bounded memory needs few.
const diffGC = 200

func runDiff(c *console.Console) error {
	defer debug.SetGCPercent(debug.SetGCPercent(diffGC))
	o, err := diffOptionsOf(c)
	if err != nil {
		return err
	}
	if c.IsSet("content") {
		return runContent(c)
	}
	p, err := pairFor(c)
	if err != nil {
		return denied(c, err)
	}
	defer p.fs.Close()
	return denied(c, compare(c, p, o))
}

// pairFor finds both sides for whoever may compare them: as root here, else in
// the daemon.
func pairFor(c *console.Console) (*diffPair, error) {
	if privileged() {
		return findPair(c.Context(), btrfs.Roots{}, c.Args[0], c.Args[1], here)
	}
	return findPairThere(c)
}

// needsRoot says what to type instead.
func needsRoot(c *console.Console, cause error) error {
	e := rpc.Errorf(rpc.NotAuthorized, "cannot compare subvolumes: it needs root, for it shows names that permissions hide")
	if cause != nil {
		e = rpc.Errorf(rpc.NotAuthorized, "cannot compare subvolumes: it needs root of the machine itself, with CAP_SYS_ADMIN: %w", cause)
	}
	e.Hint = asRoot(c)
	return e
}

// asRoot is the hint to run the very same as root.
func asRoot(c *console.Console) string {
	words := []string{"sudo", c.Program()}
	for _, w := range os.Args[1:] {
		if q := quote("x" + w); q == "x"+w && strings.HasPrefix(w, "-") { // a plain flag
			words = append(words, w)
		} else {
			words = append(words, quote(w))
		}
	}
	return "Run: " + strings.Join(words, " ")
}

func notReadOnly(err error) error {
	return rpc.Errorf(rpc.NotReadOnly, "%w", err).WithHint("Leave out --engine: the trees can be compared whatever is in use")
}

// denied gives errors of the kernel the codes that scripts know.
func denied(c *console.Console, err error) error {
	switch {
	case errors.Is(err, diff.ErrNotReadOnly):
		return notReadOnly(err)
	case errors.Is(err, unix.EPERM): // root of a container
		return needsRoot(c, err)
	}
	return err
}
