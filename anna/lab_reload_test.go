package anna_test

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestReloadOnSystemd reloads under the units that are shipped, and under the
// type of unit that systemd reloads by signal.
func TestReloadOnSystemd(t *testing.T) {
	const file = "/etc/anna/config.toml"
	machine := annatest.Lab(t, annatest.Anna(filepath.Join(annatest.Build(t), "anna")))
	lab := machine
	step := func(name string, f func(t *testing.T)) {
		if !t.Run(name, func(t *testing.T) { lab = machine.In(t); f(t) }) {
			t.Fatal("the cases after this one build on it")
		}
	}
	says := func(t *testing.T, text string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in:\n%s", want, text)
			}
		}
	}
	show := func(property string) string {
		return strings.TrimSpace(lab.Must("systemctl", "show", "-P", property, "annad.service"))
	}
	holds := func(t *testing.T, want string) {
		t.Helper()
		says(t, lab.Must("annactl", "config", "show"), "queue_warn = "+want+"\n")
	}
	const bad = "[health]\nqueue_warn = \"many\"\n"

	step("ExecReload tells the truth", func(t *testing.T) {
		lab.Must("systemctl", "enable", "--now", "annad.socket")
		lab.Must("annactl", "health")
		lab.Write(file, "[health]\nqueue_warn = 60\n")
		lab.Must("systemctl", "reload", "annad.service")
		holds(t, "60")
		lab.Write(file, bad)
		if _, _, exit := lab.Run("systemctl", "reload", "annad.service"); exit == 0 {
			t.Error("systemctl reload says that it worked")
		}
		holds(t, "60")
		says(t, show("StatusText"), "the configuration on disk is invalid")
		says(t, lab.Journal("annad.service"), file+":2:14: ", "it is rejected")
		if got := show("ActiveState"); got != "active" {
			t.Errorf("it is %s", got)
		}
		lab.Write(file, "[health]\nqueue_warn = 61\n")
		lab.Must("systemctl", "reload", "annad.service")
		if got := show("StatusText"); strings.Contains(got, "invalid") {
			t.Errorf("the status says %q", got)
		}
	})
	step("by signal, to the process that the kernel names", func(t *testing.T) {
		// systemd called listen(2) first: the daemon did it once more.
		lab.Write(file, "[health]\nqueue_warn = 62\n")
		var r struct{ Outcome, Origin string }
		if err := json.Unmarshal([]byte(lab.Must("annactl", "reload", "--signal", "--json")), &r); err != nil {
			t.Fatal(err)
		}
		if r.Outcome != "applied" || r.Origin != "signal" {
			t.Errorf("%s %s", r.Origin, r.Outcome)
		}
		holds(t, "62")
		lab.Write(file, bad)
		if _, errs, exit := lab.Run("annactl", "reload", "--signal"); exit != 78 {
			t.Errorf("status %d\n%s", exit, errs)
		}
		holds(t, "62")
	})
	step("who may", func(t *testing.T) {
		lab.Write(file, "[access]\ncontrol_group = \"operators\"\n")
		_, errs, exit := lab.Run("annactl", "reload")
		if exit != 78 {
			t.Errorf("status %d\n%s", exit, errs)
		}
		says(t, errs, `there is no group "operators"`, "sudo groupadd --system operators")
		lab.Must("groupadd", "--system", "operators")
		lab.Must("annactl", "reload")
		lab.Must("usermod", "-aG", "anna", "alice")
		_, errs, exit = lab.RunAs("alice", "annactl", "reload")
		if exit != 77 {
			t.Errorf("an observer: status %d\n%s", exit, errs)
		}
		says(t, errs, "sudo annactl reload")
		if _, errs, exit = lab.RunAs("alice", "annactl", "reload", "--signal"); exit != 1 {
			t.Errorf("an observer by signal: status %d\n%s", exit, errs)
		}
		says(t, errs, "operation not permitted", "sudo annactl reload --signal")
		lab.Must("usermod", "-aG", "operators", "alice")
		out, errs, exit := lab.RunAs("alice", "annactl", "reload")
		if exit != 0 {
			t.Errorf("a member of the control group: status %d\n%s%s", exit, out, errs)
		}
		says(t, out, "unchanged")
		says(t, lab.Must("annactl", "config", "history"), "rpc (user "+strings.TrimSpace(lab.Must("id", "-u", "alice"))+")")
	})
	step("reloaded by signal, as notify-reload does", func(t *testing.T) {
		version, err := strconv.Atoi(strings.Fields(lab.Must("systemctl", "--version"))[1])
		if err != nil || version < 253 {
			t.Skipf("systemd %d has no such type", version)
		}
		lab.Write("/etc/systemd/system/annad.service.d/type.conf", "[Service]\nType=notify-reload\nExecReload=\n")
		lab.Must("systemctl", "daemon-reload")
		lab.Must("systemctl", "restart", "annad.service")
		lab.Write(file, "[health]\nqueue_warn = 63\n")
		lab.Must("systemctl", "reload", "annad.service")
		holds(t, "63")
		lab.Write(file, bad)
		lab.Run("systemctl", "reload", "annad.service") // whose status tells nothing
		if got := show("ActiveState") + " " + show("SubState") + " " + show("StatusErrno"); got != "active running 22" {
			t.Errorf("after a rejected one it is %s", got)
		}
		says(t, show("StatusText"), "the configuration on disk is invalid")
		holds(t, "63")
		lab.Write(file, "[health]\nqueue_warn = 64\n")
		lab.Must("systemctl", "reload", "annad.service")
		if got := show("StatusErrno"); got != "0" {
			t.Errorf("mended, and the error is %s", got)
		}
		holds(t, "64")
		lab.Must("systemctl", "kill", "--signal=HUP", "annad.service")
		lab.Must("annactl", "health")
	})
	step("broken at the start", func(t *testing.T) {
		lab.Write(file, bad)
		lab.Must("systemctl", "restart", "annad.service")
		holds(t, "64")
		says(t, show("StatusText"), "the configuration on disk is invalid")
		out, errs, exit := lab.Run("annactl", "health")
		if exit != 3 {
			t.Errorf("health: status %d\n%s%s", exit, out, errs)
		}
		says(t, out, "The configuration on disk is invalid")
		lab.Must("rm", file)
		lab.Must("annactl", "reload")
	})
}
