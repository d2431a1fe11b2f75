package metrics

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// UserHZ is how many ticks /proc/PID/stat counts in a second: USER_HZ, 100 on
// every architecture that Go knows, whatever CONFIG_HZ is (proc_pid_stat(5)).
// CPU times are therefore exact to 10 ms.
const UserHZ = 100

// Process samples one process through a proc file system.
type Process struct {
	root string
	pid  int
	// switches counts voluntary context switches of all threads.
	switches func() Figure[uint64]
	self     bool

	mu      sync.Mutex // of what follows
	files   files
	started Figure[time.Time] // kept once known: it cannot change
	fds     listed
}

// ProcessSample is what one process uses. Sizes are bytes.
type ProcessSample struct {
	PID  int
	Name Figure[string] // comm: the kernel cuts it at 15 bytes

	Resident     Figure[uint64] // VmRSS
	ResidentPeak Figure[uint64] // VmHWM
	Virtual      Figure[uint64] // VmSize

	CPU     Figure[time.Duration] // utime + stime, in steps of 10 ms
	Threads Figure[uint64]

	Descriptors     Figure[uint64] // open
	DescriptorLimit Figure[uint64] // RLIMIT_NOFILE, soft; unknown when unlimited

	StartTicks Figure[uint64] // since boot, in 1/UserHZ s: with the pid, who this is
	Started    Figure[time.Time]

	VoluntarySwitches Figure[uint64] // of all threads
}

// NewProcess returns a sampler for one process below procRoot ("/proc").
func NewProcess(procRoot string, pid int) *Process {
	p := &Process{root: procRoot, pid: pid}
	p.switches = p.switchesOfTasks
	return p
}

// NewSelf returns a sampler for the running process. It asks getrusage(2) for
// the context switches, which costs one call instead of a file per thread and
// includes threads that ended, and getrlimit(2) for the limit; its files it
// keeps open.
func NewSelf() *Process {
	p := NewProcess("/proc", os.Getpid())
	p.self, p.files.keep = true, true
	p.switches = func() Figure[uint64] {
		var ru syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
			return Unknownf[uint64]("cannot ask getrusage: %v", err)
		}
		return Known(uint64(ru.Nvcsw))
	}
	return p
}

func (p *Process) file(name string) string {
	return filepath.Join(p.root, strconv.Itoa(p.pid), name)
}

// Sample reads everything anew. A file that cannot be read makes its own
// figures unknown and no others.
func (p *Process) Sample() ProcessSample {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := ProcessSample{PID: p.pid, VoluntarySwitches: p.switches()}
	p.sampleStatus(&s)
	p.sampleStat(&s)
	s.Started = p.startTime(s.StartTicks)
	s.Descriptors = p.descriptors()
	s.DescriptorLimit = p.descriptorLimit()
	return s
}

func (p *Process) sampleStatus(s *ProcessSample) {
	text, err := p.files.read(p.file("status"), fileMax)
	size := func(key string) Figure[uint64] {
		if err != nil {
			return unknownErr[uint64]("/proc/PID/status", err)
		}
		return statusSize(text, key)
	}
	s.Resident, s.ResidentPeak, s.Virtual = size("VmRSS"), size("VmHWM"), size("VmSize")
}

func (p *Process) sampleStat(s *ProcessSample) {
	text, err := p.files.read(p.file("stat"), fileMax)
	if err != nil {
		err = fmt.Errorf("cannot read /proc/PID/stat: %w", cause(err))
	}
	var st stat
	if err == nil {
		st, err = parseStat(text)
	}
	if err != nil {
		why := err.Error()
		s.Name, s.CPU = Unknown[string](why), Unknown[time.Duration](why)
		s.Threads, s.StartTicks = Unknown[uint64](why), Unknown[uint64](why)
		return
	}
	s.Name = Known(st.name)
	s.CPU = ticks(st.utime, st.stime)
	s.Threads = Known(st.threads)
	s.StartTicks = Known(st.start)
}

// ticks turns two counts of 1/UserHZ s into a time.
func ticks(a, b uint64) Figure[time.Duration] {
	const most = uint64(1<<63-1) / uint64(time.Second/UserHZ) / 2
	if a > most || b > most {
		return Unknownf[time.Duration]("the tick counts %d and %d are no times", a, b)
	}
	return Known(time.Duration(a+b) * (time.Second / UserHZ))
}

// startTime adds the ticks since boot to the boot time. The kernel moves btime
// when the clock is set; the first answer stays. The caller holds the lock.
func (p *Process) startTime(start Figure[uint64]) Figure[time.Time] {
	if p.started.Known {
		return p.started
	}
	boot := bootTime(nil, p.root)
	if !boot.Known {
		return boot
	}
	if !start.Known {
		return Unknown[time.Time](start.Why())
	}
	since := ticks(start.Value, 0)
	if !since.Known {
		return Unknown[time.Time](since.Why())
	}
	p.started = Known(boot.Value.Add(since.Value))
	return p.started
}

// switchesOfTasks adds up the threads that live now.
func (p *Process) switchesOfTasks() Figure[uint64] {
	dir, err := os.Open(p.file("task"))
	if err != nil {
		return unknownErr[uint64]("/proc/PID/task", err)
	}
	defer dir.Close()
	const most = 4096
	names, err := dir.Readdirnames(most)
	if err != nil {
		return unknownErr[uint64]("/proc/PID/task", err)
	}
	if len(names) == most {
		return Unknownf[uint64]("more than %d threads", most-1)
	}
	var sum uint64
	for _, name := range names {
		text, err := ReadFile(p.file(filepath.Join("task", name, "status")), fileMax)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // ended in between
		}
		if err != nil {
			return unknownErr[uint64]("/proc/PID/task/TID/status", err)
		}
		value, ok := keyed(text, "voluntary_ctxt_switches:")
		n, perr := parseUint(value)
		if !ok || perr != nil {
			return Unknown[uint64]("/proc/PID/task/TID/status has no voluntary_ctxt_switches")
		}
		sum += n
	}
	return Known(sum)
}

// keyed returns the rest of the line that begins with key, trimmed.
func keyed(text, key string) (string, bool) {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			return strings.TrimSpace(rest), true
		}
	}
	return "", false
}
