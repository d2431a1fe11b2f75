package config_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

// trials are, per type, values that no key of that type takes, and one that
// every one takes unless the key has its own below.
var trials = map[string]struct {
	good string
	bad  []string
}{
	"bool":            {`false`, []string{`"true"`, `1`, `"maybe"`, `[]`, `{}`, `1979-05-27`}},
	"int":             {`99`, []string{`"64"`, `1.5`, `-1`, `0`, `99999999999999999999`, `9223372036854775807`, `true`, `inf`, `[1]`}},
	"duration":        {`"30s"`, []string{`5`, `"5"`, `"5 parsecs"`, `"-5s"`, `""`, `"99999999d"`, `"1e3s"`, `"d"`, `"1.2.3d"`, `true`, `07:32:00`}},
	"size":            {`"65MB"`, []string{`64`, `"64"`, `"64 parsecs"`, `"-64MB"`, `""`, `"9999999999999TB"`, `"1e3MB"`, `"."`, `true`}},
	"percent":         {`"85.5%"`, []string{`0.8`, `"0%"`, `"101%"`, `"-5%"`, `"%"`, `"eighty%"`, `"80"`, `true`}},
	"size or percent": {`"65MB"`, []string{`64`, `"64"`, `"0%"`, `"101%"`, `"100KB"`, `"2TB"`, `""`, `true`}},
	"log level":       {`"debug"`, []string{`"loud"`, `"INFO"`, `""`, `3`, `["info"]`}},
	"path":            {`"/srv/anna"`, []string{`""`, `"relative"`, `"~/x"`, `"/a\u0000b"`, `"/a\nb"`, `5`, `"/` + strings.Repeat("x", 4096) + `"`}},
	"socket path":     {`"/srv/anna.sock"`, []string{`""`, `"x.sock"`, `"/run/"`, `"/"`, `"/` + strings.Repeat("x", 107) + `"`, `5`}},
	"group":           {`"wheel"`, []string{`"no-such-group"`, `"985"`, `"two words"`, `"a:b"`, `5`}},
	"list of paths":   {`["/etc/hosts"]`, []string{`"/etc/hosts"`, `["hosts"]`, `[1]`, `[["/etc"]]`, `[{a = 1}]`, `[` + strings.Repeat(`"/x",`, 257) + `]`}},
}

// companions are what else has to be said for the good value to be in order.
var companions = map[string]string{
	"health.rpc_p99_warn": "health.rpc_p99_crit = \"1m\"\ndaemon.request_timeout = \"2m\"\n",
	"health.rpc_p99_crit": "daemon.request_timeout = \"2m\"\n",
	"health.interval":     "telemetry.interval = \"1m\"\n",
	"health.queue_warn":   "health.queue_crit = 200\n",
	"health.queue_crit":   "health.queue_warn = 1\n",
	"events.queue_limit":  "health.queue_warn = 10\nhealth.queue_crit = 20\n",
	"events.debounce":     "events.cooldown = \"1m\"\n",
}

