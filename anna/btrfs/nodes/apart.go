package nodes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A Part is a range of keys: those from Low on that lie before End.
type Part struct {
	Low, End btrfs.Key
}

// Apart finds the parts of two trees that lie in nodes which the other has not,
// in order: parts[0] those of a, parts[1] those of b. Whatever a has outside of
// its parts b has as well, and the other way round. Where more than most nodes of
// a level would have to be remembered, the parts are those of the level above:
// larger, and just as true.
func (r *Reader) Apart(ctx context.Context, a, b Tree, most int) (parts [2][]Part, err error) {
	if a.Level > maxLevel || b.Level > maxLevel {
		return parts, fmt.Errorf("cannot read nodes: a tree has %d levels", max(a.Level, b.Level))
	}
	level := [2]uint8{a.Level, b.Level}
	list := [2][]pointer{{a.root()}, {b.root()}}
	for {
		if level[0] == level[1] {
			unshare(&list[0], &list[1])
		}
		deepest := max(level[0], level[1])
		if deepest == 0 || len(list[0])+len(list[1]) == 0 {
			break
		}
		var next [2][]pointer
		for w := range list {
			if next[w] = list[w]; level[w] < deepest {
				continue
			}
			if next[w], err = r.descend(ctx, list[w], deepest, most); err != nil {
				break
			}
			level[w]--
		}
		if errors.Is(err, errTooMany) {
			break
		}
		if err != nil {
			return parts, err
		}
		list = next
	}
	for w := range parts {
		parts[w] = join(list[w])
	}
	return parts, nil
}

// unshare takes out of two lists what both have.
func unshare(a, b *[]pointer) {
	type content struct{ address, generation uint64 }
	shared := make(map[content]bool, len(*a))
	for _, p := range *a {
		shared[content{p.address, p.generation}] = false
	}
	*b = slices.DeleteFunc(*b, func(p pointer) bool {
		c := content{p.address, p.generation}
		_, both := shared[c]
		if both {
			shared[c] = true
		}
		return both
	})
	*a = slices.DeleteFunc(*a, func(p pointer) bool { return shared[content{p.address, p.generation}] })
}

// join makes neighbours one part.
func join(list []pointer) (parts []Part) {
	for _, p := range list {
		if n := len(parts); n > 0 && parts[n-1].End == p.low {
			parts[n-1].End = p.end
			continue
		}
		parts = append(parts, Part{p.low, p.end})
	}
	return parts
}

// readers is how many nodes are read at a time: disks like to have a choice.
const readers = 4

var errTooMany = errors.New("too many nodes")

// descend reads nodes of a level and returns all that they point to.
func (r *Reader) descend(ctx context.Context, list []pointer, level uint8, most int) ([]pointer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	found := make([][]pointer, len(list))
	var next, total atomic.Int64
	var running sync.WaitGroup
	for range min(readers, len(list)) {
		running.Go(func() {
			b := make([]byte, r.format.size)
			for {
				i := int(next.Add(1)) - 1
				if i >= len(list) || ctx.Err() != nil {
					return
				}
				below, err := r.children(ctx, b, &list[i], level)
				if err == nil && total.Add(int64(len(below))) > int64(most) {
					err = errTooMany
				}
				if err != nil {
					cancel(err) // the first stands
					return
				}
				found[i] = below
			}
		})
	}
	running.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return slices.Concat(found...), nil
}
