package console

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// A World is what a client process has: parameters, so that a test can be one.
type World struct {
	Program string // the base name it was called by, for messages
	In      *os.File
	Out     *os.File
	Err     *os.File
	Env     func(string) string
	// ConfigPath is the configuration that may name the socket and colours.
	ConfigPath string
	// Specs finds a method's row in the table.
	Specs func(method string) (rpc.Spec, bool)
	// Standalone starts a private daemon and returns its socket and what stops
	// it. It is given by the program, for the core's client half knows no
	// daemon.
	Standalone func(ctx context.Context, verbose bool) (socket string, stop func(), err error)
	Tree       []*Command
	Daemon     *Command // the command line of annad
}

// A Console is what a command may touch.
type Console struct {
	Out   io.Writer // the answer
	Err   io.Writer // everything else
	Theme ui.Theme
	JSON  bool
	// Verbose asks for more than the usual screen.
	Verbose bool
	Args    []string
	// Private says that the daemon is one inside this process.
	Private bool

	world    *World
	ctx      context.Context
	flags    *cli.Context
	path     string // "anna health"
	client   *rpc.Client
	timeout  time.Duration
	deadline time.Time // of all calls; zero before the first
	skew     bool
}

// Context ends when the user interrupts the command.
func (c *Console) Context() context.Context { return c.ctx }

// String returns a flag's value.
func (c *Console) String(flag string) string { return c.flags.String(flag) }

// Bool returns whether a flag is set.
func (c *Console) Bool(flag string) bool { return c.flags.Bool(flag) }

// Int returns a flag's value.
func (c *Console) Int(flag string) int { return c.flags.Int(flag) }

// Duration returns a flag's value.
func (c *Console) Duration(flag string) time.Duration { return c.flags.Duration(flag) }

// IsSet reports whether a flag was given.
func (c *Console) IsSet(flag string) bool { return c.flags.IsSet(flag) }

// Path is the command as the user reaches it: "anna storage btrfs".
func (c *Console) Path() string { return c.path }

// Program is the name the user called us by.
func (c *Console) Program() string { return c.world.Program }

// Tree is the whole command tree.
func (c *Console) Tree() []*Command { return c.world.Tree }

// OutIsTerminal reports whether the answer goes to a person.
func (c *Console) OutIsTerminal() bool { return term.IsTerminal(int(c.world.Out.Fd())) }

// Socket is where this command looks for the daemon.
func (c *Console) Socket() string { return c.client.Socket }

// Call calls the daemon within the command's time.
func (c *Console) Call(method string, params, result any) error {
	ctx, cancel := c.within()
	defer cancel()
	return c.client.Call(ctx, method, params, result)
}

// CallOnce is Call for what is nice to know: it says nothing and does not try
// again.
func (c *Console) CallOnce(method string, params, result any) error {
	ctx, cancel := c.within()
	defer cancel()
	return c.client.CallOnce(ctx, method, params, result)
}

// CallLast is CallOnce for a last word: also when the user has interrupted the
// command, and for a moment only.
func (c *Console) CallLast(method string, params, result any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), lastTime)
	defer cancel()
	return c.client.CallOnce(ctx, method, params, result)
}

const lastTime = 2 * time.Second

