package anna_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
)

// A scrubbing is a file system with a daemon that knows of its scrubs.
type scrubbing struct {
	t      *testing.T
	daemon *annatest.Process
	disk   *annatest.Disk
	id     btrfs.UUID
}

func newScrubbing(t *testing.T, daemon *annatest.Process, sizes []int64, args ...string) *scrubbing {
	t.Helper()
	s := &scrubbing{t: t, daemon: daemon, disk: annatest.NewDisk(t, sizes, args...)}
	f, err := btrfs.Open(s.disk.Dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	s.id = f.FSID
	f.Close()
	t.Cleanup(func() { os.Remove(btrfs.ScrubStatusPath("", s.id)) })
	return s
}

// command is anna on the daemon's socket.
func (s *scrubbing) command(words ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	s.t.Cleanup(cancel)
	c := exec.CommandContext(ctx, filepath.Join(annatest.Build(s.t), "anna"), append([]string{"storage", "btrfs", "scrub"}, words...)...)
	c.Env = append(os.Environ(), "ANNA_SOCKET="+s.daemon.Socket, "SUDO_USER=")
	return c
}

// anna runs a command and reads its answer.
func (s *scrubbing) anna(into any, wantExit int, words ...string) {
	s.t.Helper()
	c := s.command(append(words, s.disk.Dir, "--json")...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	if got := c.ProcessState.ExitCode(); got != wantExit {
		s.t.Fatalf("%v: status %d, want %d\n%s%s", words, got, wantExit, out.String(), errs.String())
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		s.t.Fatalf("%v in %s", err, out.String())
	}
}

type scrubViews struct {
	Filesystems []struct {
		Running *scrub.Run
		Last    *scrub.Run
		Runs    []scrub.Run
		Level   string
	}
}

// runs is the history, the oldest first.
func (s *scrubbing) runs() []scrub.Run {
	s.t.Helper()
	var v scrubViews
	s.anna(&v, 0, "history")
	runs := v.Filesystems[0].Runs
	slices.Reverse(runs)
	return runs
}

// outcomes waits until the history has the outcomes.
func (s *scrubbing) outcomes(want ...string) []scrub.Run {
	s.t.Helper()
	var runs []scrub.Run
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		runs = s.runs()
		var got []string
		for _, r := range runs {
			got = append(got, r.Outcome)
		}
		if slices.Equal(got, want) {
			return runs
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("outcomes %v, want %v: %+v", got, want, runs)
		}
	}
}

// second waits until another second has begun: a status file knows no less.
func second() { time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1010 * time.Millisecond))) }

// spoil changes bytes at a physical address of one of the disk's devices.
func (s *scrubbing) spoil(loop int, at uint64) {
	s.t.Helper()
	f, err := os.OpenFile(s.disk.Loops[loop].File, os.O_RDWR, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 32)
	if _, err := f.ReadAt(b, int64(at)); err != nil {
		s.t.Fatal(err)
	}
	for i := range b {
		b[i] ^= 0x5a
	}
	if _, err := f.WriteAt(b, int64(at)); err != nil {
		s.t.Fatal(err)
	}
}

