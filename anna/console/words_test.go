package console

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

func nothing(*Console) error { return nil }

// testTree has every shape of command: a leaf, a group, a group that takes a
// path too, flags of its own with an alias, one that is hidden.
func testTree() []*Command {
	ex := []Example{{"x", "x"}}
	return []*Command{
		{Name: "health", Summary: "s", Examples: ex, Run: nothing, Flags: []cli.Flag{
			&cli.BoolFlag{Name: "watch"}, &cli.DurationFlag{Name: "interval"},
		}},
		{Name: "explain", Args: "[CODE]", MaxArgs: 1, Summary: "s", Examples: ex, Run: nothing},
		{Name: "storage", Summary: "s", Sub: []*Command{{
			Name: "btrfs", Args: "[PATH]", MaxArgs: 1, Summary: "s", Examples: ex, Run: nothing,
			Sub: []*Command{
				{Name: "tree", Args: "[PATH]", MaxArgs: 1, Summary: "s", Examples: ex, Run: nothing},
				{
					Name: "diff", Args: "A B", MinArgs: 2, MaxArgs: 2, Summary: "s", Examples: ex, Run: nothing,
					Flags: []cli.Flag{&cli.StringFlag{Name: "exclude", Aliases: []string{"x"}}},
				},
			},
		}}},
		{Name: "secret", Summary: "s", Run: nothing, Hidden: true},
		{Name: "help", Args: "[COMMAND...]", MaxArgs: -1, Summary: "s", Examples: ex, Run: nothing},
	}
}

// testRoot is a program that is one command, as annad is.
func testRoot() *Command {
	return &Command{Summary: "s", Server: true, Run: nothing, Flags: []cli.Flag{&cli.StringFlag{Name: "config"}}}
}

// line is what the table below compares.
type line struct {
	Path, Flags, Args string // joined by |
	Err, Hint         string
}

func lineOf(program string, root *Command, words []string) line {
	p, err := parseWords(program, testTree(), root, words)
	if err != nil {
		var usage *UsageError
		if !errors.As(err, &usage) {
			return line{Err: "no usage error: " + err.Error()}
		}
		return line{Err: usage.Message, Hint: usage.Hint}
	}
	return line{Path: p.name(program), Flags: strings.Join(p.line(), "|"), Args: strings.Join(p.args, "|")}
}

// TestWordsCost holds that the flags of all commands, which every command line
// is sorted by, are not worth a thought.
func TestWordsCost(t *testing.T) {
	var tree []*Command
	const commands, flags = 50, 10
	for i := range commands {
		c := &Command{Name: fmt.Sprint("c", i)}
		for j := range flags {
			c.Flags = append(c.Flags, &cli.StringFlag{Name: fmt.Sprint("flag", j), Aliases: []string{fmt.Sprint(j)}})
		}
		tree = append(tree, c)
	}
	allocs := testing.AllocsPerRun(10, func() {
		if _, err := parseWords("anna", tree, nil, []string{"c1", "--json"}); err != nil {
			t.Fatal(err)
		}
	})
	if each := allocs / (commands * flags); each > 2 {
		t.Errorf("%.1f allocations for each flag that there is", each)
	}
}

