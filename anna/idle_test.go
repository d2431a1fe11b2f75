package anna_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestIdle measures what the daemon costs while nobody asks it anything, with
// every module on: for 8 s or, under ANNA_TEST_LONG=1, for 60 s. Beside it runs
// a peer: a Go process that does nothing but wait for a ticker of one second,
// which is how often the daemon looks at itself; and a second daemon, which
// takes the machine's figures and judges the rules every second instead of every
// ten. The sums are printed with the aims; what else happens on the machine is
// in them. What is held is the quietest second of each daemon: how often it
// gives up the CPU, and how often it reads. Seconds in which somebody mounts or
// a device changes are left out, for a notice is work whether or not an event
// comes of it; where all are like that nothing is held. scripts/bench-idle.sh
// keeps the others out.
func TestIdle(t *testing.T) {
	seconds, settle := 8, 2*time.Second
	if os.Getenv("ANNA_TEST_LONG") == "1" {
		seconds, settle = 60, time.Minute
	} else if testing.Short() {
		t.Skip("a measurement: run it without -short")
	}
	d, surveying := idleDaemon(t, ""), idleDaemon(t, "[telemetry]\ninterval = \"1s\"\n")
	floor := exec.Command(os.Args[0], "-test.run=^$")
	floor.Env = append(os.Environ(), "ANNA_TEST_TICKER=1")
	if err := floor.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { floor.Process.Kill(); floor.Wait() }()
	time.Sleep(settle) // the start is not idleness
	before := observed(t, d)
	time.Sleep(2 * time.Second)
	began := time.Now()
	ours, peers, surveys := newIdleness(t, d.PID), newIdleness(t, floor.Process.Pid), newIdleness(t, surveying.PID)
	others := newWitness(t)
	var quiet []int // seconds
	for n := range seconds {
		time.Sleep(time.Second)
		if !others.disturbed() {
			quiet = append(quiet, n)
		}
		ours.look(t)
		peers.look(t)
		surveys.look(t)
	}
	length := time.Since(began)
	t.Logf("idle for %s: CPU %.3f %% of a core (aim: 0.1; a bare ticker: %.3f), %.2f voluntary context switches a second (aim: 3; a bare ticker: %.2f), median second %d (%d), %.1f MB resident (aim: 15)",
		length.Round(time.Second), ours.share(length), peers.share(length), ours.rate(length), peers.rate(length),
		ours.median(), peers.median(), d.StatusMB("VmRSS"))
	t.Logf("with a survey of the machine each second: CPU %.3f %% of a core, %.2f voluntary context switches a second; quietest second %d, of reads %d (without a survey %d, %d)",
		surveys.share(length), surveys.rate(length), slices.Min(surveys.each), slices.Min(surveys.reads), slices.Min(ours.each), slices.Min(ours.reads))
	sensors, err := filepath.Glob("/sys/class/hwmon/*/temp*_input")
	if err != nil {
		t.Fatal(err)
	}
	events := observed(t, d) - before
	t.Logf("%d events, %d seconds of %d undisturbed", events, len(quiet), seconds)
	for _, held := range []struct {
		what string
		each []int
		most int
	}{
		{"voluntary context switches", ours.each, mostSwitches},
		{"reads", ours.reads, mostReads},
		{"voluntary context switches with a survey", surveys.each, mostSwitches + mostSwitchesSurvey},
		{"reads with a survey", surveys.reads, mostReads + mostReadsSurvey + mostReadsSensor*len(sensors)},
	} {
		got := slices.Min(held.each) // of a machine that was never quiet
		if len(quiet) > 0 {
			got = held.each[slices.MinFunc(quiet, func(a, b int) int { return held.each[a] - held.each[b] })]
		}
		if got > held.most && (len(quiet) < seconds/2 || events > uint64(seconds)) {
			t.Logf("not held: %d %s in the quietest second", got, held.what)
		} else if got > held.most {
			t.Errorf("%d %s in the quietest second, at most %d: %v", got, held.what, held.most, held.each)
		}
	}
}

// What the quietest second may take. A look at itself is one switch where it
// passes the runtime by, and four or more with one system call that does not; it
// reads each file twice, the second time nothing, and of those the cgroup's are
// most. A survey is four switches or five and twenty reads, and some for each
// sensor.
const (
	mostSwitches       = 2
	mostReads          = 50
	mostSwitchesSurvey = 8
	mostReadsSurvey    = 30
	mostReadsSensor    = 10
)

