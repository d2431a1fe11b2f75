package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// A lazyReader takes what is written when it is allowed to.
type lazyReader struct {
	may chan int // so many writes
	got bytes.Buffer
	err error
}

func (l *lazyReader) Write(b []byte) (int, error) {
	if _, ok := <-l.may; !ok && l.err != nil {
		return 0, l.err
	}
	return l.got.Write(b)
}

// TestSpool writes pieces of any size for a reader who takes some of them now and
// then: all of it arrives, in order.
func TestSpool(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 6 {
		l := &lazyReader{may: make(chan int)}
		s := newSpool(l, 100)
		var want bytes.Buffer
		for i := range 400 {
			piece := fmt.Appendf(nil, "%d%s,", i, strings.Repeat("x", r.IntN(60)))
			want.Write(piece)
			if _, err := s.Write(piece); err != nil {
				t.Fatal(err)
			}
			select {
			case l.may <- 1:
			default:
			}
			if r.IntN(50) == 0 { // the reader wakes up
				for range r.IntN(40) {
					select {
					case l.may <- 1:
					case <-time.After(time.Millisecond):
					}
				}
			}
		}
		if s.file == nil {
			t.Error("it needed no file")
		}
		close(l.may)
		if err := s.close(t.Context()); err != nil || !bytes.Equal(l.got.Bytes(), want.Bytes()) {
			t.Fatalf("%v, %d of %d bytes", err, l.got.Len(), want.Len())
		}
	}
}

// TestSpoolEnds has the reader leave, the place for files be missing, and the
// command be interrupted.
func TestSpoolEnds(t *testing.T) {
	gone := errors.New("gone")
	l := &lazyReader{may: make(chan int), err: gone}
	s := newSpool(l, 10)
	if _, err := s.Write([]byte("first")); err != nil {
		t.Fatal(err)
	}
	close(l.may)
	for range 1000 {
		if _, err := s.Write([]byte("more")); err != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := s.close(t.Context()); !errors.Is(err, gone) {
		t.Errorf("the reader left: %v", err)
	}

	t.Setenv("TMPDIR", "/nonexistent")
	l = &lazyReader{may: make(chan int)}
	s = newSpool(l, 10)
	go func() {
		for range 200 {
			l.may <- 1
		}
		close(l.may)
	}()
	want := ""
	for i := range 100 {
		want += fmt.Sprint(i, ",")
		if _, err := s.Write(fmt.Append(nil, i, ",")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.close(t.Context()); err != nil || l.got.String() != want {
		t.Errorf("without a place: %v, %q", err, l.got.String())
	}

	ctx, cancel := context.WithCancel(t.Context())
	s = newSpool(&lazyReader{may: make(chan int)}, 10)
	if _, err := s.Write([]byte("nobody reads this")); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := s.close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// stall is longer than the daemon waits for whoever does not read.
const stall = 6 * time.Second

// TestDiffStalls has the reader of a command stall for longer than the daemon
// waits for a client: it gets all of it, in bounded memory, and Ctrl-C still ends
// what nobody reads.
func TestDiffStalls(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	const files = 8000
	dir := manyFiles(t, files)
	socket, _ := serve(t, nobody)
	stream, lines := diffBy(t, socket, dir, "--json", "--stream")
	object, whole := diffBy(t, socket, dir, "--json")
	ends(t, "nobody reads")
	time.Sleep(stall)
	peak := peakOf(fmt.Sprint(stream.Process.Pid))
	var summary struct{ Summary DiffSummary }
	for count := 0; ; count++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			if count != files+1 {
				t.Errorf("%d lines of %d", count, files+1)
			}
			break
		}
		if err == nil && count == files {
			err = json.Unmarshal(line, &summary)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.Wait(); err != nil || summary.Summary.Added != files {
		t.Errorf("%v, %+v", err, summary)
	}
	if peak > 40<<10 && !raceEnabled {
		t.Errorf("it took %d KiB", peak)
	}
	var got diffObject
	err := json.NewDecoder(whole).Decode(&got)
	if err = errors.Join(err, object.Wait()); err != nil || len(got.Changes) != files || !got.Complete {
		t.Errorf("one object: %v, %d changes", err, len(got.Changes))
	}

	c, _ := diffBy(t, socket, dir, "--json", "--stream")
	ends(t, "nobody reads")
	c.Process.Signal(unix.SIGINT)
	defer time.AfterFunc(20*time.Second, func() { c.Process.Kill() }).Stop()
	c.Wait()
	if status := c.ProcessState.ExitCode(); status != 130 {
		t.Errorf("Ctrl-C while nobody reads: status %d", status)
	}
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "anna-diff-*"))
	if len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
