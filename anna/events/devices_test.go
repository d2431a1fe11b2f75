package events

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// about keeps the details of one subject's events.
func about(c *collector, subject string) (list []string) {
	for _, line := range c.details() {
		line = strings.TrimSuffix(line, " ")
		line = strings.ReplaceAll(line, ":  (late)", ": (late)")
		if fields := strings.Fields(line); strings.TrimSuffix(fields[1], ":") == subject {
			list = append(list, line)
		}
	}
	return list
}

func expectAbout(t *testing.T, c *collector, subject string, wanted ...string) {
	t.Helper()
	eventually(t, func() error {
		if got := about(c, subject); !slices.Equal(got, wanted) {
			return fmt.Errorf("%q, want %q", got, wanted)
		}
		return nil
	})
}

// TestDevicesLoop is about real devices: the machine's other devices may come
// and go beside.
func TestDevicesLoop(t *testing.T) {
	annatest.Require(t, annatest.Root)
	s, c := NewDevicesSource(DevicesOptions{}), &collector{}
	stop := start(t, s, c)
	loop := annatest.NewLoop(t, 8<<20)
	added := "added " + loop.Path + ": disk, 8.0 MiB"
	eventually(t, func() error {
		if got := about(c, loop.Path); !slices.Contains(got, added) {
			return fmt.Errorf("%q", got)
		}
		return nil
	})
	c.clear()
	loop.Resize(t, 16<<20)
	expectAbout(t, c, loop.Path, "changed "+loop.Path+": 8.0 MiB -> 16.0 MiB")
	c.clear()
	loop.Detach()
	removed := "removed " + loop.Path + ": disk, 16.0 MiB"
	eventually(t, func() error { // another test may take the name at once
		if got := about(c, loop.Path); len(got) == 0 || got[0] != removed {
			return fmt.Errorf("%q", got)
		}
		return nil
	})
	must(t, stop())

	// While nobody watches.
	saved, err := s.Save()
	must(t, err)
	loop = annatest.NewLoop(t, 3<<20)
	again, d := NewDevicesSource(DevicesOptions{}), &collector{}
	must(t, again.Load(saved))
	start(t, again, d)
	eventually(t, func() error {
		for _, line := range about(d, loop.Path) {
			if strings.HasSuffix(line, "3.0 MiB (late)") {
				return nil
			}
		}
		return fmt.Errorf("%q", d.details())
	})
}

func renameLink(t *testing.T, conn *rtnetlink.Conn, from, to string) {
	t.Helper()
	must(t, conn.Link.Set(&rtnetlink.LinkMessage{
		Index: linkIndex(t, conn, from), Attributes: &rtnetlink.LinkAttributes{Name: to},
	}))
}

func moveTo(t *testing.T, conn *rtnetlink.Conn, name string, netns int) {
	t.Helper()
	must(t, conn.Link.Set(&rtnetlink.LinkMessage{
		Index:      linkIndex(t, conn, name),
		Attributes: &rtnetlink.LinkAttributes{NetNS: rtnetlink.NetNSForFD(uint32(netns))},
	}))
}

