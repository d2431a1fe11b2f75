package events

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// DevicesOptions are those of NewDevicesSource.
type DevicesOptions struct {
	// Sys is where sysfs is mounted; "" means "/sys".
	Sys string
	// NetNS is the descriptor of the network namespace whose uevents are
	// received; 0 is that of the calling thread. Sys must be of the same.
	NetNS int
	// ReadBuffer is the socket's receive buffer in bytes; 0 means 1 MiB, or
	// what the system allows.
	ReadBuffer int
	// Uevents is a socket of NETLINK_KOBJECT_UEVENT that was handed over, in no
	// group: its descriptor, which stays the caller's; 0 for one of our own. It
	// tells of the network namespace that it was opened in, as Sys must.
	Uevents int
	// Hidden is why network interfaces are not to be seen here, "" where they
	// are: those of another namespace must not be told of as the machine's.
	Hidden string
}

// A Device is what is remembered of a block device, a network interface or a
// USB device.
type Device struct {
	Subsystem string `json:"subsystem"` // block, net, usb
	Name      string `json:"name"`      // sda1, eth0, 1-1.2
	Type      string `json:"type,omitempty"`
	Model     string `json:"model,omitempty"`
	// ID tells one device from another of the same name: a WWID, a UUID, a
	// serial number.
	ID       string `json:"id,omitempty"`
	Driver   string `json:"driver,omitempty"`
	Size     uint64 `json:"size,omitempty"` // bytes, of a block device
	ReadOnly bool   `json:"read_only,omitempty"`
}

func (d *Device) key() string { return d.Subsystem + "/" + d.Name }

// A DevicesSource tells of block devices, network interfaces and USB devices
// added, removed, renamed and changed, by the kernel's uevents, with names and
// identities from sysfs.
//
// A virtual block device without a size (a loop device without a file, an
// array that is not assembled) counts as not there: the kernel keeps their
// names in stock. In a network namespace only its own interfaces are seen;
// the kernel sends uevents of block and USB devices to all.
type DevicesSource struct {
	tracker[Device]
	o DevicesOptions
}

// NewDevicesSource makes the source.
func NewDevicesSource(o DevicesOptions) *DevicesSource {
	if o.Sys == "" {
		o.Sys = "/sys"
	}
	s := &DevicesSource{o: o}
	s.init("devices")
	s.describe = describeDevice
	s.valid = func(key string, d Device) error {
		if key != d.key() || d.Name == "" {
			return fmt.Errorf("an entry %q that is not its own", key)
		}
		return nil
	}
	return s
}

// Run implements [Source].
func (s *DevicesSource) Run(ctx context.Context, sink Sink) error {
	return s.guard(func() error { return s.run(ctx, sink) })
}

func (s *DevicesSource) run(ctx context.Context, sink Sink) error {
	socket, degraded, err := openUevents(s.o.NetNS, s.o.Uevents, s.o.ReadBuffer)
	if err != nil {
		return err
	}
	if s.o.Hidden != "" {
		degraded = "no network interfaces: " + s.o.Hidden
	}
	defer socket.close()
	defer context.AfterFunc(ctx, socket.interrupt)()
	sys := sysfs{s.o.Sys}
	look := func() (map[string]Device, error) { return s.look(sys) }
	err = s.settle(ctx, sink, true, look) // after the subscription: no gap
	for err == nil {
		if degraded != "" {
			s.set(SourceDegraded, degraded)
		} else {
			s.set(SourceRunning, "")
		}
		var message []byte
		if message, err = socket.next(); err == nil {
			err = s.apply(sink, sys, message)
		}
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, unix.ENOBUFS):
			s.count(overflows, 1)
			s.count(rereads, 1)
			if err = socket.drain(); err == nil {
				err = s.settle(ctx, sink, true, look)
			}
		case errors.Is(err, ErrFull):
			if err = s.waitRoom(ctx, sink); err == nil {
				err = s.settle(ctx, sink, true, look)
			}
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("cannot watch devices: %w", err)
}

// look reads all devices. Interfaces that are hidden are as they were.
func (s *DevicesSource) look(sys sysfs) (map[string]Device, error) {
	all, err := sys.devices(s.o.Hidden == "")
	if err != nil || s.o.Hidden == "" {
		return all, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, d := range s.reported {
		if d.Subsystem == "net" {
			all[key] = d
		}
	}
	return all, nil
}

// apply reports one uevent. What it says is looked up, so that a uevent that
// comes late says what is true now.
func (s *DevicesSource) apply(sink Sink, sys sysfs, message []byte) error {
	u, err := parseUevent(message)
	if err != nil {
		return nil // no device of ours has such a path
	}
	stub := Device{Subsystem: u.subsystem, Name: deviceName(u.devpath), Type: u.devtype}
	switch {
	case stub.Subsystem != "block" && stub.Subsystem != "net" && stub.Subsystem != "usb",
		stub.Subsystem == "usb" && stub.Type != "usb_device",
		stub.Subsystem == "net" && s.o.Hidden != "":
		return nil
	case u.action == "remove":
		return s.update(sink, stub.key(), nil, false)
	case u.action == "bind", u.action == "unbind":
		return nil // of drivers, after the device
	}
	now := sys.device(stub.Subsystem, u.devpath)
	if now == nil && u.action == "add" && !isVirtualBlock(stub.Subsystem, u.devpath) {
		now = &stub // gone again: the uevent that says so follows
	}
	if u.action == "move" && now != nil {
		if old := s.get(stub.Subsystem + "/" + deviceName(u.oldPath)); old != nil && old.Name != now.Name {
			return s.rename(sink, old, now)
		}
	}
	return s.update(sink, stub.key(), now, false)
}

// rename is one event, and two steps.
func (s *DevicesSource) rename(sink Sink, old, now *Device) error {
	ev := deviceEvent("renamed", now)
	ev.Detail = "was " + old.subject()
	ev.Attributes["from"] = old.Name
	return s.commit(sink, false, []move[Device]{{
		evs: []Event{ev}, steps: []step[Device]{{old.key(), nil}, {now.key(), now}},
	}})
}

// deviceName is the last part of a path, in which sysfs writes "!" for "/".
func deviceName(devpath string) string { return strings.ReplaceAll(path.Base(devpath), "!", "/") }

func isVirtualBlock(subsystem, devpath string) bool {
	return subsystem == "block" && strings.HasPrefix(filepath.Clean(devpath), "/devices/virtual/")
}
