package metrics

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

func cgroupFixture(name string) *Cgroup {
	root := filepath.Join(fixtures, "cgroup", name)
	return NewCgroup(filepath.Join(root, "proc"), root, 1234)
}

func TestCgroupFixtures(t *testing.T) {
	const own = "/system.slice/annad.service"
	for _, tc := range []struct {
		fixture, memory string
		ours            bool
		why             string // part of it
		limit           uint64 // MB, 0 for unknown
		limitWhy        string
	}{
		{"v2-own", "cgroup v2 " + own, true, "", 80, ""},
		{"v2-parent-limit", "cgroup v2 " + own + "/inner", true, "", 60, ""},
		{"v2-shared", "cgroup v2 /user.slice/user-1000.slice/session-3.scope", false, "other processes", 0, "session-3.scope is not this process's own"},
		{"v2-shared-below", "cgroup v2 " + own, false, "other processes", 0, "not this process's own"},
		{"v2-root", "cgroup v2 /", false, "other processes", 0, "not this process's own"},
		{"v2-old-kernel", "cgroup v2 /annad", true, "", 0, "no limit is set"},
		{"v1-own", "cgroup v1 " + own, true, "", 40, ""},
		{"v1-container", "cgroup v1 /docker/abc", true, "", 80, ""},
		{"hybrid", "cgroup v1 " + own, true, "", 40, ""},
		{"none", "no cgroup", false, "names no cgroup", 0, "names no cgroup"},
		{"unmounted", "cgroup v2 /init.scope", false, "not mounted", 0, "not mounted"},
		{"outside", "cgroup v2 /../../elsewhere", false, "outside the cgroup namespace", 0, "outside"},
		{"hostile", "cgroup v2 /evil", true, "", 0, "not a number"},
		{"no such fixture", "no cgroup", false, "cannot read the cgroups", 0, "cannot read"},
	} {
		s := cgroupFixture(tc.fixture).Sample()
		if s.Memory.String() != tc.memory || s.Memory.Ours != tc.ours || !strings.Contains(s.Memory.Why, tc.why) {
			t.Errorf("%s: memory is counted in %q, ours %v (%s)", tc.fixture, s.Memory, s.Memory.Ours, s.Memory.Why)
		}
		if tc.limit == 0 && (s.Limit.Known || !strings.Contains(s.Limit.Why(), tc.limitWhy)) || tc.limit != 0 && s.Limit != Known(tc.limit*MB) {
			t.Errorf("%s: limit %v, want %d MB or %q", tc.fixture, s.Limit, tc.limit, tc.limitWhy)
		}
		checkReasons(t, tc.fixture, s)
	}
}

// checkReasons holds that no figure is unknown without saying why.
func checkReasons(t *testing.T, fixture string, s CgroupSample) {
	t.Helper()
	for i, f := range []Figure[uint64]{
		s.Current, s.Peak, s.High, s.Limit, s.OOMKills, s.LimitHits,
		s.Throttled, s.ThrottledUsec, s.Tasks, s.TasksLimit, s.Reclaimable,
	} {
		if f.Known == (f.Reason != "") {
			t.Errorf("%s: figure %d is %+v", fixture, i, f)
		}
	}
	if s.MemoryPressure.Known == (s.MemoryPressure.Reason != "") {
		t.Errorf("%s: memory pressure is %+v", fixture, s.MemoryPressure)
	}
}

func TestCgroupFigures(t *testing.T) {
	for _, name := range []string{"v2-own", "v1-own", "hybrid"} {
		s := cgroupFixture(name).Sample()
		got := fmt.Sprint(s.Current.Value/MB, s.Peak.Value/MB, s.LimitHits, s.OOMKills, s.Throttled, s.ThrottledUsec, s.Tasks)
		if got != "14 20 5 2 3 4500 9" {
			t.Errorf("%s: got %s", name, got)
		}
		if pressure := name != "v1-own"; s.MemoryPressure.Known != pressure ||
			pressure && (s.MemoryPressure.Value.Some.Avg10 != 1.5 || s.MemoryPressure.Value.Full.Value.TotalUsec != 3456) {
			t.Errorf("%s: memory pressure %+v", name, s.MemoryPressure)
		}
	}
	s := cgroupFixture("v2-own").Sample()
	if s.TasksLimit.Value != 32 || s.High.Known || s.CPUPressure.Value.Full.Known {
		t.Errorf("got tasks %v, high %v, full CPU stall %v", s.TasksLimit, s.High, s.CPUPressure.Value.Full)
	}
	if s := cgroupFixture("v1-own").Sample(); s.TasksLimit.Known {
		t.Errorf("a limit of max is none, got %v", s.TasksLimit)
	}
}

