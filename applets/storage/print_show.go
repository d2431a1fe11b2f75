package storage

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

func printShow(w io.Writer, t ui.Theme, s Show, wide bool) {
	if s.Explain != nil { // instead of the screen that it explains
		fmt.Fprintln(w, ui.Wrap(s.Explain.Text, 80))
		return
	}
	if len(s.Filesystems) == 0 {
		printNone(w)
	}
	for i, f := range s.Filesystems {
		if i > 0 {
			fmt.Fprintln(w)
		}
		printFilesystem(w, t, f, wide)
	}
	if len(s.Filesystems) > 0 {
		printTools(w, t, s)
	}
	printMissing(w, t, s.Missing)
}

// printFilesystem prints one: what is wrong first.
func printFilesystem(w io.Writer, t ui.Theme, f Filesystem, wide bool) {
	head := t.Level(f.Level) + t.Dot() + t.Paint(ui.Strong, title(f.Label, f.UUID))
	if points := visible(f.Mounts); len(points) > 0 {
		head += t.Dot() + "at " + points[0]
		if more := len(points) - 1; more > 0 {
			head += fmt.Sprintf(" and %d more", more)
		}
	}
	if f.ReadOnly && !f.ForcedReadOnly {
		head += t.Dot() + "read-only"
	}
	fmt.Fprintln(w, head)
	printProblems(w, t, f.Problems)
	printDevices(w, t, f.Devices, wide)
	if f.Space != nil {
		printSpace(w, t, f.Space)
	}
	var rows [][]string
	add := func(name, text string) { rows = append(rows, []string{"  " + name, text}) }
	if f.Subvolumes != nil {
		text := countText(*f.Subvolumes)
		if c := f.Subvolumes; !c.Oldest.IsZero() {
			text += ", taken " + day(c.Oldest)
			if day(c.Newest) != day(c.Oldest) {
				text += " to " + day(c.Newest)
			}
		}
		add("subvolumes", text)
	}
	if d := f.Default; d != nil {
		add("default", defaultText(*d))
	}
	add("mounts", mountText(f.Mounts))
	if len(f.Compression) > 0 {
		add("compression", ui.Plain(strings.Join(f.Compression, ", ")))
	} else if len(f.Mounts) > 0 {
		add("compression", "off, unless a file's own property says otherwise")
	}
	if f.Operations != nil {
		add("running", ui.Plain(operationText(*f.Operations)))
	}
	if f.Scrub != nil {
		add("scrub", ui.Plain(f.Scrub.Summary))
	}
	if f.Balance != nil {
		add("balance", ui.Plain(adviceLine(*f.Balance)))
	}
	if f.Quota != nil {
		add("quotas", ui.Plain(quotaText(*f.Quota, f.Mounts)))
	}
	if wide {
		rows = append(rows, wideRows(f)...)
	}
	io.WriteString(w, ui.Columns(rows))
	printMissing(w, t, f.Missing)
}

func printProblems(w io.Writer, t ui.Theme, problems []Problem) {
	for _, p := range problems {
		fmt.Fprintf(w, "  %s %s\n", t.Shape(p.Level), ui.Plain(p.Text))
		fmt.Fprintf(w, "    %s\n", t.Paint(ui.Faint, ui.Plain(p.Fix)))
	}
}

func printDevices(w io.Writer, t ui.Theme, devices []Device, wide bool) {
	rows := [][]string{}
	for _, d := range devices {
		state := "no errors"
		switch {
		case d.Errors == nil:
			state = "errors unknown"
		case d.Errors.Total > 0:
			state = t.Paint(ui.Warn, errorText(*d.Errors))
		}
		for _, is := range []struct {
			so   bool
			word string
		}{{d.Absent, "missing"}, {d.Seed, "seed"}, {d.Replacing, "target of a replace"}} {
			if is.so {
				state = is.word + ", " + state
			}
		}
		row := []string{fmt.Sprintf("  device %d", d.ID), pathText(d), size(d.Size), size(d.Allocated) + " allocated", size(d.Unallocated) + " unallocated", state}
		if wide {
			row = append(row, ui.Plain(d.UUID))
		}
		rows = append(rows, row)
	}
	io.WriteString(w, ui.Columns(rows))
}

func pathText(d Device) string {
	if d.Path == "" {
		return "-"
	}
	return quote(d.Path)
}

// barWidth is how wide the bars are.
const barWidth = 20

func printSpace(w io.Writer, t ui.Theme, s *Space) {
	var rows [][]string
	for _, ts := range s.Types {
		var profiles []string
		for _, p := range ts.Profiles {
			profiles = append(profiles, p.Profile)
		}
		row := []string{
			"  " + ui.Plain(ts.Type), ui.Plain(strings.Join(profiles, "+")), t.Bar(barWidth, ts.UsedPercent/100, ui.Accent),
			fmt.Sprintf("%.1f %%", ts.UsedPercent), size(ts.Used) + " of " + size(ts.Total),
		}
		if ts.Type != "system" { // nobody waits for more of that
			row = append(row, size(ts.Could.Bytes)+" more to get")
		}
		rows = append(rows, row)
	}
	io.WriteString(w, ui.Columns(rows))
	rows = [][]string{
		{"  unallocated", fmt.Sprintf("%s of %s", size(s.Unallocated), size(s.DeviceBytes))},
		{"  really free", freeText(s)},
	}
	if h := s.Headroom; h != nil {
		text := signed(h.Bytes) + " of metadata can still be written"
		if h.Bytes <= 0 {
			text = t.Shape(health.Critical) + " none: metadata is short of its reserve by " + size(uint64(-h.Bytes))
		}
		rows = append(rows, []string{"  headroom", text})
	}
	io.WriteString(w, ui.Columns(rows))
}

