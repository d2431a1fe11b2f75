package events

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
)

// A sysfs reads what devices are (Documentation/ABI in the kernel's source).
type sysfs struct{ root string }

// maxDevices bounds what is read of one class.
const maxDevices = 1 << 16

// devices reads all block devices, USB devices and, if asked to, interfaces.
func (s sysfs) devices(interfaces bool) (map[string]Device, error) {
	all := map[string]Device{}
	for subsystem, class := range map[string]string{"block": "class/block", "net": "class/net", "usb": "bus/usb/devices"} {
		if subsystem == "net" && !interfaces {
			continue
		}
		dir := filepath.Join(s.root, class)
		f, err := os.Open(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue // no such bus
		}
		if err != nil {
			return nil, fmt.Errorf("cannot list devices: %w", err)
		}
		names, err := f.Readdirnames(maxDevices)
		f.Close()
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("cannot list devices: %w", err)
		}
		for _, name := range names {
			target, err := os.Readlink(filepath.Join(dir, name))
			i := strings.Index(target, "devices/")
			if err != nil || i < 0 || subsystem == "usb" && strings.Contains(name, ":") {
				continue // gone, no device (bonding_masters), or an interface of one
			}
			if d := s.device(subsystem, "/"+target[i:]); d != nil {
				all[d.key()] = *d
			}
		}
	}
	return all, nil
}

// device reads one; nil when it is not there.
func (s sysfs) device(subsystem, devpath string) *Device {
	dir := filepath.Join(s.root, filepath.Clean(devpath))
	if !isDir(dir) {
		return nil
	}
	attr := func(names ...string) string {
		for _, name := range names {
			if v := readAttr(filepath.Join(dir, name)); v != "" {
				return v
			}
		}
		return ""
	}
	d := &Device{Subsystem: subsystem, Name: deviceName(devpath), Type: s.uevent(dir)["DEVTYPE"]}
	switch subsystem {
	case "block":
		sectors, _ := strconv.ParseUint(attr("size"), 10, 64) // of 512 bytes, always
		d.Size = sectors * 512
		if d.Size == 0 && isVirtualBlock(subsystem, devpath) {
			return nil
		}
		d.ReadOnly = attr("ro") == "1"
		d.Model = join(attr("device/vendor"), attr("device/model", "dm/name"))
		d.ID = attr("dm/uuid", "md/uuid", "wwid", "device/wwid", "serial", "device/serial")
	case "net":
		d.Driver = link(filepath.Join(dir, "device/driver"))
		d.ID = link(filepath.Join(dir, "device")) // where it sits: "0000:00:1f.6"
	case "usb":
		d.Model = join(join(attr("manufacturer"), attr("product")), "("+attr("idVendor")+":"+attr("idProduct")+")")
		d.ID = join(attr("idVendor")+":"+attr("idProduct"), attr("serial"))
	}
	return d
}

// uevent reads the pairs that the kernel would send.
func (s sysfs) uevent(dir string) map[string]string {
	pairs := map[string]string{}
	for line := range strings.Lines(readFileSome(filepath.Join(dir, "uevent"))) {
		if key, value, ok := strings.Cut(clean(line), "="); ok {
			pairs[key] = value
		}
	}
	return pairs
}

func join(a, b string) string { return strings.TrimSpace(a + " " + b) }

func link(path string) string {
	target, err := os.Readlink(path)
	if err != nil {
		return ""
	}
	return filepath.Base(target)
}

// maxAttr is what is read of an attribute; sysfs has a page at most.
const maxAttr = 4096

func readFileSome(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, _ := io.ReadAll(io.LimitReader(f, maxAttr))
	return string(b)
}

// readAttr returns one line, at most 256 bytes of it.
func readAttr(path string) string {
	line, _, _ := strings.Cut(readFileSome(path), "\n")
	return cut(clean(line), 256)
}

// clean takes out what a device may have written into its own name.
func clean(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s))
}
