package storage

import (
	"context"
	"slices"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A subvolumeLook is the subvolumes of a file system that this process may know
// of, with sizes where quotas count them.
type subvolumeLook struct {
	scan      *btrfs.SubvolumeScan
	sizes     map[uint64]btrfs.QuotaGroup
	exclusive bool
	lacks     gaps
}

func lookAtSubvolumes(ctx context.Context, fs *btrfs.FS) (*subvolumeLook, error) {
	scan, err := fs.ScanSubvolumes(ctx)
	if err != nil {
		return nil, err
	}
	l := &subvolumeLook{scan: scan}
	l.sizes, l.exclusive = sizesOf(ctx, fs, &l.lacks)
	return l, nil
}

// each hands out every subvolume by id, until the function fails. The node is
// overwritten by the next; what hangs on it stays as it is.
func (l *subvolumeLook) each(use func(*Node) error) error {
	var n Node
	d := l.describer()
	for v := range l.scan.All() {
		d.describe(&n, v)
		if err := use(&n); err != nil {
			return err
		}
	}
	return nil
}

// missing is complete after each.
func (l *subvolumeLook) missing() []Missing {
	g := gaps(nil)
	g.add(l.scan.Missing...)
	for _, m := range l.lacks {
		g.say(m.What, m.Why, m.Need)
	}
	return g.list()
}

// all is each for those who need all at once.
func (l *subvolumeLook) all() []Node {
	list := make([]Node, 0, l.scan.Len())
	d := l.describer()
	for v := range l.scan.All() {
		list = append(list, Node{})
		d.describe(&list[len(list)-1], v)
	}
	return list
}

// nodeSize is about what a subvolume takes as JSON, and never much less.
func nodeSize(n *Node) int {
	size := 640 + textSize(n.Path) + textSize(n.Name)
	for _, r := range n.Reach {
		size += 40 + textSize(r.Path)
	}
	for _, m := range n.Mounts {
		size += 400 + textSize(m.Point) + textSize(m.Root)
	}
	for _, point := range n.HiddenBy {
		size += 8 + textSize(point)
	}
	return size
}

// textSize is what a text takes at most: a byte that is no printable ASCII can
// become an escape of six, and two more in base64.
func textSize(s string) int {
	n := len(s)
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			n += 7
		}
	}
	return n
}

// sizesOf are the sizes that quotas count, by subvolume. exclusive is false for
// simple quotas, which count who made a block and not who alone has it.
func sizesOf(ctx context.Context, fs *btrfs.FS, g *gaps) (sizes map[uint64]btrfs.QuotaGroup, exclusive bool) {
	quota, err := fs.Quota(ctx)
	switch {
	case err != nil:
		g.fail("sizes", err)
		return nil, false
	case !quota.Enabled:
		g.say("sizes", "quotas, which count them, are off", "")
		return nil, false
	case quota.Inconsistent:
		g.say("sizes", "quotas are inconsistent until they are rescanned", "")
		return nil, false
	}
	g.add(quota.Missing...)
	sizes = map[uint64]btrfs.QuotaGroup{}
	for _, q := range quota.Groups {
		if q.Level == 0 {
			sizes[q.ID] = q
		}
	}
	return sizes, quota.Mode != "squota"
}

// A describer turns subvolumes into nodes, thousands of which have much in
// common: what they were made from is written once, and what each has one of
// lies side by side.
type describer struct {
	look       *subvolumeLook
	origin     btrfs.UUID
	originText string
	reaches    shelf[Reach]
	amounts    shelf[uint64]
}

func (l *subvolumeLook) describer() *describer { return &describer{look: l} }

// A shelf is memory for many small lists, taken from the allocator a board at a
// time.
type shelf[T any] struct{ free []T }

const boardLength = 128

func (s *shelf[T]) list(n int) []T {
	if len(s.free) < n {
		s.free = make([]T, max(n, boardLength))
	}
	out := s.free[:n:n]
	s.free = s.free[n:]
	return out
}

func (d *describer) amount(n uint64) *uint64 {
	one := d.amounts.list(1)
	one[0] = n
	return &one[0]
}

