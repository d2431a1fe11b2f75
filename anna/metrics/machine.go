package metrics

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// Bounds of one machine sample: what a machine has more of is counted, not
// listed.
const (
	maxMounts     = 64
	maxInterfaces = 64
	maxSensors    = 128
)

// Roots are where the kernel's trees hang.
type Roots struct {
	Proc string // "/proc"
	Sys  string // "/sys"
	FS   string // "/": what mount points are looked up below
}

// LiveRoots are those of the running machine.
var LiveRoots = Roots{Proc: "/proc", Sys: "/sys", FS: "/"}

// Machine samples the whole machine.
type Machine struct {
	roots Roots
	fill  *filler
}

// NewMachine returns a sampler below roots.
func NewMachine(roots Roots) *Machine {
	return &Machine{roots: roots, fill: newFiller(roots.FS)}
}

// MachineSample is how the machine does. Sizes are bytes.
type MachineSample struct {
	Load1, Load5, Load15 Figure[float64]

	MemTotal, MemAvailable Figure[uint64]
	SwapTotal, SwapFree    Figure[uint64]

	Mounts     Figure[[]Mount]     // local file systems, one entry per device
	Interfaces Figure[[]Interface] // of this network namespace
	Sensors    Figure[[]Sensor]    // temperatures
	LeftOut    LeftOut

	Uptime   Figure[time.Duration]
	BootTime Figure[time.Time]
	BootID   Figure[string] // random, new at every boot
}

// LeftOut counts what a sample did not list because there was too much of it.
type LeftOut struct{ Mounts, Interfaces, Sensors int }

// Interface holds the counters of one network interface since it appeared.
type Interface struct {
	Name                                    string
	RxBytes, RxPackets, RxErrors, RxDropped uint64
	TxBytes, TxPackets, TxErrors, TxDropped uint64
}

// Sample reads everything anew.
func (m *Machine) Sample() MachineSample {
	var s MachineSample
	m.sampleProc(&s)
	s.Mounts, s.LeftOut.Mounts = m.fill.sample(filepath.Join(m.roots.Proc, "self", "mountinfo"))
	s.Sensors, s.LeftOut.Sensors = readSensors(filepath.Join(m.roots.Sys, "class", "hwmon"))
	s.Uptime = m.uptime()
	s.BootTime = bootTime(m.roots.Proc)
	s.BootID = m.bootID()
	return s
}

func (m *Machine) sampleProc(s *MachineSample) {
	proc, err := procfs.NewFS(m.roots.Proc)
	if err != nil {
		f, n := unknownErr[float64]("/proc", err), unknownErr[uint64]("/proc", err)
		s.Load1, s.Load5, s.Load15 = f, f, f
		s.MemTotal, s.MemAvailable, s.SwapTotal, s.SwapFree = n, n, n, n
		s.Interfaces = unknownErr[[]Interface]("/proc", err)
		return
	}
	if l, err := proc.LoadAvg(); err == nil {
		s.Load1, s.Load5, s.Load15 = Known(l.Load1), Known(l.Load5), Known(l.Load15)
	} else {
		f := unknownErr[float64]("/proc/loadavg", err)
		s.Load1, s.Load5, s.Load15 = f, f, f
	}
	mem, err := proc.Meminfo()
	size := func(v *uint64, name string) Figure[uint64] {
		switch {
		case err != nil:
			return unknownErr[uint64]("/proc/meminfo", err)
		case v == nil:
			return Unknown[uint64]("/proc/meminfo has no " + name)
		}
		return Known(*v)
	}
	s.MemTotal = size(mem.MemTotalBytes, "MemTotal")
	s.MemAvailable = size(mem.MemAvailableBytes, "MemAvailable") // since Linux 3.14
	s.SwapTotal = size(mem.SwapTotalBytes, "SwapTotal")
	s.SwapFree = size(mem.SwapFreeBytes, "SwapFree")
	s.Interfaces, s.LeftOut.Interfaces = interfaces(proc)
}

func interfaces(proc procfs.FS) (Figure[[]Interface], int) {
	dev, err := proc.NetDev()
	if err != nil {
		return unknownErr[[]Interface]("/proc/net/dev", err), 0
	}
	list := make([]Interface, 0, len(dev))
	for _, d := range dev {
		list = append(list, Interface{
			Name:    d.Name,
			RxBytes: d.RxBytes, RxPackets: d.RxPackets, RxErrors: d.RxErrors, RxDropped: d.RxDropped,
			TxBytes: d.TxBytes, TxPackets: d.TxPackets, TxErrors: d.TxErrors, TxDropped: d.TxDropped,
		})
	}
	slices.SortFunc(list, func(a, b Interface) int { return strings.Compare(a.Name, b.Name) })
	left := max(0, len(list)-maxInterfaces)
	return Known(list[:len(list)-left]), left
}

// uptime reads the first number of /proc/uptime: seconds since boot, suspended
// time included.
func (m *Machine) uptime() Figure[time.Duration] {
	text, err := readWord(filepath.Join(m.roots.Proc, "uptime"))
	if err != nil {
		return unknownErr[time.Duration]("/proc/uptime", err)
	}
	first, _, _ := strings.Cut(text, " ")
	sec, err := strconv.ParseFloat(first, 64)
	if err != nil || !(sec >= 0 && sec < 1e9) {
		return Unknown[time.Duration]("/proc/uptime holds no time: " + quote(first))
	}
	return Known(time.Duration(sec*1000) * time.Millisecond)
}

func (m *Machine) bootID() Figure[string] {
	id, err := readWord(filepath.Join(m.roots.Proc, "sys", "kernel", "random", "boot_id"))
	if err != nil {
		return unknownErr[string]("the boot id", err)
	}
	if len(id) != 36 || strings.Trim(id, "0123456789abcdef-") != "" {
		return Unknown[string]("the boot id is not one: " + quote(id))
	}
	return Known(id)
}
