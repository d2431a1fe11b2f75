package events

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// NetworkOptions are those of NewNetworkSource.
type NetworkOptions struct {
	// NetNS is the descriptor of the network namespace that is watched; 0 is
	// that of the calling thread.
	NetNS int
	// ReadBuffer is the socket's receive buffer in bytes; 0 is the system's.
	ReadBuffer int
	// Notices and Requests are sockets of NETLINK_ROUTE that were handed over,
	// in no group: their descriptors, which stay the caller's; 0 for some of our
	// own. They tell of the network namespace that they were opened in.
	Notices, Requests int
	// Hidden is why the network is not to be seen here, "" where it is: another
	// namespace must not be told of as the machine's. The source then waits, and
	// keeps what it knew.
	Hidden string
}

// A NetThing is what is remembered of a link, an address or a default route.
type NetThing struct {
	Index   int    `json:"index"`
	Link    string `json:"link"`
	Admin   bool   `json:"admin,omitempty"`   // a link that is set up
	Up      bool   `json:"up,omitempty"`      // and carries
	Address string `json:"address,omitempty"` // of an address: with its length
	Gateway string `json:"gateway,omitempty"` // of a route
	Family  string `json:"family,omitempty"`  // of a route: ipv4, ipv6
	Table   uint32 `json:"table,omitempty"`   // of a route
	Metric  uint32 `json:"metric,omitempty"`  // of a route
}

// A NetworkSource tells of links added, removed, renamed, up and down, of
// addresses, and of default routes, by rtnetlink(7) notices.
//
// The kernel takes IPv4 routes away without a notice when their link goes
// down, so the default routes are read again after a change of a link or an
// address, at most once a second.
type NetworkSource struct {
	tracker[NetThing]
	o NetworkOptions
}

// NewNetworkSource makes the source.
func NewNetworkSource(o NetworkOptions) *NetworkSource {
	s := &NetworkSource{o: o}
	s.init("network")
	s.describe = describeNet
	s.valid = func(key string, v NetThing) error {
		if key != v.key() {
			return fmt.Errorf("an entry %q that is not its own", key)
		}
		return nil
	}
	return s
}

func (v NetThing) key() string {
	switch {
	case v.Family != "":
		return fmt.Sprintf("route/%s/%d/%s/%s/%d", v.Family, v.Table, v.Link, v.Gateway, v.Metric)
	case v.Address != "":
		return "address/" + v.Link + "/" + v.Address
	}
	return "link/" + v.Link
}

func (v NetThing) isRoute() bool { return v.Family != "" }
func (v NetThing) isLink() bool  { return v.Family == "" && v.Address == "" }

// netGroups are what is listened to.
var netGroups = []int{
	unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR,
	unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE,
}

// Run implements [Source].
func (s *NetworkSource) Run(ctx context.Context, sink Sink) error {
	return s.guard(func() error { return s.run(ctx, sink) })
}

func (s *NetworkSource) run(ctx context.Context, sink Sink) error {
	if s.o.Hidden != "" {
		s.set(SourceDegraded, s.o.Hidden)
		<-ctx.Done()
		return nil
	}
	conn, degraded, err := s.subscribe()
	if err != nil {
		return fmt.Errorf("cannot watch the network: %w", err)
	}
	defer conn.close()
	defer context.AfterFunc(ctx, conn.interrupt)()

	w := &netWatch{NetworkSource: s, sink: sink, names: map[int]string{}}
	err = s.settle(ctx, sink, true, w.dump) // after the subscription: no gap
	for err == nil {
		if degraded != "" {
			s.set(SourceDegraded, degraded)
		} else {
			s.set(SourceRunning, "")
		}
		err = w.next(ctx, conn)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// subscribe opens the socket for notices; degraded says what could not be had.
func (s *NetworkSource) subscribe() (conn *netlinkSocket, degraded string, err error) {
	conn, err = openNetlink(unix.NETLINK_ROUTE, s.o.NetNS, s.o.Notices)
	if err != nil {
		return nil, "", err
	}
	conn.grows = true
	if s.o.ReadBuffer > 0 {
		if err := conn.control(func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, s.o.ReadBuffer)
		}); err != nil {
			degraded = fmt.Sprintf("the receive buffer keeps its size: %v", err)
		}
	}
	lack, err := conn.subscribe(onlyDefaultRoutes(), netGroups...)
	if err != nil {
		conn.close()
		return nil, "", err
	}
	if lack != nil {
		degraded = fmt.Sprintf("every route wakes the daemon, for the kernel takes no filter: %v", lack)
	}
	return conn, degraded, nil
}

