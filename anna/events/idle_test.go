package events

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const idleEnv = "ANNA_EVENTS_IDLE"

// idleMain is the child of TestIdleCostsNothing: an engine and all sources.
func idleMain() {
	dir := os.Getenv(idleEnv)
	if dir == "" {
		return
	}
	e, err := New(Options{Dir: dir})
	if err != nil {
		panic(err)
	}
	config, err := NewConfigSource(ConfigOptions{Paths: []string{"/etc/fstab", "/etc/passwd", "/etc/ssh", "/etc/anna-none/config.toml"}})
	if err != nil {
		panic(err)
	}
	for _, s := range []Source{
		config, NewStorageSource(StorageOptions{}), NewNetworkSource(NetworkOptions{}),
		NewPackagesSource(PackagesOptions{}), NewDevicesSource(DevicesOptions{}), NewKernelSource(KernelOptions{}),
	} {
		go (&Runner{Source: s, Sink: e, State: &StateDir{Path: dir}}).Run(context.Background())
	}
	fmt.Println(e.Run(context.Background()))
}

type idleFigures struct {
	ticks    uint64 // utime+stime, of 1/100 s
	switches uint64 // voluntary, of all threads
	rssKB    uint64
}

func readIdle(t *testing.T, pid int) (f idleFigures) {
	t.Helper()
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(proc, "stat"))
	must(t, err)
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	for _, i := range []int{11, 12} {
		n, err := strconv.ParseUint(fields[i], 10, 64)
		must(t, err)
		f.ticks += n
	}
	threads, err := filepath.Glob(filepath.Join(proc, "task/*/status"))
	must(t, err)
	for _, path := range threads {
		status, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile
		}
		for line := range strings.Lines(string(status)) {
			var n uint64
			if _, err := fmt.Sscanf(line, "voluntary_ctxt_switches: %d", &n); err == nil {
				f.switches += n
			}
			if _, err := fmt.Sscanf(line, "VmRSS: %d", &n); err == nil {
				f.rssKB = n
			}
		}
	}
	return f
}

// TestIdleCostsNothing measures an engine with all sources on a machine on
// which nothing happens. ANNA_TEST_LONG=1 measures for 60 s and holds the
// result to 0.1 % of a core and 3 voluntary context switches a second;
// otherwise it only catches what polls or spins.
func TestIdleCostsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes 5 s")
	}
	watch, cpuMost, switchesMost := 4*time.Second, 0.10, 50.0
	if os.Getenv("ANNA_TEST_LONG") != "" {
		watch, cpuMost, switchesMost = time.Minute, 0.001, 3
	}
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), idleEnv+"="+t.TempDir())
	child.Stderr = os.Stderr
	if os.Geteuid() == 0 { // where nobody else mounts or links
		child.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET}
	}
	must(t, child.Start())
	defer func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	}()
	time.Sleep(time.Second) // the start is no idling
	before := readIdle(t, child.Process.Pid)
	time.Sleep(watch)
	after := readIdle(t, child.Process.Pid)
	cpu := float64(after.ticks-before.ticks) / 100 / watch.Seconds()
	switches := float64(after.switches-before.switches) / watch.Seconds()
	t.Logf("over %v: %.3f %% of a core, %.2f voluntary context switches a second, %d kB resident", watch, 100*cpu, switches, after.rssKB)
	if cpu > cpuMost || switches > switchesMost {
		t.Errorf("more than %.1f %% of a core or %.0f switches a second", 100*cpuMost, switchesMost)
	}
}
