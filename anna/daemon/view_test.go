package daemon

import (
	"os"
	"path/filepath"
	"testing"
)

// TestView holds where the daemon looks when a sandbox shows it things
// elsewhere, and what it takes for the machine's network.
func TestView(t *testing.T) {
	dir := t.TempDir()
	lay := func(path string) {
		t.Helper()
		path = dir + path
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	lay("/proc/1/comm")
	lay("/sys/class/net/eth0/address")
	v := view{dir: dir}
	for path, want := range map[string]string{
		"/proc/1/comm":      dir + "/proc/1/comm",
		"/proc/1/environ":   "", // not shown: where it always is
		"/proc/10/comm":     "",
		"/proc/uptime":      "",
		"/sys":              dir + "/sys",
		"/sys/firmware/efi": dir + "/sys/firmware/efi", // the whole is shown: it is not there
		"/system":           "",
		"/lib/modules":      "", // the machine has none
	} {
		if got := v.elsewhere(path); got != want {
			t.Errorf("%s is at %q, not %q", path, got, want)
		}
		if got := (view{}).elsewhere(path); got != "" {
			t.Errorf("without a view %s is at %q", path, got)
		}
	}
	if got := v.init(); got != dir+"/proc/1" {
		t.Errorf("process 1 is at %q", got)
	}
	if got := v.mountInfo(); got == dir+"/proc/1/mountinfo" {
		t.Errorf("the mounts are at %q, which is not there", got)
	}

	v.strange = v.strangeNetwork("/proc/self/net/dev")
	if v.strange != noOneNetwork || v.networkHidden() == "" || v.interfacesHidden() == "" || v.roots().NetHidden == "" {
		t.Errorf("without anything to go by: %+v, %+v", v, v.roots())
	}
	lay("/proc/1/net/dev")
	v.strange = v.strangeNetwork("/proc/self/net/dev")
	if v.strange != ownNetwork || v.networkHidden() == "" {
		t.Errorf("another network: %+v", v)
	}
	if r := v.roots(); r.NetHidden != "" || r.NetDev != dir+"/proc/1/net/dev" || r.Sys != dir+"/sys" || r.Mounts != "" {
		t.Errorf("its counters are shown: %+v", r)
	}
	v.sockets = netlinkSockets{notices: 3, requests: 4, uevents: 5}
	if v.networkHidden() != "" || v.interfacesHidden() != "" {
		t.Errorf("with sockets: %q, %q", v.networkHidden(), v.interfacesHidden())
	}
	v.sockets = netlinkSockets{}
	if v.strange = v.strangeNetwork(dir + "/proc/1/net/dev"); v.strange != "" || v.networkHidden() != "" {
		t.Errorf("the same network: %+v", v)
	}
}

// TestViewVariable holds that a daemon without a sandbox looks where such
// things always are, and sees the network that it is in.
func TestViewVariable(t *testing.T) {
	for _, dir := range []string{"", "relative"} {
		t.Setenv(viewVariable, dir)
		if v := newView(); v.dir != "" || v.strange != "" || v.networkHidden() != "" || v.roots().Mounts != "" || v.survey().Elsewhere != nil {
			t.Errorf("%q: %+v", dir, v)
		}
	}
	t.Setenv(viewVariable, filepath.Join(t.TempDir(), "not there"))
	if v := newView(); v.strange != noOneNetwork {
		t.Errorf("a view that shows nothing: %+v", v)
	}
}
