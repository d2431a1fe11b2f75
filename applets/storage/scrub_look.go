package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
)

// A scrubLook is what the client knows of the scrubs of file systems: what it
// sees by itself, and what the daemon remembers.
type scrubLook struct {
	v   *viewer
	log *scrub.Log
	// oldest is when the kernel's log begins; zero: it cannot be read.
	oldest time.Time
}

func newScrubLook(v *viewer) *scrubLook {
	l := &scrubLook{v: v, log: scrub.NewLog()}
	k, err := btrfs.OpenKernelLog("")
	if err != nil {
		return l
	}
	defer k.Close()
	lines, _ := k.Read() // what could be read
	l.log.Add(lines, v.roots.DeviceOf)
	l.oldest = k.Oldest()
	return l
}

// at looks at one file system.
func (l *scrubLook) at(m btrfs.Mounted) (ScrubView, *scrub.History) {
	out := ScrubView{UUID: m.FSID.String(), Label: m.Label}
	var g gaps
	state := scrub.State{UUID: out.UUID}
	var told error
	if l.v.call != nil {
		told = l.v.call(methodScrubs, Params{UUID: out.UUID}, &state)
	}
	h := scrub.NewHistory(state.Runs)
	sight := scrub.Sight{Now: time.Now()}
	fs, err := m.Open(l.v.roots)
	if err == nil {
		sight = scrub.LookAt(l.v.ctx, fs, "", nil)
		if sight.Live && state.Made.IsZero() {
			state.Made, _ = fs.Made(l.v.ctx)
		}
		fs.Close()
	} else {
		g.fail("the running scrub", err)
	}
	sight.Log = l.log.Marks(m.FSID)
	sight.Alive = func(pid int) bool { err := unix.Kill(pid, 0); return err == nil || errors.Is(err, unix.EPERM) }
	state.Touched = time.Time{}
	switch {
	case sight.Live:
		if !l.oldest.IsZero() && (state.Since.IsZero() || l.oldest.Before(state.Since)) {
			state.Since = l.oldest
		}
		// The daemon may not read what we have just read.
		if s := sight.Status; s != nil && s.Outcome != scrub.Running && told == nil && h.Add(*s) && l.v.call != nil {
			_ = l.v.call(methodRecord, RecordParams{UUID: out.UUID, Run: *s}, nil)
		}
		h.Take(sight)
	case told != nil:
		g.say("scrubs", "the kernel and the status file tell root alone, and no daemon remembers: "+told.Error(), string(btrfs.NeedAdmin))
		state.Touched = sight.Modified
	default:
		state.Touched = sight.Modified
	}
	state.Runs = h.Runs
	out.Level, out.Summary = state.Judge(sight.Now, settings().ScrubMaxAge)
	out.UnknownBefore = state.Since
	out.Running, out.Last = h.Current(), h.Last()
	if r := out.Running; r != nil && r.Seconds >= 1 && r.Bytes > 0 {
		rate := float64(r.Bytes) / r.Seconds
		out.Rate = &rate
		if r.Total >= r.Bytes {
			left := float64(r.Total-r.Bytes) / rate
			out.LeftSec = &left
		}
	}
	out.Missing = g.list()
	return out, h
}

// scrubs is what show tells of scrubs.
func (v *viewer) scrubs(m btrfs.Mounted) ScrubView {
	view, _ := newScrubLook(v).at(m)
	return view
}

// addScrub puts what is wrong with scrubs to what is wrong.
func (f *Filesystem) addScrub(s ScrubView) {
	f.Scrub = &s
	if s.Level < health.Warning {
		return
	}
	fix := "Scrub it: sudo anna storage btrfs scrub start MOUNT_POINT"
	switch {
	case s.Level == health.Critical:
		fix = "See what is damaged: sudo anna storage btrfs scrub damage MOUNT_POINT"
	case s.Last != nil && s.Last.Errors.Found() > 0:
		fix = "Look at cable and disk, and scrub again: sudo anna storage btrfs scrub start MOUNT_POINT"
	}
	f.Problems = append(f.Problems, Problem{ID: "scrub", Level: s.Level, Text: s.Summary, Fix: fix})
	slices.SortStableFunc(f.Problems, func(a, b Problem) int { return int(b.Level) - int(a.Level) })
	f.Level = health.Worst(f.Level, s.Level)
}

