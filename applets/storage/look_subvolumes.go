package storage

import (
	"context"
	"math"
	"slices"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// everything asks for no bound on what lookAtSubvolumes returns.
const everything = math.MaxInt

// lookAtSubvolumes reads the subvolumes that this process may know of, with
// sizes where quotas count them: those with ids above after, until they take
// about budget bytes as JSON.
func lookAtSubvolumes(ctx context.Context, fs *btrfs.FS, after uint64, budget int) (list Subvolumes, walked bool, err error) {
	subs, err := fs.Subvolumes(ctx)
	if err != nil {
		return Subvolumes{}, false, err
	}
	var g gaps
	g.add(subs.Missing...)
	sizes, exclusive := sizesOf(ctx, fs, &g)
	out := Subvolumes{UUID: fs.FSID.String(), Default: subs.Default, List: []Node{}, Missing: g.list()}
	for i := range subs.List {
		v := &subs.List[i]
		if v.ID <= after {
			continue
		}
		if budget -= jsonSize(v); budget < 0 && len(out.List) > 0 {
			out.More = true
			break
		}
		n := nodeOf(v, subs.Walked)
		if q, ok := sizes[n.ID]; ok {
			n.Referenced = &q.Referenced
			if exclusive {
				n.Exclusive = &q.Exclusive
			}
		}
		out.List = append(out.List, n)
	}
	return out, subs.Walked, nil
}

// jsonSize is about what a subvolume takes as JSON, and never much less.
func jsonSize(v *btrfs.Subvolume) int {
	n := 640 + textSize(v.Path) + textSize(v.Name)
	for _, r := range v.Reach {
		n += 40 + textSize(r.Path)
	}
	for _, m := range v.Mounts {
		n += 400 + textSize(m.Point) + textSize(m.Root)
	}
	for _, m := range v.HiddenBy {
		n += 8 + textSize(m.Point)
	}
	return n
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

func nodeOf(v *btrfs.Subvolume, walked bool) Node {
	n := Node{
		ID: v.ID, Parent: v.Parent, Path: v.Path, PathRaw: raw(v.Path), Name: v.Name, NameRaw: raw(v.Name),
		Default: v.Default, State: string(v.Reachability()),
		UUID: v.UUID.String(), ParentUUID: v.ParentUUID.String(), ReceivedUUID: v.ReceivedUUID.String(),
		Generation: v.Generation, OTransid: v.OTransid, Created: v.Created.UTC(), Received: v.Received.UTC(),
		Reach: []Reach{}, Mounts: []Mount{},
	}
	if v.Created.IsZero() {
		n.Created = v.Created
	}
	if v.Received.IsZero() {
		n.Received = v.Received
	}
	if !walked {
		n.TreeBytes = &v.TreeBytes
	}
	if !walked || v.Generation != 0 { // else its name is all that a walk could learn
		ro, snapshot := v.ReadOnly, v.Snapshot()
		n.ReadOnly, n.Snapshot = &ro, &snapshot
	} else {
		n.State = stateClosed
	}
	for _, r := range v.Reach {
		n.Reach = append(n.Reach, Reach{Path: r.Path, PathRaw: raw(r.Path)})
	}
	for _, m := range v.Mounts {
		n.Mounts = append(n.Mounts, mountOf(m, v.HiddenBy))
	}
	for _, m := range v.HiddenBy {
		if !slices.Contains(n.HiddenBy, m.Point) {
			n.HiddenBy = append(n.HiddenBy, m.Point)
		}
	}
	return n
}

// restored gives texts that crossed the socket their bytes back.
func (s *Subvolumes) restored() {
	for i := range s.List {
		n := &s.List[i]
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