func TestParseWords(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("tre", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", "dif"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		words string // separated by spaces; _ is an empty word
		want  line
	}{
		{"", line{Path: "anna"}},
		{"health", line{Path: "anna health"}},

		// Flags stand where people put them.
		{"--json health", line{Path: "anna health", Flags: "--json"}},
		{"health --json", line{Path: "anna health", Flags: "--json"}},
		{"storage --json btrfs -v tree /mnt --ascii", line{Path: "anna storage btrfs tree", Flags: "--json|--verbose|--ascii", Args: "/mnt"}},
		{"storage btrfs diff a --exclude *.log b", line{Path: "anna storage btrfs diff", Flags: "--exclude=*.log", Args: "a|b"}},
		{"--exclude y storage btrfs diff a b", line{Path: "anna storage btrfs diff", Flags: "--exclude=y", Args: "a|b"}},
		{"explain Busy --json", line{Path: "anna explain", Flags: "--json", Args: "Busy"}},

		// "--" ends them, and commands as well.
		{"explain -- --json", line{Path: "anna explain", Args: "--json"}},
		{"explain --json -- -- x", line{Path: "anna explain", Flags: "--json", Args: "--|x"}},
		{"storage btrfs -- tree", line{Path: "anna storage btrfs", Args: "tree"}},
		{"storage btrfs -- tre", line{Path: "anna storage btrfs", Args: "tre"}},
		{"-- health", line{Path: "anna", Args: "health"}},

		// Values: joined, apart, empty, beginning with a dash, with "=" in them.
		{"health --timeout=1s", line{Path: "anna health", Flags: "--timeout=1s"}},
		{"health --timeout 1s", line{Path: "anna health", Flags: "--timeout=1s"}},
		{"health -timeout 1s", line{Path: "anna health", Flags: "--timeout=1s"}},
		{"health --timeout -5s", line{Path: "anna health", Flags: "--timeout=-5s"}},
		{"health --socket --json", line{Path: "anna health", Flags: "--socket=--json"}},
		{"health --socket -- --json", line{Path: "anna health", Flags: "--socket=--|--json"}},
		{"health --socket=a=b", line{Path: "anna health", Flags: "--socket=a=b"}},
		{"health --socket=", line{Path: "anna health", Flags: "--socket="}},
		{"health --socket _ --json", line{Path: "anna health", Flags: "--socket=|--json"}},
		{"health --json=false", line{Path: "anna health", Flags: "--json=false"}},
		{"--socket health health", line{Path: "anna health", Flags: "--socket=health"}},

		// Aliases are the flag itself: the parser refuses both together.
		{"health -v --verbose", line{Path: "anna health", Flags: "--verbose|--verbose"}},
		{"storage btrfs diff -x a --exclude=b c d", line{Path: "anna storage btrfs diff", Flags: "--exclude=a|--exclude=b", Args: "c|d"}},

		// A lone dash and an empty word are arguments.
		{"explain -", line{Path: "anna explain", Args: "-"}},
		{"explain _", line{Path: "anna explain", Args: ""}},

		// A command's name is one only where a command can be.
		{"explain health", line{Path: "anna explain", Args: "health"}},
		{"explain help", line{Path: "anna explain", Args: "help"}},
		{"explain h", line{Path: "anna explain", Args: "h"}},
		{"storage btrfs /mnt tree", line{Path: "anna storage btrfs", Args: "/mnt|tree"}},
		{"secret", line{Path: "anna secret"}},

		// A group that takes a path too: what could only be a misspelt
		// subcommand is one.
		{"storage btrfs treee", line{Err: `unknown command "treee" for anna storage btrfs`, Hint: "did you mean: anna storage btrfs tree"}},
		{"storage btrfs ./treee", line{Path: "anna storage btrfs", Args: "./treee"}},
		{"storage btrfs tre", line{Path: "anna storage btrfs", Args: "tre"}},       // a file
		{"storage btrfs dif", line{Path: "anna storage btrfs", Args: "dif"}},       // a link to nowhere
		{"storage btrfs pool", line{Path: "anna storage btrfs", Args: "pool"}},     // near nothing
		{"storage btrfs . tree", line{Path: "anna storage btrfs", Args: ".|tree"}}, // the path is given

		// Unknown commands.
		{"helth", line{Err: `unknown command "helth" for anna`, Hint: "did you mean: anna health"}},
		{"HEALTH", line{Err: `unknown command "HEALTH" for anna`, Hint: "did you mean: anna health"}},
		{"xyzzy", line{Err: `unknown command "xyzzy" for anna`, Hint: "see: anna --help"}},
		{"secre", line{Err: `unknown command "secre" for anna`, Hint: "see: anna --help"}},
		{"_", line{Err: `unknown command "" for anna`, Hint: "see: anna --help"}},
		{"storage btrf", line{Err: `unknown command "btrf" for anna storage`, Hint: "did you mean: anna storage btrfs"}},
		{"--json daemon", line{Err: `unknown command "daemon" for anna`, Hint: "the daemon is started by: anna daemon, or: annad"}},
		{"deamon", line{Err: `unknown command "deamon" for anna`, Hint: "the daemon is started by: anna daemon, or: annad"}},

		// Unknown flags, and flags of another command.
		{"--jsno health", line{Err: "unknown flag --jsno for anna", Hint: "did you mean: --json"}},
		{"health --jsno", line{Err: "unknown flag --jsno for anna health", Hint: "did you mean: --json"}},
		{"health --jsno=secret", line{Err: "unknown flag --jsno for anna health", Hint: "did you mean: --json"}},
		{"--exclud x", line{Err: "unknown flag --exclud for anna", Hint: "did you mean: --exclude"}},
		{"health --exclude x", line{Err: "unknown flag --exclude for anna health", Hint: "see: anna health --help"}},
		{"health --exclude", line{Err: "unknown flag --exclude for anna health", Hint: "see: anna health --help"}},
		{"health -x y", line{Err: "unknown flag -x for anna health", Hint: "see: anna health --help"}},
		{"--watch explain", line{Err: "unknown flag --watch for anna explain", Hint: "see: anna explain --help"}},
		{"health --version", line{Err: "unknown flag --version for anna health", Hint: "see: anna health --help"}},
		{"---json", line{Err: "unknown flag ---json for anna", Hint: "did you mean: --json"}},
		{"--=x", line{Err: "unknown flag -- for anna", Hint: "see: anna --help"}},
		{"-5", line{Err: "unknown flag -5 for anna", Hint: "see: anna --help"}},
		{"health --timeout", line{Err: "flag --timeout needs a value", Hint: "see: anna health --help"}},
		{"--version", line{Path: "anna", Flags: "--version"}},
	} {
		got := lineOf("anna", nil, split(tt.words))
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("anna %s (-want +got)\n%s", tt.words, diff)
		}
	}
}