func TestHostileCgroupHasNoFigures(t *testing.T) {
	s := cgroupFixture("hostile").Sample()
	for i, f := range []Figure[uint64]{s.Current, s.Peak, s.Limit, s.OOMKills, s.LimitHits, s.Throttled, s.Tasks, s.TasksLimit} {
		if f.Known {
			t.Errorf("figure %d is believed: %v", i, f)
		}
	}
	if s.MemoryPressure.Known || s.CPUPressure.Known {
		t.Errorf("pressure is believed: %v, %v", s.MemoryPressure, s.CPUPressure)
	}
}

func TestMemoryOf(t *testing.T) {
	p := NewProcess(procFixture("daemon"), 1234).Sample()
	for _, tc := range []struct {
		fixture, source string
		current, limit  uint64 // MB
	}{
		{"v2-own", "cgroup v2 /system.slice/annad.service", 14, 80},
		{"v1-container", "cgroup v1 /docker/abc", 14, 80},
		{"v2-shared", "process (cgroup v2 /user.slice/user-1000.slice/session-3.scope: other processes are in it)", 12, 0},
		{"none", "process (the kernel names no cgroup for this process)", 12, 0},
		{"hostile", "process (memory.current is not a number: \"99999999999999999999999999\")", 12, 0},
	} {
		m := MemoryOf(p, cgroupFixture(tc.fixture).Sample())
		if m.Source != tc.source || m.Current.Value != tc.current*MB || m.Limit.Value != tc.limit*MB {
			t.Errorf("%s: got %s, %d MB of %v", tc.fixture, m.Source, m.Current.Value/MB, m.Limit)
		}
		if !m.Limit.Known && m.Limit.Reason == "" {
			t.Errorf("%s: no limit and no reason", tc.fixture)
		}
	}
}

// TestFileCacheIsNotTheWorkingSet holds that pages which the kernel takes back
// are told apart, in both versions, and that nothing is taken for them where
// they are not counted.
func TestFileCacheIsNotTheWorkingSet(t *testing.T) {
	for _, tc := range []struct {
		fixture, dir, stat string
		working            uint64 // MB
		why                string // of an unknown cache
	}{
		{"v2-own", "sys/fs/cgroup/system.slice/annad.service", "anon 1\ninactive_file 4194304\nactive_file 9\n", 10, ""},
		{"v2-own", "sys/fs/cgroup/system.slice/annad.service", "inactive_file 99999999999\n", 0, ""}, // read later than the sum
		{"v2-own", "", "", 14, "has no memory.stat"},
		{"v1-own", "sys/fs/cgroup/memory/system.slice/annad.service", "inactive_file 1048576\ntotal_inactive_file 6291456\n", 8, ""},
		{"v1-own", "sys/fs/cgroup/memory/system.slice/annad.service", "cache 0\n", 14, "has no total_inactive_file"},
	} {
		root := t.TempDir()
		if err := os.CopyFS(root, os.DirFS(filepath.Join(fixtures, "cgroup", tc.fixture))); err != nil {
			t.Fatal(err)
		}
		if tc.dir != "" {
			put(t, filepath.Join(root, tc.dir, "memory.stat"), tc.stat)
		}
		c := NewCgroup(filepath.Join(root, "proc"), root, 1234)
		m := MemoryOf(ProcessSample{}, c.Sample())
		if m.Current != Known[uint64](14*MB) || m.Working != Known(tc.working*MB) {
			t.Errorf("%s, %q: %v of %v", tc.fixture, tc.stat, m.Working, m.Current)
		}
		if tc.why == "" != m.Reclaimable.Known || !strings.Contains(m.Reclaimable.Reason, tc.why) {
			t.Errorf("%s, %q: cache %v", tc.fixture, tc.stat, m.Reclaimable)
		}
	}
}

func TestLiveCgroup(t *testing.T) {
	s := NewCgroup("/proc", "/", os.Getpid()).Sample()
	checkReasons(t, "live", s)
	m := MemoryOf(NewSelf().Sample(), s)
	if m.Source == "" || !m.Current.Known || m.Current.Value == 0 {
		t.Errorf("got %+v", m)
	}
	t.Logf("%s: current %v, peak %v, limit %v", m.Source, m.Current, m.Peak, m.Limit)
}

