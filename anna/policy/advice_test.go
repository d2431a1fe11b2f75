package policy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// judgeOnce says what rules come to by facts, at once and without memory.
func judgeOnce(set *Set, t facts.Tree) Standing {
	e := NewEngine()
	e.Use(set)
	now, timing := time.Now(), Timing{AtOnce: true}
	e.Step(now, t, timing)
	return e.Standing(now, timing)
}

// TestGoldenMachines holds, for whole machines, every piece of advice and
// everything that cannot be told, and nothing else.
func TestGoldenMachines(t *testing.T) {
	files, err := filepath.Glob("testdata/advice/*.json")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d machines, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s := judgeOnce(Builtin(), tree(t, string(data)))
		var b strings.Builder
		for _, a := range s.Advice {
			fmt.Fprintf(&b, "%s %s: %s\n  %s\n  -> %s\n", a.Level, a.ID, a.Title, a.Detail, a.Fix)
		}
		for _, u := range s.Unsure {
			fmt.Fprintf(&b, "cannot tell %s: %s (%s)\n", u.ID, u.Unknown, u.Why)
		}
		if b.Len() == 0 {
			b.WriteString("nothing\n")
		}
		annatest.Golden(t, "anna/policy/"+strings.TrimSuffix(file, ".json")+".txt", []byte(b.String()))
	}
}

// A turn is a change of the golden laptop's facts: "kernel.reboot_needed=true",
// "btrfs.degraded=true" for its first object, `version.tlp=null` to take away.
type turn []string

// apply changes facts, as JSON.
func (c turn) apply(t *testing.T, machine map[string]any) facts.Tree {
	t.Helper()
	for _, one := range c {
		path, text, ok := strings.Cut(one, "=")
		if !ok {
			t.Fatal(one)
		}
		var v any
		if text == "?" {
			v = map[string]any{"unknown": "nobody knows"}
		} else if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(one, err)
		}
		branch, field, _ := strings.Cut(path, ".")
		switch b := machine[branch].(type) {
		case map[string]any:
			if v == nil {
				delete(b, field)
			} else {
				b[field] = v
			}
		case []any:
			b[0].(map[string]any)[field] = v
		default:
			t.Fatalf("%s: there is no %s", one, branch)
		}
	}
	data, err := json.Marshal(machine)
	if err != nil {
		t.Fatal(err)
	}
	return tree(t, string(data))
}

