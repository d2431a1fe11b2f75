package anna_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// debs builds Debian packages: one of a lower version that knows an older
// schema of the store, and one of this tree.
func debs(t *testing.T) annatest.Payload {
	t.Helper()
	root := annatest.RepoRoot(t)
	t.Setenv("PATH", filepath.Join(root, ".tools")+":"+os.Getenv("PATH"))
	annatest.Require(t, annatest.Oracle, "nfpm")
	return func(t testing.TB, machine string) {
		t.Helper()
		for _, p := range []struct{ version, tags string }{{"0.12.6", "-tags=annaold"}, {"0.12.8", ""}} {
			out := filepath.Join(machine, "root", p.version)
			cmd := exec.Command(filepath.Join(root, "scripts/package.sh"), "--version", p.version, "--out", out, "deb")
			cmd.Env = append(os.Environ(), "GOFLAGS="+p.tags)
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("cannot build the package: %v\n%s", err, text)
			}
		}
	}
}

// TestPackageOnSystemd installs, upgrades, removes and purges the package as an
// administrator does.
func TestPackageOnSystemd(t *testing.T) {
	lab := annatest.Lab(t, debs(t))
	lab.Must("sh", "-c", "find / -xdev -name '*anna*' -not -path '/proc/*' -not -path '/sys/*' -not -path '/root/*' | sort >/root/before")
	says := func(text string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in:\n%s", want, text)
			}
		}
	}
	active := func(want string) {
		t.Helper()
		if got, _, _ := lab.Run("systemctl", "is-active", "annad.service", "annad.socket", "annad-netlink.socket"); strings.Join(strings.Fields(got), " ") != want {
			t.Fatalf("service and sockets are %q, not %q\n%s", got, want, lab.Journal("annad.service"))
		}
	}

	lab.Must("sh", "-c", "dpkg --install /root/0.12.6/*.deb")
	active("active active active")
	says(lab.Must("systemctl", "is-enabled", "annad.service", "annad.socket"), "enabled\nenabled")
	says(lab.Must("annactl", "status"), "annad 0.12.6")
	if stat := lab.Must("stat", "-c", "%U:%G %a", "/run/anna", "/var/lib/anna", "/run/anna/annad.sock"); stat != "anna:anna 750\nanna:anna 700\nroot:anna 660" {
		t.Errorf("directories and socket: %s", stat)
	}
	// An event to be remembered, told and on disk.
	lab.Must("sh", "-c", "mkdir -p /mnt/before; mount -t tmpfs before /mnt/before; sleep 1; annactl events --domain storage | grep -q /mnt/before")
	pid := lab.Must("systemctl", "show", "--property=MainPID", "annad.service")

	lab.Must("sh", "-c", "dpkg --install /root/0.12.8/*.deb")
	active("active active active")
	if now := lab.Must("systemctl", "show", "--property=MainPID", "annad.service"); now == pid {
		t.Errorf("after the upgrade the old daemon still runs: %s", now)
	}
	says(lab.Must("annactl", "status"), "annad 0.12.8")
	says(lab.Must("annactl", "events", "--domain", "storage"), "/mnt/before mounted")
	health, _, exit := lab.Run("annactl", "health")
	if exit != 0 {
		t.Errorf("after the upgrade: status %d\n%s%s", exit, health, lab.Journal("annad.service"))
	}

	// Removed: nothing runs, what it remembered stays; back again, it is there.
	lab.Must("dpkg", "--remove", "anna")
	active("inactive inactive inactive")
	lab.Must("test", "-s", "/var/lib/anna/anna.db")
	lab.Must("sh", "-c", "dpkg --install /root/0.12.8/*.deb")
	active("active active active")
	says(lab.Must("annactl", "events", "--domain", "storage"), "/mnt/before mounted")

	// Purged: only the user stays, and what logs and the package manager keep.
	lab.Must("dpkg", "--purge", "anna")
	active("inactive inactive inactive")
	left := lab.Must("sh", "-c", "find / -xdev -name '*anna*' -not -path '/proc/*' -not -path '/sys/*' -not -path '/root/*' | sort | comm -13 /root/before -; find /etc/systemd -lname '*anna*'; ls -d /run/anna* 2>/dev/null || true")
	if left != "" {
		t.Errorf("a purge leaves:\n%s", left)
	}
	says(lab.Must("getent", "passwd", "anna"), "anna:")
}