// sysOf mounts the sysfs of a network namespace.
func sysOf(t *testing.T, netns int) string {
	t.Helper()
	dir := t.TempDir()
	_, err := inNetNS(netns, func() (int, error) { return 0, unix.Mount("sysfs", dir, "sysfs", unix.MS_RDONLY, "") })
	runtime.KeepAlive(dir)
	must(t, err)
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

func TestDevicesVeth(t *testing.T) {
	annatest.Require(t, annatest.Netns)
	ns, conn := newNetNS(t)
	other, _ := newNetNS(t)
	s, c := NewDevicesSource(DevicesOptions{NetNS: ns, Sys: sysOf(t, ns)}), &collector{}
	stop := start(t, s, c)
	must(t, conn.Link.New(veth("anna0", "anna1")))
	expectAbout(t, c, "anna0", "added anna0:")
	expectAbout(t, c, "anna1", "added anna1:")
	renameLink(t, conn, "anna1", "anna9")
	expectAbout(t, c, "anna9", "renamed anna9: was anna1")
	must(t, conn.Link.Delete(linkIndex(t, conn, "anna0")))
	expectAbout(t, c, "anna0", "added anna0:", "removed anna0:")
	expectAbout(t, c, "anna9", "renamed anna9: was anna1", "removed anna9:")

	// One that moves to another namespace is gone from this one.
	must(t, conn.Link.New(veth("anna2", "anna3")))
	moveTo(t, conn, "anna3", other)
	expectAbout(t, c, "anna3", "added anna3:", "removed anna3:")
	must(t, stop())
	saved, err := s.Save()
	must(t, err)
	must(t, conn.Link.Delete(linkIndex(t, conn, "anna2")))
	again, d := NewDevicesSource(DevicesOptions{NetNS: ns, Sys: s.o.Sys}), &collector{}
	must(t, again.Load(saved))
	start(t, again, d)
	expectAbout(t, d, "anna2", "removed anna2: (late)")
}

// TestDevicesOverflow makes the kernel lose messages: what they were about is
// found by looking.
func TestDevicesOverflow(t *testing.T) {
	annatest.Require(t, annatest.Netns)
	ns, conn := newNetNS(t)
	s := NewDevicesSource(DevicesOptions{NetNS: ns, Sys: sysOf(t, ns), ReadBuffer: 1})
	c := &collector{}
	start(t, s, c)
	c.setFull(true) // the source stops reading
	const pairs = 60
	for i := range pairs {
		must(t, conn.Link.New(veth(fmt.Sprint("v", i), fmt.Sprint("w", i))))
	}
	c.setFull(false)
	for i := range pairs {
		subject := fmt.Sprint("w", i)
		eventually(t, func() error {
			if got := about(c, subject); len(got) != 1 {
				return fmt.Errorf("%s: %q", subject, got)
			}
			return nil
		})
	}
	// The queue was full, so the state was read anyway; the socket overflowed
	// beside and must say so when it is read next.
	eventually(t, func() error {
		if st := s.Status(); st.Overflows == 0 || st.Rereads < 2 {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
	if got := about(c, "v0"); len(got) != 1 {
		t.Errorf("after all: %q", got)
	}
}

// TestUeventFilter sends real uevents of other subsystems past the socket.
func TestUeventFilter(t *testing.T) {
	annatest.Require(t, annatest.Root)
	socket, degraded, err := openUevents(0, 0, 0)
	must(t, err)
	defer socket.close()
	if degraded != "" {
		t.Error(degraded)
	}
	send := func(path string) {
		t.Helper()
		if err := os.WriteFile(path, []byte("change"), 0); errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EROFS) {
			t.Skipf("no %s here", path)
		} else {
			must(t, err)
		}
	}
	send("/sys/devices/virtual/mem/null/uevent")
	send("/sys/devices/virtual/net/lo/uevent")
	must(t, socket.f.SetReadDeadline(time.Now().Add(10*time.Second)))
	for {
		message, err := socket.next()
		must(t, err)
		u, err := parseUevent(message)
		must(t, err)
		if u.subsystem == "mem" {
			t.Fatalf("the filter let through %+v", u)
		}
		if u.devpath == "/devices/virtual/net/lo" {
			return
		}
	}
}

func TestDevicesDescribe(t *testing.T) {
	sys := t.TempDir()
	disk := "devices/pci0000:00/0000:00:07.1/ata1/host0/target0:0:0/0:0:0:0/block/sda"
	file := func(path, content string) {
		path = filepath.Join(sys, path)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		write(t, path, content)
	}
	symlink := func(target, path string) {
		path = filepath.Join(sys, path)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.Symlink(target, path))
	}
	file(disk+"/uevent", "MAJOR=8\nDEVNAME=sda\nDEVTYPE=disk\n")
	file(disk+"/size", "41943040\n")
	file(disk+"/ro", "0\n")
	file(disk+"/device/vendor", "ATA     \n")
	file(disk+"/device/model", "QEMU HARDDISK\x1b[2J\n")
	file(disk+"/device/wwid", "naa.5000\n")
	symlink("../../"+disk, "class/block/sda")
	file("devices/virtual/block/loop0/size", "0\n")
	symlink("../../devices/virtual/block/loop0", "class/block/loop0")
	file("devices/pci0000:00/usb1/1-1/uevent", "DEVTYPE=usb_device\n")
	file("devices/pci0000:00/usb1/1-1/idVendor", "046d\n")
	file("devices/pci0000:00/usb1/1-1/idProduct", "c52b\n")
	file("devices/pci0000:00/usb1/1-1/product", "Receiver\n")
	symlink("../../../devices/pci0000:00/usb1/1-1", "bus/usb/devices/1-1")
	symlink("../../../devices/pci0000:00/usb1/1-1/1-1:1.0", "bus/usb/devices/1-1:1.0")
	file("class/net/bonding_masters", "\n")
	all, err := sysfs{sys}.devices(true)
	must(t, err)
	want := map[string]Device{
		"block/sda": {Subsystem: "block", Name: "sda", Type: "disk", Model: "ATA QEMU HARDDISK[2J", ID: "naa.5000", Size: 20 << 30},
		"usb/1-1":   {Subsystem: "usb", Name: "1-1", Type: "usb_device", Model: "Receiver (046d:c52b)", ID: "046d:c52b"},
	}
	if fmt.Sprintf("%+v", all) != fmt.Sprintf("%+v", want) {
		t.Errorf("%+v", all)
	}
	sda := all["block/sda"]
	replaced := sda
	replaced.ID, replaced.ReadOnly = "naa.6000", true
	var got []string
	for _, ev := range append(describeDevice("", &sda, &replaced, false), describeDevice("", nil, &Device{Subsystem: "usb", Name: "1-1", Type: "usb_device", Model: "Receiver (046d:c52b)"}, false)...) {
		got = append(got, ev.Kind+" "+ev.Subject+": "+ev.Detail)
	}
	if want := []string{
		"removed /dev/sda: disk, ATA QEMU HARDDISK[2J, 20.0 GiB", "added /dev/sda: disk, ATA QEMU HARDDISK[2J, 20.0 GiB, read-only",
		"added 1-1: Receiver (046d:c52b)",
	}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func FuzzUevent(f *testing.F) {
	f.Add([]byte("add@/devices/virtual/net/v0\x00ACTION=add\x00DEVPATH=/devices/virtual/net/v0\x00SUBSYSTEM=net\x00INTERFACE=v0\x00IFINDEX=3\x00SEQNUM=1\x00"))
	f.Add([]byte("move@/devices/virtual/net/b\x00ACTION=move\x00DEVPATH=/devices/virtual/net/b\x00SUBSYSTEM=net\x00DEVPATH_OLD=/devices/virtual/net/a\x00"))
	f.Add([]byte("libudev\x00\xfe\xed\xca\xfe"))
	sys := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		if u, err := parseUevent(data); err == nil && strings.Contains(u.devpath+"/", "/../") {
			t.Fatalf("leads out: %+v", u)
		}
		s := NewDevicesSource(DevicesOptions{Sys: sys})
		c := &collector{}
		must(t, s.apply(c, sysfs{sys}, data))
		for _, ev := range c.evs {
			must(t, ev.normalize(time.Now()))
		}
	})
}
