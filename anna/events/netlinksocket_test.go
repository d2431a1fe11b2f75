package events

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// handed opens a socket in a network namespace, as a manager of services does
// that hands it over: bound, in no group, and blocking.
func handed(t testing.TB, netns, protocol, buffer int) int {
	t.Helper()
	fd, err := inNetNS(netns, func() (int, error) {
		return unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	})
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	must(t, unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
	if buffer > 0 {
		must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer))
	}
	return fd
}

// waiting says whether something waits in a socket.
func waiting(fd int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return err == nil && n > 0
}

// TestHandedSockets holds that sources see the network namespace whose sockets
// they were handed, and not the one that they run in; that what was left in
// the sockets by one that was killed is not told; and that a source that ends
// leaves nothing running into them.
func TestHandedSockets(t *testing.T) {
	annatest.Require(t, annatest.Netns)
	ns, conn := newNetNS(t)
	notices, requests := handed(t, ns, unix.NETLINK_ROUTE, 0), handed(t, ns, unix.NETLINK_ROUTE, 0)
	uevents := handed(t, ns, unix.NETLINK_KOBJECT_UEVENT, 0)
	must(t, conn.Link.New(veth("va", "vb")))

	network := NetworkOptions{Notices: notices, Requests: requests}
	devices := DevicesOptions{Uevents: uevents, Sys: sysOf(t, ns)}
	s, c := NewNetworkSource(network), &collector{}
	d, dc := NewDevicesSource(devices), &collector{}
	stop, stopDevices := start(t, s, c), start(t, d, dc)
	setUp(t, conn, "va", true)
	setUp(t, conn, "vb", true)
	c.wait(t, "link_up va", "link_up vb")
	must(t, conn.Link.New(veth("vc", "vd")))
	c.wait(t, "link_added vc", "link_added vd")
	expectAbout(t, dc, "vc", "added vc:")
	for _, line := range append(c.lines(), dc.lines()...) {
		if strings.Contains(line, " lo") {
			t.Errorf("of another namespace: %s", line)
		}
	}
	must(t, stop())
	must(t, stopDevices())
	saved, err := s.Save()
	must(t, err)
	savedDevices, err := d.Save()
	must(t, err)
	must(t, conn.Link.Delete(linkIndex(t, conn, "vc")))
	addAddress(t, conn, "va", net.IPv4(10, 9, 0, 1))
	if waiting(notices) || waiting(uevents) || waiting(requests) {
		t.Error("notices go to a socket that nobody reads")
	}

	// As one that was killed leaves them: in the groups, with old notices, and in
	// the middle of a table.
	for _, g := range netGroups {
		must(t, unix.SetsockoptInt(notices, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, g))
	}
	must(t, unix.SetsockoptInt(uevents, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, ueventGroup))
	must(t, conn.Link.New(veth("ve", "vf")))
	must(t, conn.Link.Delete(linkIndex(t, conn, "ve")))
	setUp(t, conn, "vb", false)
	setUp(t, conn, "vb", true)
	request := []byte{32, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	binary.NativeEndian.PutUint32(request, 32)
	binary.NativeEndian.PutUint16(request[4:], unix.RTM_GETLINK)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	binary.NativeEndian.PutUint32(request[8:], 1)
	must(t, unix.Sendto(requests, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
	if !waiting(notices) || !waiting(uevents) || !waiting(requests) {
		t.Fatal("nothing waits")
	}
	late, lc := NewNetworkSource(network), &collector{}
	must(t, late.Load(saved))
	lateDevices, ldc := NewDevicesSource(devices), &collector{}
	must(t, lateDevices.Load(savedDevices))
	start(t, late, lc)
	start(t, lateDevices, ldc)
	lc.wait(t, "link_removed vc (late)", "link_removed vd (late)", "address_added va 10.9.0.1/24 (late)")
	expectAbout(t, ldc, "vc", "removed vc: (late)")
	addAddress(t, conn, "va", net.IPv4(10, 9, 0, 2)) // behind which nothing older comes
	must(t, conn.Link.New(veth("vg", "vh")))
	lc.wait(t, "address_added va 10.9.0.2/24", "link_added vg")
	expectAbout(t, ldc, "vg", "added vg:")
	told := append(lc.lines(), ldc.lines()...)
	for _, line := range told {
		for _, old := range []string{" ve", " vf", "link_up vb", "link_down vb"} {
			if strings.Contains(line, old) {
				t.Errorf("old news are told: %q", line)
			}
		}
	}
	for _, once := range []string{"link_removed vc (late)", "address_added va 10.9.0.1/24 (late)", "address_added va 10.9.0.2/24"} {
		if n := strings.Count(strings.Join(told, "\n")+"\n", once+"\n"); n != 1 {
			t.Errorf("%q is told %d times", once, n)
		}
	}
}

// TestHandedOverflow holds that what a handed socket lost is counted and found.
func TestHandedOverflow(t *testing.T) {
	annatest.Require(t, annatest.Netns)
	ns, conn := newNetNS(t)
	must(t, conn.Link.New(veth("va", "vb")))
	s := NewNetworkSource(NetworkOptions{Notices: handed(t, ns, unix.NETLINK_ROUTE, 4096), Requests: handed(t, ns, unix.NETLINK_ROUTE, 0)})
	c := &collector{}
	start(t, s, c)
	c.setFull(true)
	setUp(t, conn, "va", true)
	setUp(t, conn, "vb", true)
	for i := range 200 {
		addAddress(t, conn, "va", net.IPv4(10, 9, byte(i/200), byte(i+1)))
	}
	c.setFull(false)
	c.wait(t, "address_added va 10.9.0.200/24 (late)", "address_added va 10.9.0.1/24 (late)")
	eventually(t, func() error {
		if st := s.Status(); st.Overflows == 0 || st.Rereads == 0 {
			return fmt.Errorf("the overflow is not counted: %+v", st)
		}
		return nil
	})
}

// TestHiddenNetwork holds that another namespace's network is never told of,
// and that what was known of the machine's is kept until it is seen again.
func TestHiddenNetwork(t *testing.T) {
	annatest.Require(t, annatest.Netns)
	ns, conn := newNetNS(t)
	must(t, conn.Link.New(veth("va", "vb")))
	sys := sysOf(t, ns)
	s, c := NewNetworkSource(NetworkOptions{NetNS: ns}), &collector{}
	d, dc := NewDevicesSource(DevicesOptions{NetNS: ns, Sys: sys}), &collector{}
	stop, stopDevices := start(t, s, c), start(t, d, dc)
	must(t, stop())
	must(t, stopDevices())
	saved, err := s.Save()
	must(t, err)
	savedDevices, err := d.Save()
	must(t, err)

	const why = "it is another one"
	hidden := NewNetworkSource(NetworkOptions{Hidden: why})
	must(t, hidden.Load(saved))
	hiddenDevices := NewDevicesSource(DevicesOptions{Sys: sys, NetNS: ns, Hidden: why})
	must(t, hiddenDevices.Load(savedDevices))
	stop, stopDevices = start(t, hidden, c), start(t, hiddenDevices, dc)
	must(t, conn.Link.New(veth("vc", "vd")))
	must(t, conn.Link.Delete(linkIndex(t, conn, "va")))
	if st := hidden.Status(); st.State != SourceDegraded || st.Reason != why {
		t.Errorf("%+v", st)
	}
	if st := hiddenDevices.Status(); st.State != SourceDegraded || !strings.Contains(st.Reason, why) {
		t.Errorf("%+v", st)
	}
	must(t, stop())
	must(t, stopDevices())
	for _, line := range append(c.lines(), dc.lines()...) {
		if strings.Contains(line, " v") || strings.Contains(line, "lo") && !strings.Contains(line, "loop") {
			t.Errorf("told: %q", line)
		}
	}
	saved, err = hidden.Save()
	must(t, err)
	savedDevices, err = hiddenDevices.Save()
	must(t, err)
	again, ac := NewNetworkSource(NetworkOptions{NetNS: ns}), &collector{}
	must(t, again.Load(saved))
	againDevices, adc := NewDevicesSource(DevicesOptions{NetNS: ns, Sys: sys}), &collector{}
	must(t, againDevices.Load(savedDevices))
	start(t, again, ac)
	start(t, againDevices, adc)
	ac.wait(t, "link_added vc (late)", "link_removed va (late)")
	expectAbout(t, adc, "vc", "added vc: (late)")
	expectAbout(t, adc, "va", "removed va: (late)")
}

// TestNetlinkDumpFails asks for a table that is none.
func TestNetlinkDumpFails(t *testing.T) {
	s, err := openNetlink(unix.NETLINK_ROUTE, 0, 0)
	must(t, err)
	defer s.close()
	_, err = s.dump(unix.RTM_NEWLINK, unix.SizeofIfInfomsg, func(netlink.Message) error { return nil })
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENODEV) {
		t.Errorf("%v", err)
	}
	// After which it can be asked for another.
	seen := 0
	_, err = s.dump(unix.RTM_GETLINK, unix.SizeofIfInfomsg, func(netlink.Message) error { seen++; return nil })
	if err != nil || seen == 0 {
		t.Errorf("%d links, %v", seen, err)
	}
	must(t, s.deadline(time.Unix(1, 0)))
}

func FuzzNetlinkMessages(f *testing.F) {
	one := make([]byte, 20)
	binary.NativeEndian.PutUint32(one, 20)
	binary.NativeEndian.PutUint16(one[4:], unix.NLMSG_DONE)
	odd := slices.Concat(one, one[:17])
	binary.NativeEndian.PutUint32(odd[20:], 17)
	f.Add(one)
	f.Add(odd)
	f.Add(slices.Concat(one, one, one[:7]))
	f.Add(make([]byte, 16))
	f.Fuzz(func(t *testing.T, b []byte) {
		total := 0
		err := netlinkMessages(b, func(m netlink.Message) error {
			if len(m.Data) != int(m.Header.Length)-unix.SizeofNlMsghdr || cap(m.Data) != len(m.Data) {
				t.Fatalf("%+v", m)
			}
			total += int(m.Header.Length)
			_ = netlinkError(m)
			_, _ = parseNet(m)
			return nil
		})
		if total > len(b) || err == nil && len(b) > 0 && total == 0 {
			t.Fatalf("%d of %d, %v", total, len(b), err)
		}
	})
}
