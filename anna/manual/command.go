package manual

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
)

// program is annactl(1).
func program(r *roff, tree []*console.Command) {
	r.macro("SH", "SYNOPSIS")
	r.b.WriteString("\\fBannactl\\fR \\fICOMMAND\\fR [flags] [arguments]\n.br\n\\fBanna\\fR \\fICOMMAND\\fR [flags] [arguments]\n")
	r.macro("SH", "DESCRIPTION")
	r.text("`annactl` asks the daemon annad how this machine and the daemon itself are, what changed, and what to do. It prints the answer and does, with the rights of whoever calls it, what alters the system.\n\n`anna` is the same program; `anna daemon` starts the daemon. Flags may stand before and after arguments; `--` ends them. A figure that cannot be had is shown as unknown, with the reason.")
	r.macro("SH", "COMMANDS")
	for _, c := range tree {
		if !c.Hidden {
			r.item(c.Name, c.Summary+"; see annactl-"+c.Name+"(1)")
		}
	}
	r.macro("SH", "OPTIONS")
	options(r, console.ProgramFlags())
	r.macro("SH", "EXIT STATUS")
	var all []int
	for status := range console.ExitMeanings {
		all = append(all, status)
	}
	slices.Sort(all)
	exits(r, all)
	r.macro("SH", "ENVIRONMENT")
	r.item("ANNA_SOCKET", "The daemon's socket, where --socket does not name one.")
	r.item("NO_COLOR", "If not empty, nothing is coloured.")
	r.item("LC_ALL, LC_CTYPE, LANG", "A locale without UTF-8 has everything drawn in ASCII.")
	r.item("TERM", "The kind of terminal; nothing is drawn or coloured where it is dumb.")
	r.item("PAGER", "Shows long answers on a terminal.")
	r.macro("SH", "FILES")
	r.item("/run/anna/annad.sock", "The daemon's socket. Members of the group anna may ask.")
	r.item(config.DefaultPath, "The configuration; see anna-config.toml(5).")
	r.item("/var/lib/anna", "What the daemon remembers.")
	see(r, "annad(8)", "anna-config.toml(5)", "anna-policies(5)")
}

// annad is annad(8).
func annad(r *roff, daemon *console.Command) {
	r.macro("SH", "SYNOPSIS")
	r.b.WriteString("\\fBannad\\fR [flags]\n.br\n\\fBanna daemon\\fR [flags]\n")
	r.macro("SH", "DESCRIPTION")
	r.text(daemon.About)
	r.macro("SH", "OPTIONS")
	options(r, daemon.AllFlags())
	r.macro("SH", "SIGNALS")
	r.item("SIGHUP", "Load the configuration anew; a broken one changes nothing. See annactl-reload(1).")
	r.item("SIGTERM, SIGINT", "Stop.")
	r.macro("SH", "EXIT STATUS")
	exits(r, daemon.AllExits())
	examples(r, daemon.Examples)
	r.macro("SH", "ENVIRONMENT")
	r.item("ANNA_VIEW", "The directory below which annad.service shows the daemon, to read, what its sandbox hides of the machine. Set for nothing else.")
	r.item("GOMEMLIMIT", "Where the garbage collector begins to work harder; else 24 MiB.")
	r.macro("SH", "FILES")
	r.item(config.DefaultPath, "The configuration; see anna-config.toml(5).")
	r.item("/etc/anna/policies.d", "Rules of your own; see anna-policies(5).")
	r.item("/run/annad", "In the daemon's sandbox: what it is shown of the machine. Empty outside of it.")
	r.item("/run/anna", "The socket, and last.json: the daemon's last words.")
	r.item("/var/lib/anna", "What the daemon remembers.")
	see(r, "annactl(1)", "annactl-reload(1)", "systemctl(1)", "anna-config.toml(5)")
}

// A place is a command with its whole name.
type place struct {
	name string
	c    *console.Command
}

// places lists a command and those below it, hidden ones left out.
func places(name string, c *console.Command) []place {
	if c.Hidden {
		return nil
	}
	all := []place{{name, c}}
	for _, s := range c.Sub {
		all = append(all, places(name+" "+s.Name, s)...)
	}
	return all
}

// group is the page of a command, with those below it.
func group(r *roff, c *console.Command, tree []*console.Command) {
	all := places("annactl "+c.Name, c)
	synopsis(r, all)
	r.macro("SH", "DESCRIPTION")
	if c.About != "" {
		r.text(c.About)
	} else {
		r.line(capital(c.Summary) + ".")
	}
	if len(all) > 1 {
		r.macro("SH", "COMMANDS")
		for _, p := range all[1:] {
			r.macro("SS", p.name)
			r.line(capital(p.c.Summary) + ".")
			if p.c.About != "" {
				r.macro("PP")
				r.text(p.c.About)
			}
			options(r, p.c.OwnFlags())
			shown(r, p.c.Examples)
		}
	}
	r.macro("SH", "OPTIONS")
	options(r, c.OwnFlags())
	r.macro("PP")
	r.line("The options of every command:")
	options(r, console.CommonFlags())
	var statuses []int
	for _, p := range all {
		statuses = append(statuses, p.c.AllExits()...)
	}
	slices.Sort(statuses)
	r.macro("SH", "EXIT STATUS")
	exits(r, slices.Compact(statuses))
	examples(r, c.Examples)
	others := []string{"annactl(1)"}
	if slices.ContainsFunc(tree, func(o *console.Command) bool { return o.Name == "explain" }) && c.Name != "explain" {
		others = append(others, "annactl-explain(1)")
	}
	see(r, append(others, "annad(8)")...)
}

// synopsis writes how each of the commands that do something is typed.
func synopsis(r *roff, all []place) {
	r.macro("SH", "SYNOPSIS")
	first := true
	for _, p := range all {
		if p.c.Run == nil {
			continue
		}
		if !first {
			r.b.WriteString(".br\n")
		}
		first = false
		line := `\fB` + escape(p.name) + `\fR [flags]`
		if p.c.Args != "" {
			line += ` \fI` + escape(p.c.Args) + `\fR`
		}
		r.b.WriteString(line + "\n")
	}
}

// capital begins a line of a list as a sentence begins.
func capital(says string) string { return strings.ToUpper(says[:1]) + says[1:] }

func options(r *roff, flags []console.Flag) {
	for _, f := range flags {
		says := f.Says
		if f.Default != "" {
			says += fmt.Sprintf(" (default: %s)", f.Default)
		}
		r.item(f.Typed(), capital(says)+".")
	}
}

func exits(r *roff, statuses []int) {
	for _, status := range statuses {
		r.item(fmt.Sprint(status), console.ExitMeanings[status])
	}
}

func examples(r *roff, list []console.Example) {
	if len(list) > 0 {
		r.macro("SH", "EXAMPLES")
		shown(r, list)
	}
}

func shown(r *roff, list []console.Example) {
	for _, e := range list {
		r.macro("PP")
		r.line(capital(e.Says) + ":")
		r.code(e.Line)
	}
}