// idleDaemon starts a daemon as it is installed: its socket is in memory, its
// state is not, and its timers have the slack of the unit.
func idleDaemon(t *testing.T, config string) *annatest.Process {
	t.Helper()
	state := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(state, 0o700); err != nil {
		t.Fatal(err)
	}
	const memory = "/dev/shm"
	var st syscall.Statfs_t
	if err := syscall.Statfs(memory, &st); err != nil || st.Type != unix.TMPFS_MAGIC {
		t.Skip(memory + " is no file system in memory")
	}
	t.Setenv("TMPDIR", memory)
	slacken(t)
	return annatest.Daemon(t, config, "--state-dir", state)
}

// slacken gives what this goroutine starts from now on the unit's TimerSlackNSec=
// (prctl(2), PR_SET_TIMERSLACK), which a child inherits from the thread that
// makes it.
func slacken(t *testing.T) {
	t.Helper()
	unit, err := os.ReadFile("../dist/annad.service")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(unit), "\nTimerSlackNSec=")
	value, _, _ := strings.Cut(rest, "\n")
	slack, err := time.ParseDuration(value)
	if !found || err != nil {
		t.Fatalf("the unit's TimerSlackNSec= is %q: %v", value, err)
	}
	runtime.LockOSThread() // for good: the thread ends with the test
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(slack.Nanoseconds()), 0, 0, 0); err != nil {
		t.Fatal(err)
	}
}

// observed is how many events the daemon has seen.
func observed(t *testing.T, d *annatest.Process) uint64 {
	t.Helper()
	out, err := exec.Command(filepath.Join(annatest.Build(t), "anna"), "health", "--json", "--socket", d.Socket).Output()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) { // by level
		t.Fatal(err)
	}
	var h struct {
		Queue struct{ Accounting struct{ Observed uint64 } }
	}
	if err := json.Unmarshal(out, &h); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return h.Queue.Accounting.Observed
}

// A witness sees what the daemon is told of: mounts, and devices.
type witness struct {
	mounts []unix.PollFd
	kernel int
}

func newWitness(t *testing.T) *witness {
	t.Helper()
	w := &witness{}
	for _, path := range []string{"/proc/self/mountinfo", "/proc/1/mountinfo"} {
		f, err := os.Open(path)
		if err != nil {
			continue
		}
		t.Cleanup(func() { f.Close() })
		w.mounts = append(w.mounts, unix.PollFd{Fd: int32(f.Fd()), Events: unix.POLLPRI})
	}
	var err error
	w.kernel, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(w.kernel) })
	if err := unix.Bind(w.kernel, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		t.Fatal(err)
	}
	w.disturbed()
	return w
}

// disturbed says whether anything came since the last time.
func (w *witness) disturbed() bool {
	changed, _ := unix.Poll(w.mounts, 0)
	buf := make([]byte, 8<<10)
	for {
		_, _, err := unix.Recvfrom(w.kernel, buf, 0)
		switch {
		case err == nil, errors.Is(err, unix.ENOBUFS):
			changed++
		case errors.Is(err, unix.EINTR):
		default:
			return changed > 0
		}
	}
}

// An idleness is what a process uses, second by second.
type idleness struct {
	pid      int
	from, to time.Duration // of CPU
	last     int
	each     []int // switches
	lastRead int
	reads    []int
}

func newIdleness(t *testing.T, pid int) *idleness {
	i := &idleness{pid: pid}
	i.from, i.last = usage(t, pid)
	i.lastRead = readCalls(t, pid)
	return i
}

func (i *idleness) look(t *testing.T) {
	cpu, switches := usage(t, i.pid)
	i.each = append(i.each, switches-i.last)
	i.to, i.last = cpu, switches
	reads := readCalls(t, i.pid)
	i.reads = append(i.reads, reads-i.lastRead)
	i.lastRead = reads
}

func (i *idleness) median() int {
	sorted := slices.Sorted(slices.Values(i.each))
	return sorted[len(sorted)/2]
}

func (i *idleness) rate(over time.Duration) float64 {
	sum := 0
	for _, n := range i.each {
		sum += n
	}
	return float64(sum) / over.Seconds()
}

// share is the CPU in percent of a core.
func (i *idleness) share(over time.Duration) float64 {
	return 100 * (i.to - i.from).Seconds() / over.Seconds()
}

// tick is the floor of TestIdle.
func tick() {
	for range time.Tick(time.Second) {
	}
}

// readCalls is how often a process has called read(2) and its like.
func readCalls(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/io")
	if err != nil {
		t.Skipf("reads are not counted here: %v", err) // CONFIG_TASK_IO_ACCOUNTING
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "syscr:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(rest))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("/proc/%d/io counts no reads", pid)
	return 0
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
