package policy

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// machine is what the rules of these tests are judged by.
const machine = `{
	"machine": {"os": "arch", "battery": true, "cpus": 8},
	"load": {"one": 3.5, "five": {"unknown": "no loadavg"}},
	"memory": {"total_bytes": 17179869184, "available_bytes": 1073741824, "available_percent": 6.25},
	"kernel": {"running": "6.9.1-arch1-1", "installed": ["6.6.30-1-lts", "6.9.1-arch1-1"], "reboot_needed": false},
	"units": {"unknown": "systemd does not run here"},
	"mount": [
		{"point": "/", "type": "btrfs", "used_percent": 91.5, "available_bytes": 4294967296},
		{"point": "/boot", "type": "vfat", "used_percent": {"unknown": "it does not answer"}}
	],
	"installed": {"linux": true, "tlp": true},
	"version": {"linux": "6.9.1.arch1-1"},
	"history": {"avg(load.one, \"1h\")": 2, "rate(mount[/].used_bytes, \"6h\")": 1048576}
}`

func tree(t testing.TB, text string) facts.Tree {
	t.Helper()
	tree, err := facts.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// judge evaluates a condition alone.
func judge(t testing.TB, when, each, key string) string {
	t.Helper()
	e, bad := compile(when, each)
	if bad != nil {
		return "refused: " + bad.message
	}
	v := NewJudge().one(&Rule{ID: "x", when: e}, tree(t, machine), key)
	if v.Outcome == CannotTell {
		return "cannot tell " + v.Unknown
	}
	return string(v.Outcome)
}

func TestConditions(t *testing.T) {
	for _, c := range []struct{ when, want string }{
		{`load.one > 3`, "fires"},
		{`load.one > 3 and load.one < 3.6`, "fires"},
		{`3 < load.one < 4`, "fires"},
		{`3 < load.one + 1 < 4`, "silent"},
		{`load.one == 3.5`, "fires"},
		{`machine.cpus == 8`, "fires"},
		{`machine.os == "arch" and machine.battery`, "fires"},
		{`not machine.battery`, "silent"},
		{`machine.os in ["arch", "manjaro"]`, "fires"},
		{`machine.os not in ["arch"]`, "silent"},
		{`machine.cpus in [4, 8]`, "fires"},
		{`"6.6.30-1-lts" in kernel.installed`, "fires"},
		{`kernel.running in kernel.installed`, "fires"},
		{`any(kernel.installed, # endsWith "lts")`, "fires"},
		{`all(kernel.installed, # contains "arch")`, "silent"},
		{`count(kernel.installed, # startsWith "6.") == 2`, "fires"},
		{`len(kernel.installed) > 2`, "silent"},
		{`kernel.running matches "^6\\.[0-9]+"`, "fires"},
		{`memory.available_bytes <= size("1GiB")`, "fires"},
		{`memory.available_bytes < size("1GiB")`, "silent"},
		{`max(load.one, 1) > 3`, "fires"},
		{`lower(machine.os) == "arch"`, "fires"},
		{`(machine.battery ? 1 : 2) == 1`, "fires"},
		{`installed("tlp") and not installed("auto-cpufreq")`, "fires"},
		{`version("linux") startsWith "6.9"`, "fires"},
		{`avg(load.one, "1h") < load.one`, "fires"},
		{`highest(load.one, "1h") > 1`, `cannot tell highest(load.one, "1h")`},
		{`avg(load.one, "60m") == 2`, "fires"}, // however the time is written

		// Unknown facts are neither yes nor no, whichever way it is asked.
		{`load.five > 1`, "cannot tell load.five"},
		{`load.five <= 1`, "cannot tell load.five"},
		{`load.five != 3`, "cannot tell load.five"},
		{`not (load.five > 1)`, "cannot tell load.five"},
		{`load.fifteen > 1`, "cannot tell load.fifteen"},
		{`len(units.failed) > 0`, "cannot tell units.failed"},
		{`any(units.failed, # == "x")`, "cannot tell units.failed"},
		{`version("nano") == "1"`, `cannot tell version("nano")`},
		// What is not reached does not matter.
		{`load.one > 3 or load.five > 1`, "fires"},
		{`load.one < 3 and load.five > 1`, "silent"},
		{`known(load.five) and load.five > 1`, "silent"},
		{`known(load.one) and not known(load.five)`, "fires"},
		{`known(installed("x"))`, "fires"},
		{`known(highest(load.one, "1h"))`, "silent"},
		{`any(kernel.installed, # == "x" or load.five > 1)`, "cannot tell load.five"},
	} {
		if got := judge(t, c.when, "", ""); got != c.want {
			t.Errorf("%s\n got  %s\n want %s", c.when, got, c.want)
		}
	}
}

func TestConditionsOfObjects(t *testing.T) {
	for _, c := range []struct{ when, key, want string }{
		{`mount.used_percent > 90`, "/", "fires"},
		{`mount.used_percent > 90`, "/boot", "cannot tell mount[/boot].used_percent"},
		{`mount.type == "vfat"`, "/boot", "fires"},
		{`mount.used_percent > 90`, "/gone", "cannot tell mount[/gone].used_percent"},
		{`rate(mount.used_bytes, "6h") > 1000`, "/", "fires"},
	} {
		if got := judge(t, c.when, "mount", c.key); got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.when, c.key, got, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ when, want string }{
		{``, "the expression is empty"},
		{`load.on > 1`, "there is no fact load.on"},
		{`load > 1`, "load is a branch of facts, not a fact"},
		{`mount.used_percent > 1`, "mount.used_percent is of each mount"},
		{`load.one > "x"`, "mismatched types number and text"},
		{`load.one == "x"`, "mismatched types number and text"},
		{`load.one = 1`, "two equals signs"},
		{`load.one and true`, "mismatched types number and bool"},
		{`load.one >`, "the expression ends too early"},
		{`installed`, "installed takes a name"},
		{`installed(machine.os)`, "installed takes the name of one package, written out"},
		{`avg(load.one)`, "avg takes a fact and a time"},
		{`avg(load.one, "1x")`, "the time is from 1m to 30d"},
		{`avg(load.one, "90d") > 1`, "the time is from 1m to 30d"},
		{`avg(machine.cpus, "1h") > 1`, "machine.cpus has no history"},
		{`avg(load.one, "1h") + avg(load.one, "2h") + avg(load.one, "3h") + avg(load.one, "4h") + avg(load.one, "5h") > 1`, "a rule can ask for the past 4 times"},
		{`machine.os + "x" == "y"`, "texts cannot be joined"},
		{`lower(machine.os) + lower(machine.os) == "y"`, "texts cannot be joined"},
		{`[1, "a"] == 1`, "a list holds either"},
		{`load.one in [load.five]`, "written out"},
		{`1..1000 == 1`, "the operator .. is no part"},
		{`repeat("a", 1000) == ""`, "there is no function repeat"},
		{`map(kernel.installed, #) == 1`, "map is no part"},
		{`reduce(kernel.installed, #acc + 1) == 1`, "reduce is no part"},
		{`any(kernel.installed, any(kernel.installed, # == "a"))`, "any within another closure"},
		{`any(kernel.installed, # in kernel.installed)`, "a list within a list takes too long"},
		{`any(kernel.installed, # matches "a")`, "a pattern within a list takes too long"},
		{`any(kernel.installed, #index > 1)`, "#index means nothing here"},
		{`any(kernel.installed, .x == 1)`, "# is the entry"},
		{`kernel.running matches machine.os`, "a pattern has to be written out"},
		{`kernel.running matches "("`, "the pattern is wrong"},
		{`kernel.running matches "(a{1000}){1000}"`, "the pattern is wrong"},
		{`kernel.running matches "a{1000}b{1000}"`, "the pattern can take too long"},
		{`load.one == nil`, "nil means nothing here"},
		{`load?.one == 1`, "no part of the language"},
		{`load["one"] > 1`, "fires"}, // another way to write load.one
		{`let x = load.one; x > 1`, "no part of the language"},
		{`kernel.installed[0] == "x"`, "names are written with dots"},
		{`kernel.installed[0:1] == "x"`, "no part of the language"},
		{`$env.load == 1`, "there is no fact $env.load"},
		{`now() == 1`, "there is no function now"},
		{`len(1) > 1`, "invalid argument for len"},
		{`{"a": 1} == 1`, "no part of the language"},
		{`(load.one ?? 1) == 1`, "the operator ?? is no part"},
		{`load.one % 2 == 1`, "the operator % is no part"},
		{`load.one ** 2 == 1`, "the operator ** is no part"},
		{`any(kernel.installed, true) and any(kernel.installed, ` + strings.Repeat(`# == "x" or `, 30) + `true)`, "fires"},
		{strings.Repeat(`load.one > 1 and `, 60) + `true`, "the expression has more than 200 parts"},
		{strings.Repeat("(", 900) + "true" + strings.Repeat(")", 900), "fires"},
		{strings.Repeat("not ", 300) + "true", "more than 200 parts"},
		{strings.Repeat("x", 3000), "longer than 2000 bytes"},
	} {
		got := judge(t, c.when, "", "")
		if !strings.Contains(got, c.want) {
			t.Errorf("%.100s\n got  %s\n want %s", c.when, got, c.want)
		}
	}
}

// TestLongText: a text is cut where it grows too long, and no earlier.
func TestLongText(t *testing.T) {
	long := strings.Repeat("ä", 100) // 200 bytes, in characters of two
	b := facts.NewBranch()
	b.Set("machine.os_name", facts.Str(long))
	one, bad := parseTemplate(strings.Repeat("x{machine.os_name}", maxParts), "")
	if bad != nil {
		t.Fatal(bad.message)
	}
	two, bad := parseTemplate(strings.Repeat("{machine.os_name}", maxParts-1), "")
	if bad != nil {
		t.Fatal(bad.message)
	}
	j := NewJudge()
	j.tree = facts.Tree{}.With("machine", b)
	cut, whole := j.fill(one, false), j.fill(two, false)
	if len(whole) != (maxParts-1)*len(long) {
		t.Errorf("%d bytes of a text that has room", len(whole))
	}
	if len(cut) < maxFilled || len(cut) > maxFilled+len(" ...") || !strings.HasSuffix(cut, " ...") || !utf8.ValidString(cut) {
		t.Errorf("%d bytes, ending with %q", len(cut), cut[len(cut)-8:])
	}
}
