package policy

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

func fileOf(name, text string) config.File {
	return config.File{Path: name, Data: []byte(text), Sum: sha256.Sum256([]byte(text))}
}

func files(list ...config.File) []config.File { return list }

// TestProblems freezes what people read of a file with every mistake.
func TestProblems(t *testing.T) {
	file := fileOf("/etc/anna/policies.d/10-bad.toml", `note = 1
[[rule]]
id = "Bad Id"
when = 'load.on > 3'
title = "x"

[[rule]]
id = "two"
level = "warn"
when = 'mount.used_percent > 90'
titel = "x"

[[rule]]
id = "three"
each = "mounts"
when = "load.one + 1"
for = "soon"
title = "{load.one"
enabled = "no"
refs = "man:x"

[[rule]]
id = "four"
each = "mount"
when = '''
mount.type == "ext4" and
mount.used_percent > "90"
'''
title = "{mount.point} and {mount.nothing}"
detail = "ä {load.one +}"
action = "restart"

[[rule]]
id = "four"
when = true
title = 3

[rules]
x = 1
`)
	set, problems := Load(files(file))
	if set != nil {
		t.Error("there is a set")
	}
	var b bytes.Buffer
	report := config.Report{Problems: problems, Path: file.Path}
	if err := report.Write(&b); err != nil {
		t.Fatal(err)
	}
	annatest.Golden(t, "anna/policy/testdata/problems.txt", b.Bytes())
}

// TestOverride: a file changes what a built-in rule says by id, key by key.
func TestOverride(t *testing.T) {
	var l Loader
	one := fileOf("/p/10.toml", "[[rule]]\nid = \"low_space\"\nlevel = \"critical\"\n\n[[rule]]\nid = \"hot\"\nenabled = false\n\n[[rule]]\nid = \"mine\"\nwhen = 'load.one > 3'\ntitle = 'busy'\n")
	set, problems := l.Load(files(one))
	if set == nil {
		t.Fatal(problems)
	}
	low, hot, mine := set.Find("low_space"), set.Find("hot"), set.Find("mine")
	if low.Level != Critical || low.When != Builtin().Find("low_space").When || !low.Changed || low.Place() != "/p/10.toml:1" {
		t.Errorf("%+v", low)
	}
	if hot.Enabled || !Builtin().Find("hot").Enabled || mine.Builtin || mine.Hold(time.Minute) != time.Minute {
		t.Errorf("%+v %+v", hot, mine)
	}
	if len(set.Rules) != len(Builtin().Rules)+1 {
		t.Errorf("%d rules", len(set.Rules))
	}
	// A file that did not change is not compiled again.
	two := fileOf("/p/20.toml", "[[rule]]\nid = \"other\"\nwhen = 'load.one > 3'\ntitle = 'busy'\n")
	again, _ := l.Load(files(one, two))
	if again.Find("mine") != mine || again.Find("other") == nil {
		t.Error("the rules of an unchanged file are others")
	}
	// An id that two files use.
	_, problems = l.Load(files(one, fileOf("/p/30.toml", "[[rule]]\nid = \"mine\"\nwhen = 'true'\ntitle = 'x'\n")))
	if len(problems) != 1 || problems[0].File != "/p/30.toml" || problems[0].Line != 2 || !strings.Contains(problems[0].Message, "/p/10.toml:9") {
		t.Errorf("%+v", problems)
	}
}

func TestForeign(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"low-disk.yml", "# disk\nwhen: \"telemetry.disk_free_pct < 10%\"\nthen: {type: send_alert}\n", "[[rule]]\nid = \"low_disk\"\neach = \"mount\"\nwhen = '100 - mount.used_percent < 10'\ntitle = \"...\""},
		{"thermal.yaml", "- when: telemetry.cpu_temp > 85 && telemetry.mem_usage > 0.9\n  then: log\n", "[[rule]]\nid = \"thermal\"\neach = \"sensor\"\nwhen = 'sensor.celsius > 85 and 100 - memory.available_percent > 90'\ntitle = \"...\""},
		{"x.yaml", "when: always\nthen: log\n", ""},
		{"x.yaml", "when: diagnostics.pass_rate < 0.5\n", ""},
		{"x.yaml", "\xff\x00when", ""},
		{"x.yaml", "", ""},
	} {
		p := Foreign(fileOf("/etc/anna/policies.d/"+c.name, c.text))
		if p.Suggestion != c.want || p.Severity != config.Warning || p.Message == "" || p.Hint == "" {
			t.Errorf("%q: %+v", c.text, p)
		}
		if c.want == "" {
			continue
		}
		if _, problems := Load(files(fileOf("x.toml", p.Suggestion))); len(problems) > 0 {
			t.Errorf("what is suggested is wrong: %v", problems)
		}
	}
}

// many are files with n rules, each of which reads figures that change all the
// time.
func many(n int) []config.File {
	var list []config.File
	for i := 0; i < n; i += 100 {
		var b strings.Builder
		for k := i; k < min(i+100, n); k++ {
			fmt.Fprintf(&b, "[[rule]]\nid = \"user_%d\"\neach = \"mount\"\nwhen = 'mount.used_percent > %d and mount.available_bytes < size(\"%dMB\") or load.one > 100'\nfor = \"10m\"\ntitle = \"{mount.point} of %d\"\ndetail = \"{mount.used_percent}\"\n", k, 50+k%50, k+1, k)
		}
		list = append(list, fileOf(fmt.Sprintf("/p/%04d.toml", i), b.String()))
	}
	return list
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{10, 1000} {
		list := many(n)
		b.Run(fmt.Sprintf("rules=%d/new", n), func(b *testing.B) {
			for b.Loop() {
				if set, problems := Load(list); set == nil {
					b.Fatal(problems)
				}
			}
		})
		b.Run(fmt.Sprintf("rules=%d/unchanged", n), func(b *testing.B) {
			var l Loader
			l.Load(list)
			for b.Loop() {
				l.Load(list)
			}
		})
	}
}

// BenchmarkStep is one sampling interval with 1 000 rules that go through ten
// file systems: where everything that they read changed, and where nothing did.
func BenchmarkStep(b *testing.B) {
	set, problems := Load(many(1000))
	if set == nil {
		b.Fatal(problems)
	}
	timing := Timing{Hold: 10 * time.Second, Clear: time.Minute}
	for _, changing := range []bool{true, false} {
		b.Run(fmt.Sprintf("changing=%v", changing), func(b *testing.B) {
			e := NewEngine()
			e.Use(set)
			now, t := time.Unix(1e9, 0), mounts(10, 0)
			e.Step(now, t, timing)
			i := 0
			for b.Loop() {
				if i++; changing {
					b.StopTimer()
					t = t.With("mount", mountBranch(10, i))
					b.StartTimer()
				}
				e.Step(now.Add(time.Duration(i)*10*time.Second), t, timing)
			}
		})
	}
}
