package events

import (
	"fmt"
	"net"
	"runtime"
	"testing"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/jsimonetti/rtnetlink/v2/driver"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// newNetNS makes a network namespace and returns its descriptor and a
// connection for making things in it.
func newNetNS(t testing.TB) (fd int, conn *rtnetlink.Conn) {
	t.Helper()
	type result struct {
		fd  int
		err error
	}
	made := make(chan result)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			made <- result{0, err}
			return
		}
		fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		made <- result{fd, err}
	}()
	r := <-made
	if r.err != nil {
		t.Fatal(r.err)
	}
	t.Cleanup(func() { unix.Close(r.fd) })
	conn, err := rtnetlink.Dial(&netlink.Config{NetNS: r.fd})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return r.fd, conn
}

func veth(name, peer string) *rtnetlink.LinkMessage {
	return &rtnetlink.LinkMessage{Attributes: &rtnetlink.LinkAttributes{
		Name: name,
		Info: &rtnetlink.LinkInfo{Kind: "veth", Data: &driver.Veth{PeerInfo: &rtnetlink.LinkMessage{
			Attributes: &rtnetlink.LinkAttributes{Name: peer},
		}}},
	}}
}

func linkIndex(t testing.TB, conn *rtnetlink.Conn, name string) uint32 {
	t.Helper()
	links, err := conn.Link.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		if l.Attributes.Name == name {
			return l.Index
		}
	}
	t.Fatalf("no link %s", name)
	return 0
}

func setUp(t *testing.T, conn *rtnetlink.Conn, name string, up bool) {
	t.Helper()
	m := &rtnetlink.LinkMessage{Index: linkIndex(t, conn, name), Change: unix.IFF_UP}
	if up {
		m.Flags = unix.IFF_UP
	}
	must(t, conn.Link.Set(m))
}

func addAddress(t testing.TB, conn *rtnetlink.Conn, name string, ip net.IP) *rtnetlink.AddressMessage {
	t.Helper()
	m := &rtnetlink.AddressMessage{
		Family: unix.AF_INET, PrefixLength: 24, Index: linkIndex(t, conn, name),
		Attributes: &rtnetlink.AddressAttributes{Address: ip.To4(), Local: ip.To4()},
	}
	if err := conn.Address.New(m); err != nil {
		t.Fatal(err)
	}
	return m
}

func defaultRoute(t *testing.T, conn *rtnetlink.Conn, name string, gateway net.IP) *rtnetlink.RouteMessage {
	t.Helper()
	m := &rtnetlink.RouteMessage{
		Family: unix.AF_INET, Table: unix.RT_TABLE_MAIN, Protocol: unix.RTPROT_STATIC, Type: unix.RTN_UNICAST,
		Attributes: rtnetlink.RouteAttributes{Gateway: gateway.To4(), OutIface: linkIndex(t, conn, name)},
	}
	must(t, conn.Route.Add(m))
	return m
}