// findScrubs finds the file systems of a path, or the one with a UUID.
func findScrubs(v *viewer, word string) ([]btrfs.Mounted, error) {
	id, err := btrfs.ParseUUID(word)
	if err != nil || id == (btrfs.UUID{}) { // no word at all is the zero UUID, too
		return v.find(word)
	}
	list, err := btrfs.List(v.ctx, v.roots)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(list, func(m btrfs.Mounted) bool { return m.FSID == id })
	if i < 0 {
		return nil, rpc.Errorf(rpc.NotBtrfs, "cannot look at %s: no Btrfs file system with this UUID is mounted", word)
	}
	return list[i : i+1], nil
}

func lookAtScrubs(c *console.Console) (Scrubs, []*scrub.History, error) {
	path, err := pathOf(c)
	if err != nil {
		return Scrubs{}, nil, err
	}
	v := newViewer(c)
	found, err := findScrubs(v, path)
	if err != nil {
		return Scrubs{}, nil, err
	}
	out := Scrubs{Filesystems: []ScrubView{}, Missing: []Missing{}}
	var all []*scrub.History
	look := newScrubLook(v)
	for _, m := range found {
		view, h := look.at(m)
		out.Filesystems = append(out.Filesystems, view)
		all = append(all, h)
	}
	return out, all, nil
}

func runScrubStatus(c *console.Console) error {
	s, _, err := lookAtScrubs(c)
	if err != nil {
		return err
	}
	return answer(c, s, func(w io.Writer) { printScrubs(w, c.Theme, s, c.Bool("wide")) })
}

func runScrubHistory(c *console.Console) error {
	if c.Int("limit") < 0 {
		return console.Usagef("see: "+c.Path()+" --help", "flag --limit needs a number from 0 on")
	}
	s, all, err := lookAtScrubs(c)
	if err != nil {
		return err
	}
	for i, h := range all {
		runs := slices.Clone(h.Runs)
		slices.Reverse(runs)
		if n := c.Int("limit"); n > 0 {
			runs = runs[:min(n, len(runs))]
		}
		s.Filesystems[i].Runs = append([]scrub.Run{}, runs...)
	}
	return answer(c, s, func(w io.Writer) { printScrubHistory(w, c.Theme, s) })
}

// oneForRoot opens the file system that a command acts on, for root alone.
func oneForRoot(c *console.Console, does string) (*viewer, btrfs.Mounted, *btrfs.FS, error) {
	path, err := pathOf(c)
	if err != nil {
		return nil, btrfs.Mounted{}, nil, err
	}
	v := newViewer(c)
	found, err := findScrubs(v, path)
	if err != nil {
		return nil, btrfs.Mounted{}, nil, err
	}
	if !v.privileged || os.Geteuid() != 0 {
		return nil, btrfs.Mounted{}, nil, &console.Hinted{
			Err:  fmt.Errorf("cannot %s %s: it takes root", does, path),
			Hint: "Try: sudo " + c.Path() + " " + quote(path), Exit: console.ExitDenied,
		}
	}
	fs, err := found[0].Open(v.roots)
	if err != nil {
		return nil, btrfs.Mounted{}, nil, err
	}
	return v, found[0], fs, nil
}

// isLive says whether a scrub runs.
func isLive(s scrub.Sight) bool { return s.Live && len(s.Progress) > 0 }

// exitOf is the exit status of what a scrub found.
func exitOf(r *scrub.Run) error {
	switch {
	case r.Outcome == scrub.Failed || r.Outcome == scrub.Interrupted:
		return console.Status(console.ExitFailed)
	case r.Errors.Uncorrectable > 0:
		return console.Status(console.ExitCritical)
	case r.Errors.Found() > 0:
		return console.Status(console.ExitWarning)
	}
	return nil
}