// A netWatch is one run: what is there now, beside what was reported.
type netWatch struct {
	*NetworkSource
	sink   Sink
	names  map[int]string // of links, by index
	routes time.Time      // when the default routes are due to be read; zero: not
}

const routeDelay = time.Second

// next takes in the notices of one receive, or reads the routes when that is
// due.
func (w *netWatch) next(ctx context.Context, conn *netlinkSocket) error {
	if err := conn.deadline(w.routes); err != nil { // zero: none
		return err
	}
	if ctx.Err() != nil { // it may have ended before the deadline was set anew
		return ctx.Err()
	}
	b, err := conn.next()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return w.settle(ctx, w.sink, false, w.dumpRoutes)
	case errors.Is(err, unix.ENOBUFS):
		w.count(overflows, 1)
		w.count(rereads, 1)
		if err = conn.drain(); err != nil {
			return fmt.Errorf("cannot watch the network: %w", err)
		}
		return w.settle(ctx, w.sink, true, w.dump)
	case err != nil:
		return fmt.Errorf("cannot watch the network: %w", err)
	}
	err = netlinkMessages(b, func(m netlink.Message) error {
		c, err := parseNet(m)
		if err == nil && c != nil {
			err = w.apply(c)
		}
		return err
	})
	// Full, or a message that cannot be understood: the whole state tells.
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrFull):
		err = w.waitRoom(ctx, w.sink)
	case !errors.Is(err, ErrClosed):
		w.count(rereads, 1)
		err = nil
	}
	if err != nil {
		return err
	}
	return w.settle(ctx, w.sink, true, w.dump)
}

// apply reports one notice.
func (w *netWatch) apply(c *netChange) error {
	switch {
	case c.link != nil:
		return w.applyLink(c)
	case c.addr != nil:
		name, known := w.names[c.addr.index]
		if !known {
			return nil // of a link that is gone: the addresses went with it
		}
		w.routesSoon()
		return w.report(addrThing(c.addr, name), c.gone)
	default:
		name := w.names[c.route.index]
		return w.report(routeThing(c.route, name), c.gone)
	}
}

func (w *netWatch) applyLink(c *netChange) error {
	l := c.link
	w.routesSoon()
	old, known := w.names[l.index]
	thing := linkThing(l)
	if c.gone {
		delete(w.names, l.index)
		if err := w.goneWith(l.name); err != nil {
			return err
		}
		return w.report(thing, true)
	}
	w.names[l.index] = l.name
	if !known || old == l.name {
		return w.report(thing, false)
	}
	if err := w.rename(old, l.name); err != nil {
		return err
	}
	return w.report(thing, false)
}

// rename moves everything of a link to its new name and reports that once.
func (w *netWatch) rename(from, to string) error {
	told := move[NetThing]{evs: []Event{{
		Domain: Network, Kind: "link_renamed", Subject: to, Detail: "was " + from,
		Attributes: map[string]string{"from": from},
	}}}
	w.mu.Lock()
	for key, v := range w.reported {
		if v.Link == from {
			v.Link = to
			told.steps = append(told.steps, step[NetThing]{key, nil}, step[NetThing]{v.key(), &v})
		}
	}
	w.mu.Unlock()
	return w.commit(w.sink, false, []move[NetThing]{told})
}

