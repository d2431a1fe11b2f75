package daemon

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

// The words by which a test tells its child what to do.
const (
	crashDir = "ANNA_TEST_CRASH_DIR" // of the daemon
	crashAt  = "ANNA_TEST_CRASH_AT"  // the step at which it is killed
	crashIn  = "ANNA_TEST_CRASH_IN"  // start, reload, or storm: until it is killed from outside
)

// crashSteps are the steps of the transaction, in their order. Up to "written"
// the new configuration is not kept yet.
var crashSteps = []string{"read", "prepared", "written", "kept", "half swapped", "swapped", "stored"}

const lastUnkept = "written"

// TestCrashChild is no test: it is the daemon that the tests below kill.
func TestCrashChild(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		t.Skip("it runs as a child of TestCrash")
	}
	r := &rig{t: t, dir: dir, file: filepath.Join(dir, "config.toml")}
	arm := func() {
		crash = func(step string) {
			if step == os.Getenv(crashAt) {
				syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}
	}
	switch os.Getenv(crashIn) {
	case "start":
		arm()
		r.start()
	case "reload":
		r.start()
		r.write(everything(2))
		arm()
		r.Reload("rpc", nil)
	case "reject":
		r.start()
		r.write("[helth]\n")
		arm()
		r.Reload("rpc", nil)
	case "storm":
		r.start()
		fmt.Println("started")
		for n := 2; ; n++ {
			r.write(everything(n))
			r.Reload("rpc", nil)
		}
	}
}

// killed runs the child until it is killed, at a step or after a time.
func (r *rig) killed(in, at string, after time.Duration) {
	r.t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestCrashChild$", "-test.count=1")
	child.Env = append(os.Environ(), crashDir+"="+r.dir, crashIn+"="+in, crashAt+"="+at)
	out, err := child.StdoutPipe()
	if err != nil {
		r.t.Fatal(err)
	}
	child.Stderr = child.Stdout
	if err := child.Start(); err != nil {
		r.t.Fatal(err)
	}
	said := make([]byte, 4096)
	n, _ := out.Read(said)
	if after > 0 {
		time.Sleep(after)
		child.Process.Kill()
	}
	err = child.Wait()
	if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		r.t.Fatalf("the child was not killed %s at %q: %v\n%s", in, at, err, said[:n])
	}
}

// whole returns which of the configurations runs, in all its parts: everything
// of it and nothing of another.
func (r *rig) whole() int {
	r.t.Helper()
	cfg := r.host.Config()
	n := cfg.Health().QueueWarn - 1
	want, report := config.Parse(config.FromBytes(r.file, []byte(everything(n)), nil), config.Options{})
	if want == nil {
		r.t.Fatal(report.Err())
	}
	for _, c := range config.Diff(want, cfg) {
		if !strings.HasPrefix(c.Key, "daemon.s") { // what the command line set
			r.t.Errorf("%d runs, and %s is %s, not %s", n, c.Key, c.After, c.Before)
		}
	}
	s := r.state()
	if s.window != 20+n || s.level != cfg.Daemon().LogLevel || (s.watch != nil) != (n%2 == 1) || len(s.modules) != 1+(n+1)%2 {
		r.t.Errorf("%d runs, and its parts are %+v", n, s)
	}
	return n
}

// dense holds that attempts are counted without a gap, and generations one by
// one.
func (r *rig) dense(list []config.Receipt) {
	r.t.Helper()
	for i, rec := range list {
		if i == 0 {
			continue
		}
		before, step := list[i-1], uint64(0)
		if rec.Outcome == config.Applied {
			step = 1
		}
		if rec.ID != before.ID+1 || rec.Generation != before.Generation+step {
			r.t.Errorf("after %d:%d (%s) comes %d:%d (%s, %s)", before.ID, before.Generation, before.Outcome, rec.ID, rec.Generation, rec.Origin, rec.Outcome)
		}
	}
}

// TestCrash kills the daemon at every step of the transaction. What starts then
// is a whole configuration: the new one from the file, and, where the file is
// broken meanwhile, the last one that was kept.
func TestCrash(t *testing.T) {
	for i, at := range crashSteps {
		t.Run("reload, "+at, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, everything(1))
			r.stop()
			r.killed("reload", at, 0)
			r.write("[broken\n")
			r.start()
			want := 2
			if at == lastUnkept || i < 2 {
				want = 1
			}
			if got := r.whole(); got != want {
				t.Errorf("killed when it had %s, the start is from %d, not %d", at, got, want)
			}
			r.write(everything(2))
			// The watch may have been faster, where the kept one has it on.
			if rec, err := r.Reload("rpc", nil); err != nil || rec.Generation != 2 {
				t.Errorf("then generation %d holds (%v)", rec.Generation, err)
			}
			if got := r.whole(); got != 2 {
				t.Errorf("then %d runs", got)
			}
			r.dense(r.receipts())
		})
		t.Run("start, "+at, func(t *testing.T) {
			if at == "prepared" || at == "kept" || strings.HasSuffix(at, "swapped") || at == "read" {
				t.Skip("a start has no such step")
			}
			t.Parallel()
			r := newRig(t, everything(1))
			r.stop()
			r.write(everything(2))
			r.killed("start", at, 0)
			r.start()
			if got := r.whole(); got != 2 {
				t.Errorf("%d runs", got)
			}
			r.dense(r.receipts())
		})
		t.Run("rejected, "+at, func(t *testing.T) {
			if at == "prepared" || at == "kept" || strings.HasSuffix(at, "swapped") {
				t.Skip("a rejected one has no such step")
			}
			t.Parallel()
			r := newRig(t, everything(1))
			r.stop()
			r.killed("reject", at, 0)
			r.start() // the file is the bad one
			if got := r.whole(); got != 1 {
				t.Errorf("%d runs", got)
			}
			list := r.receipts()
			if last := list[len(list)-1]; last.Outcome != config.Restored {
				t.Errorf("the last receipt says %s", last.Outcome)
			}
			r.dense(list)
		})
	}
}

// TestCrashAnywhere kills a daemon that reloads without a pause, at moments
// that nobody chose.
func TestCrashAnywhere(t *testing.T) {
	rounds := 8
	if testing.Short() {
		rounds = 2
	}
	if os.Getenv("ANNA_TEST_LONG") == "1" {
		rounds = 200
	}
	r := newRig(t, everything(1))
	r.stop()
	for range rounds {
		r.killed("storm", "", time.Duration(1+rand.IntN(150))*time.Millisecond) // 0 would mean never
		said := ""
		if data, err := os.ReadFile(r.file); err == nil {
			said = string(data)
		}
		r.write("[broken\n")
		r.start()
		r.whole() // the last that held: of this round, or of the one before when it was killed at once
		r.stop()
		r.write(said)
		r.start()
		r.whole() // what the file said when the kill came
		r.dense(r.receipts())
		r.stop()
	}
	if d, err := readLedger(filepath.Join(r.dir, "state")); err != nil || d.last() == nil {
		t.Errorf("the ledger: %v", err)
	}
}
