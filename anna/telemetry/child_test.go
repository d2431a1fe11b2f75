package telemetry

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"
)

// child runs in a process of its own: it writes events for ever and says on
// stdout which are committed. It is there to be killed.
func child(dir string) {
	ctx := context.Background()
	s, err := Open(ctx, dir, Options{CommitEvery: time.Millisecond, Now: then})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	last, err := lastSeq(ctx, s)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println("open", last, s.Stats().InMemory)
	go func() {
		for { // a collection stops everything for a moment, and has to wait for who cannot be stopped
			time.Sleep(20 * time.Millisecond)
			runtime.GC()
			fmt.Println("alive")
		}
	}()
	for seq := last + 1; ; seq++ {
		s.AddEvents(event(seq, "storage"))
		s.Observe(then().Add(time.Duration(seq)*time.Second), Point{"load1", float64(seq)})
		s.SaveState("last", fmt.Appendf(nil, "%d", seq))
		if seq%3 == 0 {
			if err := s.Flush(ctx); err != nil {
				fmt.Println("error", err)
				return
			}
			fmt.Println("committed", seq)
		}
	}
}

type childProcess struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func startChild(t testing.TB, dir string) *childProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ANNA_TELEMETRY_CHILD="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &childProcess{cmd: cmd, lines: bufio.NewScanner(out)}
	t.Cleanup(c.kill)
	if !c.lines.Scan() {
		t.Fatal("the other process says nothing")
	}
	return c
}

// kill ends the child and reads what it still had to say: the last sequence
// number that it saw committed.
func (c *childProcess) kill() { c.cmd.Process.Kill(); c.last() }

func (c *childProcess) last() (last uint64) {
	for c.lines.Scan() {
		fmt.Sscanf(c.lines.Text(), "committed %d", &last)
	}
	c.cmd.Wait()
	return last
}
