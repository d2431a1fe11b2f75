package btrfs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const logID = "7a1f8c3e-5b9d-4f7a-9c2e-0d6b8e4f1a23"

// TestBalanceLog understands the kernel's words for every end that there is.
func TestBalanceLog(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  BalanceRun
	}{
		"finished": {[]string{"balance: start -dvrange=1..2", "relocating block group 1 flags data", "balance: ended with status: 0"}, BalanceRun{at(0), at(2), BalanceFinished, "start -dvrange=1..2"}},
		"failed":   {[]string{"balance: start -d -m -s", "balance: ended with status: -28"}, BalanceRun{at(0), at(1), BalanceFailed, "start -d -m -s: no space left on device"}},
		"paused":   {[]string{"balance: start -d", "balance: paused"}, BalanceRun{at(0), at(1), BalancePaused, "start -d"}},
		"resumed":  {[]string{"balance: start -d", "balance: paused", "balance: resume -dusage=90", "balance: canceled"}, BalanceRun{at(2), at(3), BalanceCancelled, "resume -dusage=90"}},
		"runs":     {[]string{"balance: start"}, BalanceRun{at(0), time.Time{}, BalanceRunning, "start"}},
		"no start": {[]string{"balance: canceled"}, BalanceRun{time.Time{}, at(0), BalanceCancelled, ""}},
		"nonsense": {[]string{"balance: start -d", "balance: ended with status: soon", "balance: started", "balance:"}, BalanceRun{at(0), time.Time{}, BalanceRunning, "start -d"}},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []LogLine
			for i, text := range c.lines {
				lines = append(lines, LogLine{At: at(i), Device: "sda2", Text: text})
			}
			id, _ := ParseUUID(logID)
			b := NewBalanceLog()
			b.Add(lines, func(string) UUID { return id })
			if got, _ := b.Last(id); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			// The same of a device that was somebody else's before.
			b = NewBalanceLog()
			mount := []LogLine{{At: at(0), Device: "sda2", Text: "balance: start --other"}, {At: at(0), Device: "sda2", Text: "first mount of filesystem " + logID}}
			b.Add(append(mount, lines...), func(string) UUID { return id })
			if got, _ := b.Last(id); got != c.want {
				t.Errorf("after a mount: %+v, want %+v", got, c.want)
			}
		})
	}
}

// TestLogOwner holds whose a line is: a device name is given to one file system
// after the other, and lines of mounts are left out as well.
func TestLogOwner(t *testing.T) {
	const a, b = "7a1f8c3e-5b9d-4f7a-9c2e-0d6b8e4f1a23", "8a1f8c3e-5b9d-4f7a-9c2e-0d6b8e4f1a23"
	mount := func(id string) string { return "first mount of filesystem " + id }
	unmount := func(id string) string { return "last unmount of filesystem " + id }
	for _, c := range []struct {
		lines []string
		now   string // what the device has now
		want  string // whose the line "x" is
	}{
		{[]string{"x"}, a, a},
		{[]string{"x"}, "", ""},
		{[]string{mount(a), "x"}, a, a},
		{[]string{"x", mount(a)}, a, ""}, // of another before it
		{[]string{mount(b), "x", mount(a)}, a, b},
		{[]string{"x", unmount(b), mount(a)}, a, b},
		{[]string{unmount(b), "x"}, a, a},
		{[]string{unmount(a), "x", mount(b)}, b, ""},
		{[]string{mount(a), "x", unmount(b)}, b, ""}, // before or after the change that is left out
		{[]string{mount(a), unmount(a), "x", unmount(a)}, "", a},
		{[]string{mount(a), "x"}, b, ""}, // the same, and no later change
		{[]string{mount(a), "x"}, "", a},
	} {
		var lines []LogLine
		for _, text := range c.lines {
			lines = append(lines, LogLine{Device: "sda2", Text: text}, LogLine{Device: "sdb", Text: mount(b)})
		}
		now := func(string) UUID { id, _ := ParseUUID(c.now); return id }
		got := new(LogOwner).Own(lines, func(text string) bool { return text == "x" }, now)
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || got[0].FS.String() != c.want) {
			t.Errorf("%q, now %s: %+v", c.lines, c.now, got)
		}
	}
	// In later readings: what was mounted, and what it has since, as was seen.
	var o LogOwner
	all := func(string) bool { return true }
	has := func(id string) func(string) UUID { return func(string) UUID { id, _ := ParseUUID(id); return id } }
	x := []LogLine{{Device: "sda2", Text: "x"}}
	o.Own([]LogLine{{Device: "sda2", Text: mount(a)}}, all, has(a))
	for i, want := range []string{a, "", b, b} {
		now := a
		if i > 0 {
			now = b
		}
		if got := o.Own(x, all, has(now)); len(got) != min(1, len(want)) || want != "" && got[0].FS.String() != want {
			t.Errorf("reading %d: %+v, want %s", i, got, want)
		}
	}
}

