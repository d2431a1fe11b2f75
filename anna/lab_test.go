package anna_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestOnSystemd runs the real daemon under the units that are shipped, on a
// real systemd, and looks at it as root, as a member of the group and as an
// outsider. The cases build on each other, as an administrator's day does.
func TestOnSystemd(t *testing.T) {
	machine := annatest.Lab(t, annatest.Anna(filepath.Join(annatest.Build(t), "anna")))
	step := func(name string, f func(t *testing.T, lab *annatest.Machine)) {
		if !t.Run(name, func(t *testing.T) { f(t, machine.In(t)) }) {
			t.Fatal("the cases after this one build on it")
		}
	}
	// client runs the client as an ordinary user.
	client := func(t *testing.T, lab *annatest.Machine, status int, words ...string) (out, errs string) {
		t.Helper()
		out, errs, exit := lab.RunAs("alice", append([]string{"annactl"}, words...)...)
		if exit != status {
			t.Fatalf("annactl %s as alice: status %d, not %d\n%s%s", strings.Join(words, " "), exit, status, out, errs)
		}
		return out, errs
	}
	says := func(t *testing.T, text string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in:\n%s", want, text)
			}
		}
	}

	step("never started, seen by an outsider", func(t *testing.T, lab *annatest.Machine) {
		_, errs := client(t, lab, 11, "health")
		says(t, errs, "permission denied", "sudo usermod -aG anna alice")
	})
	step("never started, seen by a member", func(t *testing.T, lab *annatest.Machine) {
		lab.Must("usermod", "-aG", "anna", "alice")
		_, errs := client(t, lab, 10, "health")
		says(t, errs, "hint: Daemon not running. Start with: sudo systemctl start annad")
	})
	step("started by the socket", func(t *testing.T, lab *annatest.Machine) {
		lab.Must("systemctl", "enable", "--now", "annad.socket")
		out, _ := client(t, lab, 0, "health")
		says(t, out, "healthy")
		if got := strings.TrimSpace(lab.Must("systemctl", "is-active", "annad.service")); got != "active" {
			t.Errorf("annad.service is %s", got)
		}
	})
	step("status text", func(t *testing.T, lab *annatest.Machine) {
		says(t, lab.Must("systemctl", "status", "annad.service"), "Status: \"0.12.7-pre", "active (running)")
		says(t, lab.Journal("annad.service"), "ready version=0.12.7-pre")
	})
	step("limits and figures are those of the unit", func(t *testing.T, lab *annatest.Machine) {
		out, _ := client(t, lab, 0, "health", "--json")
		var h struct {
			Memory struct {
				Limit  *float64
				Source string
			} `json:"memory_mb"`
		}
		if err := json.Unmarshal([]byte(out), &h); err != nil {
			t.Fatal(err)
		}
		t.Logf("memory: %s", out)
		if h.Memory.Limit == nil || *h.Memory.Limit != 80 {
			t.Errorf("the limit of MemoryMax=80M is not seen: %s", h.Memory.Source)
		}
	})
	step("no call fails while the daemon restarts", func(t *testing.T, lab *annatest.Machine) {
		// systemd keeps the socket: whoever calls meanwhile waits in its queue.
		var wg sync.WaitGroup
		wg.Go(func() {
			out, errs, exit := lab.RunAs("alice", "sh", "-c", "for i in $(seq 100); do annactl version --json >/dev/null && annactl status >/dev/null || exit 1; done")
			if exit != 0 {
				t.Errorf("a call failed: %s%s", out, errs)
			}
		})
		for range 3 {
			lab.Must("systemctl", "restart", "annad.service")
		}
		wg.Wait()
	})
	step("hung, before the watchdog acts", func(t *testing.T, lab *annatest.Machine) {
		lab.Must("systemctl", "kill", "--signal=STOP", "annad.service")
		_, errs := client(t, lab, 7, "health", "--timeout", "2s")
		says(t, errs, "systemd says it is active", "Daemon not responding. Check logs: sudo journalctl -u annad -n 20", "the watchdog restarts it within 20 s")
		if strings.Contains(errs, "trying again") {
			t.Errorf("a hung daemon is asked twice:\n%s", errs)
		}
		lab.Must("systemctl", "kill", "--signal=CONT", "annad.service")
		client(t, lab, 0, "health")
	})
	step("hung, and the watchdog acts", func(t *testing.T, lab *annatest.Machine) {
		lab.Write("/etc/systemd/system/annad.service.d/watchdog.conf", "[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\n")
		lab.Must("systemctl", "daemon-reload")
		lab.Must("systemctl", "restart", "annad.service")
		client(t, lab, 0, "health")
		lab.Must("systemctl", "kill", "--signal=STOP", "annad.service")
		client(t, lab, 0, "health", "--timeout", "30s")
		says(t, lab.Journal("annad.service"), "Watchdog timeout")
		lab.Must("rm", "-r", "/etc/systemd/system/annad.service.d")
		lab.Must("systemctl", "daemon-reload")
		lab.Must("systemctl", "restart", "annad.service")
	})
	step("stopped", func(t *testing.T, lab *annatest.Machine) {
		client(t, lab, 0, "health")
		lab.Must("systemctl", "stop", "annad.socket", "annad.service")
		_, errs := client(t, lab, 12, "health")
		says(t, errs, "it is stopped", "last seen", "stopped on SIGTERM", "Start with: sudo systemctl start annad")
	})
	step("broken configuration, where one held before", func(t *testing.T, lab *annatest.Machine) {
		lab.Write("/etc/anna/config.toml", "[daemon]\nsokcet = 1\n")
		lab.Must("systemctl", "start", "annad.socket")
		out, _ := client(t, lab, 3, "health")
		says(t, out, "The configuration on disk is invalid", "config.toml:2:1")
		says(t, lab.Must("systemctl", "status", "annad.service"), "the configuration on disk is invalid")
	})
	step("broken configuration, and none that ever held", func(t *testing.T, lab *annatest.Machine) {
		lab.Must("systemctl", "stop", "annad.socket", "annad.service")
		lab.Must("sh", "-c", "rm -rf /var/lib/anna/*")
		lab.Must("systemctl", "start", "annad.socket")
		_, errs := client(t, lab, 12, "health")
		says(t, errs, "its configuration is invalid", "sudo journalctl -u annad -n 20", "systemctl reset-failed annad.service annad.socket")
		says(t, lab.Journal("annad.service"), "config.toml:2:1", "did you mean")
		lab.Must("rm", "/etc/anna/config.toml")
		lab.Must("systemctl", "reset-failed", "annad.service", "annad.socket")
		lab.Must("systemctl", "start", "annad.socket")
		client(t, lab, 0, "health")
	})
	step("crashing again and again", func(t *testing.T, lab *annatest.Machine) {
		lab.Must("systemctl", "stop", "annad.socket", "annad.service")
		lab.Write("/etc/systemd/system/annad.service.d/crash.conf", "[Service]\nExecStart=\nExecStart=/bin/sh -c 'kill -SEGV $$$$'\n")
		lab.Must("systemctl", "daemon-reload")
		lab.Must("systemctl", "start", "annad.socket")
		lab.Run("systemctl", "start", "--no-block", "annad.service")
		_, errs := client(t, lab, 12, "health")
		says(t, errs, "sudo journalctl -u annad -n 20")
		// What ended it last is known but for the moment of the next start.
		if !strings.Contains(errs, "SIGSEGV") && !strings.Contains(errs, "crashes again and again (systemd restarted it") {
			t.Errorf("it does not say that the daemon crashes:\n%s", errs)
		}
		lab.Must("rm", "-r", "/etc/systemd/system/annad.service.d")
		lab.Must("systemctl", "daemon-reload")
		lab.Run("systemctl", "stop", "annad.socket", "annad.service")
		lab.Run("systemctl", "reset-failed", "annad.service", "annad.socket")
		lab.Must("systemctl", "start", "annad.socket")
		client(t, lab, 0, "health")
	})
	step("what is left when it is stopped", func(t *testing.T, lab *annatest.Machine) {
		lab.Must("systemctl", "stop", "annad.socket", "annad.service")
		if got := strings.TrimSpace(lab.Must("systemctl", "show", "-P", "Result", "annad.service")); got != "success" {
			t.Errorf("it did not stop cleanly: %s\n%s", got, lab.Journal("annad.service"))
		}
	})
}
