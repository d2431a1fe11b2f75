package metrics

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/procfs"
)

func machineFixture(name string) *Machine {
	root := filepath.Join(fixtures, "proc", name)
	return NewMachine(Roots{Proc: filepath.Join(root, "proc"), Sys: filepath.Join(root, "sys"), FS: filepath.Join(root, "root")})
}

func TestMachineFixture(t *testing.T) {
	m := machineFixture("laptop")
	m.fill.statfs = func(path string, st *syscall.Statfs_t) error {
		if strings.HasSuffix(path, "/boot") {
			return syscall.EIO
		}
		*st = syscall.Statfs_t{Frsize: 4096, Blocks: 1000, Bfree: 300, Bavail: 250, Files: 100, Ffree: 40}
		return nil
	}
	s := m.Sample()
	got := fmt.Sprint(s.Load1, s.Load5, s.Load15, s.MemTotal, s.MemAvailable, s.SwapTotal, s.SwapFree, s.Uptime, s.BootTime.Value.Unix(), s.BootID)
	want := "0.52 0.58 0.59 16697528320 10113576960 8589930496 8589668352 26h3m4.57s 1700000000 0b5c2f9e-6d1a-4a57-9f0c-3d7d0c9b1a11"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var mounts, sensors []string
	for _, m := range s.Mounts.Value {
		mounts = append(mounts, fmt.Sprintf("%s %s %d/%d", m.Point, m.FSType, m.Used.Value, m.Size.Value))
	}
	for _, s := range s.Sensors.Value {
		sensors = append(sensors, fmt.Sprintf("%s %s %v", s.Chip, s.Label, s.Celsius))
	}
	if d := cmp.Diff([]string{
		"/ btrfs 2867200/4096000", "/boot vfat 0/0", "/data tmpfs 2867200/4096000",
		"/run/media/me/My Disk ext4 2867200/4096000", "/tmp tmpfs 2867200/4096000",
	}, mounts); d != "" {
		t.Errorf("mounts (-want +got):\n%s", d)
	}
	if boot := s.Mounts.Value[1]; boot.Used.Known || !strings.Contains(boot.Used.Why(), "input/output error") {
		t.Errorf("/boot: %v", boot.Used)
	}
	if share := s.Mounts.Value[0].UsedShare(); share.Value < 0.736 || share.Value > 0.737 {
		t.Errorf("700 of 950 blocks are used, got %v", share)
	}
	if d := cmp.Diff([]string{
		"coretemp Package id 0 45", "coretemp Core 0 43", "coretemp temp10 -5.5",
		"drivetemp temp1 unknown (not asked: the question keeps a disk from spinning down)", "nvme Composite 38.85",
	}, sensors); d != "" {
		t.Errorf("sensors (-want +got):\n%s", d)
	}
	if n := s.Interfaces.Value; len(n) != 2 || n[1].Name != "wlp3s0" || n[1].RxBytes != 981273645 || n[1].RxDropped != 17 || n[1].TxErrors != 1 {
		t.Errorf("interfaces %+v", n)
	}
}

func TestMachineHostileAndMissing(t *testing.T) {
	empty := t.TempDir()
	for name, m := range map[string]*Machine{
		"hostile": machineFixture("hostile"),
		"empty":   NewMachine(Roots{Proc: empty, Sys: empty, FS: empty}),
		"nothing": NewMachine(Roots{Proc: empty + "/no", Sys: empty + "/no", FS: empty + "/no"}),
	} {
		s := m.Sample()
		for i, f := range []Figure[uint64]{s.MemTotal, s.MemAvailable, s.SwapTotal, s.SwapFree} {
			if f.Known || f.Reason == "" {
				t.Errorf("%s: memory figure %d is %+v", name, i, f)
			}
		}
		if s.Load1.Known || s.Uptime.Known || s.BootTime.Known || s.BootID.Known || s.Uptime.Reason == "" || s.BootID.Reason == "" {
			t.Errorf("%s: %v %v %v %v", name, s.Load1, s.Uptime, s.BootTime, s.BootID)
		}
		for _, sensor := range s.Sensors.Value {
			if sensor.Celsius.Known {
				t.Errorf("%s: the temperature %v is believed", name, sensor)
			}
		}
	}
}

