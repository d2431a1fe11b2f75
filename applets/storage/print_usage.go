package storage

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

func printUsages(w io.Writer, t ui.Theme, u Usages, wide bool) {
	if len(u.Filesystems) == 0 {
		printNone(w)
	}
	for i, f := range u.Filesystems {
		if i > 0 {
			fmt.Fprintln(w)
		}
		printUsage(w, t, f, wide)
	}
	printMissing(w, t, u.Missing)
}

func printUsage(w io.Writer, t ui.Theme, u Usage, wide bool) {
	fmt.Fprintln(w, t.Level(u.Level)+t.Dot()+t.Paint(ui.Strong, title(u.Label, u.UUID)))
	printProblems(w, t, u.Problems)
	if s := u.Space; s != nil {
		printProfiles(w, s)
		printRooms(w, u)
		io.WriteString(w, ui.Columns(balanceRows(s)))
	}
	if u.Balance != nil {
		io.WriteString(w, ui.Columns([][]string{{"  balance", ui.Plain(adviceLine(*u.Balance))}}))
	}
	io.WriteString(w, ui.Columns(trendRows(u.Trend)))
	if g := u.BlockGroups; g != nil {
		printBlockGroups(w, *g, wide)
	}
	printMissing(w, t, u.Missing)
}

// printProfiles prints each type in each profile: what it has, and what it could
// still get if no other asked.
func printProfiles(w io.Writer, s *Space) {
	rows := [][]string{{"  type", "profile", "used", "in chunks of", "used %", "could get", "cannot use"}}
	for _, ts := range s.Types {
		for _, p := range ts.Profiles {
			next := ui.Plain(p.Profile)
			if p.Profile == ts.Next && len(ts.Profiles) > 1 {
				next += " (next)"
			}
			rows = append(rows, []string{
				"  " + ui.Plain(ts.Type), next, size(p.Used), size(p.Total), fmt.Sprintf("%.1f %%", percent(p.Used, p.Total)),
				fmt.Sprintf("%s in %s", size(p.Could.Bytes), plural(p.Could.Chunks, "chunk")), size(p.Could.Stranded),
			})
		}
	}
	io.WriteString(w, ui.Columns(rows))
}

func printRooms(w io.Writer, u Usage) {
	var rows [][]string
	for _, d := range u.Devices {
		text := "holes unknown"
		for _, r := range u.Space.Rooms {
			if r.Device == d.ID && u.Space.Exact {
				text = fmt.Sprintf("%s, the largest %s", plural(r.Holes, "free range"), size(r.Largest))
				if r.Holes == 0 {
					text = "no free range that takes a chunk"
				}
			}
		}
		if d.Absent {
			text = "missing"
		}
		rows = append(rows, []string{
			fmt.Sprintf("  device %d", d.ID), pathText(d), size(d.Size),
			size(d.Allocated) + " allocated", size(d.Unallocated) + " unallocated", text,
		})
	}
	io.WriteString(w, ui.Columns(rows))
}

// balanceRows sum up what can still be written, as a sum that can be checked.
func balanceRows(s *Space) [][]string {
	rows := [][]string{{"  really free", freeText(s)}}
	if h := s.Headroom; h != nil {
		rows = append(rows, []string{"  headroom", fmt.Sprintf(
			"%s of metadata: %s in its chunks + %s to get - %s reserve", signed(h.Bytes), size(h.Slack), size(h.Allocatable), size(h.Reserve),
		)})
	}
	for _, ts := range s.Types {
		if ts.Type == "metadata" || ts.Type == "mixed" {
			rows = append(rows, []string{"  " + ts.Type + " used", fmt.Sprintf("%.1f %% of its chunks", ts.UsedPercent)})
		}
		var lost []string
		for _, l := range []struct {
			n    uint64
			what string
		}{{ts.ReadOnly, "read-only"}, {ts.Unusable, "unusable in zones"}, {ts.Pinned, "pinned until the next commit"}} {
			if l.n > 0 {
				lost = append(lost, size(l.n)+" "+l.what)
			}
		}
		if len(lost) > 0 {
			rows = append(rows, []string{"  " + ui.Plain(ts.Type) + " out of use", strings.Join(lost, ", ")})
		}
		if len(ts.Profiles) > 1 {
			rows = append(rows, []string{"  " + ui.Plain(ts.Type) + " split", fmt.Sprintf("lies in %d profiles: a conversion was not finished", len(ts.Profiles))})
		}
	}
	return rows
}

// farAway is beyond what a trend can say.
const farAway = 3 * 365 * 24 * time.Hour

var trendWords = map[string]string{"free": "free space", "unallocated": "unallocated", "metadata_headroom": "headroom"}

func trendRows(t *Trend) [][]string {
	if t == nil || len(t.Lines) == 0 {
		why := "no history yet"
		if t != nil && t.Why != "" {
			why = t.Why
		}
		return [][]string{{"  trend", ui.Plain("unknown: " + why)}}
	}
	var rows [][]string
	for _, l := range t.Lines {
		word, known := trendWords[l.Figure]
		if !known { // a newer daemon's
			word = ui.Plain(l.Figure)
		}
		text := "does not shrink"
		if l.LeftSec != nil {
			text = fmt.Sprintf("shrinks by %s a day", size(uint64(-l.PerDay)))
			if left := *l.LeftSec; left < farAway.Seconds() {
				text += ": gone in about " + ui.Span(time.Duration(left*float64(time.Second)))
			} else {
				text += ": it lasts for years"
			}
		} else if l.PerDay >= 1 {
			text = fmt.Sprintf("grows by %s a day", size(uint64(l.PerDay)))
		}
		rows = append(rows, []string{"  trend", word, text})
	}
	return append(rows, []string{"", "", fmt.Sprintf("since %s", day(t.Since))})
}

func printBlockGroups(w io.Writer, g BlockGroups, wide bool) {
	fmt.Fprintf(w, "  %s, %d of them empty; the least used:\n", plural(g.Total, "block group"), g.Empty)
	most := 3
	if wide {
		most = leastUsed
	}
	rows := [][]string{}
	shown := map[string]int{}
	for _, b := range g.LeastUsed {
		kind, _, _ := strings.Cut(b.Profile, ",")
		if shown[kind]++; shown[kind] > most {
			continue
		}
		rows = append(rows, []string{
			"    " + ui.Plain(b.Profile), fmt.Sprintf("%.1f %%", b.UsedPercent), size(b.Used) + " of " + size(b.Length),
			fmt.Sprintf("vrange=%d..%d", b.Start, b.Start+b.Length),
		})
	}
	io.WriteString(w, ui.Columns(rows))
}
