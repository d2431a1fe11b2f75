package metrics

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Cgroup samples the control groups of one process: v2, v1, and both at once.
// Figures are given only where the cgroup is the process's own, for a limit
// shared with a desktop session says nothing about a daemon.
type Cgroup struct {
	root, prefix, pid string

	mu     sync.Mutex // of what follows
	files  files
	seen   string // /proc/PID/cgroup when the mounts were read
	mounts []mountLine
	places places
}

// places are the cgroups that count for a process.
type places struct {
	at                 time.Time // when they were found
	from               string    // the /proc/PID/cgroup that they were found by
	v2, mem, cpu, pids CgroupPlace
}

// placesAge is how long a sampler that keeps goes by what it found: for so long
// it does not see that another process came into its cgroup. It sees at once
// that its own was moved. It is a bit less than ten seconds, for one that
// samples every second.
const placesAge = 9500 * time.Millisecond

// NewCgroup returns a sampler for a process below procRoot ("/proc"). Mount
// points are looked up below prefix ("/").
func NewCgroup(procRoot, prefix string, pid int) *Cgroup {
	return &Cgroup{root: procRoot, prefix: prefix, pid: strconv.Itoa(pid)}
}

// NewOwnCgroup returns a sampler for the running process that keeps its files
// open: for one that samples every second.
func NewOwnCgroup() *Cgroup {
	c := NewCgroup("/proc", "/", os.Getpid())
	c.files.keep = true
	return c
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
	// Reclaimable is the part of Current that the kernel takes back before it
	// kills: file pages that were not used lately (inactive_file). What is left
	// is the working set.
	Reclaimable Figure[uint64]

	OOMKills  Figure[uint64] // processes killed for the limit
	LimitHits Figure[uint64] // how often the limit was met

	MemoryPressure, CPUPressure Figure[Pressure]

	Throttled     Figure[uint64] // enforcement periods in which the CPU was taken away
	ThrottledUsec Figure[uint64] // for how long, microseconds

	Tasks, TasksLimit Figure[uint64] // processes and threads
}

// Sample reads the figures anew; where they are to be found only now and then,
// and the mount table only when the process was moved to another cgroup.
func (c *Cgroup) Sample() CgroupSample {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.find(); err != nil {
		return nowhere("cannot read the cgroups of this process: " + cause(err).Error())
	}
	p := &c.places
	s := CgroupSample{Memory: p.mem, CPU: p.cpu, PIDs: p.pids, Unified: p.v2}
	s.sampleMemory()
	s.sampleCPU()
	s.Tasks = s.PIDs.number("pids.current")
	s.TasksLimit = s.PIDs.limit("pids.max")
	s.MemoryPressure = s.Unified.pressure("memory.pressure")
	s.CPUPressure = s.Unified.pressure("cpu.pressure")
	return s
}

// find brings the places up to date.
func (c *Cgroup) find() error {
	text, err := c.files.read(filepath.Join(c.root, c.pid, "cgroup"), fileMax)
	if err != nil {
		return err
	}
	now := time.Now()
	if c.files.keep && c.places.from == text && now.Sub(c.places.at) < placesAge {
		return nil
	}
	w, err := c.world(text)
	if err != nil {
		return err
	}
	clear(c.files.absent)
	v2 := c.locateUnified(w)
	c.places = places{
		at: now, from: text,
		v2: v2, mem: c.locate(w, "memory", v2), cpu: c.locate(w, "cpu", v2), pids: c.locate(w, "pids", v2),
	}
	return nil
}

// world reads the mounts when the memberships changed.
func (c *Cgroup) world(text string) (world, error) {
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
	s.Current, s.Peak, s.High, s.Limit, s.Reclaimable = n, n, n, n, n
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
		s.Reclaimable = p.entry("memory.stat", "inactive_file")
		s.OOMKills = p.entry("memory.events", "oom_kill")
		s.LimitHits = p.entry("memory.events", "max")
		return
	}
	s.Current = p.number("memory.usage_in_bytes")
	s.Peak = p.number("memory.max_usage_in_bytes")
	s.Reclaimable = p.entry("memory.stat", "total_inactive_file") // its own and of all below
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
