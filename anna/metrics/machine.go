package metrics

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of one machine sample: what a machine has more of is counted, not
// listed.
const (
	maxMounts     = 64
	maxInterfaces = 64
	maxSensors    = 128
)

// machineMax is the most that is read of a file of /proc: on a large machine
// the interrupt line of /proc/stat alone is many kB.
const machineMax = 4 << 20

// Roots are where the kernel's trees hang.
type Roots struct {
	Proc string // "/proc"
	Sys  string // "/sys"
	FS   string // "/": what mount points are looked up below
	// Mounts is the mount table of the machine where that of this process is
	// another, in a sandbox; "": it is not.
	Mounts string
	// NetDev is the file that counts for the network interfaces; "" means
	// net/dev of Proc, which counts for the network namespace of this process.
	NetDev string
	// NetHidden is why the interfaces are not to be seen; "": they are.
	NetHidden string
}

// LiveRoots are those of the running machine.
var LiveRoots = Roots{Proc: "/proc", Sys: "/sys", FS: "/"}

// Machine samples the whole machine.
type Machine struct {
	roots Roots
	fill  *filler

	mu    sync.Mutex // of what follows
	files files
}

// NewMachine returns a sampler below roots.
func NewMachine(roots Roots) *Machine {
	if roots.NetDev == "" {
		roots.NetDev = filepath.Join(roots.Proc, "net", "dev")
	}
	return &Machine{roots: roots, fill: newFiller(roots.FS), files: files{keep: roots.Proc == LiveRoots.Proc}}
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
	m.mu.Lock()
	defer m.mu.Unlock()
	var s MachineSample
	m.sampleProc(&s)
	s.Mounts, s.LeftOut.Mounts = m.fill.sample(filepath.Join(m.roots.Proc, "self", "mountinfo"), m.roots.Mounts)
	s.Sensors, s.LeftOut.Sensors = readSensors(filepath.Join(m.roots.Sys, "class", "hwmon"))
	s.Uptime = m.uptime()
	s.BootTime = bootTime(&m.files, m.roots.Proc)
	s.BootID = m.bootID()
	return s
}

func (m *Machine) sampleProc(s *MachineSample) {
	s.Load1, s.Load5, s.Load15 = m.load()
	text, err := m.read("meminfo")
	size := func(key string) Figure[uint64] {
		if err != nil {
			return unknownErr[uint64]("/proc/meminfo", err)
		}
		return memorySize(text, key)
	}
	s.MemTotal, s.MemAvailable = size("MemTotal"), size("MemAvailable") // since Linux 3.14
	s.SwapTotal, s.SwapFree = size("SwapTotal"), size("SwapFree")
	s.Interfaces, s.LeftOut.Interfaces = m.interfaces()
}

// read returns a file of /proc.
func (m *Machine) read(name string) (string, error) {
	return m.files.read(filepath.Join(m.roots.Proc, name), machineMax)
}

// load reads the three averages of /proc/loadavg.
func (m *Machine) load() (one, five, fifteen Figure[float64]) {
	text, err := m.read("loadavg")
	if err != nil {
		f := unknownErr[float64]("/proc/loadavg", err)
		return f, f, f
	}
	var list [3]Figure[float64]
	words := strings.Fields(text)
	for i := range list {
		list[i] = Unknown[float64]("/proc/loadavg holds no load: " + quote(text))
		if len(words) >= len(list) {
			if v, err := strconv.ParseFloat(words[i], 64); err == nil && v >= 0 && v < 1e9 {
				list[i] = Known(v)
			}
		}
	}
	return list[0], list[1], list[2]
}

func (m *Machine) interfaces() (Figure[[]Interface], int) {
	if m.roots.NetHidden != "" {
		return Unknown[[]Interface](m.roots.NetHidden), 0
	}
	text, err := m.files.read(m.roots.NetDev, machineMax)
	if err != nil {
		return unknownErr[[]Interface]("/proc/net/dev", err), 0
	}
	list := []Interface{}
	for line := range strings.Lines(text) {
		if i, ok := parseInterface(line); ok {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b Interface) int { return strings.Compare(a.Name, b.Name) })
	left := max(0, len(list)-maxInterfaces)
	return Known(list[:len(list)-left]), left
}

// parseInterface reads a line of /proc/net/dev: the name, a colon, eight
// counters of what was received and eight of what was sent. A name may hold a
// colon itself. The two lines of the head are none.
func parseInterface(line string) (Interface, bool) {
	colon := strings.LastIndexByte(line, ':')
	if colon < 0 {
		return Interface{}, false
	}
	i := Interface{Name: strings.TrimSpace(line[:colon])}
	words := strings.Fields(line[colon+1:])
	if i.Name == "" || len(words) < 16 {
		return Interface{}, false
	}
	for n, into := range map[int]*uint64{
		0: &i.RxBytes, 1: &i.RxPackets, 2: &i.RxErrors, 3: &i.RxDropped,
		8: &i.TxBytes, 9: &i.TxPackets, 10: &i.TxErrors, 11: &i.TxDropped,
	} {
		v, err := parseUint(words[n])
		if err != nil {
			return Interface{}, false
		}
		*into = v
	}
	return i, true
}

// uptime reads the first number of /proc/uptime: seconds since boot, suspended
// time included.
func (m *Machine) uptime() Figure[time.Duration] {
	text, err := m.read("uptime")
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
	id, err := m.read(filepath.Join("sys", "kernel", "random", "boot_id"))
	if err != nil {
		return unknownErr[string]("the boot id", err)
	}
	id = strings.TrimSpace(id)
	if len(id) != 36 || strings.Trim(id, "0123456789abcdef-") != "" {
		return Unknown[string]("the boot id is not one: " + quote(id))
	}
	return Known(id)
}
