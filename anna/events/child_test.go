package events

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// The kill test: this test binary runs itself as a child, in which producers
// fill an engine, and kills it again and again. Every producer notes in a file
// how many of its events were accepted and how many refused, after Observe
// said so; the handler notes what it was handed. In the end both must agree
// with each other and with the engine's own accounting.

const (
	childEnv  = "ANNA_EVENTS_CHILD"
	producers = 4
)

type childCounts [producers][2]uint64 // accepted, refused

func readCounts(t testing.TB, path string) (c childCounts) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := binary.Read(f, binary.LittleEndian, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// handedOver is one line of the handler's notes.
type handedOver struct {
	Number uint64            `json:"number"`
	By     map[string]uint64 `json:"by"` // events by source
}

// notingHandler appends what it is handed to a file before it returns.
func notingHandler(path string, stall func()) Handler {
	return HandlerFunc(func(_ context.Context, c Composite) error {
		stall()
		note := handedOver{Number: c.Number, By: map[string]uint64{}}
		for _, cause := range c.Causes {
			note.By[cause.Source] += cause.Count
		}
		line, err := json.Marshal(note)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.Write(append(line, '\n'))
		return err
	})
}

func killSettings() Settings {
	s := fast()
	s.QueueLimit = 512
	return s
}

// childMain is the child. It never returns in one.
func childMain() {
	dir := os.Getenv(childEnv)
	if dir == "" {
		return
	}
	var stalled atomic.Bool
	stalled.Store(true)
	e, err := New(Options{
		Dir: filepath.Join(dir, "spool"), Settings: killSettings(),
		Handler: notingHandler(filepath.Join(dir, "handed"), func() {
			for stalled.Load() {
				time.Sleep(time.Millisecond)
			}
		}),
	})
	if err != nil {
		panic(err)
	}
	if st := e.Status(); st.Spool.State != SpoolOK || !st.Closes() {
		panic(fmt.Sprintf("%+v", st))
	}
	counts, err := os.OpenFile(filepath.Join(dir, "counts"), os.O_RDWR, 0)
	if err != nil {
		panic(err)
	}
	var c childCounts
	if err := binary.Read(counts, binary.LittleEndian, &c); err != nil {
		panic(err)
	}
	most, _ := strconv.ParseUint(os.Getenv(childEnv+"_MOST"), 10, 64)
	go func() { _ = e.Run(context.Background()) }()
	time.AfterFunc(time.Duration(rand.IntN(60))*time.Millisecond, func() { stalled.Store(false) })
	for p := range producers {
		go func() {
			for {
				i := c[p][0] + c[p][1]
				if i >= most {
					return
				}
				if i%10 == 0 { // slower, to be killed more often in the middle
					time.Sleep(time.Millisecond)
				}
				ev := Event{
					Domain: domains[(p+int(i))%domainCount], Kind: "changed",
					Subject: strconv.FormatUint(i%400, 10), Source: strconv.Itoa(p),
				}
				if _, err := e.Observe(ev); err == nil {
					c[p][0]++
				} else if errors.Is(err, ErrFull) {
					c[p][1]++
				} else {
					panic(err)
				}
				var b [16]byte
				binary.LittleEndian.PutUint64(b[:], c[p][0])
				binary.LittleEndian.PutUint64(b[8:], c[p][1])
				if _, err := counts.WriteAt(b[:], int64(p)*16); err != nil {
					panic(err)
				}
			}
		}()
	}
	select {}
}

func TestKilledAgainAndAgain(t *testing.T) {
	total := uint64(100_000)
	if testing.Short() {
		total = 20_000
	}
	dir := t.TempDir()
	countsFile, notes := filepath.Join(dir, "counts"), filepath.Join(dir, "handed")
	must(t, os.Mkdir(filepath.Join(dir, "spool"), 0o700))
	must(t, os.WriteFile(countsFile, make([]byte, producers*16), 0o600))
	kills, before := 0, uint64(0)
	for began := time.Now(); before < total && kills < 1000; kills++ {
		child := exec.Command(os.Args[0], "-test.run=^$")
		child.Env = append(os.Environ(), childEnv+"="+dir, fmt.Sprintf("%s_MOST=%d", childEnv, total/producers))
		child.Stderr = os.Stderr
		must(t, child.Start())
		alive := 40*time.Millisecond + time.Duration(rand.IntN(80))*time.Millisecond
		if time.Since(began) > 8*time.Second { // on a busy machine the children hardly begin
			alive *= 10
		}
		time.Sleep(alive)
		must(t, child.Process.Kill())
		if err := child.Wait(); err == nil || child.ProcessState.ExitCode() != -1 {
			t.Fatalf("the child ended by itself: %v", err)
		}
		before = 0
		for _, c := range readCounts(t, countsFile) {
			before += c[0] + c[1]
		}
	}

	e := newEngine(t, Options{Dir: filepath.Join(dir, "spool"), Settings: killSettings(), Handler: notingHandler(notes, func() {})})
	recovered := e.Status()
	stop := run(t, e)
	eventually(t, func() error {
		if a := e.Accounting(); a.Pending > 0 || !a.Closes() {
			return fmt.Errorf("%+v", a)
		}
		return nil
	})
	stop()
	a := e.Accounting()
	t.Logf("%d kills, %d of %d events noted; recovered %+v; at the end %+v", kills, before, total, recovered.Accounting, a)

	// Each producer may have been killed, every time, between the acceptance
	// and its note of it: that much more may be counted, never less.
	slack := uint64(kills)
	handed := map[string]uint64{}
	numbers := map[uint64]bool{}
	f, err := os.Open(notes)
	must(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var n handedOver
		must(t, json.Unmarshal(lines.Bytes(), &n))
		if numbers[n.Number] {
			continue // handed over again after a kill, under the same number
		}
		numbers[n.Number] = true
		for source, count := range n.By {
			handed[source] += count
		}
	}
	var accepted, refusals, sum uint64
	for p, c := range readCounts(t, countsFile) {
		got := handed[strconv.Itoa(p)]
		if got < c[0] || got > c[0]+slack {
			t.Errorf("producer %d: %d accepted, %d handed over", p, c[0], got)
		}
		accepted, refusals, sum = accepted+c[0], refusals+c[1], sum+got
	}
	if sum != a.Processed+a.Merged {
		t.Errorf("%d events handed over, %d counted", sum, a.Processed+a.Merged)
	}
	if a.Dropped < refusals || a.Dropped > refusals+slack*producers {
		t.Errorf("%d refused, %d counted as dropped", refusals, a.Dropped)
	}
	if uint64(len(numbers)) != a.Processed || e.Status().LastNumber != a.Processed {
		t.Errorf("%d numbers, %d processed", len(numbers), a.Processed)
	}
	if e.Status().LastSeq != a.Observed-a.Dropped || e.Status().LostToDamage != 0 {
		t.Errorf("last seq %d of %d accepted", e.Status().LastSeq, a.Observed-a.Dropped)
	}
	if before < total || kills < 2 || refusals == 0 {
		t.Errorf("%d kills and %d refusals prove nothing", kills, refusals)
	}
}
