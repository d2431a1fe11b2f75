package storage

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// A diffSink takes changes as they are found and prints them, at once or in the
// end.
type diffSink interface {
	add(*diff.Change) error
	// end prints what is left. shown is how many changes add got.
	end(r DiffReport, shown int) error
}

// maxTries bounds --retry: what is written to without a pause never holds still.
const maxTries = 10

// compare runs the comparison and prints it. What is printed while a daemon
// compares is not to hold it up, whoever reads.
func compare(c *console.Console, p *diffPair, o diffOptions) error {
	if !p.there || !c.JSON {
		return compareTo(c, p, o, bufio.NewWriterSize(c.Out, 64<<10))
	}
	s := newSpool(c.Out, spoolMost)
	err := compareTo(c, p, o, bufio.NewWriterSize(s, 64<<10))
	if closed := s.close(c.Context()); err == nil {
		return closed
	}
	return err
}

// compareTo compares, again with --retry while a side is written to, and prints.
func compareTo(c *console.Console, p *diffPair, o diffOptions, out *bufio.Writer) error {
	progress := newProgress(c, o)
	for try := 1; ; try++ {
		last := try == maxTries || !o.retry
		sink := newSink(c, out, o, last)
		report, shown, err := compareOnce(c, p, o, sink, func(at diff.Progress) {
			progress.show(at)
			if o.form == formStream {
				out.Flush() // who reads along sees it; an error comes back with the next change
			}
		})
		progress.clear()
		if err != nil {
			if b, ok := sink.(*objectSink); ok && b.begun {
				return b.broken(report, p, err)
			}
			out.Flush()
			return err
		}
		if report.Changing && !last {
			continue
		}
		r := diffReportOf(report, p.subs)
		r.Notes = append(r.Notes, notesOn(report, o, shown, try)...)
		if report.Changing && o.form == formNames { // which has no place for a note
			c.Say("a side was written to during the comparison: the list may be a mixture of before and after")
		}
		return printEnd(c, o, out, func() error { return sink.end(r, shown) })
	}
}

// compareOnce hands what is wanted of the changes to the sink, and says how many
// those are. The report may be there beside an error.
func compareOnce(c *console.Console, p *diffPair, o diffOptions, sink diffSink, progress func(diff.Progress)) (report *diff.Report, shown int, err error) {
	report, err = p.run(c.Context(), diff.Options{Engine: o.engine, Progress: progress}, func(ch diff.Change) error {
		if !o.selected.has(&ch) {
			return nil
		}
		shown++
		return sink.add(&ch)
	})
	return report, shown, err
}

// notesOn are the notes that the command adds to those of the comparison.
func notesOn(r *diff.Report, o diffOptions, shown, tries int) (notes []string) {
	if !o.selected.all() {
		notes = append(notes, fmt.Sprintf("%d of %s shown; the summary counts all", shown, plural(r.Summary.Total(), "change")))
	}
	switch {
	case r.Changing && o.retry:
		notes = append(notes, fmt.Sprintf("it did not hold still in %d tries", tries))
	case r.Changing:
		notes = append(notes, "--retry looks again until it holds still; a snapshot does so always")
	}
	return notes
}

// printEnd has the sink print what is left: text through a pager.
func printEnd(c *console.Console, o diffOptions, out *bufio.Writer, end func() error) error {
	finish := func(w io.Writer) error {
		if w != c.Out {
			out.Reset(w) // nothing is in it: text is printed in the end
		}
		if err := end(); err != nil {
			return err
		}
		return out.Flush()
	}
	if c.JSON || o.null { // to out, whatever stands behind it
		return finish(c.Out)
	}
	return paged(c, c.Bool("no-pager"), os.LookupEnv, finish)
}

func newSink(c *console.Console, out *bufio.Writer, o diffOptions, last bool) diffSink {
	switch o.form {
	case formStream:
		return &streamSink{c: c, out: out}
	case formObject:
		return &objectSink{c: c, out: out, hold: o.bySize || !last || c.IsSet("sort"), bySize: o.bySize}
	case formStat:
		return &statSink{w: out, theme: c.Theme, sums: map[diff.Kind]*diffSum{}}
	case formDepth:
		return &depthSink{w: out, theme: c.Theme, depth: o.depth, bySize: o.bySize, dirs: map[string]*diffSum{}}
	case formNames:
		return &nameSink{w: out, null: o.null, bySize: o.bySize}
	}
	return &textSink{w: out, theme: c.Theme, bySize: o.bySize, wide: c.Verbose}
}

// A progress line stands on a terminal's last line while it takes long.
type progress struct {
	w     io.Writer // nil: nobody to see it
	began time.Time
	last  time.Time
	drawn bool
}

// newProgress shows progress where stderr is a terminal, unless the changes
// themselves come up on it meanwhile.
func newProgress(c *console.Console, o diffOptions) *progress {
	p := &progress{began: time.Now()}
	f, ok := c.Err.(*os.File)
	if !ok || (o.form == formStream || o.form == formObject) && c.OutIsTerminal() {
		return p
	}
	if _, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS); err == nil {
		p.w = f
	}
	return p
}

func (p *progress) show(at diff.Progress) {
	now := time.Now()
	if p.w == nil || now.Sub(p.began) < 500*time.Millisecond || now.Sub(p.last) < 200*time.Millisecond {
		return
	}
	p.last, p.drawn = now, true
	fmt.Fprintf(p.w, "\r\x1b[Kcomparing (%s): %s so far, %s", at.Engine, plural(at.Changes, "change"), ui.Span(now.Sub(p.began).Round(time.Second)))
}

func (p *progress) clear() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.drawn = false
	}
}
