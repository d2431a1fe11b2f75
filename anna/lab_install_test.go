package anna_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestInstallOnSystemd installs from the checkout, uses what was installed, and
// takes it away.
func TestInstallOnSystemd(t *testing.T) {
	checkout := func(t testing.TB, root string) {
		t.Helper()
		to := filepath.Join(root, "root/checkout")
		for _, dir := range []string{to, filepath.Join(to, ".bin")} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		from := annatest.RepoRoot(t)
		for _, words := range [][]string{
			{"cp", "-r", filepath.Join(from, "dist"), filepath.Join(from, "scripts"), to},
			{"cp", filepath.Join(annatest.Build(t), "anna"), filepath.Join(to, ".bin")},
		} {
			if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
	}
	lab := annatest.Lab(t, checkout)
	const here = "find / -xdev -path /root -prune -o -path /proc -prune -o -path /sys -prune -o -path /run -prune -o -name '*ann[ad]*' -print | sort"
	before := lab.Must("sh", "-c", here)
	if out := lab.Must("/root/checkout/scripts/install.sh"); !strings.Contains(out, "Next: sudo systemctl enable --now annad.socket annad.service") {
		t.Errorf("says\n%s", out)
	}
	lab.Must("systemctl", "enable", "--now", "annad.socket", "annad.service")
	lab.Must("annactl", "health")
	if path := lab.Must("systemctl", "show", "--property=FragmentPath", "--value", "annad.service"); path != "/usr/local/lib/systemd/system/annad.service" {
		t.Errorf("the unit is %s", path)
	}
	pid := lab.Must("systemctl", "show", "--property=MainPID", "annad.service")
	lab.Must("/root/checkout/scripts/install.sh") // once more: an upgrade, which restarts
	lab.Must("annactl", "reload")
	if now := lab.Must("systemctl", "show", "--property=MainPID", "annad.service"); now == pid {
		t.Error("after an upgrade the old daemon runs")
	}
	lab.Must("/root/checkout/scripts/install.sh", "--uninstall")
	lab.Must("rm", "-r", "/var/lib/anna", "/etc/anna")
	if after := lab.Must("sh", "-c", here); after != before {
		t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
	}
	if got, _, _ := lab.Run("sh", "-c", "ls -d /run/annad; systemctl is-active annad.service annad-netlink.socket"); got != "inactive\ninactive\n" {
		t.Errorf("afterwards: %s", got)
	}
	if _, errs, exit := lab.Run("/root/checkout/scripts/install.sh", "--uninstall"); exit != 1 || !strings.Contains(errs, "nothing is installed") {
		t.Errorf("once more: status %d, %s", exit, errs)
	}
}
