package console

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/version"
)

// Main runs the client half: one command, from its words to its exit status.
func Main(w *World, words []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	defer survivePipes()()

	err := run(ctx, w, nil, words)
	if ctx.Err() != nil && err != nil {
		return ExitInterrupted
	}
	return report(w, err, err != nil && wantsJSON(w.Tree, words))
}

// survivePipes makes a write to a reader that has gone away ("| head") fail
// with EPIPE. By default it kills a Go process, on stdout and on stderr: a
// client before it can clean up, a daemon because of its log.
func survivePipes() (stop func()) {
	pipe := make(chan os.Signal, 1)
	signal.Notify(pipe, syscall.SIGPIPE)
	return func() { signal.Stop(pipe) }
}

// MainOf runs a program that is one command, and leaves to it all signals that
// end it.
func MainOf(w *World, root *Command, words []string) int {
	defer survivePipes()()
	return report(w, run(context.Background(), w, root, words), false)
}

func run(ctx context.Context, w *World, root *Command, words []string) error {
	p, err := parseWords(w.Program, w.Tree, root, words)
	if err != nil {
		return err
	}
	switch cmd := p.command(); {
	case cmd != nil && cmd.Instead != "":
		return Usagef("", "%s of v0.12.6 is not here; %s", p.name(w.Program), cmd.Instead)
	case (cmd == nil || cmd.Server) && p.on("version"):
		_, err := fmt.Fprintf(&pipeWriter{w.Out}, "%s %s\n", w.Program, version.Get())
		return err
	case p.on("help"), cmd == nil && len(p.args) == 0:
		return printHelp(&pipeWriter{w.Out}, w, p.path)
	case cmd == nil || cmd.Run == nil:
		below := w.Tree
		if cmd != nil {
			below = cmd.Sub
		}
		return Usagef(p.seeHelp(w.Program), "%s needs a command: %s", p.name(w.Program), strings.Join(shown(below), ", "))
	case len(p.args) < cmd.MinArgs:
		return Usagef(p.seeHelp(w.Program), "%s needs %s", p.name(w.Program), cmd.Args)
	case cmd.MaxArgs >= 0 && len(p.args) > cmd.MaxArgs:
		return Usagef(p.seeHelp(w.Program), "%s has an argument too many: %q", p.name(w.Program), p.args[cmd.MaxArgs])
	}
	return parseFlags(ctx, w, p, func(flags *cli.Context) error {
		c, err := newConsole(ctx, w, p, flags)
		if err != nil {
			return err
		}
		if flags.Bool("standalone") {
			if flags.IsSet("socket") {
				return Usagef(p.seeHelp(w.Program), "--standalone and --socket exclude each other")
			}
			stop, err := c.startPrivate()
			if err != nil {
				return err
			}
			defer stop()
		}
		return p.command().Run(c)
	})
}

// parseFlags gives the flags to urfave/cli, in an app that has this one command
// and leaves help, errors and exits to us.
func parseFlags(ctx context.Context, w *World, p parsed, action func(*cli.Context) error) error {
	app := &cli.App{
		Name: w.Program, Flags: p.flagsOf(), HideHelp: true, HideHelpCommand: true, HideVersion: true,
		Writer: io.Discard, ErrWriter: io.Discard, ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return Usagef(p.seeHelp(w.Program), "%s", flagMessage(err))
		},
		Action: action,
	}
	// The arguments stay here: to the parser one could look like a command.
	return app.RunContext(ctx, append([]string{w.Program}, p.line()...))
}

// flagMessage puts the flag parser's words into ours.
func flagMessage(err error) string {
	text := strings.TrimSuffix(err.Error(), ": parse error")
	before, name, ok := strings.Cut(text, " for flag -")
	if !ok { // of a boolean it says "for -json"
		before, name, ok = strings.Cut(text, " for -")
	}
	if !ok {
		return text
	}
	return before + " for flag --" + name
}

// startPrivate runs a daemon of this command's own.
func (c *Console) startPrivate() (stop func(), err error) {
	socket, stop, err := c.world.Standalone(c.ctx, c.Verbose)
	if err != nil {
		return nil, err
	}
	c.client.Socket = socket
	c.Private = true
	if !c.JSON {
		c.Say("no daemon asked: a private one runs inside this command")
	}
	return stop, nil
}