// goneWith reports the addresses of a link that goes: the kernel mostly says
// so itself before, but not always.
func (w *netWatch) goneWith(name string) error {
	w.mu.Lock()
	var gone []NetThing
	for _, v := range w.reported {
		if v.Link == name && v.Address != "" {
			gone = append(gone, v)
		}
	}
	w.mu.Unlock()
	for _, v := range gone {
		if err := w.report(v, true); err != nil {
			return err
		}
	}
	return nil
}

func (w *netWatch) report(v NetThing, gone bool) error {
	if gone {
		return w.update(w.sink, v.key(), nil, false)
	}
	return w.update(w.sink, v.key(), &v, false)
}

func (w *netWatch) routesSoon() {
	if w.routes.IsZero() {
		w.routes = time.Now().Add(routeDelay)
	}
}

func linkThing(l *linkSeen) NetThing {
	return NetThing{Index: l.index, Link: l.name, Admin: l.admin, Up: l.up}
}

func addrThing(a *addrSeen, name string) NetThing {
	return NetThing{Index: a.index, Link: name, Address: a.prefix.String()}
}

func routeThing(r *routeSeen, name string) NetThing {
	v := NetThing{Index: r.index, Link: name, Family: "ipv4", Table: r.table, Metric: r.priority}
	if r.v6 {
		v.Family = "ipv6"
	}
	if r.gateway != (netip.Addr{}) {
		v.Gateway = r.gateway.String()
	}
	return v
}

// dump reads everything.
func (w *netWatch) dump() (map[string]NetThing, error) {
	w.routes = time.Time{}
	current := map[string]NetThing{}
	names := map[int]string{}
	put := func(v NetThing) { current[v.key()] = v }
	err := w.ask(unix.RTM_GETLINK, unix.SizeofIfInfomsg, func(c *netChange) {
		if c.link != nil {
			names[c.link.index] = c.link.name
			put(linkThing(c.link))
		}
	})
	if err == nil {
		err = w.ask(unix.RTM_GETADDR, unix.SizeofIfAddrmsg, func(c *netChange) {
			if c.addr != nil && names[c.addr.index] != "" {
				put(addrThing(c.addr, names[c.addr.index]))
			}
		})
	}
	if err == nil {
		w.names = names
		err = w.askRoutes(put)
	}
	return current, err
}

// dumpRoutes reads the default routes; the rest is as reported.
func (w *netWatch) dumpRoutes() (map[string]NetThing, error) {
	w.routes = time.Time{}
	w.mu.Lock()
	current := maps.Clone(w.reported)
	w.mu.Unlock()
	maps.DeleteFunc(current, func(_ string, v NetThing) bool { return v.isRoute() })
	return current, w.askRoutes(func(v NetThing) { current[v.key()] = v })
}

func (w *netWatch) askRoutes(put func(NetThing)) error {
	return w.ask(unix.RTM_GETROUTE, unix.SizeofRtMsg, func(c *netChange) {
		if c.route != nil {
			put(routeThing(c.route, w.names[c.route.index]))
		}
	})
}

// dumpTries is how often a dump that the kernel calls interrupted by a change
// (NLM_F_DUMP_INTR) is begun again; the notice of the change corrects the last.
const dumpTries = 5

// ask dumps one table.
func (w *netWatch) ask(kind uint16, size int, each func(*netChange)) error {
	err := w.tryAsk(kind, size, each)
	if err != nil {
		return fmt.Errorf("cannot read the network's state: %w", err)
	}
	return nil
}

func (w *netWatch) tryAsk(kind uint16, size int, each func(*netChange)) error {
	conn, err := openNetlink(unix.NETLINK_ROUTE, w.o.NetNS, w.o.Requests)
	if err != nil {
		return err
	}
	defer conn.close()
	conn.grows = true
	if err := conn.drain(); err != nil { // of who was ended in the middle of a table
		return err
	}
	for try := 1; ; try++ {
		interrupted, err := conn.dump(kind, size, func(m netlink.Message) error {
			c, err := parseNet(m)
			if err == nil && c != nil {
				each(c)
			}
			return err
		})
		if err != nil || !interrupted || try == dumpTries {
			return err
		}
	}
}
