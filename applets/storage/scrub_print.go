package storage

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

func clockTime(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05") }

func printScrubs(w io.Writer, t ui.Theme, s Scrubs, wide bool) {
	if len(s.Filesystems) == 0 {
		printNone(w)
	}
	for i, f := range s.Filesystems {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, t.Level(f.Level)+t.Dot()+t.Paint(ui.Strong, title(f.Label, f.UUID))+t.Dot()+ui.Plain(f.Summary))
		if r := f.Running; r != nil {
			text := progressText(*r)
			if f.LeftSec != nil {
				text += ", about " + ui.Span(time.Duration(*f.LeftSec*float64(time.Second))) + " left"
			}
			io.WriteString(w, ui.Columns([][]string{{"  running", ui.Plain(text)}}))
			printRunRows(w, *r, wide || len(r.Devices) > 1)
		}
		switch {
		case f.Last != nil:
			printRun(w, *f.Last, wide)
		case f.Running == nil && !f.UnknownBefore.IsZero():
			fmt.Fprintf(w, "  last  unknown before %s\n", day(f.UnknownBefore))
		case f.Running == nil:
			fmt.Fprintln(w, "  last  unknown")
		}
		printMissing(w, t, f.Missing)
	}
	printMissing(w, t, s.Missing)
}

// progressText is how far a run is, in a line.
func progressText(r scrub.Run) string {
	text := size(r.Bytes)
	if r.Total > 0 {
		text += fmt.Sprintf(" of %s, %.1f %%", size(r.Total), min(100, percent(r.Bytes, r.Total)))
	}
	if r.Seconds >= 1 {
		text += ", " + size(uint64(float64(r.Bytes)/r.Seconds)) + "/s"
	}
	return text + ", " + scrubErrors(r.Errors)
}

// printRun prints one run that ended.
func printRun(w io.Writer, r scrub.Run, wide bool) {
	head := outcomeText(r)
	if !r.Ended.IsZero() {
		head += " " + clockTime(r.Ended)
	}
	if r.Seconds > 0 {
		head += ", took " + ui.Span(time.Duration(r.Seconds*float64(time.Second)))
	}
	if len(r.Devices) > 0 && (r.Bytes > 0 || r.Source != scrub.FromLog) {
		head += ", read " + size(r.Bytes)
		if !r.Seen() {
			head += " when last seen"
		}
	}
	rows := [][]string{{"  last", ui.Plain(head)}}
	switch {
	case r.Source == scrub.FromLog:
		rows = append(rows, []string{"  errors", "unknown: only the kernel's log tells of it"})
	case !r.Seen():
		rows = append(rows, []string{"  errors", scrubErrors(r.Errors) + " when last seen"})
	default:
		rows = append(rows, []string{"  errors", scrubErrors(r.Errors)})
	}
	if r.Detail != "" {
		rows = append(rows, []string{"  detail", ui.Plain(r.Detail)})
	}
	by := "unknown"
	if r.By != "" {
		by = ui.Plain(r.By)
	}
	rows = append(rows, []string{"  by", by})
	io.WriteString(w, ui.Columns(rows))
	printRunRows(w, r, wide && len(r.Devices) > 1)
}

// outcomeText is how a run ended, and on how much where that is not all.
func outcomeText(r scrub.Run) string {
	if r.Partial() {
		return fmt.Sprintf("%s, %d of %s", r.Outcome, len(r.Devices), plural(r.Of, "device"))
	}
	return r.Outcome
}

func printRunRows(w io.Writer, r scrub.Run, wide bool) {
	if !wide {
		return
	}
	var rows [][]string
	for _, d := range r.Devices {
		text := size(d.Bytes)
		if d.Total > 0 {
			text += " of " + size(d.Total)
		}
		rows = append(rows, []string{fmt.Sprintf("  device %d", d.ID), ui.Plain(d.Outcome), text, scrubErrors(d.Errors)})
	}
	io.WriteString(w, ui.Columns(rows))
}

// scrubErrors names the errors by kind and what became of them.
func scrubErrors(e scrub.Errors) string {
	if e == (scrub.Errors{}) {
		return "no errors"
	}
	var kinds []string
	for _, k := range []struct {
		n    uint64
		name string
	}{{e.Checksum, "checksum"}, {e.Read, "read"}, {e.Verify, "verify"}, {e.Super, "superblock"}, {e.Unverified, "unverified"}} {
		if k.n > 0 {
			kinds = append(kinds, fmt.Sprintf("%d %s", k.n, k.name))
		}
	}
	return fmt.Sprintf("%s; %d corrected, %d not", strings.Join(kinds, ", "), e.Corrected, e.Uncorrectable)
}

func printScrubHistory(w io.Writer, t ui.Theme, s Scrubs) {
	if len(s.Filesystems) == 0 {
		printNone(w)
	}
	for i, f := range s.Filesystems {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, t.Paint(ui.Strong, title(f.Label, f.UUID)))
		var rows [][]string
		for _, r := range f.Runs {
			errors := scrubErrors(r.Errors)
			switch {
			case r.Source == scrub.FromLog:
				errors = "errors unknown"
			case r.Outcome != scrub.Running && !r.Seen():
				errors += " when last seen"
			}
			by := "by unknown"
			if r.By != "" {
				by = "by " + ui.Plain(r.By)
			}
			rows = append(rows, []string{"  " + clockTime(r.Started), ui.Plain(outcomeText(r)), ui.Span(time.Duration(r.Seconds * float64(time.Second))), size(r.Bytes), errors, by})
		}
		io.WriteString(w, ui.Columns(rows))
		switch {
		case !f.UnknownBefore.IsZero():
			fmt.Fprintf(w, "  unknown before %s\n", day(f.UnknownBefore))
		default:
			fmt.Fprintln(w, "  earlier ones are unknown")
		}
		printMissing(w, t, f.Missing)
	}
	printMissing(w, t, s.Missing)
}

func printDamage(w io.Writer, t ui.Theme, r DamageReport) {
	where := "where the last scrub found errors"
	if r.Whole {
		where = "all there is"
	}
	if len(r.Files) == 0 {
		fmt.Fprintf(w, "no damaged file: %s read, %s\n", size(r.Read), where)
	} else {
		fmt.Fprintf(w, "%s, %s cannot be read; %s read, %s\n", plural(len(r.Files), "damaged file"), size(r.Bad), size(r.Read), where)
	}
	for _, f := range r.Files {
		name := f.Reach
		if name == "" && len(f.Paths) > 0 {
			name = fmt.Sprintf("%s in subvolume %s (id %d), not mounted", f.Paths[0], f.SubvolumePath, f.Subvolume)
		} else if name == "" {
			name = fmt.Sprintf("inode %d of subvolume %d, deleted and still open", f.Inode, f.Subvolume)
		}
		fmt.Fprintf(w, "  %s  %s of %s\n", quote(name), size(f.Bad), size(f.Size))
		for _, k := range f.Copies {
			at := k.Reach
			if at == "" {
				at = k.SubvolumePath + "/" + k.Path
			}
			version := "of " + clockTime(k.Modified)
			if k.Same {
				version = "the same version"
			}
			fmt.Fprintf(w, "    %s\n", t.Paint(ui.Faint, "good: "+quote(at)+", "+version))
		}
		if len(f.Copies) == 0 {
			fmt.Fprintf(w, "    %s\n", t.Paint(ui.Faint, "no good copy in its snapshots: restore it from a backup"))
		}
	}
	printMissing(w, t, r.Missing)
}
