package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// btrfsEvery is how often file systems are measured. Space goes slowly, and each
// look opens a mount for a moment, during which it cannot be unmounted.
const btrfsEvery = time.Minute

// btrfsModule looks at the mounted Btrfs file systems from time to time: what
// the daemon can see of them is its capability report, what it measures goes to
// the store. Reports are given out from memory, so that a disk that hangs holds
// up nobody who asks.
type btrfsModule struct {
	roots btrfs.Roots
	// machine is the mount table of the machine, where that can be another one
	// than the daemon's own, which a sandbox may have emptied.
	machine string
	now     func() time.Time
	rhythm  rhythm
	kick    chan struct{} // to look now

	mu   sync.Mutex
	last capability.Report

	seen    atomic.Pointer[btrfsLook] // of the last look, for the facts
	counted map[string]*btrfsCounted  // by file system
}

// newBtrfsModule makes the module of the live machine.
func newBtrfsModule(v view) *btrfsModule {
	return &btrfsModule{machine: v.mountInfo(), now: time.Now, kick: make(chan struct{}, 1), last: capability.Report{
		Module: "btrfs", Summary: btrfsSummary, State: capability.Degraded, Why: starting, Since: time.Now(),
	}}
}

// looked says whether the first look is over.
func (b *btrfsModule) looked() bool { return b.report().Why != starting }

const btrfsSummary = "measures the space of Btrfs file systems"

// run measures at once and then every btrfsEvery, until the context ends.
func (b *btrfsModule) run(ctx context.Context, observe func(time.Time, ...telemetry.Point)) {
	tick := b.rhythm.start(btrfsEvery)
	defer tick.stop()
	for {
		if points := b.look(ctx); len(points) > 0 {
			observe(b.now(), points...)
		}
		select {
		case <-ctx.Done():
			return
		case <-b.kick:
		case <-tick.C:
			tick.turned()
		}
	}
}

// report is what the last look found.
func (b *btrfsModule) report() capability.Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// look measures every file system once.
func (b *btrfsModule) look(ctx context.Context) []telemetry.Point {
	var s btrfsSight
	mounted, err := btrfs.List(ctx, b.roots)
	look := &btrfsLook{at: b.now()}
	if err != nil {
		s.failed = err
		look.why = err.Error()
	}
	var p []telemetry.Point
	for _, m := range mounted {
		if ctx.Err() != nil {
			return nil
		}
		s.seen++
		fs, err := m.Open(b.roots)
		if err != nil {
			s.closed = append(s.closed, m.Mounts[0].Point)
			look.list = append(look.list, btrfsSeen{path: m.Mounts[0].Point, label: m.Label, system: holdsRoot(m), closed: err.Error()})
			continue
		}
		space := b.measure(ctx, fs, &p, &s)
		look.list = append(look.list, b.regard(ctx, m, fs, space))
		fs.Close()
	}
	b.seen.Store(look)
	s.outside = b.outside(mounted)
	b.settle(s)
	return p
}

// A btrfsSight is what one look saw.
type btrfsSight struct {
	seen    int      // file systems
	closed  []string // of them, those that cannot be opened: a mount point each
	outside int      // file systems of the machine that the daemon does not see
	bare    bool     // what takes CAP_SYS_ADMIN was refused
	failed  error
	broken  []string // file systems that did not answer
}

// BtrfsSeries is the series of a figure of the file system with a UUID: "used",
// "allocated", "unallocated", "free" (of data) or "metadata_headroom".
func BtrfsSeries(figure, uuid string) string { return "btrfs_" + figure + "_bytes{" + uuid + "}" }

// measure asks a file system for its figures. One that is unknown is left out.
func (b *btrfsModule) measure(ctx context.Context, fs *btrfs.FS, p *[]telemetry.Point, s *btrfsSight) *btrfs.Space {
	id := fs.FSID.String()
	space, err := fs.Space(ctx)
	if err != nil {
		s.broken = append(s.broken, id)
		return nil
	}
	for _, lack := range space.Missing {
		s.bare = s.bare || errors.Is(lack.Err, unix.EPERM)
	}
	used := uint64(0)
	for _, t := range space.Types {
		used += t.Used
	}
	add := func(figure string, v float64) {
		*p = append(*p, telemetry.Point{Series: BtrfsSeries(figure, id), Value: v})
	}
	add("used", float64(used))
	add("allocated", float64(space.Allocated))
	if len(space.Rooms) == 0 && space.DeviceSize == 0 { // no writable device answered
		return space
	}
	add("unallocated", float64(space.Unallocated))
	if d := space.Type(btrfs.Data); d != nil {
		add("free", float64(d.Free()))
	}
	if space.Type(btrfs.Metadata) != nil {
		add("metadata_headroom", float64(space.Headroom.Bytes))
	}
	return space
}

// outside counts the file systems that the machine has mounted and the daemon
// has not.
func (b *btrfsModule) outside(mounted []btrfs.Mounted) int {
	if b.machine == "" {
		return 0
	}
	mounts, _, err := btrfs.ReadMounts(b.machine)
	if err != nil {
		return 0 // its own table is all there is to go by
	}
	seen := map[string]bool{}
	for _, m := range mounted {
		seen[m.Dev] = true
	}
	count := 0
	for _, m := range mounts {
		if m.Type == "btrfs" && !seen[m.Dev] {
			seen[m.Dev] = true
			count++
		}
	}
	return count
}

// settle turns what was seen into the report. No Btrfs here is no trouble.
func (b *btrfsModule) settle(s btrfsSight) {
	r := capability.Report{Module: "btrfs", Summary: btrfsSummary}
	switch {
	case s.failed != nil:
		r.State, r.Why = capability.Failed, s.failed.Error()
		r.Do = triedAgain
	case s.seen+s.outside == 0:
		r.State, r.Why = capability.Disabled, "no Btrfs file system is mounted"
	case s.outside > 0 || len(s.closed) > 0:
		hidden := s.outside + len(s.closed)
		r.State, r.Why = capability.Degraded, fmt.Sprintf("%d of %d file systems are hidden by the sandbox", hidden, s.seen+s.outside)
		if len(s.closed) > 0 {
			r.Why += ": " + strings.Join(s.closed, ", ")
		}
		r.AsInstalled = true
		r.Do = "sudo anna storage btrfs shows them; or loosen ProtectHome and ProtectSystem of the unit: systemctl edit annad"
	case len(s.broken) > 0:
		r.State, r.Why = capability.Degraded, "no answer from file system "+strings.Join(s.broken, ", ")
		r.Do = "see the kernel's log: sudo journalctl -k -g BTRFS -n 20"
	case s.bare:
		r.State, r.Why = capability.Degraded, "without CAP_SYS_ADMIN: no block groups, no progress of scrub and balance, no whole tree"
		r.AsInstalled = true
		r.Do = "sudo anna storage btrfs shows all of it; or give the daemon the right: the drop-in annad.service.d/btrfs.conf"
	default:
		r.State = capability.Active
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	r.Since = b.last.Since
	if r.State != b.last.State || r.Why != b.last.Why {
		r.Since = b.now()
	}
	b.last = r
}
