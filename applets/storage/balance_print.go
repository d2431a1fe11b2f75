package storage

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

func printBalances(w io.Writer, t ui.Theme, all Balances, wide bool) {
	if len(all.Filesystems) == 0 {
		printNone(w)
	}
	for i, b := range all.Filesystems {
		if i > 0 {
			fmt.Fprintln(w)
		}
		printBalance(w, t, b, wide)
	}
	printMissing(w, t, all.Missing)
}

func printBalance(w io.Writer, t ui.Theme, b Balance, wide bool) {
	fmt.Fprintln(w, t.Level(b.Level)+t.Dot()+t.Paint(ui.Strong, title(b.Label, b.UUID)))
	rows := [][]string{{"  balance", ui.Plain(balanceText(b))}, {"  last", ui.Plain(lastText(b))}}
	for _, ts := range b.Types {
		if ts.Type != "system" {
			rows = append(rows, []string{"  " + ui.Plain(ts.Type), fmt.Sprintf("%.1f %% used, %s of %s", ts.UsedPercent, size(ts.Used), size(ts.Total))})
		}
	}
	if a := b.Advice; a != nil {
		rows = append(rows, []string{"  unallocated", size(a.Unallocated)})
		if a.Reason != string(btrfs.ReasonMixed) {
			rows = append(rows, []string{"  headroom", fmt.Sprintf("%s of metadata, at least %s is wanted", signed(a.Headroom), size(a.Wanted))})
		}
		if wide && a.Reclaims != "" {
			rows = append(rows, []string{"  kernel", "moves together by itself: " + ui.Plain(a.Reclaims)})
		}
	}
	io.WriteString(w, ui.Columns(rows))
	if b.Advice != nil {
		printAdvice(w, t, *b.Advice)
	}
	printMissing(w, t, b.Missing)
}

// printAdvice prints what was found, and the commands as they can be typed: a
// line each, with nothing else in it.
func printAdvice(w io.Writer, t ui.Theme, a BalanceAdvice) {
	lead := "advice: "
	if a.Level >= health.Warning {
		lead = t.Shape(a.Level) + " "
	}
	for line := range strings.SplitSeq(strings.TrimRight(ui.Wrap(lead+ui.Plain(a.Text), 76), "\n"), "\n") {
		fmt.Fprintln(w, "  "+line)
	}
	if a.MetadataPercent > a.MetadataWarn {
		fmt.Fprintln(w, "  "+t.Paint(ui.Faint, ui.Plain(a.MetadataNote)))
	}
	if len(a.Commands) > 0 {
		groups := 0
		for _, s := range a.Steps {
			groups += s.Groups
		}
		fmt.Fprintf(w, "  A balance of the least used %s moves about %s and gains about %s, raw;\n  %s of metadata can be written then:\n",
			plural(groups, "block group"), size(a.Moved), size(a.Gained), signed(a.After))
		for _, c := range a.Commands {
			fmt.Fprintln(w, "    "+ui.Plain(c))
		}
	}
	for _, h := range a.Helps {
		fmt.Fprintf(w, "  - %s\n", ui.Plain(h))
	}
}

func balanceText(b Balance) string {
	text := map[string]string{balanceNone: "none runs", balancePaused: "paused, and goes on at the next mount; go on or end it: sudo btrfs balance resume | cancel"}[b.State]
	if text == "" {
		text = b.State
	}
	if p := b.Progress; p != nil {
		text += fmt.Sprintf("; %d of about %d chunks done, %d looked at", p.Completed, p.Expected, p.Considered)
		if p.Expected > 0 {
			text += fmt.Sprintf(" (%.0f %%)", percent(min(p.Completed, p.Expected), p.Expected))
		}
	}
	return text
}

// lastText says when the last balance was, or since when it would be known.
func lastText(b Balance) string {
	l := b.Last
	if l == nil {
		if b.UnknownBefore.IsZero() {
			return "unknown: nobody watched"
		}
		return "none since " + minute(b.UnknownBefore) + ", unknown before"
	}
	text := l.Outcome
	switch {
	case !l.Ended.IsZero():
		text += " " + minute(l.Ended)
		if !l.Started.IsZero() {
			text += ", after " + ui.Span(l.Ended.Sub(l.Started))
		}
	case l.Outcome == btrfs.BalanceRunning:
		text = "running since " + minute(l.Started)
	default:
		text = "started " + minute(l.Started) + ", how it ended is unknown"
	}
	if l.Detail != "" {
		text += " (" + l.Detail + ")"
	}
	return text
}

func minute(at time.Time) string { return at.Local().Format("2006-01-02 15:04") }
