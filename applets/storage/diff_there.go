package storage

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// findPairThere finds both sides for a daemon to compare them. Paths are looked
// up here, with the caller's rights; the daemon gets ids.
func findPairThere(c *console.Console) (*diffPair, error) {
	var daemon List
	if err := c.CallOnce(methodList, nil, &daemon); err != nil {
		if err := c.Context().Err(); err != nil {
			return nil, err
		}
		return nil, needsRoot(c, nil)
	}
	v := newViewer(c)
	p, err := findPair(c.Context(), v.roots, c.Args[0], c.Args[1], func(_ context.Context, fs *btrfs.FS) (*btrfs.Subvolumes, error) {
		told, err := v.told(fs.FSID.String())
		var e *rpc.Error
		switch {
		case errors.As(err, &e) && e.Code == rpc.NotAuthorized:
			return nil, rpc.Errorf(rpc.NotAuthorized, "cannot compare subvolumes: it shows names that permissions hide, and is for root and members of [access] control_group").WithHint("%s", asRoot(c))
		case !daemon.Privileged:
			return nil, noCapability().WithHint("%s", asRoot(c))
		case err != nil:
			return nil, err
		}
		return subvolumesOf(told.nodes), nil
	})
	if err != nil {
		if errors.Is(err, unix.EACCES) {
			return nil, rpc.Errorf(rpc.NotAuthorized, "%w", err).WithHint("Name it by number or id, as @home#12 or /:257; or %s", asRoot(c))
		}
		return nil, err
	}
	p.there = true
	p.run = func(_ context.Context, o diff.Options, emit func(diff.Change) error) (*diff.Report, error) {
		return p.runThere(c, o, emit)
	}
	return p, nil
}

// subvolumesOf makes the list again that the daemon's was made of, as far as
// names need it.
func subvolumesOf(nodes []Node) *btrfs.Subvolumes {
	out := &btrfs.Subvolumes{}
	for i := range nodes {
		n := &nodes[i]
		v := btrfs.Subvolume{ID: n.ID, Path: n.Path, ReadOnly: n.ReadOnly != nil && *n.ReadOnly, Deleted: n.State == string(btrfs.Pending)}
		// One that is no UUID stays zero, which names nothing.
		v.UUID, _ = btrfs.ParseUUID(n.UUID)
		v.ParentUUID, _ = btrfs.ParseUUID(n.ParentUUID)
		out.List = append(out.List, v)
	}
	slices.SortFunc(out.List, func(a, b btrfs.Subvolume) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// runThere has the daemon compare. What came before an error stays what it is;
// the report then says only what was asked.
func (p *diffPair) runThere(c *console.Console, o diff.Options, emit func(diff.Change) error) (*diff.Report, error) {
	read := diffReader{emit: emit, at: func(at DiffProgress) {
		if o.Progress == nil {
			return
		}
		if at.Waiting {
			at.Engine = "waits for another comparison"
		}
		o.Progress(diff.Progress{Engine: diff.Engine(cmp.Or(at.Engine, "begins")), Changes: at.Changes})
	}}
	params := DiffParams{UUID: p.fs.FSID.String(), From: p.from, To: p.to, Engine: string(o.Engine)}
	var end DiffEnd
	if err := c.CallSteady(methodDiff, params, &end, read.item); err != nil {
		var e *rpc.Error
		if errors.As(err, &e) && (e.Code == rpc.CapabilityMissing || e.Code == rpc.NotAuthorized) {
			err = e.WithHint("%s", asRoot(c))
		}
		return &diff.Report{From: p.side(p.from), To: p.side(p.to)}, err
	}
	return read.end(&end)
}

func (p *diffPair) side(id uint64) diff.Side {
	s := diff.Side{ID: id}
	if v := p.subs.Find(id); v != nil {
		s.UUID, s.ReadOnly = v.UUID, v.ReadOnly
	}
	return s
}
