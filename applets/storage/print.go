package storage

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// printNone is what there is to say where there is no Btrfs.
func printNone(w io.Writer) {
	fmt.Fprintln(w, "no Btrfs file system is mounted")
	fmt.Fprintln(w, "what the disks hold, mounted or not, shows: lsblk -f")
}

// size writes bytes with three digits, in units of 2^10.
func size(n uint64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	v, i := float64(n), 0
	// 1023.6 would print as 1024: the next unit's 1.00.
	for v >= 999.5 && i < len(units)-1 {
		v /= 1024
		i++
	}
	switch {
	case i == 0:
		return fmt.Sprintf("%d B", n)
	case v < 9.995:
		return fmt.Sprintf("%.2f %s", v, units[i])
	case v < 99.95:
		return fmt.Sprintf("%.1f %s", v, units[i])
	}
	return fmt.Sprintf("%.0f %s", v, units[i])
}

func signed(n int64) string {
	if n < 0 {
		return "-" + size(uint64(-n))
	}
	return size(uint64(n))
}

// title names a file system: its label, and its UUID for certain.
func title(label, uuid string) string {
	switch {
	case label != "" && uuid != "":
		return quote(label) + " " + ui.Plain(uuid)
	case uuid != "":
		return ui.Plain(uuid)
	}
	return "a file system of unknown UUID"
}

func countText(c Counts) string {
	text := plural(c.Total, "subvolume") + ", " + plural(c.Snapshots, "snapshot") + " among them"
	if !c.Complete {
		text = "as far as you can see " + text
	}
	if c.Pending > 0 {
		text += fmt.Sprintf(", %d pending deletion", c.Pending)
	}
	return text
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// printMissing says what could not be had: what privilege would show in one
// line, everything else with its cause, each cause once.
func printMissing(w io.Writer, t ui.Theme, missing []Missing) {
	var privileged []string
	var causes []Missing
	for _, m := range missing {
		if m.Need == string(btrfs.NeedAdmin) {
			privileged = append(privileged, m.What)
			continue
		}
		i := slices.IndexFunc(causes, func(o Missing) bool { return o.Why == m.Why && o.Need == m.Need })
		if i < 0 {
			causes = append(causes, m)
		} else {
			causes[i].What += ", " + m.What
		}
	}
	for _, m := range causes {
		text := m.What + " unknown: " + m.Why
		if m.Need != "" {
			text += " (needs " + m.Need + ")"
		}
		fmt.Fprintln(w, t.Paint(ui.Faint, ui.Plain(text)))
	}
	if len(privileged) > 0 {
		slices.Sort(privileged)
		text := "not seen without privilege: " + strings.Join(slices.Compact(privileged), ", ") + "; sudo shows it"
		fmt.Fprintln(w, t.Paint(ui.Faint, ui.Plain(text)))
	}
}

func day(at time.Time) string { return at.Local().Format(time.DateOnly) }
