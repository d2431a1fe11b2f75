package console

import (
	"context"
	"io"
	"os"
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

// Daemon is the command line of annad, for what is made from it.
func (c *Console) Daemon() *Command { return c.world.Daemon }

// Socket is where this command looks for the daemon.
func (c *Console) Socket() string { return c.client.Socket }

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
