package console

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

const helpWidth = 80

// PrintHelp prints the help of the command that the names lead to.
func (c *Console) PrintHelp(names []string) error {
	var path []*Command
	below := c.world.Tree
	for _, name := range names {
		next := find(below, name)
		if next == nil {
			return parsed{path: path}.unknownCommand(c.world.Program, below, name)
		}
		path = append(path, next)
		below = next.Sub
	}
	var b strings.Builder
	if err := printHelp(&b, c.world, path); err != nil {
		return err
	}
	return c.Answer(struct {
		Help string `json:"help"`
	}{b.String()}, func(w io.Writer) { io.WriteString(w, b.String()) })
}

// printHelp prints the help of a command, or of the whole program.
func printHelp(out io.Writer, w *World, path []*Command) error {
	p := parsed{path: path}
	name := p.name(w.Program)
	var b strings.Builder
	cmd := p.command()
	if cmd == nil {
		fmt.Fprintf(&b, "%s: a Linux machine's quiet, exact assistant\n\n", w.Program)
		fmt.Fprintf(&b, "Usage:\n  %s COMMAND [flags] [arguments]\n  %s daemon            run the daemon (see: %s daemon --help)\n", name, "anna", "anna")
		listCommands(&b, w.Tree)
	} else {
		fmt.Fprintf(&b, "%s: %s\n\nUsage:\n", name, cmd.Summary)
		if cmd.Run != nil {
			fmt.Fprintf(&b, "  %s\n", strings.TrimSpace(name+" [flags] "+cmd.Args))
		}
		if len(cmd.Sub) > 0 {
			fmt.Fprintf(&b, "  %s COMMAND [flags] [arguments]\n", name)
		}
		if cmd.About != "" {
			fmt.Fprintf(&b, "\n%s\n", ui.Wrap(cmd.About, helpWidth))
		}
		listCommands(&b, cmd.Sub)
		if len(cmd.Examples) > 0 {
			b.WriteString("\nExamples:\n")
			rows := make([][]string, len(cmd.Examples))
			for i, e := range cmd.Examples {
				rows[i] = []string{"  " + e.Line, "# " + e.Says}
			}
			b.WriteString(ui.Columns(rows))
		}
		if len(cmd.Flags) > 0 {
			b.WriteString("\nFlags:\n" + flagRows(cmd.Flags))
		}
	}
	if cmd != nil && cmd.Server {
		b.WriteString(flagRows(serverFlags()))
	} else {
		b.WriteString("\nCommon flags:\n" + flagRows(commonFlags()))
	}
	if cmd != nil {
		b.WriteString("\nExit status:\n" + exitRows(cmd))
	}
	fmt.Fprintf(&b, "\nError codes are explained by: %s explain [CODE]\n", w.Program)
	_, err := io.WriteString(out, b.String())
	return err
}

func listCommands(b *strings.Builder, list []*Command) {
	if len(list) == 0 {
		return
	}
	b.WriteString("\nCommands:\n")
	var rows [][]string
	for _, c := range list {
		if !c.Hidden {
			rows = append(rows, []string{"  " + c.Name, c.Summary})
		}
	}
	b.WriteString(ui.Columns(rows))
}

// AllExits lists every status that the command can end with.
func (c *Command) AllExits() []int {
	out := []int{ExitOK, ExitFailed, ExitUsage, ExitInterrupted}
	out = append(out, c.Exits...)
	if len(c.Calls) > 0 {
		for _, row := range rpc.Codes {
			out = append(out, row.Exit)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// exitMeaning is what a status of the command says.
func (c *Command) exitMeaning(status int) string {
	if says, ok := c.ExitSays[status]; ok {
		return says
	}
	return ExitMeanings[status]
}

func exitRows(c *Command) string {
	var rows [][]string
	for _, status := range c.AllExits() {
		rows = append(rows, []string{fmt.Sprintf("  %d", status), c.exitMeaning(status)})
	}
	return ui.Columns(rows)
}
