package help

import (
	"io"
	"slices"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/manual"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
	"github.com/jjgarcianorway/anna-assistant/anna/version"
)

// printManual prints the names of all manual pages, or the source of one.
func printManual(c *console.Console) error {
	pages := manual.Pages(c.Tree(), c.Daemon(), version.Number)
	var names []string
	for _, p := range pages {
		names = append(names, p.File())
	}
	if len(c.Args) == 0 {
		return c.Answer(struct {
			Pages []string `json:"pages"`
		}{names}, func(w io.Writer) {
			for _, name := range names {
				io.WriteString(w, name+"\n")
			}
		})
	}
	i := slices.Index(names, c.Args[0])
	if i < 0 {
		hint := "list them: " + c.Path()
		if near := nearest.Of(c.Args[0], names); near != "" {
			hint = "did you mean: " + c.Path() + " " + near
		}
		return console.Usagef(hint, "there is no manual page %q", c.Args[0])
	}
	source := pages[i].Source()
	return c.Answer(struct {
		Page   string `json:"page"`
		Source string `json:"source"`
	}{names[i], source}, func(w io.Writer) { io.WriteString(w, source) })
}