func freeText(s *Space) string {
	text := size(s.Free) + " of data can still be written"
	if !s.Exact {
		text = "at most " + text
	}
	if s.DFFree != nil && size(*s.DFFree) != size(s.Free) {
		text += " (df says " + size(*s.DFFree) + ")"
	}
	return text
}

func defaultText(d Default) string {
	if d.Path == "" {
		return fmt.Sprintf("subvolume %d", d.ID)
	}
	return fmt.Sprintf("%s (id %d)", quote(d.Path), d.ID)
}

func mountText(mounts []Mount) string {
	if len(mounts) == 0 {
		return "none"
	}
	const most = 4
	var parts []string
	for i, m := range mounts {
		if i == most && len(mounts) > most+1 {
			parts = append(parts, fmt.Sprintf("%d more (--wide lists them)", len(mounts)-most))
			break
		}
		text := quote(m.Point)
		if m.Root != "/" {
			text += " from " + quote(m.Root)
		}
		if m.HiddenBy != "" {
			text += " (hidden by " + ui.Plain(m.HiddenBy) + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func operationText(o Operations) string {
	var parts []string
	if o.Exclusive != "" && o.Exclusive != "none" {
		parts = append(parts, o.Exclusive)
	}
	if b := o.Balance; b != nil && b.Expected > 0 {
		parts = append(parts, fmt.Sprintf("balance did %d of about %d chunks", b.Completed, b.Expected))
	}
	if r := o.Replace; r != nil && (r.State == "started" || r.State == "suspended") {
		parts = append(parts, fmt.Sprintf("replace %s, %.1f %%", r.State, r.Percent))
	}
	for _, s := range o.Scrubs {
		parts = append(parts, fmt.Sprintf("scrub of device %d, %s done, %s", s.Device, size(s.Bytes), plural(int(s.Errors), "error")))
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, "; ")
	case o.Exclusive == "":
		return "unknown"
	}
	return "nothing"
}

func quotaText(q Quota, mounts []Mount) string {
	if !q.Enabled {
		return "off"
	}
	text := "on"
	if q.Mode != "" {
		text += " (" + q.Mode + ")"
	}
	if q.Inconsistent {
		text += at(", inconsistent: sudo btrfs quota rescan MOUNT_POINT", mounts)
	}
	return text + ", " + plural(q.Groups, "group")
}

func wideRows(f Filesystem) [][]string {
	var rows [][]string
	if i := f.Format; i != nil {
		rows = append(rows,
			[]string{"  format", fmt.Sprintf("nodes %s, sectors %s, checksum %s, generation %d", size(uint64(i.NodeSize)), size(uint64(i.SectorSize)), ui.Plain(i.Checksum), i.Generation)},
			[]string{"  features", ui.Plain(strings.Join(i.Features, ", "))},
		)
	}
	if s := f.Space; s != nil {
		rows = append(rows, []string{"  reserve", size(s.Reserve) + " global, " + size(s.ReserveUsed) + " of it used"})
	}
	for _, m := range f.Mounts {
		options := slices.Clone(m.Options)
		for i := range options {
			options[i] = ui.Plain(options[i])
		}
		rows = append(rows, []string{"  mount", quote(m.Point) + " from " + quote(m.Root) + ": " + strings.Join(options, ",")})
	}
	return append(rows, []string{"  seen by", ui.Plain(f.SeenBy)})
}

func printTools(w io.Writer, t ui.Theme, s Show) {
	var rows [][]string
	for _, tool := range s.Tools {
		text := tool.State
		if len(tool.Subvolumes) > 0 {
			var names []string
			for _, n := range tool.Subvolumes {
				names = append(names, quote(n))
			}
			text += " for " + strings.Join(names, ", ")
		}
		rows = append(rows, []string{"snapshots", tool.Name, text + aside(t, tool.Detail)})
	}
	for _, b := range s.Boot {
		text := "entries unknown"
		if b.Snapshots != nil {
			text = plural(*b.Snapshots, "snapshot entry")
			if *b.Snapshots != 1 {
				text = fmt.Sprintf("%d snapshot entries", *b.Snapshots)
			}
		}
		rows = append(rows, []string{"boot", b.Name, text + aside(t, b.Detail)})
	}
	if len(s.Tools) == 0 {
		rows = append([][]string{{"snapshots", "no tool found that takes them"}}, rows...)
	}
	fmt.Fprintln(w)
	io.WriteString(w, ui.Columns(rows))
}

func aside(t ui.Theme, detail string) string {
	if detail == "" {
		return ""
	}
	return t.Dot() + t.Paint(ui.Faint, ui.Plain(detail))
}
