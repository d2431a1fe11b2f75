package events

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// filled leaves a spool with n events pending and returns its only file.
func filled(t *testing.T, dir string, n int) string {
	t.Helper()
	e := newEngine(t, Options{Dir: dir})
	for i := range n {
		mustObserve(t, e, ev(domains[i%domainCount], fmt.Sprint(i)))
	}
	e.Close()
	files, err := filepath.Glob(filepath.Join(dir, "events-*.spool"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	return files[0]
}

func TestSpoolContinues(t *testing.T) {
	dir := t.TempDir()
	file := filled(t, dir, 20)
	info, err := os.Stat(file)
	must(t, err)
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	r := &recorder{}
	e := newEngine(t, Options{Dir: dir, Settings: fast(), Handler: r})
	if st := e.Status(); st.Pending != 20 || st.LastSeq != 20 || st.Spool.State != SpoolOK {
		t.Fatalf("%+v", st)
	}
	if items, missed, err := e.Follow(11).Next(t.Context()); err != nil || missed != 0 || len(items) != 10 {
		t.Errorf("the history did not outlive the restart: %d items, missed %d, %v", len(items), missed, err)
	}
	mustObserve(t, e, ev(Config, "next"))
	if got := e.Recent(1)[0].Seq; got != 21 {
		t.Errorf("next seq %d", got)
	}
	run(t, e)()
	if a := e.Accounting(); a != (Accounting{Observed: 21, Processed: 6, Merged: 15}) {
		t.Errorf("%+v", a)
	}
	e.Close()
	e = newEngine(t, Options{Dir: dir})
	if st := e.Status(); st.Accounting != (Accounting{Observed: 21, Processed: 6, Merged: 15}) || st.LastNumber != 6 {
		t.Errorf("after one more start: %+v", st)
	}
}

func TestSpoolTornTail(t *testing.T) {
	whole := t.TempDir()
	data, err := os.ReadFile(filled(t, whole, 10))
	must(t, err)
	for _, left := range []int{1, 5, 9, 20} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, segmentName(1)), data[:len(data)-left], 0o600))
		e := newEngine(t, Options{Dir: dir})
		st := e.Status()
		if st.Pending != 9 || st.Spool.TornBytes == 0 || st.Spool.State != SpoolOK || !st.Closes() {
			t.Errorf("%d bytes short: %+v", left, st)
		}
		mustObserve(t, e, ev(Config, "again"))
		e.Close()
		e = newEngine(t, Options{Dir: dir})
		if st := e.Status(); st.Pending != 10 || st.LastSeq != 10 || st.Spool.TornBytes != 0 {
			t.Errorf("%d bytes short, next start: %+v", left, st)
		}
		e.Close()
	}
}

func TestSpoolDamageInTheMiddleIsCounted(t *testing.T) {
	dir := t.TempDir()
	file := filled(t, dir, 10)
	data, err := os.ReadFile(file)
	must(t, err)
	at := bytes.LastIndex(data, []byte("\x014\x04test")) // the subject of event 5
	if at < 0 {
		t.Fatal("event 5 not found in the spool")
	}
	data[at+1] ^= 0xff
	must(t, os.WriteFile(file, data, 0o600))
	e := newEngine(t, Options{Dir: dir})
	st := e.Status()
	if st.Observed != 10 || st.Pending != 9 || st.Dropped != 1 || st.LostToDamage != 1 || st.Spool.Damaged != 1 || st.LastSeq != 10 {
		t.Errorf("%+v", st)
	}
}

func TestSpoolSetAside(t *testing.T) {
	dir := t.TempDir()
	for i := range 5 {
		must(t, os.WriteFile(filepath.Join(dir, segmentName(uint64(i+1))), []byte("something else entirely"), 0o600))
		e := newEngine(t, Options{Dir: dir, After: 1000})
		mustObserve(t, e, ev(Config, "x"))
		st := e.Status()
		if st.Spool.SetAside == "" || st.LastSeq != 1001 || st.Spool.State != SpoolOK {
			t.Errorf("%+v", st)
		}
		e.Close()
		must(t, os.Remove(filepath.Join(dir, segmentName(e.spool.current.generation))))
	}
	aside, err := filepath.Glob(filepath.Join(dir, "*"+asideMark+"*"))
	if err != nil || len(aside) != asideMost {
		t.Errorf("%d spools set aside are kept: %v, %v", len(aside), aside, err)
	}
}

func TestSpoolAfterIsNoLoss(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir, 3)
	for range 2 {
		e := newEngine(t, Options{Dir: dir, After: 100})
		mustObserve(t, e, ev(Config, "x"))
		if st := e.Status(); st.Dropped != 0 || st.LastSeq < 101 || !st.Closes() {
			t.Errorf("%+v", st)
		}
		e.Close()
	}
}

