package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// probe gives the world one command, which shows its console.
func probe(w *World, see func(*Console) error) {
	w.Tree = []*Command{{
		Name: "probe", Summary: "s", Args: "[X...]", MaxArgs: -1, Run: see, Examples: []Example{{"x", "x"}},
		Flags: []cli.Flag{&cli.StringFlag{Name: "name"}, &cli.BoolFlag{Name: "fast"}, &cli.DurationFlag{Name: "interval"}},
	}}
}

// TestTheme holds where colours and what draws beyond ASCII are shown.
func TestTheme(t *testing.T) {
	annatest.Require(t, annatest.PTY)
	control, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { control.Close(); terminal.Close() })
	colourless := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(colourless, []byte("[ui]\ncolor = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		env   string
		flags string
		pipe  bool
		file  string
		want  ui.Theme
	}{
		{env: "TERM=xterm", want: ui.Theme{Colour: true}},
		{env: "TERM=linux LANG=de_DE.UTF-8", want: ui.Theme{Colour: true}},
		{env: "TERM=xterm", pipe: true},
		{env: "TERM=dumb"},
		{env: ""},
		{env: "TERM=xterm NO_COLOR=1"},
		{env: "TERM=xterm NO_COLOR=0"},
		{env: "TERM=xterm NO_COLOR=", want: ui.Theme{Colour: true}},
		{env: "TERM=xterm", flags: "--no-color"},
		{env: "TERM=xterm", flags: "--no-color=false", want: ui.Theme{Colour: true}},
		{env: "TERM=xterm", file: colourless},
		{env: "TERM=xterm", flags: "--ascii", want: ui.Theme{Colour: true, ASCII: true}},
		{env: "TERM=xterm LANG=C", want: ui.Theme{Colour: true, ASCII: true}},
		{env: "LANG=POSIX", want: ui.Theme{ASCII: true}},
		{env: "LANG=C.UTF-8"},
		{env: "LANG=C.utf8"},
		{env: "LANG=de_DE.ISO-8859-15@euro", want: ui.Theme{ASCII: true}},
		{env: "LANG=de_DE@euro"},
		{env: "LANG=C LC_CTYPE=en_GB.UTF-8"},
		{env: "LANG=C LC_CTYPE=en_GB.UTF-8 LC_ALL=C", want: ui.Theme{ASCII: true}},
		{env: "LANG=en_GB.UTF-8 LC_ALL=", flags: "--ascii", want: ui.Theme{ASCII: true}},
	} {
		env := map[string]string{}
		for _, pair := range strings.Fields(tt.env) {
			name, value, _ := strings.Cut(pair, "=")
			env[name] = value
		}
		w := testWorld(t, env)
		if tt.file != "" {
			w.ConfigPath = tt.file
		}
		if !tt.pipe {
			w.Out = terminal
		}
		var got ui.Theme
		probe(w, func(c *Console) error {
			if c.OutIsTerminal() == tt.pipe {
				t.Errorf("OutIsTerminal = %v", c.OutIsTerminal())
			}
			got = c.Theme
			return nil
		})
		if status := Main(w, append(strings.Fields(tt.flags), "probe")); status != 0 || got != tt.want {
			t.Errorf("%s %s: %+v (status %d), want %+v", tt.env, tt.flags, got, status, tt.want)
		}
	}
}

