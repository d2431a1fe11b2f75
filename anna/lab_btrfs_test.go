package anna_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestBtrfsOnSystemd looks at a Btrfs file system as the daemon's user does
// under the shipped unit, with the drop-in and with another sandbox, and as
// those who ask it.
func TestBtrfsOnSystemd(t *testing.T) {
	annatest.Require(t, annatest.Btrfs, "nsenter")
	dropIn, err := os.ReadFile(filepath.Join(annatest.RepoRoot(t), "dist/annad.service.d/btrfs.conf"))
	if err != nil {
		t.Fatal(err)
	}
	machine := annatest.Lab(t, annatest.Anna(filepath.Join(annatest.Build(t), "anna")),
		annatest.File("/etc/anna/config.toml", "[access]\ncontrol_group = \"anna\"\n", 0o644))
	machine.Must("usermod", "-aG", "anna", "alice")
	restart := func(lab *annatest.Machine) {
		lab.Must("systemctl", "daemon-reload")
		lab.Must("systemctl", "start", "annad.socket")
		lab.Must("systemctl", "restart", "annad.service")
	}
	// capability is what the daemon says of itself.
	capability := func(t *testing.T, lab *annatest.Machine) (state, why string, asInstalled bool) {
		t.Helper()
		var list struct {
			Capabilities []struct {
				Module, State, Why string
				AsInstalled        bool `json:"as_installed"`
			}
		}
		// The first look at the disks is over when no module says "starting".
		out := lab.Must("sh", "-c", `for i in $(seq 100); do annactl capabilities --json | grep -q starting || break; sleep 0.1; done; annactl capabilities --json`)
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		for _, c := range list.Capabilities {
			if c.Module == "btrfs" {
				return c.State, c.Why, c.AsInstalled
			}
		}
		t.Fatalf("no module btrfs in %s", out)
		return "", "", false
	}
	type answer struct {
		Filesystems []struct {
			SeenBy string `json:"seen_by"`
			Counts struct{ Complete bool }
			Space  struct {
				Exact       bool
				Device      uint64 `json:"device_bytes"`
				Allocated   uint64 `json:"allocated_bytes"`
				Unallocated uint64 `json:"unallocated_bytes"`
				Used        uint64 `json:"used_bytes"`
				Free        uint64 `json:"free_bytes"`
				Types       []struct {
					Type          string
					Total         uint64 `json:"total_bytes"`
					Used          uint64 `json:"used_bytes"`
					Next          string `json:"next_profile"`
					OnDisk        uint64 `json:"disk_total_bytes"`
					ReadOnlyBytes uint64 `json:"read_only_bytes"`
				}
			}
			Devices     json.RawMessage
			Subvolumes  json.RawMessage
			BlockGroups json.RawMessage `json:"block_groups"`
			Missing     []struct{ What, Why, Need string }
			Roots       []struct{ Children []struct{ Path string } }
		}
	}
	ask := func(t *testing.T, lab *annatest.Machine, user string, words ...string) answer {
		t.Helper()
		out, errs, exit := lab.RunAs(user, append([]string{"anna", "storage", "btrfs"}, append(words, "--json")...)...)
		var a answer
		if err := json.Unmarshal([]byte(out), &a); err != nil || exit != 0 || len(a.Filesystems) != 1 {
			t.Fatalf("%v as %s: status %d, %v\n%s%s", words, user, exit, err, out, errs)
		}
		return a
	}
	step := func(name string, f func(t *testing.T, lab *annatest.Machine)) {
		if !t.Run(name, func(t *testing.T) { f(t, machine.In(t)) }) {
			t.Fatal("the cases after this one build on it")
		}
	}

	step("no Btrfs here", func(t *testing.T, lab *annatest.Machine) {
		restart(lab)
		if state, why, _ := capability(t, lab); state != "disabled" || why != "no Btrfs file system is mounted" {
			t.Errorf("%s: %s", state, why)
		}
	})
	disk := annatest.MakeDisk(t, []int64{512 << 20}, "-L", "data")
	dir := disk.Mount(t, "")
	for _, name := range []string{"@", "closed"} {
		annatest.Run(t, "btrfs", "subvolume", "create", filepath.Join(dir, name))
	}
	annatest.Run(t, "btrfs", "subvolume", "create", filepath.Join(dir, "closed/inner"))
	if err := os.Chmod(filepath.Join(dir, "closed"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	annatest.Run(t, "btrfs", "subvolume", "snapshot", "-r", filepath.Join(dir, "@"), filepath.Join(dir, "closed/before"))
	annatest.WriteFile(t, filepath.Join(dir, "@"), "new", 5000)
	annatest.Run(t, "btrfs", "subvolume", "snapshot", "-r", filepath.Join(dir, "@"), filepath.Join(dir, "closed/before2"))
	disk.Unmount(t)
	machine.MountBtrfs(disk, "/srv/data")
	step("in a container that shows no sysfs", func(t *testing.T, lab *annatest.Machine) {
		// All that the ioctls know is there, and one cause for what is not.
		root := ask(t, lab, "root", "/srv/data").Filesystems[0]
		for _, m := range root.Missing {
			if m.Need != "a view of /sys/fs/btrfs" {
				t.Errorf("missing %+v", m)
			}
		}
		if !root.Space.Exact || len(root.Missing) == 0 {
			t.Errorf("%+v", root)
		}
		out, _, _ := lab.Run("anna", "storage", "btrfs", "/srv/data")
		if n := strings.Count(out, "is not to be seen here"); n == 0 || n > 3 {
			t.Errorf("it says %d times what is missing:\n%s", n, out)
		}
		restart(lab)
		if state, why, _ := capability(t, lab); state != "degraded" || !strings.HasPrefix(why, "without CAP_SYS_ADMIN") {
			t.Errorf("%s: %s", state, why)
		}
	})
	machine.ShowBtrfs()
	step("as shipped, without privilege", func(t *testing.T, lab *annatest.Machine) {
		restart(lab)
		if state, why, installed := capability(t, lab); state != "degraded" || !strings.HasPrefix(why, "without CAP_SYS_ADMIN") || !installed {
			t.Errorf("%s: %s", state, why)
		}
		// The daemon sees no more than alice: she looks by herself.
		show := ask(t, lab, "alice", "/srv/data").Filesystems[0]
		if show.SeenBy != "client" || show.Space.Exact {
			t.Errorf("%+v", show)
		}
		if tree := ask(t, lab, "alice", "tree", "/srv/data").Filesystems[0]; tree.SeenBy != "client" || tree.Counts.Complete {
			t.Errorf("%+v", tree)
		}
		out, errs, exit := lab.RunAs("alice", "anna", "storage", "btrfs", "diff", "/srv/data:closed/before", "live")
		if exit != 1 || !strings.Contains(errs, "the daemon has no CAP_SYS_ADMIN") || !strings.Contains(errs, "Run: sudo anna storage btrfs diff ") {
			t.Errorf("diff by alice: status %d, %s%s", exit, out, errs)
		}
		root := ask(t, lab, "root", "/srv/data").Filesystems[0]
		if root.SeenBy != "client" || !root.Space.Exact || len(root.Missing) != 0 || root.Space.Device != 512<<20 || len(root.Devices) < 10 || len(root.Subvolumes) < 10 {
			t.Errorf("root, in-process: %+v", root)
		}
		// What needs no privilege is the same figure for everybody; free space is
		// an upper bound without it.
		mine := show.Space
		if mine.Free < root.Space.Free {
			t.Errorf("alice reads %d of free space, root %d", mine.Free, root.Space.Free)
		}
		mine.Exact, mine.Free = true, root.Space.Free
		if diff := cmp.Diff(root.Space, mine); diff != "" || string(show.Devices) != string(root.Devices) {
			t.Errorf("space (-root +alice):\n%s\n%s\n%s", diff, root.Devices, show.Devices)
		}
	})
	step("hidden by the sandbox", func(t *testing.T, lab *annatest.Machine) {
		lab.Write("/etc/systemd/system/annad.service.d/hide.conf", "[Service]\nInaccessiblePaths=/srv\n")
		restart(lab)
		state, why, installed := capability(t, lab)
		if state != "degraded" || !strings.HasPrefix(why, "1 of 1 file systems are hidden by the sandbox") || !installed {
			t.Errorf("%s: %s", state, why)
		}
		t.Log(why)
		lab.Must("rm", "-r", "/etc/systemd/system/annad.service.d")
	})
	step("with the drop-in", func(t *testing.T, lab *annatest.Machine) {
		lab.Write("/etc/systemd/system/annad.service.d/btrfs.conf", string(dropIn))
		restart(lab)
		if state, why, _ := capability(t, lab); state != "active" {
			t.Errorf("%s: %s", state, why)
		}
		show := ask(t, lab, "alice", "/srv/data").Filesystems[0]
		if show.SeenBy != "daemon" || !show.Space.Exact || len(show.Missing) != 0 {
			t.Errorf("%+v", show)
		}
		usage := ask(t, lab, "alice", "usage", "/srv/data").Filesystems[0]
		if usage.SeenBy != "daemon" || len(usage.Missing) != 0 {
			t.Errorf("%+v", usage)
		}
		// Through the daemon every figure is what root reads in-process.
		root, rootUsage := ask(t, lab, "root", "/srv/data").Filesystems[0], ask(t, lab, "root", "usage", "/srv/data").Filesystems[0]
		if diff := cmp.Diff(root.Space, show.Space); diff != "" || string(show.Devices) != string(root.Devices) || string(show.Subvolumes) != string(root.Subvolumes) {
			t.Errorf("show (-root +alice):\n%s\n%s\n%s\n%s\n%s", diff, root.Devices, show.Devices, root.Subvolumes, show.Subvolumes)
		}
		if diff := cmp.Diff(rootUsage.Space, usage.Space); diff != "" || len(usage.BlockGroups) < 10 || string(usage.BlockGroups) != string(rootUsage.BlockGroups) {
			t.Errorf("usage (-root +alice):\n%s\n%s\n%s", diff, rootUsage.BlockGroups, usage.BlockGroups)
		}
		// alice may control, and so gets the names that she could not read.
		tree := ask(t, lab, "alice", "tree", "/srv/data").Filesystems[0]
		if tree.SeenBy != "daemon" || !tree.Counts.Complete || len(tree.Roots) != 1 ||
			!slices.ContainsFunc(tree.Roots[0].Children, func(c struct{ Path string }) bool { return c.Path == "/closed" }) {
			t.Errorf("%+v", tree)
		}
		diff, errs, exit := lab.RunAs("alice", "anna", "storage", "btrfs", "diff", "/srv/data:closed/before", "live", "--json")
		var changes struct{ Changes []struct{ Kind, Path string } }
		if err := json.Unmarshal([]byte(diff), &changes); err != nil || exit != 0 || len(changes.Changes) != 1 || changes.Changes[0].Path != "new" {
			t.Errorf("diff by alice: status %d, %v, %s%s", exit, err, diff, errs)
		}
		if own := lab.Must("anna", "storage", "btrfs", "diff", "/srv/data:closed/before", "live", "--json"); strings.TrimSpace(own) != strings.TrimSpace(diff) {
			t.Errorf("root gets %salice gets %s", own, diff)
		}
		// A container may not open by inode, so that what this lets the daemon do
		// cannot be tried here; the filter of the unit can be read.
		lab.Must("sh", "-c", "systemctl show annad -p SystemCallFilter | grep -qw open_by_handle_at")
		lab.Must("useradd", "-M", "bob")
		lab.Must("usermod", "-aG", "anna", "bob")
		lab.Write("/etc/anna/config.toml", "[access]\ncontrol_group = \"alice\"\n")
		restart(lab)
		if _, errs, exit := lab.RunAs("bob", "anna", "storage", "btrfs", "diff", "/srv/data:closed/before", "live"); exit != 77 || !strings.Contains(errs, "is for root and members of [access] control_group") {
			t.Errorf("diff by bob: status %d, %s", exit, errs)
		}
		out := lab.Must("sh", "-c", "systemd-analyze security --no-pager --threshold=20 annad.service | tail -n 1")
		t.Log(out)
		lab.Must("systemd-analyze", "security", "--no-pager", "--threshold=20", "annad.service")
	})
}
