package policy

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// worst is a machine on which every list and every text is as long as they can
// be.
func worst() facts.Tree {
	long := strings.Repeat("a", facts.MaxText-4)
	list := make([]string, facts.MaxList)
	for i := range list {
		list[i] = fmt.Sprintf("%s%04d", long, i)
	}
	t := facts.Tree{At: time.Now()}
	for _, k := range facts.Kinds {
		b := facts.NewBranch()
		set := b.Set
		if k.Table() {
			set = b.Add("/").Set
		}
		for _, row := range facts.Of(k.Name) {
			switch row.Type {
			case facts.Bool:
				set(row.Name, facts.Flag(true))
			case facts.Number:
				set(row.Name, facts.Num(1.5))
			case facts.Text:
				set(row.Name, facts.Str(long))
			case facts.List:
				set(row.Name, facts.Strs(slices.Clone(list)))
			}
		}
		t = t.With(k.Name, b)
	}
	return t
}

// The bounds that are promised. What was measured here is some ms: the machine
// of a test is slow and busy, and only this thread's own time counts.
const (
	mostTime   = slower * 50 * time.Millisecond
	mostMemory = 10 << 20
)

// spent runs a judgement and says what it took: the thread's processor time,
// the least of some runs, and the memory that was asked for.
func spent(e *expression, t facts.Tree) (time.Duration, uint64) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := &Rule{ID: "x", Each: "mount", when: e}
	j := NewJudge()
	least := time.Hour
	var memory uint64
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := threadTime()
		j.one(r, t, "/")
		least = min(least, threadTime()-began)
		runtime.ReadMemStats(&after)
		memory = after.TotalAlloc - before.TotalAlloc
		if least < mostTime {
			break
		}
	}
	return least, memory
}

func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

// dear are conditions that cost as much as they can.
var dear = []string{
	`all(kernel.installed, ` + strings.Repeat(`# != "x" and `, 45) + `true)`,
	`all(kernel.installed, ` + strings.Repeat(`# contains "aaaaaaab" or `, 14) + `true)`,
	`all(kernel.installed, ` + strings.Repeat(`not (# contains "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab") and `, 10) + `true)`,
	`all(kernel.installed, # not in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"] and lower(#) != "x" and upper(#) != "y")`,
	strings.Repeat(`"x" not in kernel.installed and `, 60) + `true`,
	`kernel.running matches "(a|a|aa)*(a|aa|aaa)*b" or kernel.running matches "(a?){50}b"`,
	`kernel.running matches "a.*a.*a.*a.*a.*a.*a.*b"`,
	strings.Repeat(`kernel.running matches "(a*)*b" or `, 30) + `false`,
	`count(kernel.installed, lower(#) endsWith "z") > 1 or count(units.failed, upper(#) startsWith "b") > 1 or any(pacman.orphans, lower(#) == "c")`,
	`all(kernel.installed, ` + strings.Repeat(`load.one > 1 and `, 38) + `true)`,
	strings.Repeat(`all(kernel.installed, # != "x") and `, 30) + `true`,
}

// TestDearestRules holds the promise for rules that are made to break it: each
// is refused, or ends within its bounds.
func TestDearestRules(t *testing.T) {
	machine := worst()
	accepted := 0
	for _, when := range dear {
		e, bad := compile(when, "mount")
		if bad != nil {
			t.Logf("refused (%s): %.70s", bad.message, when)
			continue
		}
		accepted++
		took, memory := spent(e, machine)
		t.Logf("%8s %8d bytes: %.70s", took, memory, when)
		if took > mostTime || memory > mostMemory {
			t.Errorf("%s and %d bytes for %.200s", took, memory, when)
		}
	}
	if accepted < 4 {
		t.Errorf("%d of %d were accepted: the bounds refuse too much", accepted, len(dear))
	}
}

