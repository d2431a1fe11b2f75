package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// The unit that scrubs in the background.
const scrubUnit = "anna-scrub@"

// unitDirs are where a unit is installed.
var unitDirs = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

func runScrubStart(c *console.Console) error {
	limit := uint64(0)
	if c.IsSet("limit") {
		size, err := config.ParseSize(strings.TrimSuffix(c.String("limit"), "/s"))
		if err != nil || size == 0 {
			return console.Usagef("as in: --limit 50MiB", "flag --limit needs a size, not %q", c.String("limit"))
		}
		limit = uint64(size)
	}
	v, m, fs, err := oneForRoot(c, "scrub")
	if err != nil {
		return err
	}
	defer fs.Close()
	if isLive(scrub.LookAt(c.Context(), fs, "", map[uint64]uint64{})) {
		return &console.Hinted{Err: fmt.Errorf("cannot scrub %s: a scrub runs already", c.Args[0]), Hint: "See it: sudo anna storage btrfs scrub status " + quote(c.Args[0])}
	}
	here := c.Bool("wait") || c.Bool("readonly") || limit > 0
	if unit := unitOf(m); !here && unit != "" {
		return startUnit(c, m, unit)
	}
	r := &scrubber{c: c, v: v, fs: fs, id: fs.FSID, limit: limit, options: btrfs.ScrubOptions{ReadOnly: c.Bool("readonly")}}
	run, err := r.run()
	if err != nil {
		return err
	}
	if err := c.Answer(ScrubResult{UUID: fs.FSID.String(), Run: &run}, func(w io.Writer) { printRun(w, run, true) }); err != nil {
		return err
	}
	if c.Context().Err() != nil {
		return console.Status(console.ExitInterrupted)
	}
	return exitOf(&run)
}

// unitOf is the unit for a file system; "" where systemd does not run or does
// not have it, or no mount can be seen.
func unitOf(m btrfs.Mounted) string {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return ""
	}
	for _, dir := range unitDirs {
		if _, err := os.Stat(dir + "/" + scrubUnit + ".service"); err != nil {
			continue
		}
		for _, mount := range m.Mounts {
			if mount.HiddenBy == 0 {
				return scrubUnit + escapePath(mount.Point) + ".service"
			}
		}
	}
	return ""
}

