package anna_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
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
}