// grow makes a random expression of the language, with more than it allows.
func grow(r *rand.Rand, depth int) string {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	if depth == 0 {
		return pick("true", "machine.battery", "load.one > 1", `"x" in kernel.installed`, "known(load.one)", `kernel.running matches "(a|b)*c"`, "mount.used_percent < 3", `# == "a"`, `# contains "ab"`, `lower(#) startsWith "b"`)
	}
	a, b := grow(r, depth-1), grow(r, depth-1)
	switch r.IntN(7) {
	case 0, 1:
		return "(" + a + pick(" and ", " or ", " == ") + b + ")"
	case 2:
		return "not " + a
	case 3:
		return pick("any", "all", "none", "one") + "(" + pick("kernel.installed", "units.failed") + ", " + a + ")"
	case 4:
		return "count(kernel.installed, " + a + ") > 3"
	case 5:
		return "(" + a + " ? " + b + " : " + a + ")"
	}
	return pick("len(kernel.installed) > 3", "max(load.one, 2) > 1", "abs(load.one - 3) > 1", `kernel.running in ["a", "b"]`) + " and " + a
}

// TestRandomRules does the same with rules that nobody would write.
func TestRandomRules(t *testing.T) {
	machine := worst()
	r := rand.New(rand.NewPCG(1, 2))
	accepted := 0
	for range 3000 {
		when := grow(r, 1+r.IntN(6))
		e, bad := compile(when, "mount")
		if bad != nil {
			continue
		}
		if accepted++; accepted%10 != 0 && len(when) < 300 {
			continue
		}
		if took, memory := spent(e, machine); took > mostTime || memory > mostMemory {
			t.Errorf("%s and %d bytes for %s", took, memory, when)
		}
	}
	if accepted < 300 {
		t.Errorf("only %d of 3000 were accepted", accepted)
	}
}

// FuzzCondition: no text makes the compiler fall, and what it accepts keeps the
// bounds.
func FuzzCondition(f *testing.F) {
	for _, when := range dear {
		f.Add(when)
	}
	for _, when := range []string{`mount.used_percent > 90`, `known(load.one) and not (1 < load.one < 3)`, `avg(load.one, "1h") > size("1GiB")`, `machine.os in ["a"]`, "{", `"\`, "#", "a.b.c?.d[1:2]", "1..9", "let x = 1; x"} {
		f.Add(when)
	}
	machine := worst()
	f.Fuzz(func(t *testing.T, when string) {
		e, bad := compile(when, "mount")
		if bad != nil {
			if bad.at < 0 || bad.at > len(when) || bad.message == "" {
				t.Errorf("%q: the place is %d, the message %q", when, bad.at, bad.message)
			}
			return
		}
		if took, memory := spent(e, machine); took > mostTime || memory > mostMemory {
			t.Errorf("%s and %d bytes for %q", took, memory, when)
		}
	})
}

// FuzzFile: no file makes the loader fall, and every problem has its place.
func FuzzFile(f *testing.F) {
	f.Add([]byte("[[rule]]\nid = \"a\"\nwhen = 'load.one > 1'\ntitle = \"{load.one}\"\nfor = \"1m\"\n"))
	f.Add([]byte("[[rule]]\nid = \"low_space\"\nenabled = false\n"))
	f.Add([]byte("[rule]\nid = 1\n[policy]\nx = 1\n"))
	f.Add([]byte("[[rule]]\nwhen = \"\"\"\nload.on\\\n > 1\"\"\"\nfix = '{'\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		file := fileOf("x.toml", string(data))
		set, problems := Load(files(file))
		if set == nil == (len(problems) == 0) {
			t.Errorf("a set: %v, problems: %v", set != nil, problems)
		}
		for _, p := range problems {
			if p.File != "x.toml" && !strings.HasPrefix(p.File, "builtin/") || p.Message == "" {
				t.Errorf("%+v", p)
			}
		}
		if set != nil {
			judgeOnce(set, facts.Tree{})
		}
		Foreign(file)
	})
}