// TestAdvice tries every built-in rule on a laptop that nothing is wrong with:
// what makes it fire, what just does not, and what it cannot do without.
func TestAdvice(t *testing.T) {
	rate := `history.rate(btrfs[/].device_errors, "1d")`
	cases := []struct {
		rule                  string
		fires, silent, unsure turn
	}{
		{"low_space", turn{"mount.used_percent=90", "mount.available_bytes=1e9"}, turn{"mount.used_percent=90", "mount.available_bytes=5e10"}, turn{"mount.used_percent=?"}},
		{"low_space", turn{"mount.used_percent=80", "mount.full_in_sec=3600"}, turn{"mount.used_percent=80", "mount.full_in_sec=1e6"}, turn{"mount.used_percent=91", "mount.available_bytes=?"}},
		{"full", turn{"mount.used_percent=100", "mount.available_bytes=1e6"}, turn{"mount.used_percent=40", "mount.available_bytes=1e6"}, turn{"mount.used_percent=100", "mount.available_bytes=?"}},
		{"low_inodes", turn{`mount.type="ext4"`, "mount.inodes_used_percent=95"}, turn{`mount.type="ext4"`, "mount.inodes_used_percent=94"}, turn{`mount.type="ext4"`, "mount.inodes_used_percent=?"}},
		{"failed_units", turn{`units.failed=["a.service"]`}, turn{`units.failed=[]`}, turn{"units.failed=?"}},
		{"reboot_needed", turn{"kernel.reboot_needed=true"}, turn{"kernel.reboot_needed=true", `machine.container="docker"`}, turn{"kernel.reboot_needed=?"}},
		{"modules_missing", turn{"kernel.modules_missing=true"}, turn{"kernel.modules_missing=true", `machine.container="docker"`}, turn{"kernel.modules_missing=?"}},
		{"clock_unsynchronised", turn{"time.synchronised=false"}, turn{"time.synchronised=false", "machine.uptime_sec=60"}, turn{"time.synchronised=?"}},
		{"memory_pressure", turn{"pressure.memory_percent=11", "pressure.memory_full_percent=6"}, turn{"pressure.memory_percent=11"}, turn{"pressure.memory_percent=?"}},
		{"hot", turn{"sensor.celsius=97"}, turn{"sensor.celsius=200", "sensor.critical_celsius=?"}, turn{"sensor.celsius=?"}},
		{"packages_broken", turn{`packages.broken=["x"]`}, turn{}, turn{"packages.broken=?"}},
		{"anna_unwell", turn{"health.criticals=1", `health.level="critical"`}, turn{"health.criticals=1", `health.level="ok"`}, turn{"health.criticals=?"}},

		{"btrfs_forced_read_only", turn{"btrfs.read_only=true", "btrfs.forced_read_only=true"}, turn{"btrfs.read_only=true"}, turn{"btrfs.read_only=true", "btrfs.forced_read_only=?"}},
		{"btrfs_degraded", turn{"btrfs.degraded=true"}, turn{}, turn{"btrfs.degraded=?"}},
		{"btrfs_scrub_errors", turn{"btrfs.scrub_uncorrectable=1"}, turn{"btrfs.scrub_errors=3"}, turn{"btrfs.scrub_uncorrectable=?"}},
		{"btrfs_device_errors_growing", turn{"btrfs.device_errors=5", rate + "=0.1"}, turn{"btrfs.device_errors=5"}, turn{"btrfs.device_errors=5", rate + "=?"}},
		{"btrfs_headroom_low", turn{"btrfs.headroom_bytes=1e8", "btrfs.metadata_used_percent=90"}, turn{"btrfs.headroom_bytes=1e8", "btrfs.metadata_used_percent=40"}, turn{"btrfs.headroom_bytes=?"}},
		{"btrfs_balance_helps", turn{"btrfs.unallocated_bytes=1e9", "btrfs.data_used_bytes=1e11"}, turn{"btrfs.unallocated_bytes=1e9"}, turn{"btrfs.unallocated_bytes=?"}},
		{"btrfs_scrub_overdue", turn{"btrfs.scrub_due=true"}, turn{"btrfs.scrub_due=true", "btrfs.read_only=true"}, turn{"btrfs.scrub_due=?"}},
		{"btrfs_mixed_profiles", turn{"btrfs.mixed_profiles=true"}, turn{"btrfs.mixed_profiles=true", `btrfs.operation="balance"`}, turn{"btrfs.mixed_profiles=?"}},
		{"btrfs_snapshots_many", turn{"btrfs.snapshots=301"}, turn{"btrfs.snapshots=300"}, turn{"btrfs.snapshots=?"}},
		{"btrfs_deleting", turn{"btrfs.deleting=1"}, turn{"btrfs.deleting=1", "btrfs.read_only=true"}, turn{"btrfs.deleting=?"}},
		{"btrfs_quota_slow", turn{`btrfs.quota="qgroup"`, "btrfs.snapshots=51"}, turn{`btrfs.quota="squota"`, "btrfs.snapshots=51"}, turn{"btrfs.quota=?"}},
		{"btrfs_quota_inconsistent", turn{"btrfs.quota_inconsistent=true"}, turn{}, turn{"btrfs.quota_inconsistent=?"}},
		{"btrfs_snapshots_missing", turn{"btrfs.snapshots=0"}, turn{"btrfs.snapshots=0", "version.snapper=null", "version.snap-pac=null"}, turn{"btrfs.snapshots=?"}},

		{"arch_microcode_amd", turn{"version.amd-ucode=null"}, turn{"version.amd-ucode=null", "machine.virtual=true"}, turn{"machine.cpu_vendor=?"}},
		{"arch_microcode_intel", turn{`machine.cpu_vendor="intel"`}, turn{`machine.cpu_vendor="intel"`, `machine.os_like=["debian"]`}, turn{"machine.cpu_vendor=?"}},
		{"arch_orphans", turn{`pacman.orphans=["1","2","3","4","5","6","7","8","9","10"]`}, turn{`pacman.orphans=["1","2","3","4","5","6","7","8","9"]`}, turn{"pacman.orphans=?"}},
		{"arch_snapshot_hook_missing", turn{"pacman.snapshot_hook=false"}, turn{"pacman.snapshot_hook=false", "btrfs.snapshots=0"}, turn{"pacman.snapshot_hook=?"}},
		{"arch_grub_btrfs_missing", turn{"boot.snapshot_entries=0"}, turn{"boot.snapshot_entries=0", `boot.loader="other"`}, turn{"boot.loader=?"}},
		{"arch_sdboot_snapshots_missing", turn{"boot.snapshot_entries=0", `boot.loader="systemd-boot"`}, turn{"boot.snapshot_entries=0"}, turn{`boot.loader="systemd-boot"`, "boot.snapshot_entries=?"}},
		{"arch_zram", turn{"memory.total_bytes=4e9", "memory.swap_total_bytes=0", "zram.devices=0"}, turn{"memory.total_bytes=4e9"}, turn{"memory.total_bytes=?"}},
		{"arch_power_tools_missing", turn{"version.tlp=null"}, turn{"version.tlp=null", "machine.battery=false"}, turn{"machine.battery=?"}},
		{"arch_power_tools_conflict", turn{`version.tuned="2"`}, turn{"version.tlp=null"}, turn{"machine.os_like=?"}},
	}
	laptop, err := os.ReadFile("testdata/advice/arch-laptop.json")
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]bool{}
	for _, c := range cases {
		tried[c.rule] = true
		r := Builtin().Find(c.rule)
		if r == nil {
			t.Errorf("there is no rule %s", c.rule)
			continue
		}
		for want, changes := range map[Outcome]turn{Fires: c.fires, Silent: c.silent, CannotTell: c.unsure} {
			var machine map[string]any
			if err := json.Unmarshal(laptop, &machine); err != nil {
				t.Fatal(err)
			}
			v := NewJudge().All(r, changes.apply(t, machine))
			if len(v) == 0 || v[0].Outcome != want {
				t.Errorf("%s with %v: got %+v, want %s", c.rule, changes, v, want)
			}
		}
	}
	for _, r := range Builtin().Rules {
		if !tried[r.ID] {
			t.Errorf("%s is not tried", r.ID)
		}
	}
}
