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
			b.Add(lines, func(device string) (UUID, bool) { return id, device == "sda2" })
			if got, _ := b.Last(id); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			// The same of a device that was somebody else's before.
			b = NewBalanceLog()
			mount := []LogLine{{At: at(0), Device: "sda2", Text: "balance: start --other"}, {At: at(0), Device: "sda2", Text: "first mount of filesystem " + logID}}
			b.Add(append(mount, lines...), func(string) (UUID, bool) { return UUID{1}, true })
			if got, _ := b.Last(id); got != c.want {
				t.Errorf("after a mount: %+v, want %+v", got, c.want)
			}
		})
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
		b.Add([]LogLine{{Device: device, Text: text}}, func(string) (UUID, bool) { return UUID{}, true })
	})
}
