package annatest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// exposure is what `systemd-analyze security` says of annad.service, times
// ten: under 0.6. What is left is what an observer needs: the machine's users
// and file systems. A rise is a hole in the sandbox.
const exposure = "5"

func TestLab(t *testing.T) {
	machine := Lab(t, Anna(BuildStatic(t, "./testdata/standin")), File("/root/payload", "laid\n", 0o600), File("/usr/lib/modules/1.2.3/modules.order", "", 0o644))

	t.Run("harness", func(t *testing.T) {
		lab := machine.In(t)
		out, errs, exit := lab.Run("sh", "-c", `x=1; echo "${x}$x $1"; echo oops >&2; exit 7`, "sh", "$HOME")
		if out != "11 $HOME\n" || errs != "oops\n" || exit != 7 {
			t.Errorf("Run = %q, %q, %d", out, errs, exit)
		}
		if out, _, _ := lab.RunAs("alice", "id", "--user", "--name"); out != "alice\n" {
			t.Errorf("RunAs alice is %q", out)
		}
		lab.Write("/etc/deep/er/file", "two\nlines")
		if got := lab.Must("cat", "/etc/deep/er/file", "/root/payload"); got != "two\nlineslaid" {
			t.Errorf("files hold %q", got)
		}
		if got := lab.Must("stat", "-c", "%a %U", "/root/payload", "/"); got != "600 root\n755 root" {
			t.Errorf("modes are %q", got)
		}
	})

	t.Run("units", func(t *testing.T) {
		lab := machine.In(t)
		if out, errs, exit := lab.Run("systemd-analyze", "verify", "annad.service", "annad.socket", "annad-netlink.socket"); out+errs != "" || exit != 0 {
			t.Errorf("verify: %d\n%s%s", exit, out, errs)
		}
		lab.Must("systemd-analyze", "security", "--offline=true", "--threshold="+exposure, "annad.service")
	})

	t.Run("install", func(t *testing.T) {
		lab := machine.In(t)
		if got := lab.Must("getent", "passwd", "anna"); !strings.HasSuffix(got, "nologin") {
			t.Errorf("user: %s", got)
		}
		lab.Must("systemctl", "enable", "--now", "annad.socket")
		if got := lab.Must("stat", "-c", "%a %U %G", "/run/anna", "/run/anna/annad.sock"); got != "750 anna anna\n660 root anna" {
			t.Errorf("modes are %q", got)
		}
		if got, _, _ := lab.Run("systemctl", "is-active", "annad.service"); got != "inactive\n" {
			t.Errorf("before the first question the daemon is %s", got)
		}
	})

	t.Run("access", func(t *testing.T) {
		lab := machine.In(t)
		if _, errs, exit := lab.RunAs("alice", "annactl", "pid"); exit != 1 || !strings.Contains(errs, "permission denied") {
			t.Errorf("an outsider gets %d, %s", exit, errs)
		}
		lab.Must("useradd", "--groups", "anna", "bob")
		if _, errs, exit := lab.RunAs("bob", "annactl", "pid"); exit != 0 {
			t.Errorf("a member of the group gets %d, %s", exit, errs)
		}
	})

	t.Run("activation", func(t *testing.T) {
		lab := machine.In(t)
		lab.Must("annactl", "pid")
		if got := lab.Must("systemctl", "status", "annad.service"); !strings.Contains(got, `Status: "standing in"`) {
			t.Errorf("status:\n%s", got)
		}
		if got := lab.Must("stat", "-c", "%a %U %G", "/var/lib/anna"); got != "700 anna anna" {
			t.Errorf("state directory: %s", got)
		}
	})

	t.Run("sandbox", func(t *testing.T) {
		got := machine.In(t).Must("annactl", "probe")
		want := strings.Join([]string{
			"rtnetlink: ok", "uevent: ok", "netlink sockets: ok", "change the network by them: operation not permitted", "inotify: ok", "inet: address family not supported by protocol",
			"read init: no such file or directory", "read init's mounts: no such file or directory", "see init's mounts: ok", "see sysfs: ok", "modules: permission denied", "see modules: ok", "write view: read-only file system", "read meminfo: ok", "read sysfs: ok", "read cgroups: ok", "read home: ok",
			"write state: ok", "write last words: ok", "write etc: read-only file system", "write home: read-only file system",
			"capabilities: ok", "open files: ok",
		}, "\n")
		if got != want {
			t.Errorf("in the sandbox:\n%s\nwant:\n%s", got, want)
		}
	})

	t.Run("reload", func(t *testing.T) {
		lab := machine.In(t)
		lab.Must("systemctl", "reload", "annad.service")
		lab.Write("/etc/anna/bad", "")
		if _, _, exit := lab.Run("systemctl", "reload", "annad.service"); exit != 1 {
			t.Errorf("reload of a bad configuration: %d", exit)
		}
		if got := lab.Journal("annad.service"); !strings.Contains(got, "no: bad configuration") {
			t.Errorf("journal:\n%s", got)
		}
		lab.Must("systemctl", "is-active", "annad.service")
	})

	t.Run("restart refuses nobody", func(t *testing.T) {
		lab := machine.In(t)
		var clients sync.WaitGroup
		clients.Go(func() {
			if out, errs, exit := lab.Run("sh", "-ec", "for i in $(seq 300); do annactl pid; done"); exit != 0 {
				t.Errorf("a client failed: %d %s%s", exit, out, errs)
			}
		})
		for range 4 {
			lab.Must("systemctl", "restart", "annad.service")
		}
		clients.Wait()
	})

	t.Run("crash", func(t *testing.T) {
		lab := machine.In(t)
		before := lab.Must("annactl", "pid")
		lab.Must("systemctl", "kill", "--signal=KILL", "annad.service")
		if after := lab.Must("annactl", "pid"); after == before {
			t.Errorf("still pid %s", after)
		}
	})

	t.Run("stop", func(t *testing.T) {
		lab := machine.In(t)
		lab.Must("systemctl", "stop", "annad.socket", "annad.service")
		if got := lab.Must("systemctl", "show", "--property=Result,ActiveState", "annad.service"); !strings.Contains(got, "Result=success") || !strings.Contains(got, "ActiveState=inactive") {
			t.Errorf("stopped: %s", got)
		}
		lab.Must("test", "-d", "/run/anna")
	})

	t.Run("broken configuration", func(t *testing.T) {
		lab := machine.In(t)
		lab.Write("/etc/anna/broken", "")
		if _, _, exit := lab.Run("systemctl", "start", "annad.service"); exit == 0 {
			t.Error("started")
		}
		if got := lab.Must("systemctl", "show", "--property=ExecMainStatus,NRestarts", "annad.service"); !strings.Contains(got, "ExecMainStatus=78") || !strings.Contains(got, "NRestarts=0") {
			t.Errorf("after status 78: %s", got)
		}
	})
}

// TestLabLeavesNothing boots a machine in a subtest and looks for it afterwards.
func TestLabLeavesNothing(t *testing.T) {
	var script, name string
	t.Run("machine", func(t *testing.T) {
		lab := Lab(t)
		script, name = lab.script, lab.name
		if out, err := exec.Command(script, "list").Output(); err != nil || !strings.Contains(string(out), name+"\n") {
			t.Errorf("list = %q, %v", out, err)
		}
	})
	if script == "" {
		t.Skip("the subtest says why there is no machine")
	}
	if out, err := exec.Command(script, "list").Output(); err != nil || strings.Contains(string(out), name+"\n") {
		t.Errorf("list = %q, %v", out, err)
	}
	left, err := filepath.Glob("/sys/fs/cgroup/*/anna-lab-" + name)
	if err != nil || len(left) > 0 {
		t.Errorf("cgroups left: %v, %v", left, err)
	}
	if _, err := os.Stat("/sys/fs/cgroup/anna-lab-" + name); err == nil {
		t.Error("a cgroup is left")
	}
}