func TestEveryKey(t *testing.T) {
	for _, k := range config.Keys() {
		t.Run(k.Name, func(t *testing.T) {
			section, _, _ := strings.Cut(k.Name, ".")
			known := false
			for _, s := range config.Sections() {
				known = known || s.Name == section
			}
			if !known || k.Doc == "" || k.Why == "" || k.Type == "" || k.Allowed == "" || k.Class != config.Live && k.Class != config.Restart {
				t.Errorf("half a row: %+v", k)
			}
			trial, ok := trials[k.Type]
			if k.Name == "btrfs.scrub_max_age" {
				trial.good = `"36h"`
			}
			if !ok {
				t.Fatalf("no trial for the type %q", k.Type)
			}
			for _, good := range []string{k.Default, trial.good} {
				extra := ""
				if good != k.Default {
					extra = companions[k.Name]
				}
				c, report := parse(extra + k.Name + " = " + good + "\n")
				if len(report.Problems) > 0 {
					t.Fatalf("%s is refused:\n%s", good, render(t, report))
				}
				if got := c.Text(k.Name); got != good {
					t.Errorf("Text = %s, want %s", got, good)
				}
				line := strings.Count(extra, "\n") + 1
				if got, want := c.Origin(k.Name).String(), fmt.Sprintf("config.toml:%d", line); got != want {
					t.Errorf("Origin = %s, want %s", got, want)
				}
			}
			if c, _ := parse(companions[k.Name] + k.Name + " = " + trial.good); c != nil {
				found := false
				for _, change := range config.Diff(config.Default(), c) {
					found = found || change.Key == k.Name && change.Before == k.Default && change.After == trial.good && change.Class == k.Class
				}
				if !found && k.Default != trial.good {
					t.Errorf("Diff does not tell the change to %s", trial.good)
				}
			}
			for _, bad := range trial.bad {
				c, report := parse("\n  " + k.Name + " = " + bad)
				if c != nil || report.OK() {
					t.Errorf("%.60s is taken", bad)
					continue
				}
				p := report.Errors()[0]
				if p.Line != 2 || p.Column < 3 || p.Text == "" {
					t.Errorf("%.60s: no place: %+v", bad, p)
				}
				if p.Key != k.Name || p.Allowed != k.Allowed {
					t.Errorf("%.60s: key %q, allowed %q", bad, p.Key, p.Allowed)
				}
				if p.Suggestion != "" {
					if _, again := parse(companions[k.Name] + k.Name + " = " + p.Suggestion); len(again.Errors()) > 0 && len(report.Errors()) == 1 && !strings.HasPrefix(bad, "[") {
						t.Errorf("%.60s: the suggestion %s is refused as well", bad, p.Suggestion)
					}
				}
			}
		})
	}
}

func TestBounds(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{`health.interval = "199ms"`, `health.interval: "199ms" is too small: the least is "200ms"`},
		{`health.interval = "301s"`, `health.interval: "5m1s" is too large: the most is "5m"`},
		{`daemon.max_connections = 7`, `daemon.max_connections: 7 is too small: the least is 8`},
		{`daemon.max_connections = 513`, `daemon.max_connections: 513 is too large: the most is 512`},
		{`health.memory_warn = "1023KB"`, `health.memory_warn: "1023KB" is too small: the least is "1MB"`},
		{`telemetry.max_size = "17G"`, `telemetry.max_size: "17GB" is too large: the most is "16GB"`},
	} {
		_, report := parse(tt.text)
		if errs := report.Errors(); len(errs) != 1 || errs[0].Message != tt.want {
			t.Errorf("%s:\n%s want %s", tt.text, render(t, report), tt.want)
		}
	}
	for _, text := range []string{
		`health.interval = "200ms"`, "health.interval = \"5m\"\ntelemetry.interval = \"10m\"", `daemon.max_connections = 8`, `daemon.max_connections = 0x200`, `daemon.max_connections = 1_00`,
		"health.memory_warn = \"1MB\"", `health.memory_crit = "1TB"`, `health.raise_after = "0s"`, `btrfs.headroom_warn = "0"`,
	} {
		if _, report := parse(text); len(report.Problems) > 0 {
			t.Errorf("%s is refused:\n%s", text, render(t, report))
		}
	}
}