// TestParseWordsOfRoot does the same for a program that is one command.
func TestParseWordsOfRoot(t *testing.T) {
	for words, want := range map[string]line{
		"":                        {Path: "annad"},
		"--config c":              {Path: "annad", Flags: "--config=c"},
		"-h":                      {Path: "annad", Flags: "--help"},
		"--version":               {Path: "annad", Flags: "--version"},
		"health":                  {Path: "annad", Args: "health"},
		"--confg=c":               {Err: "unknown flag --confg for annad", Hint: "did you mean: --config"},
		"--timeout":               {Err: "unknown flag --timeout for annad", Hint: "see: annad --help"},
		"--json":                  {Err: "unknown flag --json for annad", Hint: "see: annad --help"},
		"--config":                {Err: "flag --config needs a value", Hint: "see: annad --help"},
		"--config a --config b -": {Path: "annad", Flags: "--config=a|--config=b", Args: "-"},
	} {
		if diff := cmp.Diff(want, lineOf("annad", testRoot(), split(words))); diff != "" {
			t.Errorf("annad %s (-want +got)\n%s", words, diff)
		}
	}
}

func split(words string) []string {
	var out []string
	for _, w := range strings.Fields(words) {
		out = append(out, strings.ReplaceAll(w, "_", ""))
	}
	return out
}

func TestWantsJSON(t *testing.T) {
	for words, want := range map[string]bool{
		"":                         false,
		"--json helth":             true,
		"helth --json":             true,
		"-json":                    true,
		"--jsno --json":            true,
		"--json=1":                 true,
		"--json=maybe":             true,
		"--json=false":             false,
		"--json --json=false":      false,
		"-- --json":                false,
		"health --socket --json":   false, // its value
		"health --socket=x --json": true,
		"json":                     false,
		"---json":                  false,
	} {
		if got := wantsJSON(testTree(), split(words)); got != want {
			t.Errorf("wantsJSON(%q) = %v", words, got)
		}
	}
}

// FuzzParseWords holds that no word is lost: each is a command, a flag, its
// value or an argument, in the order in which it was typed.
func FuzzParseWords(f *testing.F) {
	for _, seed := range []string{
		"health --json", "storage btrfs diff a --exclude -v b", "-- health", "explain -- --json",
		"--socket -- -- --", "---x", "--=", "-x= storage btrfs diff - -", "health -v --verbose=false",
	} {
		f.Add(strings.ReplaceAll(seed, " ", "\x00"), false)
		f.Add(strings.ReplaceAll(seed, " ", "\x00"), true)
	}
	f.Fuzz(func(t *testing.T, text string, asRoot bool) {
		words := strings.Split(text, "\x00")
		var root *Command
		program := "anna"
		if asRoot {
			root, program = testRoot(), "annad"
		}
		p, err := parseWords(program, testTree(), root, words)
		var usage *UsageError
		if err != nil {
			if !errors.As(err, &usage) || usage.Message == "" || usage.Hint == "" {
				t.Fatalf("%q: %#v is no whole usage error", words, err)
			}
			return
		}
		path, flags, args := slices.Clone(p.path), slices.Clone(p.flags), slices.Clone(p.args)
		if asRoot {
			path = path[1:]
		}
		ended := false
		for i := 0; i < len(words); i++ {
			word := words[i]
			switch {
			case !ended && word == "--":
				ended = true
			case !ended && len(flags) > 0 && len(word) > 1 && word[0] == '-':
				f := flags[0]
				flags = flags[1:]
				bare := strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-")
				if bare == f.name && f.hasValue {
					if i++; i == len(words) || words[i] != f.value {
						t.Fatalf("%q: the flag %v has not the next word as value", words, f)
					}
				} else if bare != f.name && bare != f.name+"="+f.value {
					t.Fatalf("%q: %q became the flag %v", words, word, f)
				}
			case !ended && len(path) > 0 && path[0].Name == word:
				path = path[1:]
			case len(args) > 0 && args[0] == word:
				args = args[1:]
			default:
				t.Fatalf("%q: the word %q is lost in %+v", words, word, p)
			}
		}
		if len(path)+len(flags)+len(args) > 0 {
			t.Fatalf("%q: more came out than went in: %v %v %v", words, path, flags, args)
		}
		wantsJSON(testTree(), words)
	})
}