// escapePath writes a path as the instance of a unit (systemd-escape --path).
func escapePath(path string) string {
	path = strings.Trim(path, "/")
	if path == "" {
		return "-"
	}
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		switch {
		case c == '/':
			if path[i-1] != '/' {
				b.WriteByte('-')
			}
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == ':', c == '_', c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String()
}

// startUnit has systemd run the scrub.
func startUnit(c *console.Console, m btrfs.Mounted, unit string) error {
	out, err := exec.CommandContext(c.Context(), "systemctl", "start", "--no-ask-password", "--", unit).CombinedOutput()
	if err != nil {
		return &console.Hinted{
			Err:  fmt.Errorf("cannot start %s: %w: %s", unit, err, strings.TrimSpace(string(out))),
			Hint: "Run it here: sudo " + c.Path() + " --wait " + quote(c.Args[0]),
		}
	}
	// A unit whose conditions do not hold is skipped, and that is no failure.
	held, err := exec.CommandContext(c.Context(), "systemctl", "show", "--property=ConditionResult", "--value", "--", unit).Output()
	if err == nil && strings.TrimSpace(string(held)) == "no" {
		return &console.Hinted{
			Err:  fmt.Errorf("cannot start %s: its conditions do not hold; is the machine on battery?", unit),
			Hint: "Run it here all the same: sudo " + c.Path() + " --wait " + quote(c.Args[0]),
		}
	}
	return c.Answer(ScrubStarted{UUID: m.FSID.String(), Unit: unit}, func(w io.Writer) {
		fmt.Fprintf(w, "started as %s\n", ui.Plain(unit))
		fmt.Fprintf(w, "see how far it is: sudo anna storage btrfs scrub status %s\n", quote(c.Args[0]))
	})
}

// A scrubber runs a scrub in this process.
type scrubber struct {
	c       *console.Console
	v       *viewer
	fs      *btrfs.FS
	id      btrfs.UUID
	limit   uint64
	options btrfs.ScrubOptions

	mu      sync.Mutex
	history *scrub.History
	status  []btrfs.ScrubStatus
	totals  map[uint64]uint64
	said    bool
}

// How often a run is looked at, and written down: btrfs-progs do it every five
// seconds.
const (
	scrubTick  = 500 * time.Millisecond
	scrubWrite = 2 * time.Second
)

// run scrubs, and says what was done also when it is cancelled.
func (s *scrubber) run() (scrub.Run, error) {
	ctx := s.c.Context()
	devices, err := s.fs.Devices(ctx)
	if err != nil {
		return scrub.Run{}, err
	}
	s.totals, _ = s.fs.ScrubTotals(ctx) // without it there is no time left to show
	var ids []uint64
	started := time.Now().Truncate(time.Second) // as a status file has it
	readOnly := s.options.ReadOnly
	run := scrub.Run{
		Started: started, Exact: true, Outcome: scrub.Running, Source: scrub.FromRunner, ReadOnly: &readOnly,
		By: runner(), PID: os.Getpid(),
	}
	for _, d := range devices.List {
		if d.Absent {
			continue
		}
		ids = append(ids, d.ID)
		s.status = append(s.status, btrfs.ScrubStatus{Progress: btrfs.ScrubProgress{Device: d.ID}, Started: started})
		run.Devices = append(run.Devices, scrub.DeviceRun{ID: d.ID, Total: s.totals[d.ID], Outcome: scrub.Running})
	}
	if s.limit > 0 {
		restore, err := s.setLimits(ids)
		if err != nil {
			return scrub.Run{}, err
		}
		defer restore()
	} else {
		s.sayLimits(ids)
	}
	s.history = scrub.NewHistory([]scrub.Run{run})
	if err := btrfs.WriteScrubStatus("", s.id, s.status); err != nil {
		s.c.Say("%v; btrfs scrub status will not know of this scrub", err)
	}
	s.tell()
	stop := make(chan struct{})
	var follow sync.WaitGroup
	follow.Go(func() { s.follow(stop) })
	ends := s.fs.ScrubDevices(ctx, ids, s.options, s.ended)
	close(stop)
	follow.Wait()
	return s.finish(ends)
}

// runner names who runs this.
func runner() string {
	user := os.Getenv("SUDO_USER")
	if user == "" {
		user = "root"
	}
	return "anna, " + ui.Plain(user)
}

// sayLimits tells of limits that are set already: who was killed left his, and
// it holds until the file system is unmounted.
func (s *scrubber) sayLimits(ids []uint64) {
	for _, id := range ids {
		if limit, err := s.fs.ScrubLimit(id); err == nil && limit > 0 {
			s.c.Say("device %d is limited to %s a second by what ran before; to lift it: echo 0 | sudo tee /sys/fs/btrfs/%s/devinfo/%d/scrub_speed_max", id, size(limit), s.id, id)
		}
	}
}

// setLimits sets the speed of every device; what comes back sets it as it was.
func (s *scrubber) setLimits(ids []uint64) (restore func(), err error) {
	before := map[uint64]uint64{}
	restore = func() {
		for id, was := range before {
			if err := s.fs.SetScrubLimit(id, was); err != nil {
				s.c.Say("%v: it stays at %s a second", err, size(s.limit))
			}
		}
	}
	for _, id := range ids {
		was, err := s.fs.ScrubLimit(id)
		if err == nil {
			err = s.fs.SetScrubLimit(id, s.limit)
		}
		if err != nil {
			restore()
			return nil, err
		}
		before[id] = was
	}
	return restore, nil
}

// follow watches the run until it is stopped.
func (s *scrubber) follow(stop <-chan struct{}) {
	tick := time.NewTicker(scrubTick)
	defer tick.Stop()
	written := time.Now()
	for {
		select {
		case <-stop:
			if s.said {
				fmt.Fprint(s.c.Err, "\r\033[K")
			}
			return
		case now := <-tick.C:
			s.look(now)
			if now.Sub(written) >= scrubWrite {
				written = now
				s.write()
			}
		}
	}
}

// look reads how far it is.
func (s *scrubber) look(now time.Time) {
	sight := scrub.Sight{Now: now, Live: true, Totals: s.totals}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.status {
		st := &s.status[i]
		if st.Finished || st.Canceled {
			continue
		}
		p, err := s.fs.ScrubProgress(st.Progress.Device)
		if err != nil || p == nil {
			continue
		}
		st.Progress, st.Duration = *p, now.Sub(st.Started)
		sight.Progress = append(sight.Progress, *p)
	}
	if len(sight.Progress) == 0 {
		return
	}
	s.history.Take(sight)
	if r := s.history.Current(); r != nil && s.c.ErrIsTerminal() && !s.c.JSON {
		s.said = true
		fmt.Fprintf(s.c.Err, "\r\033[K%s", progressText(*r))
	}
}

func (s *scrubber) write() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = btrfs.WriteScrubStatus("", s.id, s.status) // the first write said why not
}

