package doctor

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// print shows the report, group by group. Checks that only the dead daemon
// could have made are counted rather than listed.
func print(w io.Writer, t ui.Theme, r Report, verbose bool) {
	fmt.Fprintf(w, "%s", t.Level(r.Level))
	if r.Daemon.Version != "" {
		fmt.Fprintf(w, "%sannad %s", t.Dot(), ui.Plain(r.Daemon.Version))
	}
	if r.Standalone {
		fmt.Fprintf(w, "%sprivate, for this command", t.Dot())
	}
	io.WriteString(w, "\n")
	var groups []string
	for _, c := range r.Checks {
		if !slices.Contains(groups, c.Group) {
			groups = append(groups, c.Group)
		}
	}
	for _, g := range groups {
		var rows [][]string
		for _, c := range r.Checks {
			if c.Group == g && (c.Result.Result != health.Unknown || r.Daemon.Answers || g == health.GroupClient || verbose) {
				rows = append(rows, lines(t, c)...)
			}
		}
		if len(rows) > 0 {
			fmt.Fprintf(w, "\n%s\n%s", t.Paint(ui.Strong, ui.Plain(g)), ui.Columns(rows))
		}
	}
	if !r.Daemon.Answers {
		unasked := 0
		for _, c := range r.Checks {
			if c.Result.Result == health.Unknown && c.Group != health.GroupClient {
				unasked++
			}
		}
		if unasked == 1 && !verbose {
			io.WriteString(w, "\n1 check needs the daemon\n")
		} else if unasked > 0 && !verbose {
			fmt.Fprintf(w, "\n%d checks need the daemon; -v lists them\n", unasked)
		}
		if e := r.Daemon.Error; e != nil && !slices.Contains(groups, health.GroupClient) {
			fmt.Fprintf(w, "\n%s (%s)\n%s\n", ui.Plain(e.Message), ui.Plain(string(e.Code)), ui.Plain(e.Hint))
		}
		printWords(w, t, r.Daemon)
	}
	for i, f := range r.Fixes {
		if i == 0 {
			io.WriteString(w, "\n")
		}
		switch {
		case f.Error != "":
			fmt.Fprintf(w, "%s  not mended, %s: %s\n", t.Shape(health.Critical), ui.Plain(f.Does), ui.Plain(f.Error))
		case f.Done:
			fmt.Fprintf(w, "%s  mended: %s\n", t.Shape(health.OK), ui.Plain(f.Does))
		default:
			fmt.Fprintf(w, "   would %s\n", ui.Plain(f.Does))
		}
	}
}

// lines are a check's: what was seen, and where that is not well, since when,
// after what, and the next step.
func lines(t ui.Theme, c Check) [][]string {
	style := ui.Faint
	if c.Result.Result != health.Unknown {
		style = ui.Strong
	}
	name := ui.Plain(c.ID)
	if c.Result.Result >= health.Warning {
		name = t.Paint(style, name)
	}
	rows := [][]string{{t.Shape(c.Result.Result) + " " + name, ui.Plain(c.Detail)}}
	more := func(text string) { rows = append(rows, []string{"", t.Paint(ui.Faint, text)}) }
	var about []string
	if c.Since != nil {
		about = append(about, "since "+c.Since.Local().Format(time.DateTime))
	}
	if c.After != nil {
		about = append(about, "after "+ui.Plain(c.After.Text))
	}
	if c.PendingSec > 0 {
		about = append(about, fmt.Sprintf("for %.0f s, not long enough to report", c.PendingSec))
	}
	if c.HiddenBy != "" {
		about = append(about, "told under "+ui.Plain(c.HiddenBy))
	}
	if a := c.Acknowledged; a != nil {
		about = append(about, fmt.Sprintf("known to %s until %s", ui.Plain(a.Who), a.Until.Local().Format(time.DateTime)))
		if a.Note != "" {
			about = append(about, ui.Plain(a.Note))
		}
	}
	if len(about) > 0 {
		more(strings.Join(about, t.Dot()))
	}
	if figures := figuresText(t, c); figures != "" {
		more(figures)
	}
	if c.Fix != "" && (c.Result.Result >= health.Warning || c.Since != nil) {
		rows = append(rows, []string{"", ui.Plain(c.Fix)})
	}
	return rows
}

// figuresText lists figures by name.
func figuresText(t ui.Theme, c Check) string {
	var names []string
	for name, v := range c.Figures {
		switch {
		case v == nil:
			names = append(names, ui.Plain(name)+" unknown")
		case name == "mode":
			names = append(names, fmt.Sprintf("mode %04o", int64(*v)))
		default:
			names = append(names, fmt.Sprintf("%s %.4g", ui.Plain(name), *v))
		}
	}
	slices.Sort(names)
	return strings.Join(names, t.Dot())
}

// printWords shows what the daemon left behind.
func printWords(w io.Writer, t ui.Theme, d Daemon) {
	words := d.LastWords
	if words == nil {
		return
	}
	fmt.Fprintf(w, "\nlast words, %s%s%s", words.At.Local().Format(time.DateTime), t.Dot(), ui.Plain(words.State))
	if words.Reason != "" {
		fmt.Fprintf(w, " (%s)", ui.Plain(words.Reason))
	}
	if words.MemoryMB != nil {
		fmt.Fprintf(w, "%s%.0f MB", t.Dot(), *words.MemoryMB)
		if words.LimitMB != nil {
			fmt.Fprintf(w, " of %.0f MB", *words.LimitMB)
		}
	}
	if len(words.Findings) > 0 {
		fmt.Fprintf(w, "%s%s", t.Dot(), ui.Plain(strings.Join(words.Findings, ", ")))
	}
	io.WriteString(w, "\n")
}

func printList(w io.Writer, t ui.Theme, rows []listed) {
	group := ""
	for _, r := range rows {
		if r.Group != group {
			if group != "" {
				io.WriteString(w, "\n")
			}
			group = r.Group
			fmt.Fprintln(w, t.Paint(ui.Strong, group))
		}
		fmt.Fprintf(w, "  %s\n", r.ID)
		text := plainText(r.Says)
		for _, bad := range []struct{ level, when string }{{"warning", r.Warning}, {"critical", r.Critical}} {
			if bad.when != "" {
				text += "\n" + bad.level + " " + plainText(bad.when) + "."
			}
		}
		for line := range strings.SplitSeq(ui.Wrap(text, 74), "\n") {
			fmt.Fprintf(w, "    %s\n", line)
		}
	}
}

// plainText takes the marks of the page out of a text.
func plainText(s string) string { return strings.ReplaceAll(s, "`", "") }

func printAck(w io.Writer, a Acked) {
	if a.Until == nil {
		fmt.Fprintf(w, "%s counts again\n", ui.Plain(a.ID))
		return
	}
	fmt.Fprintf(w, "%s is known until %s, unless it gets worse than %s\n", ui.Plain(a.ID), a.Until.Local().Format(time.DateTime), a.Level)
}

// printKnown lists acknowledgements.
func printKnown(w io.Writer, list []health.Acknowledgement) {
	if len(list) == 0 {
		io.WriteString(w, "nothing is acknowledged: every finding counts\n")
		return
	}
	rows := [][]string{{"finding", "up to", "until", "by", "note"}}
	for _, k := range list {
		rows = append(rows, []string{ui.Plain(k.ID), k.Level.String(), k.Until.Local().Format(time.DateTime), ui.Plain(k.Who), ui.Plain(k.Note)})
	}
	io.WriteString(w, ui.Columns(rows))
}