// TestSocketPath holds who names the socket: flag, environment, configuration,
// default.
func TestSocketPath(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte("[daemon]\nsocket = \"/run/file.sock\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "broken.toml")
	if err := os.WriteFile(broken, []byte("[daemon\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none.toml")
	const standard = "/run/anna/annad.sock"
	for _, tt := range []struct{ flag, env, file, want string }{
		{"/run/flag.sock", "/run/env.sock", file, "/run/flag.sock"},
		{"", "/run/env.sock", file, "/run/env.sock"},
		{"", "", file, "/run/file.sock"},
		{"", "", none, standard},
		{"", "", broken, standard},
		{"here.sock", "", none, "here.sock"},
	} {
		w := testWorld(t, map[string]string{"ANNA_SOCKET": tt.env})
		w.ConfigPath = tt.file
		var got string
		probe(w, func(c *Console) error { got = c.Socket(); return nil })
		words := []string{"probe"}
		if tt.flag != "" {
			words = append(words, "--socket", tt.flag)
		}
		if status := Main(w, words); status != 0 || got != tt.want {
			t.Errorf("%+v: %q (status %d)", tt, got, status)
		}
	}
}

// TestMainUsage holds what Main says to a line that can be sorted, but not run.
func TestMainUsage(t *testing.T) {
	for words, want := range map[string]string{
		"--":                                "", // the program's help
		"-- health":                         "annactl needs a command: health, explain, storage, help",
		"storage":                           "annactl storage needs a command: btrfs",
		"storage --json=false":              "annactl storage needs a command: btrfs",
		"storage btrfs diff a":              "annactl storage btrfs diff needs A B",
		"storage btrfs diff a b c":          `annactl storage btrfs diff has an argument too many: "c"`,
		"health me":                         `annactl health has an argument too many: "me"`,
		"health --timeout soon":             `invalid value "soon" for flag --timeout`,
		"health --timeout=":                 `invalid value "" for flag --timeout`,
		"health --timeout 0s":               "flag --timeout needs a time above 0",
		"health --timeout -5s":              "flag --timeout needs a time above 0",
		"health --ascii=maybe":              `invalid boolean value "maybe" for flag --ascii`,
		"health -v=maybe":                   `invalid boolean value "maybe" for flag --verbose`,
		"health --socket _":                 "flag --socket needs a path",
		"health --socket=":                  "flag --socket needs a path",
		"health --standalone --socket x":    "--standalone and --socket exclude each other",
		"help helth":                        `unknown command "helth" for annactl`,
		"health --generate-bash-completion": "unknown flag --generate-bash-completion",
	} {
		w := testWorld(t, nil)
		w.Tree[len(w.Tree)-1].Run = func(c *Console) error { return c.PrintHelp(c.Args) }
		status := Main(w, split(words))
		out, errs := said(t, w.Out), said(t, w.Err)
		switch {
		case want == "":
			if status != 0 || errs != "" || !strings.Contains(out, "Commands:") {
				t.Errorf("%q: status %d, stdout %q, stderr %q", words, status, out, errs)
			}
		case status != ExitUsage || out != "":
			t.Errorf("%q: status %d, stdout %q, stderr %q", words, status, out, errs)
		case !strings.Contains(errs, "annactl: "+want) || strings.Count(errs, "\n") != 2 || !strings.Contains(errs, "\nhint: "):
			t.Errorf("%q: stderr %q, want a line %q and a hint", words, errs, want)
		}
	}
}

// TestFlags holds that a command gets its flags as they were typed, the last
// one counting.
func TestFlags(t *testing.T) {
	w := testWorld(t, nil)
	probe(w, func(c *Console) error {
		got := fmt.Sprint(c.String("name"), c.Bool("fast"), c.IsSet("interval"), c.Verbose, c.JSON, c.Args)
		if want := fmt.Sprint("-b", true, false, true, true, []string{"help", "--x", "completion"}); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if c.Path() != "annactl probe" || c.Program() != "annactl" || c.Context().Err() != nil {
			t.Errorf("path %q, program %q", c.Path(), c.Program())
		}
		return nil
	})
	if status := Main(w, []string{"--name", "a", "probe", "-v", "--verbose", "--fast", "--json", "--name", "-b", "help", "--", "--x", "completion"}); status != 0 {
		t.Errorf("status %d: %s", status, said(t, w.Err))
	}
}

// TestAnswer holds that an answer which cannot be written is an error, except
// where its reader has gone.
func TestAnswer(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	r, closed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer closed.Close()
	for _, json := range []string{"--json=false", "--json"} {
		w := testWorld(t, nil)
		probe(w, func(c *Console) error {
			return c.Answer(map[string]string{"a": "<b>"}, func(w io.Writer) { fmt.Fprintln(w, "a: <b>") })
		})
		file := w.Out
		if status := Main(w, []string{"probe", json}); status != 0 {
			t.Errorf("%s: status %d", json, status)
		}
		if got, want := said(t, file), map[string]string{"--json=false": "a: <b>\n", "--json": `{"a":"<b>"}` + "\n"}[json]; got != want {
			t.Errorf("%s: %q, want %q", json, got, want)
		}
		w.Out = closed
		if status := Main(w, []string{"probe", json}); status != 0 || said(t, w.Err) != "" {
			t.Errorf("%s into a closed pipe: status %d", json, status)
		}
		w.Out = full
		status := Main(w, []string{"probe", json})
		if errs := said(t, w.Err); status != ExitFailed || !strings.Contains(errs, "annactl: cannot write the answer: ") {
			t.Errorf("%s on a full disk: status %d, %q", json, status, errs)
		}
	}
}

// TestSaid holds what goes beside the answer: escaped, and the skew of versions
// once and for people only.
func TestSaid(t *testing.T) {
	w := testWorld(t, nil)
	probe(w, func(c *Console) error {
		c.Say("a\nb %s", "\x1b[2J")
		for range 2 {
			c.SawVersion("1.0", "1.0")
			c.SawVersion("", "1.0")
			c.SawVersion("0.9\x1b", "1.0")
		}
		return nil
	})
	Main(w, []string{"probe"})
	want := "annactl: a\\nb \\x1b[2J\n" +
		"annactl: the daemon is version 0.9\\x1b, this client 1.0; after an upgrade restart it: sudo systemctl restart annad\n"
	if errs := said(t, w.Err); errs != want {
		t.Errorf("stderr %q, want %q", errs, want)
	}
	Main(w, []string{"probe", "--json"})
	if errs := said(t, w.Err); strings.Contains(errs, "0.9") {
		t.Errorf("with --json: stderr %q", errs)
	}
}

// TestStandalone holds that a private daemon is stopped whatever becomes of the
// command.
func TestStandalone(t *testing.T) {
	running := 0
	start := func(ctx context.Context, verbose bool) (string, func(), error) {
		running++
		return "/private.sock", func() { running-- }, nil
	}
	for want, see := range map[int]func(*Console) error{
		0: func(c *Console) error {
			if !c.Private || c.Socket() != "/private.sock" || running != 1 {
				t.Errorf("private %v, socket %q, %d daemons", c.Private, c.Socket(), running)
			}
			return nil
		},
		ExitFailed:   func(*Console) error { return errors.New("cannot x: y") },
		ExitCritical: func(*Console) error { return Status(ExitCritical) },
	} {
		w := testWorld(t, map[string]string{"ANNA_SOCKET": "/env.sock"})
		w.Standalone = start
		probe(w, see)
		if status := Main(w, []string{"--standalone", "probe"}); status != want || running != 0 {
			t.Errorf("status %d, want %d; %d daemons left", status, want, running)
		}
		if errs := said(t, w.Err); !strings.HasPrefix(errs, "annactl: no daemon asked: ") {
			t.Errorf("stderr %q", errs)
		}
	}
	w := testWorld(t, nil)
	w.Standalone = func(context.Context, bool) (string, func(), error) { return "", nil, errors.New("cannot run: no room") }
	probe(w, func(*Console) error { t.Error("the command runs without its daemon"); return nil })
	if status := Main(w, []string{"probe", "--standalone", "--json"}); status != ExitFailed {
		t.Errorf("status %d", status)
	}
	if out := said(t, w.Out); !strings.HasPrefix(out, `{"error":{"code":"Failed","message":"cannot run: no room"`) {
		t.Errorf("stdout %q", out)
	}
}

// TestPrintHelp holds that help always answers something.
func TestPrintHelp(t *testing.T) {
	for words, want := range map[string]string{
		"":                   "Commands:",
		"health":             "annactl health: s",
		"storage":            "annactl storage COMMAND",
		"storage btrfs":      "annactl storage btrfs [flags] [PATH]",
		"storage btrfs diff": "-x, --exclude VALUE",
	} {
		w := testWorld(t, nil)
		w.Tree[len(w.Tree)-1].Run = func(c *Console) error { return c.PrintHelp(c.Args) }
		byCommand := Main(w, append([]string{"help"}, split(words)...))
		text := said(t, w.Out)
		byFlag := Main(w, append(split(words), "-h"))
		if byCommand != 0 || byFlag != 0 || text != said(t, w.Out) || !strings.Contains(text, want) {
			t.Errorf("help %s: status %d and %d, %q", words, byCommand, byFlag, text)
		}
		if strings.Contains(text, "secret") {
			t.Errorf("help %s shows a hidden command", words)
		}
	}
	for words, want := range map[string]string{
		"health x":            `unknown command "x" for annactl health`,
		"storage btrfs pool":  `unknown command "pool" for annactl storage btrfs`,
		"storage btrfs /mnt":  `unknown command "/mnt" for annactl storage btrfs`,
		"storage btrfs treee": "did you mean: annactl storage btrfs tree",
		"daemon":              "anna daemon",
	} {
		w := testWorld(t, nil)
		w.Tree[len(w.Tree)-1].Run = func(c *Console) error { return c.PrintHelp(c.Args) }
		status := Main(w, append([]string{"help"}, split(words)...))
		if errs := said(t, w.Err); status != ExitUsage || !strings.Contains(errs, want) {
			t.Errorf("help %s: status %d, %q", words, status, errs)
		}
	}
}
