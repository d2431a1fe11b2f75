package old

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
)

func TestMain(m *testing.M) {
	status := m.Run()
	annatest.RemoveBuild()
	os.Exit(status)
}

// TestOldClient asks the real daemon as a client of v0.12.6 does: one line with
// every member, an id, parameters that it passes over or null.
func TestOldClient(t *testing.T) {
	d := annatest.Daemon(t, "")
	c, err := net.Dial("unix", d.Socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	answers := bufio.NewReader(c)
	ask := func(method, params string, result any) string {
		t.Helper()
		fmt.Fprintf(c, `{"jsonrpc":"2.0","method":%q,"params":%s,"id":1}`+"\n", method, params)
		line, err := answers.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		var answer struct {
			Result json.RawMessage
			Error  struct {
				Code    int
				Message string
			}
		}
		if err := json.Unmarshal([]byte(line), &answer); err != nil {
			t.Fatal(err)
		}
		if result == nil {
			return fmt.Sprint(answer.Error.Code, " ", answer.Error.Message)
		}
		if err := json.Unmarshal(answer.Result, result); err != nil {
			t.Fatalf("%s: %v in %s", method, err, line)
		}
		return line
	}
	has := func(answer map[string]any, names ...string) {
		t.Helper()
		for _, name := range names {
			if _, ok := answer[name]; !ok {
				t.Errorf("no %q in %v", name, answer)
			}
		}
	}
	var status map[string]any
	ask("status", `{"verbose":true}`, &status)
	has(status, "daemon_state", "db_path", "last_sample_age_s", "sample_count", "loop_load_pct", "annad_pid")
	if status["daemon_state"] != "running" || status["annad_pid"] != float64(d.PID) || status["db_path"] != filepath.Join(d.State, "anna.db") || status["loop_load_pct"] != nil {
		t.Errorf("status answers %v", status)
	}
	var events map[string]any
	ask("events", `{"limit":3,"since":"1h"}`, &events)
	has(events, "events", "count", "pending")
	if list, ok := events["events"].([]any); !ok || float64(len(list)) != events["count"] || len(list) > 3 {
		t.Errorf("events answers %v", events)
	}
	var advice []map[string]any
	ask("advisor_run", `{}`, &advice)
	for _, one := range advice {
		has(one, "id", "level", "category", "title", "reason", "action", "refs")
	}
	var profile map[string]any
	ask("storage_profile", `{}`, &profile)
	has(profile, "version", "generated_at", "detected", "layout", "mount_opts", "tools", "health", "bootloader", "notes")
	for name := range goneMethods {
		if got := ask(name, `{}`, nil); !strings.HasPrefix(got, "-32601 Method not found: "+name+" of v0.12.6; ") {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := ask("nothing", `{}`, nil); got != "-32601 Method not found: nothing" {
		t.Error(got)
	}
}

// TestOldIDs holds that what has an old id is a rule, and that an id is nobody's
// twice.
func TestOldIDs(t *testing.T) {
	set := policy.Builtin()
	seen := map[string]bool{}
	for rule, id := range oldIDs {
		if set.Find(rule) == nil {
			t.Errorf("%s: there is no rule %s", id, rule)
		}
		if seen[id] {
			t.Errorf("%s is the old id of two rules", id)
		}
		seen[id] = true
	}
	a := advice(policy.Advice{ID: "btrfs_scrub_overdue:/", Rule: "btrfs_scrub_overdue", Level: policy.Warning})
	if a.ID != "scrub-overdue" || a.Level != "warn" || a.Category != "storage" || a.Refs == nil {
		t.Errorf("%+v", a)
	}
}

// TestProfile looks at a real file system in the place of /.
func TestProfile(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.MakeDisk(t, []int64{512 << 20})
	dir := disk.Mount(t, "compress=zstd:3,noatime")
	annatest.Run(t, "btrfs", "subvolume", "create", dir+"/@home")
	annatest.Run(t, "btrfs", "subvolume", "create", dir+"/.snapshots")
	annatest.Run(t, "btrfs", "subvolume", "snapshot", "-r", dir+"/@home", dir+"/.snapshots/one")
	var p Profile
	if err := p.regardBtrfs(t.Context(), btrfs.Roots{}, dir); err != nil {
		t.Fatal(err)
	}
	if !p.Detected || p.Layout.RootType != "btrfs" || *p.Mount.Compression != "zstd:3" || *p.Mount.Level != 3 || !p.Mount.Noatime {
		t.Errorf("%+v", p)
	}
	paths := map[string]Subvolume{}
	for _, v := range p.Layout.Subvolumes {
		paths[v.Path] = v
	}
	if one := paths[".snapshots/one"]; len(paths) != 3 || !one.Snapshot || !one.ReadOnly || paths["@home"].Snapshot || *p.Layout.SnapshotsDir != ".snapshots" {
		t.Errorf("%+v", p.Layout)
	}
	if d := p.Health.Devices; len(d) != 1 || d[0].SizeGB != 0.5 || p.Health.Free == nil || *p.Health.Free < 50 || *p.Health.Free > 100 || *p.Health.Balancing || *p.Health.Quota {
		t.Errorf("%+v", p.Health)
	}
}
