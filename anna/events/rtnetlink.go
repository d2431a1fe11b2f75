package events

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// A netChange is what one rtnetlink(7) message says: a link, an address or a
// route is there now, or gone.
type netChange struct {
	gone  bool
	link  *linkSeen
	addr  *addrSeen
	route *routeSeen
}

type linkSeen struct {
	index     int
	name      string
	admin, up bool // IFF_UP; IFF_UP and IFF_RUNNING (RFC 2863: operational)
}

type addrSeen struct {
	index  int
	prefix netip.Prefix
}

// A routeSeen is a default route of an ordinary table.
type routeSeen struct {
	v6       bool
	index    int // 0 with several next hops
	gateway  netip.Addr
	table    uint32
	priority uint32
}

// parseNet reads one message; nil for what is none of ours. A message that is
// malformed is an error.
func parseNet(m netlink.Message) (*netChange, error) {
	var c *netChange
	var err error
	switch m.Header.Type {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		c, err = parseLink(m.Data)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		c, err = parseAddr(m.Data)
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		c, err = parseRoute(m.Data)
	}
	if c != nil {
		switch m.Header.Type {
		case unix.RTM_DELLINK, unix.RTM_DELADDR, unix.RTM_DELROUTE:
			c.gone = true
		}
	}
	return c, err
}

// attributes walks the attributes after a fixed header of size bytes.
func attributes(data []byte, size int, each func(*netlink.AttributeDecoder)) error {
	ad, err := netlink.NewAttributeDecoder(data[size:])
	if err != nil {
		return err
	}
	for ad.Next() {
		each(ad)
	}
	return ad.Err()
}

// parseLink reads struct ifinfomsg and IFLA_IFNAME.
func parseLink(data []byte) (*netChange, error) {
	if len(data) < unix.SizeofIfInfomsg {
		return nil, fmt.Errorf("link message of %d bytes", len(data))
	}
	if data[0] != unix.AF_UNSPEC {
		return nil, nil // a bridge port, said again in the family of bridges
	}
	flags := binary.NativeEndian.Uint32(data[8:])
	l := &linkSeen{
		index: int(int32(binary.NativeEndian.Uint32(data[4:]))),
		admin: flags&unix.IFF_UP != 0,
		up:    flags&unix.IFF_UP != 0 && flags&unix.IFF_RUNNING != 0,
	}
	err := attributes(data, unix.SizeofIfInfomsg, func(ad *netlink.AttributeDecoder) {
		if ad.Type() == unix.IFLA_IFNAME {
			l.name = ad.String()
		}
	})
	if err == nil && l.name == "" {
		err = fmt.Errorf("link message without a name")
	}
	return &netChange{link: l}, err
}

// parseAddr reads struct ifaddrmsg and IFA_LOCAL or, where there is none,
// IFA_ADDRESS (with a peer the latter is the other end).
func parseAddr(data []byte) (*netChange, error) {
	if len(data) < unix.SizeofIfAddrmsg {
		return nil, fmt.Errorf("address message of %d bytes", len(data))
	}
	a := &addrSeen{index: int(binary.NativeEndian.Uint32(data[4:]))}
	var local, address netip.Addr
	err := attributes(data, unix.SizeofIfAddrmsg, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(ad.Bytes())
		case unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(ad.Bytes())
		}
	})
	if !local.IsValid() {
		local = address
	}
	a.prefix = netip.PrefixFrom(local, int(data[1]))
	if err == nil && !a.prefix.IsValid() {
		err = fmt.Errorf("address message without an address")
	}
	return &netChange{addr: a}, err
}

// parseRoute reads struct rtmsg and what tells default routes apart.
func parseRoute(data []byte) (*netChange, error) {
	if len(data) < unix.SizeofRtMsg {
		return nil, fmt.Errorf("route message of %d bytes", len(data))
	}
	family, dst, table, kind, flags := data[0], data[1], data[4], data[7], binary.NativeEndian.Uint32(data[8:])
	switch {
	case family != unix.AF_INET && family != unix.AF_INET6, dst != 0, kind != unix.RTN_UNICAST,
		table == unix.RT_TABLE_LOCAL, flags&unix.RTM_F_CLONED != 0:
		return nil, nil
	}
	r := &routeSeen{v6: family == unix.AF_INET6, table: uint32(table)}
	err := attributes(data, unix.SizeofRtMsg, func(ad *netlink.AttributeDecoder) {
		switch ad.Type() {
		case unix.RTA_OIF:
			r.index = int(ad.Uint32())
		case unix.RTA_GATEWAY:
			r.gateway, _ = netip.AddrFromSlice(ad.Bytes())
		case unix.RTA_PRIORITY:
			r.priority = ad.Uint32()
		case unix.RTA_TABLE:
			r.table = ad.Uint32()
		}
	})
	return &netChange{route: r}, err
}

// onlyDefaultRoutes drops, inside the kernel, notices of routes that are no
// default routes: on a router there are thousands of them. It reads the type
// in struct nlmsghdr (offset 4) and the length of the destination in struct
// rtmsg (offset 16+1); 16-bit loads of a filter are big-endian.
func onlyDefaultRoutes() []unix.SockFilter {
	typ := func(v uint16) uint32 {
		var b [2]byte
		binary.NativeEndian.PutUint16(b[:], v)
		return uint32(binary.BigEndian.Uint16(b[:]))
	}
	const (
		load16 = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS
		load8  = unix.BPF_LD | unix.BPF_B | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ret    = unix.BPF_RET | unix.BPF_K
	)
	return []unix.SockFilter{
		{Code: load16, K: 4},
		{Code: equal, Jt: 1, K: typ(unix.RTM_NEWROUTE)},
		{Code: equal, Jf: 2, K: typ(unix.RTM_DELROUTE)}, // no route: pass
		{Code: load8, K: 17},
		{Code: equal, Jf: 1, K: 0},
		{Code: ret, K: 0xffffffff}, // pass
		{Code: ret, K: 0},          // drop
	}
}
