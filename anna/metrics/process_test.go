package metrics

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/procfs"
)

const fixtures = "../../testdata"

func procFixture(name string) string { return filepath.Join(fixtures, "proc", name, "proc") }

func TestProcessFixture(t *testing.T) {
	start := time.Unix(1700000000, 0).Add(43210 * time.Millisecond)
	want := ProcessSample{
		PID: 1234, Name: Known("annad"),
		Resident: Known[uint64](12 * MB), ResidentPeak: Known[uint64](15 * MB), Virtual: Known[uint64](1238100 << 10),
		CPU: Known(3810 * time.Millisecond), Threads: Known[uint64](9),
		Descriptors: Known[uint64](5), DescriptorLimit: Known[uint64](1024),
		StartTicks: Known[uint64](4321), Started: Known(start),
		VoluntarySwitches: Known[uint64](123),
	}
	if d := cmp.Diff(want, NewProcess(procFixture("daemon"), 1234).Sample()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// The name in a stat line may look like the rest of it.
func TestProcessOddName(t *testing.T) {
	s := NewProcess(procFixture("odd-name"), 1234).Sample()
	if s.Name.Value != "a) S (b c) R 1 2 " || s.Threads.Value != 9 || s.CPU.Value != 3810*time.Millisecond {
		t.Errorf("got name %q, %v threads, %v", s.Name.Value, s.Threads, s.CPU)
	}
}

func TestProcessWithoutMemory(t *testing.T) {
	s := NewProcess(procFixture("kernel-thread"), 1234).Sample()
	if s.Resident.Known || !strings.Contains(s.Resident.Why(), "no VmRSS") {
		t.Errorf("a kernel thread has no resident size, got %v", s.Resident)
	}
	if !s.CPU.Known || !s.Descriptors.Known {
		t.Errorf("the rest should be known: %v, %v", s.CPU, s.Descriptors)
	}
}

func TestProcessHostileAndMissing(t *testing.T) {
	for name, root := range map[string]string{"hostile": procFixture("hostile"), "no proc": t.TempDir()} {
		s := NewProcess(root, 1234).Sample()
		for what, f := range map[string]Figure[uint64]{
			"VmRSS": s.Resident, "VmHWM": s.ResidentPeak, "VmSize": s.Virtual, "threads": s.Threads,
			"limit": s.DescriptorLimit, "switches": s.VoluntarySwitches, "start": s.StartTicks,
		} {
			if f.Known || f.Reason == "" {
				t.Errorf("%s: %s should be unknown with a reason, got %v", name, what, f)
			}
		}
		if s.CPU.Known || s.Started.Known || s.Started.Reason == "" || s.Name.Known {
			t.Errorf("%s: got %v, %v, %v", name, s.CPU, s.Started, s.Name)
		}
	}
}

func TestLiveProcess(t *testing.T) {
	p := NewSelf()
	before := p.Sample()
	p.fds = listed{} // where the kernel does not count: count anew
	for end := time.Now().Add(60 * time.Millisecond); time.Now().Before(end); {
		runtime.Gosched()
	}
	for range 20 {
		time.Sleep(time.Millisecond)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := p.Sample()
	if s.Resident.Value < MB || s.ResidentPeak.Value < s.Resident.Value || s.Virtual.Value < s.Resident.Value {
		t.Errorf("VmRSS %v, VmHWM %v, VmSize %v", s.Resident, s.ResidentPeak, s.Virtual)
	}
	if s.CPU.Value < before.CPU.Value || s.Threads.Value == 0 || s.VoluntarySwitches.Value == 0 {
		t.Errorf("CPU %v after %v, %v threads, %v switches", s.CPU, before.CPU, s.Threads, s.VoluntarySwitches)
	}
	if s.Descriptors.Value != before.Descriptors.Value+1 {
		t.Errorf("one descriptor more is open: %v after %v", s.Descriptors, before.Descriptors)
	}
	if age := time.Since(s.Started.Value); !s.Started.Known || age < -2*time.Second || age > time.Hour {
		t.Errorf("started %v", s.Started)
	}
	if s.Started != before.Started {
		t.Errorf("the start moved from %v to %v", before.Started, s.Started)
	}
}

// What both read must agree with the module that others use.
func TestLiveProcessAgainstProcfs(t *testing.T) {
	ours := NewSelf().Sample()
	self, err := procfs.Self()
	if err != nil {
		t.Skip(err)
	}
	stat, err := self.Stat()
	if err != nil {
		t.Fatal(err)
	}
	limits, err := self.Limits()
	if err != nil {
		t.Fatal(err)
	}
	if ours.Name.Value != stat.Comm || ours.StartTicks.Value != stat.Starttime || ours.Virtual.Value > uint64(stat.VSize)*2 {
		t.Errorf("ours %v %v %v, theirs %v %v %v", ours.Name, ours.StartTicks, ours.Virtual, stat.Comm, stat.Starttime, stat.VSize)
	}
	if ours.DescriptorLimit.Known && ours.DescriptorLimit.Value != limits.OpenFiles {
		t.Errorf("descriptor limit %v, theirs %v", ours.DescriptorLimit, limits.OpenFiles)
	}
}

func FuzzParseStat(f *testing.F) {
	for _, name := range []string{"daemon", "odd-name", "hostile"} {
		text, err := os.ReadFile(filepath.Join(procFixture(name), "1234", "stat"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add(")(")
	f.Fuzz(func(t *testing.T, text string) {
		st, err := parseStat(text)
		if err == nil && !strings.Contains(text, "("+st.name+")") {
			t.Errorf("the name %q is not in %q", st.name, text)
		}
		ticks(st.utime, st.stime)
	})
}

func FuzzStatusAndLimits(f *testing.F) {
	for _, file := range []string{"status", "limits"} {
		text, err := os.ReadFile(filepath.Join(procFixture("daemon"), "1234", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, got := range []Figure[uint64]{statusSize(text, "VmRSS"), openFilesLimit(text)} {
			if !got.Known && got.Reason == "" {
				t.Error("unknown without a reason")
			}
		}
	})
}

func BenchmarkProcessSample(b *testing.B) {
	p := NewSelf()
	b.ReportAllocs()
	for b.Loop() {
		p.Sample()
	}
}

// The peer: the same figures through prometheus/procfs.
func BenchmarkPeerProcfs(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		p, err := procfs.Self()
		if err != nil {
			b.Skip(err)
		}
		p.Stat()
		p.NewStatus()
		p.Limits()
		p.FileDescriptorsLen()
	}
}