func TestSpoolForeignAndLinks(t *testing.T) {
	dir := t.TempDir()
	first := newEngine(t, Options{Dir: dir})
	mustObserve(t, first, ev(Config, "x"))
	second := newEngine(t, Options{Dir: dir})
	mustObserve(t, second, ev(Config, "y"))
	if st := second.Status(); st.Spool.State != SpoolForeign || st.Pending != 1 {
		t.Errorf("%+v", st)
	}
	second.Close()
	first.Close()

	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(dir, link))
	e := newEngine(t, Options{Dir: link})
	if st := e.Status(); st.Spool.State != SpoolMemory || st.Spool.Reason == "" {
		t.Errorf("a linked directory: %+v", st.Spool)
	}

	// A segment that is a link is not followed, and what it leads to not touched.
	dir = t.TempDir()
	target := filepath.Join(t.TempDir(), "precious")
	write(t, target, "precious")
	must(t, os.Symlink(target, filepath.Join(dir, segmentName(1))))
	e = newEngine(t, Options{Dir: dir})
	mustObserve(t, e, ev(Config, "x"))
	if got, _ := os.ReadFile(target); string(got) != "precious" {
		t.Errorf("written through a link: %q", got)
	}
	if st := e.Status(); st.Spool.State != SpoolOK {
		t.Errorf("%+v", st.Spool)
	}
}

func TestSpoolStaysBounded(t *testing.T) {
	dir := t.TempDir()
	e := newEngine(t, Options{Dir: dir, Settings: fast()})
	x := ev(Config, strings.Repeat("x", 1000))
	for range 200 {
		batch := make([]Event, 100)
		for i := range batch {
			batch[i] = x
		}
		mustObserve(t, e, batch...) // 20 MB in all
	}
	var size int64
	files, err := os.ReadDir(dir)
	must(t, err)
	for _, f := range files {
		info, err := f.Info()
		must(t, err)
		size += info.Size()
	}
	// Two segments, and the buffer that outgrew one.
	if size > 2*(segmentBytes+segmentGrowth*(1<<20)) {
		t.Errorf("%d bytes in %d files", size, len(files))
	}
	if st := e.Status(); st.Pending != 20_000 || st.Causes != 1 || st.Spool.Bytes > 3*segmentBytes {
		t.Errorf("%+v", st)
	}
	e.Close()
	e = newEngine(t, Options{Dir: dir})
	if st := e.Status(); st.Pending != 20_000 || !st.Closes() {
		t.Errorf("%+v", st)
	}
}

// TestSpoolFullDisk fills a small file system: events go on in memory, and all
// of them are on the disk once there is room again.
func TestSpoolFullDisk(t *testing.T) {
	annatest.Require(t, annatest.Root)
	dir := t.TempDir()
	must(t, unix.Mount("anna-test", dir, "tmpfs", 0, "size=1m"))
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	e := newEngine(t, Options{Dir: dir})
	mustObserve(t, e, ev(Config, "x"))
	ballast := filepath.Join(dir, "ballast")
	_ = os.WriteFile(ballast, make([]byte, 2<<20), 0o600) // as much as fits
	for i := range 500 {
		mustObserve(t, e, ev(Config, strings.Repeat("y", 100)+fmt.Sprint(i)))
	}
	st := e.Status()
	if st.Spool.State != SpoolMemory || st.Pending != 501 || st.Spool.Failures == 0 || !st.Closes() {
		t.Fatalf("full disk: %+v", st)
	}
	must(t, os.Remove(ballast))
	e.spool.mu.Lock()
	e.spool.nextTry = time.Time{} // instead of waiting
	e.spool.mu.Unlock()
	mustObserve(t, e, ev(Config, "z"))
	if st := e.Status(); st.Spool.State != SpoolOK {
		t.Fatalf("room again: %+v", st)
	}
	e.Close()
	e = newEngine(t, Options{Dir: dir})
	if st := e.Status(); st.Pending != 502 || st.LastSeq != 502 {
		t.Errorf("%+v", st)
	}
	e.Close()
	must(t, unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	e = newEngine(t, Options{Dir: dir})
	mustObserve(t, e, ev(Config, "read-only"))
	if st := e.Status(); st.Pending != 503 || st.Spool.State != SpoolMemory || !strings.Contains(st.Spool.Reason, "read-only file system") {
		t.Errorf("read-only: %+v", st)
	}
	must(t, unix.Mount("", dir, "", unix.MS_REMOUNT, "size=1m"))
	stop := run(t, e) // tries again by itself, for something is pending
	eventually(t, func() error {
		if st := e.Status(); st.Spool.State != SpoolOK {
			return fmt.Errorf("writable again: %+v", st.Spool)
		}
		return nil
	})
	stop()
	e.Close()
}