// ErrIsTerminal reports whether a person reads what goes beside the answer.
func (c *Console) ErrIsTerminal() bool {
	f, ok := c.Err.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// CallEach is CallOnce for a method with items: each gets them before the
// result, and ends the call when it fails.
func (c *Console) CallEach(method string, params, result any, each func(json.RawMessage) error) error {
	ctx, cancel := c.within()
	defer cancel()
	return c.client.CallEach(ctx, method, params, result, each)
}

// CallSteady is CallEach for what may take long: the command's time is what may
// pass from one item to the next, while the function is not at work.
func (c *Console) CallSteady(method string, params, result any, each func(json.RawMessage) error) error {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	silent := time.AfterFunc(c.timeout, cancel)
	defer silent.Stop()
	err := c.client.CallEach(ctx, method, params, result, func(item json.RawMessage) error {
		silent.Stop()
		defer silent.Reset(c.timeout)
		return each(item)
	})
	if err != nil && ctx.Err() != nil && c.ctx.Err() == nil {
		return rpc.Errorf(rpc.ReadTimeout, "cannot get an answer to %s: the daemon has been silent for %s", method, c.timeout)
	}
	return err
}

// within is the command's time: it begins with the first call, and all calls
// share it.
func (c *Console) within() (context.Context, context.CancelFunc) {
	if c.deadline.IsZero() {
		c.deadline = time.Now().Add(c.timeout)
	}
	return context.WithDeadline(c.ctx, c.deadline)
}

// Renew begins the command's time anew, for one that goes on until it is told
// to stop: each of its turns has the whole.
func (c *Console) Renew() { c.deadline = time.Time{} }

// Follow calls a stream method until the user interrupts the command, the
// stream ends or the function fails.
func (c *Console) Follow(method string, params any, each func(json.RawMessage) error) error {
	return c.client.Follow(c.ctx, method, params, each)
}

// Answer prints the command's answer: the value as one JSON object with --json,
// else what the function writes, at once: a disk that is full, or a reader that
// has gone, is the command's error and not the function's care.
func (c *Console) Answer(v any, text func(io.Writer)) error {
	if c.JSON {
		return c.PrintJSON(v)
	}
	var b bytes.Buffer
	text(&b)
	_, err := c.Out.Write(b.Bytes())
	return err
}

// StreamJSON is PrintJSON for what is too long to be held: the function writes
// it, with its newline, in pieces of whole characters.
func (c *Console) StreamJSON(write func(io.Writer) error) error { return write(jsonWriter{c.Out}) }

// PrintJSON prints one object on a line of its own.
func (c *Console) PrintJSON(v any) error { return writeJSON(c.Out, v) }

// Say tells the user something beside the answer.
func (c *Console) Say(format string, args ...any) {
	fmt.Fprintf(c.Err, "%s: %s\n", c.world.Program, ui.Plain(fmt.Sprintf(format, args...)))
}

// SawVersion compares a daemon's version with the client's and says once, when
// they differ, that they do.
func (c *Console) SawVersion(daemon, client string) {
	if daemon == client || c.skew || daemon == "" {
		return
	}
	c.skew = true
	if !c.JSON {
		c.Say("the daemon is version %s, this client %s; after an upgrade restart it: sudo systemctl restart annad", daemon, client)
	}
}

// newConsole makes the console of a parsed command line.
func newConsole(ctx context.Context, w *World, p parsed, flags *cli.Context) (*Console, error) {
	cfg := config.Peek(w.ConfigPath)
	c := &Console{
		world: w, ctx: ctx, flags: flags, path: p.name(w.Program),
		Out: &pipeWriter{f: w.Out}, Err: w.Err, Args: p.args,
		JSON: flags.Bool("json"), Verbose: flags.Bool("verbose"),
		timeout: rpc.CommandTime,
	}
	if flags.IsSet("timeout") {
		if c.timeout = flags.Duration("timeout"); c.timeout <= 0 {
			return nil, Usagef(p.seeHelp(w.Program), "flag --timeout needs a time above 0, as 10s")
		}
	}
	if flags.IsSet("socket") && flags.String("socket") == "" { // an unset variable of a script: not the default
		return nil, Usagef(p.seeHelp(w.Program), "flag --socket needs a path")
	}
	colour := cfg.UI().Color && term.IsTerminal(int(w.Out.Fd())) && w.Env("NO_COLOR") == "" && !dumb(w.Env("TERM"))
	c.Theme = ui.Theme{Colour: colour && !flags.Bool("no-color"), ASCII: flags.Bool("ascii") || asciiLocale(w.Env)}
	c.client = &rpc.Client{
		Socket: socketPath(flags.String("socket"), w.Env("ANNA_SOCKET"), cfg),
		Spec:   w.Specs,
		Notice: func(line string) { c.Say("%s", line) },
	}
	return c, nil
}

// dumb reports whether a terminal of that kind shows no colours; one that does
// not say its kind is not trusted to.
func dumb(term string) bool { return term == "" || term == "dumb" }

// asciiLocale reports whether the locale says that the terminal shows no UTF-8
// (locale(7): the first of the three that is set counts). No locale at all, or
// one that names no character set, says nothing.
func asciiLocale(env func(string) string) bool {
	locale := cmp.Or(env("LC_ALL"), env("LC_CTYPE"), env("LANG"))
	locale, _, _ = strings.Cut(locale, "@") // de_DE.ISO-8859-15@euro
	language, set, named := strings.Cut(strings.ToLower(locale), ".")
	if !named {
		return language == "c" || language == "posix"
	}
	return set != "utf-8" && set != "utf8"
}

// socketPath decides where the daemon is looked for.
func socketPath(flag, env string, cfg *config.Config) string {
	switch {
	case flag != "":
		return flag
	case env != "":
		return env
	}
	return cfg.Daemon().Socket
}

// pipeWriter writes the answer and turns a reader that has gone ("| head")
// into an error that ends the command without a word.
type pipeWriter struct{ f *os.File }

func (w *pipeWriter) Write(b []byte) (int, error) {
	n, err := w.f.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		return n, errPipe
	}
	if err != nil {
		return n, fmt.Errorf("cannot write the answer: %w", err)
	}
	return n, nil
}
