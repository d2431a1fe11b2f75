package daemon

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/facts/survey"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
)

// viewVariable names the directory below which annad.service shows the daemon,
// to read, what its sandbox hides: /proc/1/comm as DIR/proc/1/comm, and so on.
// Who starts a daemon without a sandbox sets nothing, and it looks where such
// things always are.
const viewVariable = "ANNA_VIEW"

// A view is how the daemon sees the machine from inside its sandbox: where
// files are, and the sockets of the machine's network that it was handed.
type view struct {
	dir     string // "": nothing is elsewhere
	sockets netlinkSockets
	// strange is why this process' network is not known to be the machine's; ""
	// when it is. Without a view nobody asks: who starts a daemon by hand in
	// some network namespace means that one.
	strange string
}

// newView takes the directory from the environment.
func newView() view {
	v := view{dir: os.Getenv(viewVariable)}
	if !filepath.IsAbs(v.dir) {
		v.dir = ""
	}
	if v.dir != "" {
		v.strange = v.strangeNetwork("/proc/self/net/dev")
	}
	return v
}

// Why a network is not the machine's.
const (
	ownNetwork   = "the daemon is in a network namespace of its own"
	noOneNetwork = "the daemon cannot tell whether it is in the machine's network namespace"
)

// strangeNetwork compares a file of process 1's network with that of our own:
// the kernel numbers them apart, and lets everybody look, which it does not
// with the namespaces themselves.
func (v view) strangeNetwork(own string) string {
	var a, b unix.Stat_t
	switch {
	case unix.Stat(v.dir+"/proc/1/net/dev", &a) != nil, unix.Stat(own, &b) != nil:
		return noOneNetwork
	case a.Ino != b.Ino:
		return ownNetwork
	}
	return ""
}

// elsewhere is where a file of the machine is to be seen, when that is not
// where it always is; else "".
func (v view) elsewhere(path string) string {
	if v.dir == "" {
		return ""
	}
	for _, whole := range []string{"/sys", "/lib/modules"} {
		if path == whole || strings.HasPrefix(path, whole+"/") {
			return v.there(whole, path)
		}
	}
	if strings.HasPrefix(path, "/proc/1/") {
		return v.there(path, path)
	}
	return ""
}

// there is path below the view where shown is shown there; else "".
func (v view) there(shown, path string) string {
	if _, err := os.Stat(v.dir + shown); err != nil {
		return ""
	}
	return v.dir + path
}

// mountInfo is the mount table of the machine: that of pid 1 where it can be
// read, for a sandbox shows the daemon a table of its own, all read-only.
func (v view) mountInfo() string {
	const init = "/proc/1/mountinfo"
	for _, path := range []string{v.elsewhere(init), init} {
		if f, err := os.Open(path); err == nil {
			f.Close()
			return path
		}
	}
	return "/proc/self/mountinfo"
}

// init is the directory that shows process 1; "" for that in /proc.
func (v view) init() string {
	if v.elsewhere("/proc/1/comm") == "" {
		return ""
	}
	return v.dir + "/proc/1"
}

// Why the network, or a part of it, is not to be seen; "" where it is.
func (v view) networkHidden() string {
	return v.unless(v.sockets.notices != 0, "was handed no sockets of the machine's")
}

func (v view) interfacesHidden() string {
	return v.unless(v.sockets.uevents != 0 && v.elsewhere("/sys") != "", "was handed no socket of the machine's")
}

func (v view) countersHidden() string {
	return v.unless(v.elsewhere("/proc/1/net/dev") != "", "is not shown the machine's counters")
}

func (v view) unless(shown bool, lack string) string {
	if shown || v.strange == "" {
		return ""
	}
	return v.strange + ", and " + lack
}

// hides says whether a module sees less than it would elsewhere.
func (v view) hides(module string) bool {
	return module == "network" && v.networkHidden() != "" || module == "devices" && v.interfacesHidden() != ""
}

// networkFix is what to do when the network is hidden.
const networkFix = "let annad.service have its annad-netlink.socket: sudo systemctl unmask annad-netlink.socket; sudo systemctl restart annad"

// roots are where the machine's figures are read.
func (v view) roots() metrics.Roots {
	r := metrics.LiveRoots
	if sys := v.elsewhere("/sys"); sys != "" {
		r.Sys = sys
	}
	r.NetDev, r.NetHidden = v.elsewhere("/proc/1/net/dev"), v.countersHidden()
	r.Mounts = v.elsewhere("/proc/1/mountinfo")
	return r
}

// survey is where facts are read.
func (v view) survey() survey.Root {
	r := survey.Live
	if v.dir != "" {
		r.Elsewhere = v.elsewhere
	}
	return r
}