// places are where the extents of a type lie, in their last copy,
// which is not the one that reading repairs.
func (s *scrubbing) places(kind btrfs.Profile) (out []btrfs.Stripe) {
	s.t.Helper()
	f, err := btrfs.Open(s.disk.Dir, btrfs.Roots{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	groups, err := f.BlockGroups(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, g := range groups.List {
		if g.Profile&kind == 0 || g.Used == 0 {
			continue
		}
		l, err := f.Layout(s.t.Context(), g)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, e := range l.Extents {
			last := g.Stripes[len(g.Stripes)-1]
			out = append(out, btrfs.Stripe{Device: last.Device, Offset: last.Offset + e.Start - g.Start})
		}
	}
	if len(out) == 0 {
		s.t.Fatal("nothing is in use")
	}
	return out
}

// TestScrubs runs scrubs for real, by anna and by btrfs-progs, to the end and
// not, on file systems that are clean and that are not.
func TestScrubs(t *testing.T) {
	if testing.Short() {
		t.Skip("real scrubs take their time: run it without -short")
	}
	annatest.Require(t, annatest.Btrfs)
	t.Parallel()
	daemon := annatest.Daemon(t, "")
	t.Run("the same history whoever runs it", func(t *testing.T) {
		s := newScrubbing(t, daemon, []int64{400 << 20, 400 << 20}, "-d", "raid1", "-m", "raid1")
		annatest.WriteFile(t, s.disk.Dir, "file", 30<<20)
		second()
		var r struct{ Run scrub.Run }
		s.anna(&r, 0, "start", "--wait")
		if r.Run.Outcome != scrub.Finished || r.Run.Bytes == 0 || r.Run.Bytes != r.Run.Total || r.Run.By != "anna, root" {
			t.Errorf("%+v", r.Run)
		}
		said := annatest.Run(t, "btrfs", "scrub", "status", s.disk.Dir)
		if !strings.Contains(said, "Status:           finished") || !strings.Contains(said, "no errors found") {
			t.Errorf("btrfs-progs say:\n%s", said)
		}
		second()
		annatest.Run(t, "btrfs", "scrub", "start", "-B", s.disk.Dir)
		runs := s.outcomes(scrub.Finished, scrub.Finished)
		ours, theirs := runs[0], runs[1]
		if ours.Bytes != theirs.Bytes || len(ours.Devices) != 2 || len(theirs.Devices) != 2 || ours.Errors != theirs.Errors || !theirs.Exact {
			t.Errorf("ours %+v\ntheirs %+v", ours, theirs)
		}
		// The daemon knows both by itself, whatever the file says next.
		if err := os.Remove(btrfs.ScrubStatusPath("", s.id)); err != nil {
			t.Fatal(err)
		}
		daemon.Signal(syscall.SIGTERM)
		daemon.Wait()
		daemon.Start()
		if runs := s.outcomes(scrub.Finished, scrub.Finished); runs[1].Bytes != theirs.Bytes || runs[0].By != "anna, root" {
			t.Errorf("after a restart %+v", runs)
		}
	})
	t.Run("one device is not the file system", func(t *testing.T) {
		s := newScrubbing(t, daemon, []int64{400 << 20, 400 << 20}, "-d", "raid1", "-m", "raid1")
		second()
		annatest.Run(t, "btrfs", "scrub", "start", "-B", s.disk.Dir)
		second()
		annatest.Run(t, "btrfs", "scrub", "start", "-B", s.disk.Loops[1].Path)
		runs := s.outcomes(scrub.Finished, scrub.Finished)
		if runs[0].Partial() || !runs[1].Partial() || runs[1].Of != 2 || runs[1].Devices[0].ID != 2 {
			t.Errorf("%+v", runs)
		}
	})
	for _, tt := range []struct {
		name, data, metadata string
		devices              int
		kind                 btrfs.Profile
	}{
		{"metadata dup", "single", "dup", 1, btrfs.Metadata},
		{"data raid1", "raid1", "raid1", 2, btrfs.Data},
	} {
		t.Run(tt.name+" is repaired", func(t *testing.T) {
			s := newScrubbing(t, daemon, slices.Repeat([]int64{400 << 20}, tt.devices), "-d", tt.data, "-m", tt.metadata)
			annatest.WriteFile(t, s.disk.Dir, "file", 4<<20)
			places := s.places(tt.kind)
			s.disk.Unmount(t)
			for _, at := range places {
				s.spoil(int(at.Device)-1, at.Offset+100)
			}
			s.disk.Dir = s.disk.Mount(t, "")
			var r struct{ Run scrub.Run }
			s.anna(&r, 3, "start", "--wait", "--readonly")
			if e := r.Run.Errors; e.Found() == 0 || r.Run.Outcome != scrub.Finished || !*r.Run.ReadOnly {
				t.Errorf("read-only: %+v", r.Run)
			}
			s.anna(&r, 3, "start", "--wait")
			if e := r.Run.Errors; e.Corrected == 0 || e.Uncorrectable != 0 {
				t.Errorf("repaired: %+v", r.Run)
			}
			second()
			s.anna(&r, 0, "start", "--wait")
			if r.Run.Errors != (scrub.Errors{}) {
				t.Errorf("after the repair: %+v", r.Run)
			}
		})
	}
	t.Run("damage is what reading finds", func(t *testing.T) { testDamage(t, daemon) })
}

func testDamage(t *testing.T, daemon *annatest.Process) {
	s := newScrubbing(t, daemon, []int64{1 << 30}, "-d", "single", "-m", "dup")
	in := func(name string) string { return filepath.Join(s.disk.Dir, name) }
	annatest.Run(t, "btrfs", "subvolume", "create", in("@"))
	annatest.WriteFile(t, in("@"), "first", 1<<20)
	annatest.Run(t, "btrfs", "subvolume", "snapshot", "-r", in("@"), in("old"))
	annatest.WriteFile(t, in("@"), "second", 1<<20)
	// The same file with other content, of which "old" has what was before.
	annatest.WriteFile(t, in("@"), "first", 1<<20+5)
	annatest.Run(t, "btrfs", "subvolume", "snapshot", "-r", in("@"), in("new"))
	f, err := btrfs.Open(s.disk.Dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	physical := func(path string) uint64 {
		var tree uint64 = btrfs.FirstFree
		var st unix.Stat_t
		if err := unix.Stat(in(path), &st); err != nil {
			t.Fatal(err)
		}
		it, ok, err := f.NewScanner(btrfs.PointBuffer).Lookup(t.Context(), tree, btrfs.Key{Object: st.Ino, Type: btrfs.TypeExtentData})
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		e, err := btrfs.ParseFileExtent(it.Data)
		if err != nil {
			t.Fatal(err)
		}
		groups, err := f.BlockGroups(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range groups.List {
			if e.Address >= g.Start && e.Address < g.Start+g.Length {
				return g.Stripes[0].Offset + e.Address - g.Start
			}
		}
		t.Fatal("no block group")
		return 0
	}
	if err := f.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	places := []uint64{physical("@/first") + 8192, physical("@/second") + 4096}
	f.Close()
	s.disk.Unmount(t)
	for _, at := range places {
		s.spoil(0, at)
	}
	s.disk.Dir = s.disk.Mount(t, "subvolid=5")
	var r struct{ Run scrub.Run }
	s.anna(&r, 4, "start", "--wait")
	if r.Run.Errors.Uncorrectable == 0 || len(r.Run.Suspects) == 0 {
		t.Errorf("%+v", r.Run)
	}
	var v scrubViews
	s.anna(&v, 0, "status")
	if v.Filesystems[0].Level != "critical" || v.Filesystems[0].Last.Errors != r.Run.Errors {
		t.Errorf("status %+v", v)
	}
	var d struct {
		Whole bool
		Files []struct {
			Reach  string
			Copies []struct{ Reach string } `json:"good_copies"`
		}
	}
	s.anna(&d, 4, "damage")
	var got []string
	for _, file := range d.Files {
		got = append(got, strings.TrimPrefix(file.Reach, s.disk.Dir+"/"))
		first := filepath.Base(file.Reach) == "first"
		if first != (len(file.Copies) == 1) || first && file.Copies[0].Reach != in("old/first") {
			t.Errorf("copies of %s: %+v", file.Reach, file.Copies)
		}
	}
	slices.Sort(got)
	s.disk.Unmount(t)
	s.disk.Dir = s.disk.Mount(t, "subvolid=5")
	var want []string
	err = filepath.WalkDir(s.disk.Dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if _, failed := os.ReadFile(path); errors.Is(failed, unix.EIO) {
				want = append(want, strings.TrimPrefix(path, s.disk.Dir+"/"))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) || len(want) != 4 || d.Whole {
		t.Errorf("damaged %v, reading finds %v (whole: %v)", got, want, d.Whole)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		out, err := exec.Command(filepath.Join(annatest.Build(t), "anna"), "--socket", daemon.Socket, "doctor", "check", "scrub", "--json").Output()
		if strings.Contains(string(out), fmt.Sprintf("%s: the last scrub found", s.id)) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("doctor: %v\n%s", err, out)
		}
	}
}

// TestScrubEnds ends scrubs in every way but their own, and the daemon beside
// them.
func TestScrubEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("real scrubs take their time: run it without -short")
	}
	annatest.Require(t, annatest.Btrfs)
	t.Parallel()
	daemon := annatest.Daemon(t, "")
	s := newScrubbing(t, daemon, []int64{600 << 20}, "-d", "single", "-m", "dup")
	annatest.WriteFile(t, s.disk.Dir, "file", 150<<20)
	start := func(words ...string) *exec.Cmd {
		second()
		c := s.command(append([]string{"start", s.disk.Dir, "--wait", "--limit", "40MiB"}, words...)...)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			var v scrubViews
			s.anna(&v, 0, "status")
			if r := v.Filesystems[0].Running; r != nil && r.Bytes > 0 {
				return c
			}
			if time.Now().After(deadline) {
				t.Fatal("no scrub runs")
			}
		}
	}
	c := start()
	c.Process.Signal(os.Interrupt)
	if c.Wait(); c.ProcessState.ExitCode() != 130 {
		t.Errorf("interrupted: %v", c.ProcessState)
	}
	runs := s.outcomes(scrub.Cancelled)
	if runs[0].Bytes == 0 || runs[0].Whole() || runs[0].By != "anna, root" {
		t.Errorf("%+v", runs[0])
	}
	if limit, err := os.ReadFile(fmt.Sprintf("/sys/fs/btrfs/%s/devinfo/1/scrub_speed_max", s.id)); err != nil || string(limit) != "0\n" {
		t.Errorf("the limit stays at %q, %v", limit, err)
	}
	if said := annatest.Run(t, "btrfs", "scrub", "status", s.disk.Dir); !strings.Contains(said, "aborted") {
		t.Errorf("btrfs-progs say:\n%s", said)
	}

	c = start()
	c.Process.Kill()
	c.Wait()
	s.outcomes(scrub.Cancelled, scrub.Interrupted)

	// The limit is still there: whoever set it was killed.
	c = start()
	daemon.Signal(syscall.SIGKILL)
	daemon.Wait()
	daemon.Start()
	if runs := s.runs(); len(runs) != 3 || runs[2].Outcome != scrub.Running || runs[2].By != "anna, root" {
		t.Errorf("while it runs and the daemon is another: %+v", runs)
	}
	var r struct{ Run scrub.Run }
	s.anna(&r, 0, "cancel")
	if r.Run.Outcome != scrub.Cancelled || r.Run.PID != 0 || r.Run.Devices[0].Outcome != scrub.Cancelled {
		t.Errorf("%+v", r.Run)
	}
	c.Wait()
	s.outcomes(scrub.Cancelled, scrub.Interrupted, scrub.Cancelled)

	second()
	progs := exec.Command("btrfs", "scrub", "start", "-B", s.disk.Dir)
	if err := progs.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(700 * time.Millisecond)
	progs.Process.Kill()
	progs.Wait()
	s.outcomes(scrub.Cancelled, scrub.Interrupted, scrub.Cancelled, scrub.Interrupted)

	// The limit that was left behind is told of.
	second()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		out, err := s.command("start", s.disk.Dir, "--wait").CombinedOutput()
		if strings.Contains(string(out), "device 1 is limited to 40.0 MiB a second by what ran before") && err == nil {
			break
		}
		if time.Now().After(deadline) || !strings.Contains(string(out), "a scrub runs already") {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	s.outcomes(scrub.Cancelled, scrub.Interrupted, scrub.Cancelled, scrub.Interrupted, scrub.Finished)
}
