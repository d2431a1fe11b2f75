package nodes

import (
	"context"
	"errors"
	"fmt"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A Part is a range of keys: those from Low on that lie before End.
type Part struct {
	Low, End btrfs.Key
}

var errTooMany = errors.New("too many")

// Apart finds the parts of two trees that lie in nodes which the other has not,
// in order: parts[0] those of a, parts[1] those of b. Whatever a has outside of
// its parts b has as well, and the other way round. Where there are more than most
// of them, or of the nodes above, they are those of a level above: larger, and
// just as true.
func (r *Reader) Apart(ctx context.Context, a, b Tree, most int) (parts [2][]Part, err error) {
	if a.Level > maxLevel || b.Level > maxLevel {
		return parts, fmt.Errorf("cannot read nodes: a tree has %d levels", max(a.Level, b.Level))
	}
	level := [2]uint8{a.Level, b.Level}
	list := [2][]pointer{{a.root()}, {b.root()}}
	for level[0] != level[1] || level[0] > 1 {
		var next [2][]pointer
		keep := func(w int, p pointer) error {
			if next[w] = append(next[w], p); len(next[w]) > most {
				return errTooMany
			}
			return nil
		}
		var rows [2]row
		height := level
		for w := range rows {
			if height[w] < height[1-w] { // the other one comes down to it first
				next[w] = list[w]
				continue
			}
			rows[w] = row{nodes: list[w], level: level[w]}
			level[w]--
		}
		switch err := r.unshared(ctx, rows, keep); {
		case errors.Is(err, errTooMany):
			return [2][]Part{join(list[0]), join(list[1])}, nil
		case err != nil:
			return parts, err
		}
		list = next
	}
	err = r.unshared(ctx, [2]row{{nodes: list[0], level: level[0]}, {nodes: list[1], level: level[1]}}, func(w int, p pointer) error {
		if parts[w] = extend(parts[w], p); len(parts[w]) > most {
			return errTooMany
		}
		return nil
	})
	if errors.Is(err, errTooMany) {
		return [2][]Part{join(list[0]), join(list[1])}, nil
	}
	return parts, err
}

// join makes parts of nodes; neighbours are one.
func join(list []pointer) (parts []Part) {
	for _, p := range list {
		parts = extend(parts, p)
	}
	return parts
}

func extend(parts []Part, p pointer) []Part {
	if n := len(parts); n > 0 && parts[n-1].End == p.low {
		parts[n-1].End = p.end
		return parts
	}
	return append(parts, Part{p.low, p.end})
}

// unshared goes through two rows side by side and hands on what only one has: one
// and the same node begins with the same key in both.
func (r *Reader) unshared(ctx context.Context, rows [2]row, only func(w int, p pointer) error) error {
	for {
		var has [2]bool
		for w := range rows {
			if err := r.fill(ctx, &rows[w]); err != nil {
				return err
			}
			has[w] = len(rows[w].read) > 0
		}
		if !has[0] && !has[1] {
			return nil
		}
		take := has
		if has[0] && has[1] {
			a, b := &rows[0].read[0], &rows[1].read[0]
			order := a.low.Compare(b.low)
			if order == 0 && a.address == b.address && a.generation == b.generation {
				rows[0].read, rows[1].read = rows[0].read[1:], rows[1].read[1:]
				continue
			}
			take = [2]bool{order <= 0, order >= 0}
		}
		for w := range rows {
			if !take[w] {
				continue
			}
			if err := only(w, rows[w].read[0]); err != nil {
				return err
			}
			rows[w].read = rows[w].read[1:]
		}
	}
}
