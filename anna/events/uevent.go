package events

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A uevent is one message of the kernel about a device (see
// lib/kobject_uevent.c and Documentation/core-api/kobject.rst).
type uevent struct {
	action    string
	devpath   string // under /sys
	subsystem string
	devtype   string
	name      string // of the device node (block) or the interface (net)
	oldPath   string // of a device that moved
}

var errUevent = errors.New("malformed uevent")

// parseUevent reads "ACTION@DEVPATH", NUL, and "KEY=value" pairs that end in
// NUL. Where the two parts differ somebody else than the kernel wrote it.
func parseUevent(b []byte) (*uevent, error) {
	head, rest, ok := bytes.Cut(b, []byte{0})
	action, path, at := strings.Cut(string(head), "@")
	if !ok || !at {
		return nil, fmt.Errorf("%w: %.80q", errUevent, head)
	}
	u := &uevent{}
	for len(rest) > 0 {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte{0})
		key, value, _ := strings.Cut(string(pair), "=")
		switch key {
		case "ACTION":
			u.action = value
		case "DEVPATH":
			u.devpath = value
		case "SUBSYSTEM":
			u.subsystem = value
		case "DEVTYPE":
			u.devtype = value
		case "DEVNAME":
			if u.name == "" {
				u.name = value
			}
		case "INTERFACE":
			u.name = value
		case "DEVPATH_OLD":
			u.oldPath = value
		}
	}
	if u.action != action || u.devpath != path || !cleanDevpath(path) || u.oldPath != "" && !cleanDevpath(u.oldPath) {
		return nil, fmt.Errorf("%w: %.80q", errUevent, head)
	}
	return u, nil
}

// cleanDevpath says that a path stays where it is put under.
func cleanDevpath(path string) bool {
	return strings.HasPrefix(path, "/devices/") && !strings.Contains(path+"/", "/../") && !strings.Contains(path, "//")
}

// ueventPath is how many bytes of "ACTION@DEVPATH" the filter looks through;
// what is longer wakes the daemon, which looks itself. The program has to fit
// into net.core.optmem_max, which was 20 KiB for long, after the kernel has made
// it several times longer.
const ueventPath = 192

// onlyOurUevents drops, inside the kernel, messages about other subsystems
// than block, net and usb: batteries and thermal zones tell of themselves all
// the time.
//
// A filter cannot loop (see bpf(4)), so the search for the end of
// "ACTION@DEVPATH" is written out. With that n bytes long, what follows is
// NUL, "ACTION=" and the action, NUL, "DEVPATH=" and the path, NUL,
// "SUBSYSTEM=" and the subsystem: action and path are n-1 bytes together, so
// the subsystem's name begins at 2n+27.
func onlyOurUevents() []unix.SockFilter {
	const (
		load8    = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
		load32at = unix.BPF_LD | unix.BPF_W | unix.BPF_IND
		index    = unix.BPF_LDX | unix.BPF_W | unix.BPF_IMM
		jump     = unix.BPF_JMP | unix.BPF_JA
		equal    = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ret      = unix.BPF_RET | unix.BPF_K
	)
	const each = 4
	var program []unix.SockFilter
	for n := range uint32(ueventPath) {
		program = append(program,
			unix.SockFilter{Code: load8, K: n},
			unix.SockFilter{Code: equal, Jf: 2, K: 0},
			unix.SockFilter{Code: index, K: 2*n + 27},
			unix.SockFilter{Code: jump, K: (ueventPath-n)*each - 3}, // to the second after the loop
		)
	}
	word := func(s string) uint32 { return binary.BigEndian.Uint32([]byte(s)) }
	return append(program,
		unix.SockFilter{Code: ret, K: 0xffffffff}, // a longer path: pass
		unix.SockFilter{Code: load32at, K: 0},
		unix.SockFilter{Code: equal, Jt: 3, K: word("bloc")},
		unix.SockFilter{Code: equal, Jt: 2, K: word("net\x00")},
		unix.SockFilter{Code: equal, Jt: 1, K: word("usb\x00")},
		unix.SockFilter{Code: ret, K: 0},          // drop
		unix.SockFilter{Code: ret, K: 0xffffffff}, // pass
	)
}
