package anna_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// networkOnSystemd holds that the daemon sees the machine's network, devices
// and kernels from a service that has a network namespace of its own and hides
// all else: while it runs, over a restart and a kill, and after a time that it
// was stopped; and that it says so when it cannot. Each thing is told once.
func networkOnSystemd(t *testing.T, lab *annatest.Machine) {
	annatest.Require(t, annatest.Oracle, "nsenter", "ip")
	events := func(domain string) string {
		t.Helper()
		out := lab.Must("annactl", "events", "--domain", domain, "--limit", "200")
		return regexp.MustCompile(`(?m)^\d+ more waits? in the queue$`).ReplaceAllString(out, "")
	}
	// told waits until each was told, and holds that none was twice.
	told := func(domain string, wants ...string) {
		t.Helper()
		deadline := time.Now().Add(time.Minute)
		for {
			out, missing := events(domain), ""
			for _, want := range wants {
				switch n := strings.Count(out+"\n", want+"\n"); {
				case n == 0:
					missing = want
				case n > 1:
					t.Fatalf("%q is told %d times:\n%s", want, n, out)
				}
			}
			switch {
			case missing == "":
				return
			case time.Now().After(deadline):
				t.Fatalf("%q is not told:\n%s", missing, out)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	capability := func(module string) (state, why, do string) {
		t.Helper()
		var list struct {
			Capabilities []struct{ Module, State, Why, Do string }
		}
		out := lab.Must("annactl", "capabilities", "--json")
		if err := json.Unmarshal([]byte(out), &list); err != nil {
			t.Fatal(err)
		}
		for _, c := range list.Capabilities {
			if c.Module == module {
				return c.State, c.Why, c.Do
			}
		}
		t.Fatalf("no module %s in %s", module, out)
		return "", "", ""
	}
	socket := func(want string) {
		t.Helper()
		if got, _, _ := lab.Run("systemctl", "is-active", "annad-netlink.socket"); got != want+"\n" {
			t.Errorf("annad-netlink.socket is %s", got)
		}
	}
	late := " · while annad was down"

	lab.IP("link", "add", "anna0", "type", "veth", "peer", "anna1")
	lab.IP("link", "set", "anna0", "up")
	lab.IP("link", "set", "anna1", "up")
	lab.IP("address", "add", "10.9.0.1/24", "dev", "anna0")
	lab.IP("route", "add", "default", "via", "10.9.0.254")
	told("network", "anna0 link added", "anna1 link up", "anna0 10.9.0.1/24 address added",
		"default via 10.9.0.254 dev anna0 default route added · ipv4, metric 0")
	told("devices", "anna0 added", "anna1 added")
	lab.Must("sh", "-ec", "mkdir -p /usr/lib/modules/9.9.9-lab; touch /usr/lib/modules/9.9.9-lab/modules.order")
	told("kernel", "linux 9.9.9-lab installed")

	// Its figures are the machine's as well.
	facts := func(branch string) string { return lab.Must("annactl", "facts", branch) }
	lab.Must("systemctl", "restart", "annad.service") // which samples at once
	for branch, want := range map[string]string{
		"interface": "interface[anna0]", "kernel": "9.9.9-lab", "machine": "init        systemd\n", "boot": "root_type",
	} {
		if out := facts(branch) + "\n"; !strings.Contains(out, want) {
			t.Errorf("no %q in the facts:\n%s", want, out)
		}
	}
	if out := facts("mount"); strings.Contains(out, "/run/annad") || !strings.Contains(out, "mount[/mnt/stick]") {
		t.Errorf("the sandbox's own mounts are told of:\n%s", out)
	}

	socket("active")
	lab.Must("systemctl", "kill", "--signal=KILL", "annad.service")
	lab.IP("link", "add", "anna2", "type", "veth", "peer", "anna3")
	lab.Must("annactl", "health")
	lab.IP("link", "set", "anna2", "up")
	lab.IP("link", "set", "anna3", "up")
	told("network", "anna2 link up", "anna3 link up")
	if n := strings.Count(events("network"), "anna2 link added"); n != 1 {
		t.Errorf("what happened over the kill is told %d times", n)
	}
	socket("active")

	// Stopped, it is left alone by what happens.
	lab.Must("systemctl", "stop", "annad.socket", "annad.service")
	lab.IP("link", "delete", "anna2")
	lab.IP("link", "set", "anna0", "down")
	lab.IP("link", "set", "anna0", "up")
	lab.IP("address", "add", "10.9.0.7/24", "dev", "anna0")
	time.Sleep(time.Second)
	if got, _, _ := lab.Run("systemctl", "is-active", "annad.service", "annad-netlink.socket"); got != "inactive\ninactive\n" {
		t.Errorf("stopped, and now %s", got)
	}
	lab.Must("systemctl", "start", "annad.socket")
	told("network", "anna2 link removed"+late, "anna3 link removed"+late, "anna0 10.9.0.7/24 address added"+late)
	told("devices", "anna2 removed"+late)

	// Without the sockets it says so, and takes its own network for nothing.
	before := events("network")
	lab.Must("systemctl", "mask", "--now", "annad-netlink.socket")
	lab.Must("systemctl", "restart", "annad.service")
	socket("inactive")
	for _, module := range []string{"network", "devices"} {
		if state, why, do := capability(module); state != "degraded" || !strings.Contains(why, "a network namespace of its own") || !strings.Contains(do, "systemctl unmask annad-netlink.socket") {
			t.Errorf("%s is %s: %s; %s", module, state, why, do)
		}
	}
	lab.IP("address", "add", "10.9.0.9/24", "dev", "anna0")
	lab.Must("sh", "-ec", "mkdir /mnt/seen; mount -t tmpfs seen /mnt/seen")
	told("storage", "/mnt/seen mounted · seen (tmpfs)")
	if after := events("network"); strings.TrimSpace(after) != strings.TrimSpace(before) {
		t.Errorf("told meanwhile:\n%s\nbefore:\n%s", after, before)
	}
	if out := facts("interface"); !strings.Contains(out, "interface[anna0]") {
		t.Errorf("the machine's counters are shown without sockets as well:\n%s", out)
	}
	lab.Must("systemctl", "unmask", "annad-netlink.socket")
	lab.Must("systemctl", "restart", "annad.service")
	told("network", "anna0 10.9.0.9/24 address added"+late)
	for _, module := range []string{"network", "devices", "kernel", "storage"} {
		if state, why, _ := capability(module); state != "active" {
			t.Errorf("%s is %s: %s", module, state, why)
		}
	}
	for _, domain := range []string{"network", "devices"} {
		if out := events(domain); strings.Contains(out, " lo ") {
			t.Errorf("another network is told of:\n%s", out)
		}
	}
}