// ended notes the end of one device.
func (s *scrubber) ended(e btrfs.ScrubEnd) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.status {
		if st := &s.status[i]; st.Progress.Device == e.Progress.Device {
			st.Progress, st.Duration = e.Progress, time.Since(st.Started)
			outcome := outcomeOf(e)
			st.Canceled, st.Finished = outcome == scrub.Cancelled, outcome == scrub.Finished || outcome == scrub.Cancelled
		}
	}
}

func outcomeOf(e btrfs.ScrubEnd) string {
	switch {
	case e.Err == nil:
		return scrub.Finished
	case errors.Is(e.Err, context.Canceled), errors.Is(e.Err, unix.ECANCELED):
		return scrub.Cancelled
	case errors.Is(e.Err, unix.EINTR):
		return scrub.Interrupted
	}
	return scrub.Failed
}

// finish puts the ends of all devices together.
func (s *scrubber) finish(ends []btrfs.ScrubEnd) (scrub.Run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	// The last errors may have been counted after the last look.
	sight := scrub.Sight{Now: now, Live: true, Totals: s.totals}
	for _, e := range ends {
		sight.Progress = append(sight.Progress, e.Progress)
	}
	s.history.Take(sight)
	r := s.history.Current()
	if r == nil {
		return scrub.Run{}, errors.New("cannot follow the scrub: it was lost sight of")
	}
	r.Outcome, r.Ended, r.PID = scrub.Finished, now, 0
	r.Seconds = now.Sub(r.Started).Seconds()
	var failed []error
	for i, e := range ends {
		outcome := outcomeOf(e)
		r.Devices[i].Outcome = outcome
		r.Outcome = scrub.Worse(r.Outcome, outcome)
		if outcome == scrub.Failed {
			failed = append(failed, e.Err)
		}
	}
	if r.Outcome == scrub.Finished && !r.Whole() {
		r.Outcome = scrub.Interrupted
		r.Detail = "the kernel says that it came to the end, and it read too little for that"
		for i := range s.status {
			s.status[i].Finished = false
		}
	}
	if err := errors.Join(failed...); err != nil {
		r.Detail = err.Error()
		r.Detail = r.Detail[:min(len(r.Detail), 200)]
	}
	_ = btrfs.WriteScrubStatus("", s.id, s.status)
	s.tell()
	if r.Outcome == scrub.Failed {
		return *r, errors.Join(failed...)
	}
	return *r, nil
}

// tell has a daemon remember the run, where there is one.
func (s *scrubber) tell() {
	_ = s.c.CallLast(methodRecord, RecordParams{UUID: s.id.String(), Run: s.history.Runs[0]}, nil)
}

func runScrubCancel(c *console.Console) error {
	v, m, fs, err := oneForRoot(c, "cancel the scrub of")
	if err != nil {
		return err
	}
	defer fs.Close()
	if !isLive(scrub.LookAt(c.Context(), fs, "", map[uint64]uint64{})) {
		return c.Answer(ScrubResult{UUID: m.FSID.String()}, func(w io.Writer) { fmt.Fprintln(w, "no scrub runs, nothing to cancel") })
	}
	view, _ := newScrubLook(v).at(m)
	if err := fs.CancelScrub(); err != nil {
		return err
	}
	run := view.Running
	if run != nil {
		endCancelled(run, time.Now())
	}
	return c.Answer(ScrubResult{UUID: m.FSID.String(), Run: run}, func(w io.Writer) {
		if run == nil {
			fmt.Fprintln(w, "cancelled")
			return
		}
		printRun(w, *run, true)
	})
}

// endCancelled notes that a run was cancelled, on the devices that it was not
// done with.
func endCancelled(r *scrub.Run, at time.Time) {
	r.Outcome, r.Ended, r.PID = scrub.Cancelled, at, 0
	if !r.Started.IsZero() {
		r.Seconds = max(0, at.Sub(r.Started).Seconds())
	}
	for i := range r.Devices {
		if r.Devices[i].Outcome == scrub.Running {
			r.Devices[i].Outcome = scrub.Cancelled
		}
	}
}