// A dead file system costs its own figures, once a bounded wait, and no more
// than one waiting question however often a sample is taken.
func TestDeadMountIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFiller("/")
		release := make(chan struct{})
		var asked atomic.Int64
		f.statfs = func(path string, st *syscall.Statfs_t) error {
			if path == "/dead" {
				asked.Add(1)
				<-release
			}
			*st = syscall.Statfs_t{Bsize: 1024, Blocks: 10}
			return nil
		}
		sample := func() []Mount {
			list := []Mount{{Point: "/alive", FSType: "btrfs"}, {Point: "/dead", FSType: "xfs"}, {Point: "/later", FSType: "xfs"}}
			f.ask(list)
			return list
		}
		for round := range 3 {
			begin := time.Now()
			list := sample()
			if !list[0].Size.Known || list[1].Size.Known || list[0].Inodes.Known || !list[2].Size.Known {
				t.Errorf("round %d: %+v", round, list)
			}
			if took := time.Since(begin); round == 0 && took != statfsBound || round > 0 && took != 0 {
				t.Errorf("round %d took %v", round, took)
			}
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("the dead mount was asked %d times", n)
		}
		close(release)
		synctest.Wait()
		if list := sample(); !list[1].Size.Known {
			t.Errorf("it answers again, got %v", list[1].Size)
		}
	})
}

func TestManyMountsAreCounted(t *testing.T) {
	var lines strings.Builder
	for i := range maxMounts + 5 {
		fmt.Fprintf(&lines, "%d 1 8:%d / /m/%d rw - ext4 /dev/x rw\n", i, i, i)
	}
	path := filepath.Join(t.TempDir(), "mountinfo")
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	f := newFiller(t.TempDir())
	list, left := f.sample(path, "")
	if len(list.Value) != maxMounts || left != 5 {
		t.Errorf("got %d and %d left out", len(list.Value), left)
	}
}

// TestMachineFromSandbox holds that what a sandbox mounts is not told of as the
// machine's, nor asked what it hides, and that the network that is counted is
// the one that is named.
func TestMachineFromSandbox(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file("proc/self/mountinfo", `1 0 8:1 / / ro - ext4 /dev/a rw
2 1 0:9 / /run/shown ro - tmpfs tmpfs rw
3 1 0:10 / /dev rw - tmpfs tmpfs rw
4 1 0:5 /private/tmp /tmp rw - tmpfs tmpfs rw
`)
	const dev = "Inter-|\n face |\n%s: 1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n"
	file("proc/net/dev", fmt.Sprintf(dev, "lo"))
	roots := Roots{Proc: filepath.Join(dir, "proc"), Sys: dir, FS: dir}
	roots.Mounts = file("mounts", `1 0 8:1 / / rw - ext4 /dev/a rw
3 1 0:4 / /dev rw - tmpfs tmpfs rw
4 1 0:5 / /tmp rw - tmpfs tmpfs rw
5 1 8:2 / /secret rw - ext4 /dev/b rw
`)
	roots.NetDev = file("dev", fmt.Sprintf(dev, "eth0"))
	s := NewMachine(roots).Sample()
	var points []string
	for _, m := range s.Mounts.Value {
		points = append(points, m.Point)
	}
	if got := strings.Join(points, " "); got != "/ /tmp" {
		t.Errorf("mounts: %s", got)
	}
	if n := s.Interfaces.Value; len(n) != 1 || n[0].Name != "eth0" || n[0].TxPackets != 4 {
		t.Errorf("interfaces %+v", n)
	}
	roots.NetHidden = "it is another"
	if f := NewMachine(roots).Sample().Interfaces; f.Known || f.Why() != "it is another" {
		t.Errorf("hidden interfaces: %+v", f)
	}
	roots.Mounts += ".gone"
	if f := NewMachine(roots).Sample().Mounts; f.Known {
		t.Errorf("without the machine's mounts: %+v", f)
	}
}

