package console

import (
	"cmp"
	"os"
	"strings"

	"golang.org/x/term"
)

// InIsTerminal reports whether somebody is there to be asked.
func (c *Console) InIsTerminal() bool { return term.IsTerminal(int(c.world.In.Fd())) }

// OutIsTerminal reports whether the answer goes to a person.
func (c *Console) OutIsTerminal() bool { return term.IsTerminal(int(c.world.Out.Fd())) }

// ErrIsTerminal reports whether a person reads what goes beside the answer.
func (c *Console) ErrIsTerminal() bool {
	f, ok := c.Err.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
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
