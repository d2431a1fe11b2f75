package config_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

func TestWith(t *testing.T) {
	base := config.Default()
	for _, tt := range []struct{ key, text, want string }{
		{"daemon.socket", "/srv/a.sock", `"/srv/a.sock"`},
		{"daemon.log_level", "debug", `"debug"`},
		{"daemon.max_connections", "99", `99`},
		{"reload.watch", "true", `true`},
		{"health.interval", "2s", `"2s"`},
		{"events.watch_files", `["/etc/x"]`, `["/etc/x"]`},
	} {
		c, err := base.With(tt.key, tt.text, "--flag")
		if err != nil {
			t.Errorf("%s: %v", tt.key, err)
			continue
		}
		if got := c.Text(tt.key); got != tt.want || c.Origin(tt.key).String() != "--flag" {
			t.Errorf("%s = %s from %s", tt.key, got, c.Origin(tt.key))
		}
		if d := config.Diff(base, c); len(d) != 1 || d[0].Key != tt.key {
			t.Errorf("%s: changes %v", tt.key, d)
		}
	}
	for key, text := range map[string]string{"daemon.socket": "relative", "daemon.log_level": "loud", "daemon.max_connections": "9, 10", "reload.watch": "yes", "no.key": "1", "daemon.request_timeout": "1h"} {
		if _, err := base.With(key, text, "--flag"); err == nil {
			t.Errorf("%s = %s is taken", key, text)
		}
	}
	if d := config.Diff(config.Default(), base); len(d) > 0 {
		t.Errorf("the base changed: %v", d)
	}
}

func TestImmutable(t *testing.T) {
	c := config.Default()
	c.Events().WatchFiles[0] = "changed"
	c.Value("events.watch_files").([]string)[0] = "changed"
	config.Keys()[0].OldNames[0] = "changed"
	config.Sections()[0].Name = "changed"
	if c.Events().WatchFiles[0] != "/etc/fstab" || config.Keys()[0].OldNames[0] != "daemon.socket_path" || config.Sections()[0].Name != "daemon" {
		t.Error("a copy is not one")
	}
}

func TestValueIsJSON(t *testing.T) {
	for _, k := range config.Keys() {
		data, err := json.Marshal(config.Default().Value(k.Name))
		want := k.Default
		switch { // what has one way of writing more than one
		case k.Name == "btrfs.headroom_warn":
			want = `"1GB"`
		case k.Name == "health.clear_after":
			want = `"1m"`
		case k.Type == "list of paths":
			want = strings.ReplaceAll(want, ", ", ",")
		}
		if err != nil || string(data) != want {
			t.Errorf("%s = %s, %v, want %s", k.Name, data, err, want)
		}
	}
	if config.Default().Value("no.key") != nil || config.Default().Text("no.key") != "" {
		t.Error("a key that is none has a value")
	}
}

func TestModules(t *testing.T) {
	c, _ := parse("modules.btrfs = false")
	var on []string
	for _, k := range config.Keys() {
		if m, ok := strings.CutPrefix(k.Name, "modules."); ok && c.Modules().Enabled(m) {
			on = append(on, m)
		}
	}
	if want := strings.Fields("packages config devices network storage kernel telemetry"); !reflect.DeepEqual(on, want) {
		t.Errorf("on: %v", on)
	}
	if c.Modules().Enabled("warp") || c.Modules().Enabled("") {
		t.Error("a module that is none is on")
	}
}

func TestDiff(t *testing.T) {
	load := func(text string, policies ...config.File) *config.Config {
		c, report := config.Parse(config.FromBytes("config.toml", []byte(text), policies), config.Options{})
		if c == nil {
			t.Fatalf("%s", render(t, report))
		}
		return c
	}
	policy := func(name, text string) config.File {
		return config.File{Path: "/etc/anna/policies.d/" + name, Data: []byte(text)}
	}
	a := load("health.interval = \"60s\"\nbtrfs.headroom_warn = \"1GiB\"\ndaemon.socket = \"/a\"", policy("10.toml", "a = 1"), policy("20.toml", ""))
	b := load("health.interval = \"1m\"\nbtrfs.headroom_warn = \"1024 MB\"\nmodules.btrfs = false\ndaemon.socket = \"/b\"", policy("10.toml", "a = 2"), policy("30.toml", ""))
	var got []string
	for _, c := range config.Diff(a, b) {
		got = append(got, fmt.Sprintf("%s %t %t %s", c.Key, c.Before != "", c.After != "", c.Class))
	}
	want := []string{"daemon.socket true true restart", "modules.btrfs true true live", "policies.d/10.toml true true live", "policies.d/20.toml true false live", "policies.d/30.toml false true live"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestPeek: a client finds the socket also where something else is wrong.
func TestPeek(t *testing.T) {
	path, _ := in(t, "daemon.socket = \"/srv/a.sock\"\nhealth.interval = 5\nbroken")
	c := config.Peek(path)
	if c.Daemon().Socket != "/srv/a.sock" || c.Text("health.interval") != `"1s"` {
		t.Errorf("socket %s, interval %s", c.Daemon().Socket, c.Text("health.interval"))
	}
	if c := config.Peek(path + ".gone"); len(config.Diff(config.Default(), c)) > 0 {
		t.Error("no file, but not the defaults")
	}
}

// TestConcurrent: sources and configurations are read by everybody at once.
func TestConcurrent(t *testing.T) {
	sources := config.FromBytes("config.toml", []byte("[health]\ninterval = \"2s\"\nrpc_window = 5\n"), nil)
	base := config.Default()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if _, report := config.Parse(sources, config.Options{}); len(report.Errors()) != 1 {
					t.Errorf("%d errors", len(report.Errors()))
				}
				c, err := base.With("health.interval", "3s", "--test")
				if err != nil || len(config.Diff(base, c)) != 1 {
					t.Errorf("%v", err)
				}
			}
		})
	}
	all.Wait()
}

