package metrics

import (
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Cgroup samples the control groups of one process: v2, v1, and both at once.
// Figures are given only where the cgroup is the process's own, for a limit
// shared with a desktop session says nothing about a daemon.
type Cgroup struct {
	root, prefix, pid string

	mu     sync.Mutex
	seen   string // /proc/PID/cgroup when the mounts were read
	mounts []mountLine
}

// NewCgroup returns a sampler for a process below procRoot ("/proc"). Mount
// points are looked up below prefix ("/").
func NewCgroup(procRoot, prefix string, pid int) *Cgroup {
	return &Cgroup{root: procRoot, prefix: prefix, pid: strconv.Itoa(pid)}
}

// CgroupSample is what the cgroups count. Sizes are bytes. A figure of a
// controller whose place is not ours is unknown and says which cgroup it is.
type CgroupSample struct {
	Memory, CPU, PIDs CgroupPlace
	Unified           CgroupPlace // the v2 cgroup, which alone has pressure

	Current Figure[uint64]
	Peak    Figure[uint64]
	High    Figure[uint64] // v2 memory.high, where the kernel begins to brake
	Limit   Figure[uint64] // the smallest on the way up to the root

	OOMKills  Figure[uint64] // processes killed for the limit
	LimitHits Figure[uint64] // how often the limit was met

	MemoryPressure, CPUPressure Figure[Pressure]

	Throttled     Figure[uint64] // enforcement periods in which the CPU was taken away
	ThrottledUsec Figure[uint64] // for how long, microseconds

	Tasks, TasksLimit Figure[uint64] // processes and threads
}

// Sample reads everything anew; the mount table only when the process was
// moved to another cgroup.
func (c *Cgroup) Sample() CgroupSample {
	w, err := c.world()
	if err != nil {
		return nowhere("cannot read the cgroups of this process: " + cause(err).Error())
	}
	v2 := c.locateUnified(w)
	s := CgroupSample{
		Memory: c.locate(w, "memory", v2), CPU: c.locate(w, "cpu", v2),
		PIDs: c.locate(w, "pids", v2), Unified: v2,
	}
	s.sampleMemory()
	s.sampleCPU()
	s.Tasks = s.PIDs.number("pids.current")
	s.TasksLimit = s.PIDs.limit("pids.max")
	s.MemoryPressure = s.Unified.pressure("memory.pressure")
	s.CPUPressure = s.Unified.pressure("cpu.pressure")
	return s
}

// world reads the memberships, and the mounts when those changed.
func (c *Cgroup) world() (world, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text, err := readFile(filepath.Join(c.root, c.pid, "cgroup"), fileMax)
	if err != nil {
		return world{}, err
	}
	if c.seen != text || c.mounts == nil {
		list, err := readMounts(filepath.Join(c.root, c.pid, "mountinfo"))
		if err != nil {
			return world{}, err
		}
		c.seen, c.mounts = text, []mountLine{}
		for _, m := range list {
			if strings.HasPrefix(m.fsType, "cgroup") {
				c.mounts = append(c.mounts, m)
			}
		}
	}
	return world{members: parseMemberships(text), mounts: c.mounts}, nil
}

// nowhere is the sample of a process whose cgroups cannot be known.
func nowhere(why string) CgroupSample {
	p := CgroupPlace{Why: why}
	s := CgroupSample{Memory: p, CPU: p, PIDs: p, Unified: p}
	n, ps := Unknown[uint64](why), Unknown[Pressure](why)
	s.Current, s.Peak, s.High, s.Limit = n, n, n, n
	s.OOMKills, s.LimitHits, s.Throttled, s.ThrottledUsec = n, n, n, n
	s.Tasks, s.TasksLimit, s.MemoryPressure, s.CPUPressure = n, n, ps, ps
	return s
}

func (s *CgroupSample) sampleMemory() {
	p := s.Memory
	s.Limit = p.smallestLimit()
	if p.Version == 2 {
		s.Current = p.number("memory.current")
		s.Peak = p.number("memory.peak") // since Linux 5.19
		s.High = p.limit("memory.high")
		s.OOMKills = p.entry("memory.events", "oom_kill")
		s.LimitHits = p.entry("memory.events", "max")
		return
	}
	s.Current = p.number("memory.usage_in_bytes")
	s.Peak = p.number("memory.max_usage_in_bytes")
	s.High = Unknown[uint64](p.orWhy("cgroup v1 has no memory.high"))
	s.OOMKills = p.entry("memory.oom_control", "oom_kill")
	s.LimitHits = p.number("memory.failcnt")
}

func (s *CgroupSample) sampleCPU() {
	s.Throttled = s.CPU.entry("cpu.stat", "nr_throttled")
	if s.CPU.Version == 2 {
		s.ThrottledUsec = s.CPU.entry("cpu.stat", "throttled_usec")
		return
	}
	s.ThrottledUsec = s.CPU.entry("cpu.stat", "throttled_time") // nanoseconds
	s.ThrottledUsec.Value /= 1000
}
