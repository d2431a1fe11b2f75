package events

import (
	"fmt"
	"strconv"
	"strings"
)

// subject is what people call the device.
func (d *Device) subject() string {
	if d.Subsystem == "block" {
		return "/dev/" + d.Name
	}
	return d.Name
}

func deviceEvent(kind string, d *Device) Event {
	ev := Event{Domain: Devices, Kind: kind, Subject: d.subject(), Attributes: map[string]string{
		"subsystem": d.Subsystem, "name": d.Name,
	}}
	for name, value := range map[string]string{"type": d.Type, "model": d.Model, "id": d.ID, "driver": d.Driver} {
		if value != "" {
			ev.Attributes[name] = value
		}
	}
	if d.Subsystem == "block" {
		ev.Attributes["size"] = strconv.FormatUint(d.Size, 10)
		ev.Attributes["read_only"] = strconv.FormatBool(d.ReadOnly)
	}
	return ev
}

// is names a device for people: "disk, QEMU HARDDISK, 20.0 GiB".
func (d *Device) is() string {
	var words []string
	for _, word := range []string{d.Type, d.Model, d.Driver} {
		if word != "" && word != "usb_device" {
			words = append(words, word)
		}
	}
	if d.Size > 0 {
		words = append(words, humanSize(d.Size))
	}
	if d.ReadOnly {
		words = append(words, "read-only")
	}
	return strings.Join(words, ", ")
}

func humanSize(n uint64) string {
	size, units := float64(n), []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	for size >= 1024 && len(units) > 1 {
		size, units = size/1024, units[1:]
	}
	if units[0] == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", size, units[0])
}

func describeDevice(_ string, old, now *Device, _ bool) []Event {
	come := func() Event {
		ev := deviceEvent("added", now)
		ev.Detail = now.is()
		return ev
	}
	gone := func() Event {
		ev := deviceEvent("removed", old)
		ev.Detail = old.is()
		return ev
	}
	switch {
	case old == nil:
		return []Event{come()}
	case now == nil:
		return []Event{gone()}
	case old.ID != "" && now.ID != "" && old.ID != now.ID:
		return []Event{gone(), come()} // another one under the same name
	}
	var what []string
	if old.Size != now.Size {
		what = append(what, humanSize(old.Size)+" -> "+humanSize(now.Size))
	}
	if old.ReadOnly != now.ReadOnly {
		what = append(what, map[bool]string{true: "read-only", false: "writable"}[now.ReadOnly])
	}
	if len(what) == 0 {
		return nil // a name or a driver that was not there yet
	}
	ev := deviceEvent("changed", now)
	ev.Detail = strings.Join(what, ", ")
	return []Event{ev}
}