// TestPlainSyntax: the mistakes that people make most are told in plain words
// and with what to write instead.
func TestPlainSyntax(t *testing.T) {
	for _, tt := range []struct{ text, message, suggestion string }{
		{"[daemon]\nlog_level = info", "a text needs quotes", `"info"`},
		{"[health]\nmemory_crit = 70MB # of 80", "a text needs quotes", `"70MB"`},
		{"[daemon]\nsocket = /run/anna/annad.sock", "a text needs quotes", `"/run/anna/annad.sock"`},
		{"[reload]\nwatch = True", "True means nothing here: it is true or false, or a text in quotes", "true"},
		{"[reload]\nwatch = off", "off means nothing here: it is true or false, or a text in quotes", "false"},
		{"[health]\ninterval = \"1s", "the text does not end in this line: the closing quote is missing", ""},
		{"[health]\ninterval: 1s", "expected '=' after key", ""},
		{"[health\ninterval = \"1s\"", "expected ']' to close table name", ""},
		{"\xef\xbb\xbf[health]", "the file begins with a byte order mark: save it as UTF-8 without one", ""},
		{"[\x00h\x00e\x00", "the file holds a NUL byte: it is not text", ""},
		{numbered(5000, "key%d = 1\n"), "the file holds more than 4096 keys", ""},
		{"x = {" + numbered(5000, "key%d = 1,") + "y = 1}", "the file holds more than 4096 keys", ""},
		{"x = " + strings.Repeat("[", 20) + strings.Repeat("]", 20), "lists are nested more than 16 deep", ""},
		{"x = " + strings.Repeat("{a = ", 20) + "1" + strings.Repeat("}", 20), "the key has more than 16 names", ""},
		{"[" + strings.Repeat("a.", 20) + "b]", "the key has more than 16 names", ""},
		{"# caf\xe9", "the file is not UTF-8 text", ""},
	} {
		_, report := parse(tt.text)
		if errs := report.Errors(); len(errs) != 1 || errs[0].Message != tt.message || errs[0].Suggestion != tt.suggestion {
			t.Errorf("%.80q:\n%s", tt.text, render(t, report))
		}
	}
}

// TestSections gives every key a value of its own and looks at the structs.
func TestSections(t *testing.T) {
	c, report := parse(`
[daemon]
socket = "/s"
socket_group = "wheel"
state_dir = "/d"
log_level = "warn"
max_connections = 8
request_timeout = "1m"
[access]
control_group = "anna"
[health]
interval = "2s"
rpc_window = 20
rpc_p99_warn = "1ms"
rpc_p99_crit = "2ms"
memory_warn = "50%"
memory_crit = "60%"
queue_warn = 1
queue_crit = 2
raise_after = "3s"
clear_after = "4s"
[modules]
packages = false
config = false
devices = false
network = false
storage = false
kernel = false
telemetry = false
btrfs = false
[events]
debounce = "5s"
cooldown = "6s"
history = 10
queue_limit = 64
watch_files = []
[telemetry]
interval = "7s"
max_size = "8MB"
[btrfs]
scrub_max_age = "9d"
metadata_warn = "10%"
headroom_warn = "11B"
[reload]
watch = true
min_interval = "12s"
[policies]
dir = "/p/"
[ui]
color = false
`)
	if c == nil {
		t.Fatalf("%s", render(t, report))
	}
	const s = time.Second
	for _, tt := range []struct{ got, want any }{
		{c.Daemon(), config.Daemon{Socket: "/s", SocketGroup: "wheel", StateDir: "/d", LogLevel: slog.LevelWarn, MaxConnections: 8, RequestTimeout: 60 * s}},
		{c.Access(), config.Access{ControlGroup: "anna"}},
		{c.Health(), config.Health{
			Interval: 2 * s, RPCWindow: 20, RPCP99Warn: s / 1000, RPCP99Crit: s / 500,
			MemoryWarn: config.Limit{Percent: 50}, MemoryCrit: config.Limit{Percent: 60},
			QueueWarn: 1, QueueCrit: 2, RaiseAfter: 3 * s, ClearAfter: 4 * s,
		}},
		{c.Modules(), config.Modules{}},
		{c.Events(), config.Events{Debounce: 5 * s, Cooldown: 6 * s, History: 10, QueueLimit: 64, WatchFiles: []string{}}},
		{c.Telemetry(), config.Telemetry{Interval: 7 * s, MaxSize: 8 * config.MB}},
		{c.Btrfs(), config.Btrfs{ScrubMaxAge: 9 * 24 * time.Hour, MetadataWarn: 10, HeadroomWarn: 11}},
		{c.Reload(), config.Reload{Watch: true, MinInterval: 12 * s}},
		{c.Policies(), config.Policies{Dir: "/p"}},
		{c.UI(), config.UI{Color: false}},
	} {
		if !reflect.DeepEqual(tt.got, tt.want) {
			t.Errorf("%+v, want %+v", tt.got, tt.want)
		}
	}
	if len(config.Diff(config.Default(), c)) != len(config.Keys()) {
		t.Error("a key kept its default")
	}
	if c.Sources().Digest() != report.Digest {
		t.Error("the report speaks of other sources")
	}
}