// TestBalanceOfAnother holds that a balance of what a device had before is not
// taken for one of what it has now.
func TestBalanceOfAnother(t *testing.T) {
	id, _ := ParseUUID(logID)
	b := NewBalanceLog()
	b.Add([]LogLine{
		{At: at(0), Device: "sda2", Text: "balance: start -m -s"},
		{At: at(1), Device: "sda2", Text: "balance: ended with status: 0"},
		{At: at(2), Device: "sda2", Text: "first mount of filesystem " + logID},
	}, func(string) UUID { return id })
	if r, ok := b.Last(id); ok {
		t.Errorf("%+v", r)
	}
}

// TestBalanceEndUnseen has a balance of which the log has no end.
func TestBalanceEndUnseen(t *testing.T) {
	id, _ := ParseUUID(logID)
	b := NewBalanceLog()
	now := func(string) UUID { return id }
	say := func(sec int, text string) { b.Add([]LogLine{{At: at(sec), Device: "sda2", Text: text}}, now) }
	say(0, "balance: start -d")
	if r, ok := b.EndUnseen(id, at(5)); !ok || r != (BalanceRun{at(0), at(5), BalanceUnknown, "start -d"}) {
		t.Errorf("%+v %v", r, ok)
	}
	say(7, "balance: ended with status: 0") // of another, whose start is left out
	if r, _ := b.Last(id); r != (BalanceRun{time.Time{}, at(7), BalanceFinished, ""}) {
		t.Errorf("%+v", r)
	}
	if r, ok := b.EndUnseen(id, at(9)); ok {
		t.Errorf("an end that was seen is not: %+v", r)
	}
}

func at(sec int) time.Time { return time.Unix(1_700_000_000+int64(sec), 0) }

func TestKernelLog(t *testing.T) {
	if _, err := OpenKernelLog(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a log that is not there opens")
	}
	file := filepath.Join(t.TempDir(), "kmsg")
	if err := os.WriteFile(file, []byte("6,1,5000000,-;BTRFS info (device dm-0 state MC): balance: paused\n SUBSYSTEM=block\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := OpenKernelLog(file)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	lines, err := k.Read()
	if err != nil || len(lines) != 1 || lines[0].Device != "dm-0" || lines[0].Text != "balance: paused" || k.Oldest() != lines[0].At {
		t.Fatalf("%+v, %v, oldest %v", lines, err, k.Oldest())
	}
	if lines, err = k.Read(); err != nil || len(lines) != 0 {
		t.Errorf("read twice: %+v, %v", lines, err)
	}
}

// FuzzKmsg reads anything as a line of the log: a program may write there, too,
// and is never taken for the kernel.
func FuzzKmsg(f *testing.F) {
	f.Add("6,339,5140900,-;BTRFS info (device sda2): balance: start -d\n")
	f.Add("14,339,5140900,-;BTRFS info (device sda2): balance: start -d\n")
	f.Add("6,339,5140900;BTRFS (device ): ")
	f.Add("6,339,-1,-;BTRFS warning (device sda2 state EA): x): y")
	f.Fuzz(func(t *testing.T, record string) {
		since, device, text, ok := parseKmsg(record)
		if since < 0 || ok != (device != "") && ok || strings.Contains(text, "\n") {
			t.Errorf("%v %q %q %v", since, device, text, ok)
		}
		if ok && strings.HasPrefix(record, "14,") {
			t.Error("a program's line is taken for the kernel's")
		}
		b := NewBalanceLog()
		b.Add([]LogLine{{Device: device, Text: text}}, func(string) UUID { return UUID{1} })
	})
}