func (d *describer) describe(n *Node, v *btrfs.Subvolume) {
	walked := d.look.scan.Walked
	if v.ParentUUID != d.origin {
		d.origin, d.originText = v.ParentUUID, v.ParentUUID.String()
	}
	*n = Node{
		ID: v.ID, Parent: v.Parent, Path: v.Path, PathRaw: raw(v.Path), Name: v.Name, NameRaw: raw(v.Name),
		State: string(v.Reachability()),
		UUID:  v.UUID.String(), ParentUUID: d.originText, ReceivedUUID: v.ReceivedUUID.String(),
		Generation: v.Generation, OTransid: v.OTransid, Created: v.Created.UTC(), Received: v.Received.UTC(),
		Reach: []Reach{}, Mounts: []Mount{},
	}
	if d.look.scan.Default != 0 {
		n.Default = known(v.Default)
	}
	if v.Created.IsZero() {
		n.Created = v.Created
	}
	if v.Received.IsZero() {
		n.Received = v.Received
	}
	if !walked {
		n.TreeBytes = d.amount(v.TreeBytes)
	}
	if !walked || v.Generation != 0 { // else its name is all that a walk could learn
		n.ReadOnly, n.Snapshot = known(v.ReadOnly), known(v.Snapshot())
	} else {
		n.State = stateClosed
	}
	if len(v.Reach) > 0 {
		n.Reach = d.reaches.list(len(v.Reach))
		for i, r := range v.Reach {
			n.Reach[i] = Reach{Path: r.Path, PathRaw: raw(r.Path)}
		}
	}
	for _, m := range v.Mounts {
		n.Mounts = append(n.Mounts, mountOf(m, v.HiddenBy))
	}
	for _, m := range v.HiddenBy {
		if !slices.Contains(n.HiddenBy, m.Point) {
			n.HiddenBy = append(n.HiddenBy, m.Point)
		}
	}
	if q, ok := d.look.sizes[n.ID]; ok {
		n.Referenced = d.amount(q.Referenced)
		if d.look.exclusive {
			n.Exclusive = d.amount(q.Exclusive)
		}
	}
}

// yes and no are shared by all nodes, which nobody writes to.
var yes, no = true, false

func known(b bool) *bool {
	if b {
		return &yes
	}
	return &no
}

// restored gives texts that crossed the socket their bytes back.
func (n *Node) restored() {
	restore(&n.Path, n.PathRaw)
	restore(&n.Name, n.NameRaw)
	for j := range n.Reach {
		restore(&n.Reach[j].Path, n.Reach[j].PathRaw)
	}
	for j := range n.Mounts {
		restore(&n.Mounts[j].Point, n.Mounts[j].PointRaw)
		restore(&n.Mounts[j].Root, n.Mounts[j].RootRaw)
	}
}

// reachedAs takes over how another look at the same subvolume reaches it. What
// is closed to that look has a place all the same.
func (n *Node) reachedAs(o *Node) {
	n.Reach, n.Mounts, n.HiddenBy, n.State = o.Reach, o.Mounts, o.HiddenBy, o.State
	if o.State != stateClosed {
		return
	}
	switch {
	case len(o.Reach) > 0:
		n.State = string(btrfs.Reachable)
	case len(o.HiddenBy) > 0:
		n.State = string(btrfs.Hidden)
	default:
		n.State = string(btrfs.Unreachable)
	}
}

// countNodes counts as countsOf does.
func countNodes(list []Node, complete bool) Counts {
	c := Counts{Complete: complete}
	for i := range list {
		n := &list[i]
		if n.State == string(btrfs.Pending) {
			c.Pending++
			continue
		}
		c.Total++
		if n.ReadOnly != nil && *n.ReadOnly {
			c.ReadOnly++
		}
		if n.Snapshot == nil || !*n.Snapshot {
			continue
		}
		c.Snapshots++
		if !n.Created.IsZero() && (c.Oldest.IsZero() || n.Created.Before(c.Oldest)) {
			c.Oldest = n.Created
		}
		if n.Created.After(c.Newest) {
			c.Newest = n.Created
		}
	}
	return c
}