func TestUnescapeMount(t *testing.T) {
	for in, want := range map[string]string{
		`a\040b\134c\011\012`: "a b\\c\t\n", `\`: `\`, `\04`: `\04`, `\999`: `\999`, `\400`: `\400`, "": "",
	} {
		if got := unescapeMount(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestLiveMachine(t *testing.T) {
	s := NewMachine(LiveRoots).Sample()
	if !s.MemTotal.Known || s.MemTotal.Value < 64*MB || s.MemAvailable.Value > s.MemTotal.Value {
		t.Errorf("memory %v of %v", s.MemAvailable, s.MemTotal)
	}
	if !s.Uptime.Known || !s.BootTime.Known || !s.Load1.Known || !s.Interfaces.Known {
		t.Errorf("uptime %v, boot %v, load %v, interfaces %v", s.Uptime, s.BootTime, s.Load1, s.Interfaces)
	}
	for _, m := range s.Mounts.Value {
		var st syscall.Statfs_t
		if syscall.Statfs(m.Point, &st) == nil && m.Size.Value != st.Blocks*uint64(st.Frsize) {
			t.Errorf("%s: size %v, statfs says %d", m.Point, m.Size, st.Blocks*uint64(st.Frsize))
		}
	}
	t.Logf("%d mounts, %v sensors", len(s.Mounts.Value), s.Sensors)
}

func FuzzSensor(f *testing.F) {
	f.Add("45000\n", "coretemp")
	f.Fuzz(func(t *testing.T, value, name string) {
		dir := t.TempDir()
		os.WriteFile(filepath.Join(dir, "temp1_input"), []byte(value), 0o600)
		s := readSensor(dir, name, "temp1")
		if s.Celsius.Known && (s.Celsius.Value < -273.15 || s.Celsius.Value > 1000) || !s.Celsius.Known && s.Celsius.Reason == "" {
			t.Errorf("%q gives %+v", value, s)
		}
	})
}

func BenchmarkMachineSample(b *testing.B) {
	m := NewMachine(LiveRoots)
	b.ReportAllocs()
	for b.Loop() {
		m.Sample()
	}
}

// TestInterfacesAgainstProcfs compares with prometheus/procfs. Counters move
// between the two; those of what is listed do not go back.
func TestInterfacesAgainstProcfs(t *testing.T) {
	ours := NewMachine(LiveRoots).Sample()
	proc, err := procfs.NewFS("/proc")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := proc.NetDev()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range ours.Interfaces.Value {
		peer, ok := theirs[i.Name]
		if !ok {
			continue // it went meanwhile
		}
		for what, pair := range map[string][2]uint64{
			"received": {i.RxBytes, peer.RxBytes}, "sent": {i.TxBytes, peer.TxBytes}, "packets": {i.TxPackets, peer.TxPackets},
			"errors": {i.RxErrors + i.TxErrors, peer.RxErrors + peer.TxErrors}, "dropped": {i.RxDropped + i.TxDropped, peer.RxDropped + peer.TxDropped},
		} {
			if pair[0] > pair[1] {
				t.Errorf("%s %s: %d, then %d", i.Name, what, pair[0], pair[1])
			}
		}
	}
	mem, err := proc.Meminfo()
	if err != nil || *mem.MemTotalBytes != ours.MemTotal.Value || *mem.SwapTotalBytes != ours.SwapTotal.Value {
		t.Errorf("memory %v, swap %v; %+v, %v", ours.MemTotal, ours.SwapTotal, mem, err)
	}
}

func FuzzMachineProc(f *testing.F) {
	f.Add("0.52 0.58 0.59 1/2 3", "MemTotal: 16 kB\nSwapFree:  x kB\n", "eth0:1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n face |bytes\n")
	f.Add("nan inf -1", "MemTotal: 99999999999999999999 kB", ":\nlo: -1\n")
	f.Fuzz(func(t *testing.T, load, mem, net string) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "net"), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, "loadavg"), load)
		put(t, filepath.Join(dir, "meminfo"), mem)
		put(t, filepath.Join(dir, "net", "dev"), net)
		s := NewMachine(Roots{Proc: dir, Sys: dir, FS: dir}).Sample()
		for _, v := range []Figure[float64]{s.Load1, s.Load5, s.Load15} {
			if v.Known != (v.Reason == "") || !(v.Value >= 0 && v.Value < 1e9) {
				t.Errorf("%q gives %+v", load, v)
			}
		}
		for _, i := range s.Interfaces.Value {
			if i.Name == "" {
				t.Errorf("%q gives %+v", net, i)
			}
		}
	})
}
