package anna_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestIdle measures what the daemon costs while nobody asks it anything, with
// every module on: for 3 s or, under ANNA_TEST_LONG=1, for 60 s. Beside it runs
// the floor: a Go process that does nothing but wait for a ticker of one second,
// which is how often the daemon looks at itself. The figures are printed with
// the aims; what else happens on the machine is in them.
func TestIdle(t *testing.T) {
	length := 3 * time.Second
	if os.Getenv("ANNA_TEST_LONG") == "1" {
		length = time.Minute
	} else if testing.Short() {
		t.Skip("a measurement: run it without -short")
	}
	d := annatest.Daemon(t, "")
	floor := exec.Command(os.Args[0], "-test.run=^$")
	floor.Env = append(os.Environ(), "ANNA_TEST_TICKER=1")
	if err := floor.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { floor.Process.Kill(); floor.Wait() }()
	time.Sleep(2 * time.Second) // the start is not idleness
	cpu, switches := usage(t, d.PID)
	_, bare := usage(t, floor.Process.Pid)
	time.Sleep(length)
	cpuAfter, switchesAfter := usage(t, d.PID)
	_, bareAfter := usage(t, floor.Process.Pid)
	per := func(before, after int) float64 { return float64(after-before) / length.Seconds() }
	t.Logf("idle for %s: CPU %.3f %% of a core (aim: 0.1), %.1f voluntary context switches a second (aim: 3; a bare ticker: %.1f), %.1f MB resident (aim: 15)",
		length, 100*(cpuAfter-cpu).Seconds()/length.Seconds(), per(switches, switchesAfter), per(bare, bareAfter), d.StatusMB("VmRSS"))
	if cpuAfter < cpu {
		t.Error("the daemon's CPU time went backwards")
	}
}

// tick is the floor of TestIdle.
func tick() {
	for range time.Tick(time.Second) {
	}
}

// usage reads the CPU time and the voluntary context switches of all threads.
func usage(t *testing.T, pid int) (cpu time.Duration, switches int) {
	t.Helper()
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*")
	if err != nil || len(tasks) == 0 {
		t.Fatalf("process %d has no threads: %v", pid, err)
	}
	for _, task := range tasks {
		// Nanoseconds on a CPU; utime and stime only count in hundredths.
		sched, err := os.ReadFile(task + "/schedstat")
		if err != nil {
			continue // a thread that ended
		}
		ns, err := strconv.ParseInt(strings.Fields(string(sched))[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		cpu += time.Duration(ns)
		status, err := os.ReadFile(task + "/status")
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, "voluntary_ctxt_switches:"); ok {
				n, err := strconv.Atoi(strings.TrimSpace(rest))
				if err != nil {
					t.Fatal(err)
				}
				switches += n
			}
		}
	}
	return cpu, switches
}
