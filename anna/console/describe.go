package console

import (
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// A Flag is what help, manual and completions say of a flag.
type Flag struct {
	Names   []string // the first is the long one
	Value   string   // the name of its value, as "PATH"; "" for a flag that takes none
	Says    string   // what it does
	Default string   // as text; "" for none
	Words   []string // what the value may be, where Says lists that
}

// OwnFlags are the command's flags beside the common ones.
func (c *Command) OwnFlags() []Flag { return describe(c.Flags) }

// AllFlags are the flags that the command takes.
func (c *Command) AllFlags() []Flag { return describe(c.flags()) }

// CommonFlags are those of every command but the daemon.
func CommonFlags() []Flag { return describe(commonFlags()) }

// ProgramFlags are those of the program itself, before any command.
func ProgramFlags() []Flag { return describe(programFlags()) }

func describe(flags []cli.Flag) []Flag {
	var out []Flag
	for _, f := range flags {
		doc, ok := f.(cli.DocGenerationFlag)
		if !ok {
			continue
		}
		one := Flag{Names: f.Names()}
		one.Value, one.Says = unquote(doc.GetUsage())
		if takesValue(f) {
			if one.Value == "" {
				one.Value = "VALUE"
			}
			one.Default = strings.Trim(doc.GetDefaultText(), `"`)
			one.Words = listed(one.Says)
		}
		out = append(out, one)
	}
	return out
}

// listed are the words that a usage text lists behind its colon: "order by KEY:
// path, size; size puts the largest first". Anything that is not such a list is
// none.
func listed(usage string) []string {
	_, list, ok := strings.Cut(usage, ": ")
	if !ok {
		return nil
	}
	list, _, _ = strings.Cut(list, ";")
	words := strings.Split(list, ", ")
	for _, word := range words {
		if word == "" || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz-") != "" {
			return nil
		}
	}
	if len(words) < 2 {
		return nil
	}
	return words
}

// unquote takes the `VALUE` out of a usage text.
func unquote(usage string) (value, text string) {
	before, rest, ok := strings.Cut(usage, "`")
	if !ok {
		return "", usage
	}
	value, after, _ := strings.Cut(rest, "`")
	return value, before + value + after
}

// Typed is the flag as one types it: "-v, --verbose", "--socket PATH".
func (f Flag) Typed() string {
	word := "--" + f.Names[0]
	for _, alias := range f.Names[1:] {
		word = dashed(alias) + ", " + word
	}
	if f.Value != "" {
		word += " " + f.Value
	}
	return word
}

// flagRows lists flags with what they do: "--socket PATH   the daemon's ...".
func flagRows(flags []cli.Flag) string {
	var rows [][]string
	for _, f := range describe(flags) {
		says := f.Says
		if f.Default != "" {
			says += " (" + f.Default + ")"
		}
		rows = append(rows, []string{"  " + f.Typed(), says})
	}
	return ui.Columns(rows)
}