// A real v1 cgroup below our own, with a process of its own in it, the limit on
// its parent, and then a second process that makes it a shared one.
func TestRealCgroupV1(t *testing.T) {
	annatest.Require(t, annatest.Root)
	own := NewCgroup("/proc", "/", os.Getpid()).Sample().Memory
	if own.Version != 1 || own.dir == "" {
		t.Skip("this machine does not count memory in cgroup v1")
	}
	parent := filepath.Join(own.dir, fmt.Sprintf("anna-test-%d", os.Getpid()))
	child := filepath.Join(parent, "inner")
	if err := os.MkdirAll(child, 0o755); err != nil {
		t.Skipf("cannot make a cgroup: %v", err)
	}
	t.Cleanup(func() {
		for _, dir := range []string{child, parent} {
			for range 50 { // a cgroup is busy until its last process is gone
				if err := os.Remove(dir); err == nil || os.IsNotExist(err) {
					break
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
	})
	write := func(dir, file, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(parent, "memory.limit_in_bytes", "64M")
	write(child, "memory.limit_in_bytes", "256M")
	pid := startSleeper(t)
	write(child, "cgroup.procs", fmt.Sprint(pid))

	sampler := NewCgroup("/proc", "/", pid)
	s := sampler.Sample()
	if !s.Memory.Ours || s.Memory.Path != own.Path+"/"+filepath.Base(parent)+"/inner" && own.Path != "/" {
		t.Fatalf("the cgroup should be its own: %+v", s.Memory)
	}
	if s.Limit != Known[uint64](64*MB) {
		t.Errorf("limit %v, want the 64 MB of the parent", s.Limit)
	}
	if !s.Current.Known || !s.Peak.Known || s.Peak.Value < s.Current.Value || !s.OOMKills.Known {
		t.Errorf("current %v, peak %v, kills %v", s.Current, s.Peak, s.OOMKills)
	}
	write(child, "cgroup.procs", fmt.Sprint(startSleeper(t)))
	if s := sampler.Sample(); s.Memory.Ours || s.Limit.Known || !strings.Contains(s.Limit.Why(), "other processes") {
		t.Errorf("with a second process it is shared, got %+v, limit %v", s.Memory, s.Limit)
	}
}

func startSleeper(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Skipf("cannot start a process: %v", err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd.Process.Pid
}

func FuzzCgroupParsers(f *testing.F) {
	f.Add("0::/a\n7:memory,cpu:/b:c\n")
	f.Add("some avg10=1.50 avg60=0.25 avg300=0.01 total=1\nfull avg10=0 avg60=0 avg300=0 total=1\n")
	f.Add("31 23 0:27 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw")
	f.Add(`1 2 3:4 /a\134 /b\040\8 rw - x  y`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range parseMemberships(text) {
			if !strings.HasPrefix(m.path, "/") {
				t.Errorf("path %q", m.path)
			}
		}
		if p, err := parsePressure(text); err == nil && !(p.Some.Avg10 >= 0 && p.Some.Avg10 <= 101) {
			t.Errorf("%q gives %+v", text, p)
		}
		if m, err := parseMountLine(text); err == nil && !filepath.IsAbs(m.point) {
			t.Errorf("%q is mounted on %q", text, m.point)
		}
	})
}

// Whatever the files of a cgroup hold, a sample ends and explains itself.
func FuzzCgroupTree(f *testing.F) {
	f.Add("0::/a\n", "31 23 0:27 / /cg rw - cgroup2 cgroup2 rw\n", "1234\n", "max\n")
	f.Add("7:memory:/a/b\n", "31 23 0:27 /a /cg rw - cgroup cgroup rw,memory\n", "1234\n0\n", "77")
	f.Fuzz(func(t *testing.T, cgroup, mountinfo, procs, value string) {
		root := t.TempDir()
		write := func(path, text string) {
			path = filepath.Join(root, path)
			os.MkdirAll(filepath.Dir(path), 0o755)
			os.WriteFile(path, []byte(text), 0o644)
		}
		write("proc/1234/cgroup", cgroup)
		write("proc/1234/mountinfo", mountinfo)
		for _, name := range []string{"memory.current", "memory.max", "memory.events", "cpu.stat", "memory.pressure", "pids.max"} {
			write("cg/a/"+name, value)
		}
		write("cg/a/cgroup.procs", procs)
		s := NewCgroup(filepath.Join(root, "proc"), root, 1234).Sample()
		checkReasons(t, "fuzz", s)
		if rel, err := filepath.Rel(root, s.Memory.dir); s.Memory.dir != "" && (err != nil || strings.HasPrefix(rel, "..")) {
			t.Errorf("left the root: %s", s.Memory.dir)
		}
	})
}

func BenchmarkCgroupSample(b *testing.B) {
	for _, name := range []string{"v2-own", "v2-shared", "v1-own"} {
		b.Run(name, func(b *testing.B) {
			c := cgroupFixture(name)
			b.ReportAllocs()
			for b.Loop() {
				c.Sample()
			}
		})
	}
}
