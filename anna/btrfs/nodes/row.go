package nodes

import (
	"context"
	"slices"
	"sync"
)

// A row is what some nodes of one level point to, in order, read a few nodes
// ahead; or leaves themselves.
type row struct {
	nodes []pointer // not read yet
	level uint8     // of those: 0 for leaves
	read  []pointer // of the level below
}

// ahead is how many nodes are read together, side by side: disks like to have a
// choice.
const ahead = 4

// fill reads on where all that was read is used.
func (r *Reader) fill(ctx context.Context, w *row) error {
	if len(w.read) > 0 || len(w.nodes) == 0 {
		return nil
	}
	if w.level == 0 {
		w.read, w.nodes = w.nodes, nil
		return nil
	}
	var lists [ahead][]pointer
	var errs [ahead]error
	var running sync.WaitGroup
	n := min(ahead, len(w.nodes))
	for i := range n {
		running.Go(func() {
			lists[i], errs[i] = r.children(ctx, make([]byte, r.format.size), &w.nodes[i], w.level)
		})
	}
	running.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	w.read, w.nodes = slices.Concat(lists[:]...), w.nodes[n:]
	return nil
}