func TestNetworkVeth(t *testing.T) {
	annatest.Require(t, annatest.Netns)
	fd, conn := newNetNS(t)
	s := NewNetworkSource(NetworkOptions{NetNS: fd})
	c := &collector{}
	stop := start(t, s, c)
	if st := s.Status(); st.State != SourceRunning {
		t.Fatalf("%+v", st)
	}
	must(t, conn.Link.New(veth("va", "vb")))
	c.wait(t, "link_added va", "link_added vb")
	setUp(t, conn, "va", true)
	setUp(t, conn, "vb", true)
	c.wait(t, "link_up va", "link_up vb")
	addr := addAddress(t, conn, "va", net.IPv4(10, 9, 0, 1))
	c.wait(t, "address_added va 10.9.0.1/24")
	defaultRoute(t, conn, "va", net.IPv4(10, 9, 0, 254))
	c.wait(t, "default_route_added default via 10.9.0.254 dev va")

	c.clear()
	setUp(t, conn, "vb", false) // the other end loses its carrier
	c.wait(t, "link_down vb", "link_down va")
	setUp(t, conn, "vb", true)
	c.wait(t, "link_up va")
	setUp(t, conn, "va", false) // takes the route along without a notice
	c.wait(t, "default_route_removed default via 10.9.0.254 dev va")
	must(t, conn.Address.Delete(addr))
	c.wait(t, "address_removed va 10.9.0.1/24")
	must(t, conn.Link.Set(&rtnetlink.LinkMessage{
		Index: linkIndex(t, conn, "va"), Attributes: &rtnetlink.LinkAttributes{Name: "wan"},
	}))
	c.wait(t, "link_renamed wan")
	must(t, stop())
	data, err := s.Save()
	must(t, err)

	must(t, conn.Link.Delete(linkIndex(t, conn, "wan")))
	must(t, conn.Link.New(veth("vc", "vd")))
	late := NewNetworkSource(NetworkOptions{NetNS: fd})
	must(t, late.Load(data))
	c.clear()
	start(t, late, c)
	for _, l := range c.wait(t, "link_removed wan (late)", "link_removed vb (late)", "link_added vc (late)") {
		if l == "link_added lo (late)" {
			t.Errorf("what was known is told again: %s", l)
		}
	}
}

func TestNetworkOverflow(t *testing.T) {
	annatest.Require(t, annatest.Netns)
	fd, conn := newNetNS(t)
	s := NewNetworkSource(NetworkOptions{NetNS: fd, ReadBuffer: 4096})
	c := &collector{}
	must(t, conn.Link.New(veth("va", "vb")))
	start(t, s, c)
	c.setFull(true) // holds the source up
	setUp(t, conn, "va", true)
	setUp(t, conn, "vb", true)
	for i := range 200 {
		addAddress(t, conn, "va", net.IPv4(10, 9, byte(i/200), byte(i+1)))
	}
	c.setFull(false)
	c.wait(t, "address_added va 10.9.0.200/24 (late)", "address_added va 10.9.0.1/24 (late)")
	eventually(t, func() error {
		if st := s.Status(); st.Overflows == 0 {
			return fmt.Errorf("the overflow is not counted: %+v", st)
		}
		return nil
	})
}

// TestNetworkDefaultRoutesOnly counts what reaches the socket.
func TestNetworkDefaultRoutesOnly(t *testing.T) {
	annatest.Require(t, annatest.Netns)
	fd, conn := newNetNS(t)
	must(t, conn.Link.New(veth("va", "vb")))
	setUp(t, conn, "va", true)
	setUp(t, conn, "vb", true)
	s := NewNetworkSource(NetworkOptions{NetNS: fd})
	c := &collector{}
	start(t, s, c)
	for i := range 50 {
		must(t, conn.Route.Add(&rtnetlink.RouteMessage{
			Family: unix.AF_INET, Table: unix.RT_TABLE_MAIN, Protocol: unix.RTPROT_STATIC, Type: unix.RTN_UNICAST,
			Scope: unix.RT_SCOPE_LINK, DstLength: 24,
			Attributes: rtnetlink.RouteAttributes{Dst: net.IPv4(10, 1, byte(i), 0).To4(), OutIface: linkIndex(t, conn, "va")},
		}))
	}
	addAddress(t, conn, "va", net.IPv4(10, 9, 0, 1))
	defaultRoute(t, conn, "va", net.IPv4(10, 9, 0, 254))
	c.wait(t, "default_route_added default via 10.9.0.254 dev va")
	for _, l := range c.lines() {
		if l != "address_added va 10.9.0.1/24" && l != "default_route_added default via 10.9.0.254 dev va" &&
			l[:13] != "address_added" { // a link-local one may settle late
			t.Errorf("unexpected %q", l)
		}
	}
}

func netlinkMessage(kind uint16, data []byte) netlink.Message {
	return netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(kind)}, Data: data}
}