func TestCrossChecks(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"equal", "[health]\nqueue_warn = 100", `error 2 health.queue_crit (100, the default) must be above health.queue_warn (100)`},
		{"percent", "[health]\nmemory_warn = \"90%\"\nmemory_crit = \"80%\"", `error 3 health.memory_crit (80%) must be above health.memory_warn (90%)`},
		{"mixed", "[health]\nmemory_warn = \"90%\"", `warning 2 health.memory_crit (70MB) and health.memory_warn (90%) cannot be compared: one is a size, the other a percentage of the limit; give both in the same way`},
		{"never", "[events]\nqueue_limit = 64", `warning 2 health.queue_crit (100, the default) is above events.queue_limit (64): the queue never gets so long`},
		{"interval", "[telemetry]\ninterval = \"1s\"\n[health]\ninterval = \"2s\"", `warning 2 telemetry.interval (1s) is shorter than health.interval (2s): nothing new is there to be stored in between`},
		{"unread", "[health]\nrpc_p99_warn = \"1s\"\nrpc_p99_crit = 5", `error 3 health.rpc_p99_crit: cannot be the number 5: it must be a duration in quotes`},
		{"remote group", "[access]\ncontrol_group = \"remote\"", `warning 2 access.control_group: the group "remote" is not in /etc/group; whether another source of nsswitch.conf knows it cannot be told here`},
		{"default group", "[daemon]\nlog_level = \"info\"", ``},
		{"no group", "[daemon]\nsocket_group = \"\"", ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, report := parse(tt.text)
			var got []string
			for _, p := range report.Problems {
				got = append(got, fmt.Sprintf("%s %d %s", p.Severity, p.Line, p.Message))
			}
			if strings.Join(got, "\n") != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestOldNames(t *testing.T) {
	c, report := parse("[logging]\nlevel = \"debug\"\n[daemon]\nsocket_path = \"/srv/a.sock\"\n")
	if len(report.Problems) > 0 {
		t.Fatalf("honoured names are no problem:\n%s", render(t, report))
	}
	if got := c.Text("daemon.log_level"); got != `"debug"` {
		t.Errorf("log_level = %s", got)
	}
	if got := c.Origin("daemon.socket").String(); got != "config.toml:4 (as daemon.socket_path)" {
		t.Errorf("origin = %s", got)
	}

	c, report = parse("[logging]\nlevel = \"debug\"\n[daemon]\nlog_level = \"error\"\n")
	if len(report.Warnings()) != 1 || !report.OK() || c.Text("daemon.log_level") != `"error"` {
		t.Errorf("the new name counts, with a warning: %s\n%s", c.Text("daemon.log_level"), render(t, report))
	}

	// What an old file held was never read: a mistake in it stops nothing now.
	c, report = parse("[logging]\nlevel = \"trace\"\n")
	if !report.OK() || len(report.Warnings()) != 1 || report.Problems[0].Suggestion != `"debug"` || c.Text("daemon.log_level") != `"info"` {
		t.Errorf("trace:\n%s", render(t, report))
	}
	for _, text := range []string{"autonomy = {}", "autonomy = 5", "[[persona]]\nx = 1\n[[persona]]\nx = 2", "[autonomy.deep.er]\nx = [1, {a = 2}]", "telemetry.enabled = {}"} {
		if c, report := parse(text); c == nil || len(report.Warnings()) != 1 {
			t.Errorf("%s:\n%s", text, render(t, report))
		}
	}
}

func TestReportIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "autonomy%d = 1\n", i)
	}
	_, report := parse("[ui]\nemojis = true\n[health]\n" + b.String())
	if len(report.Problems) != 100 || report.Omitted != 1901 || len(report.Errors()) != 100 {
		t.Errorf("%d problems, %d errors, %d omitted", len(report.Problems), len(report.Errors()), report.Omitted)
	}
	if out := render(t, report); !strings.HasSuffix(string(out), "\n... and 1901 more\n") {
		t.Errorf("ends with %q", out[len(out)-40:])
	}
	if err := report.Err(); err == nil || !strings.HasSuffix(err.Error(), "(and 2000 more)") {
		t.Errorf("Err = %v", err)
	}
	if data, err := json.Marshal(report); err != nil || len(data) > 64<<10 {
		t.Errorf("%d bytes of JSON, %v", len(data), err)
	}
}

func TestReportAsJSON(t *testing.T) {
	_, report := parse("[health]\ninterval = 5")
	report.Digest = ""
	got, err := json.Marshal(report)
	want := `{"problems":[{"severity":"error","file":"config.toml","line":2,"column":12,"key":"health.interval","message":"health.interval: cannot be the number 5: it must be a duration in quotes","allowed":"a duration from \"200ms\" to \"5m\"","suggestion":"\"5s\"","text":"interval = 5","caret":11}],"path":"config.toml"}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s %v\nwant %s", got, err, want)
	}
	_, report = parse("")
	if got, _ := json.Marshal(report); !strings.HasPrefix(string(got), `{"problems":[],`) {
		t.Errorf("no problems: %s", got)
	}
}
