package btrfs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// A BlockGroup is a chunk with what is used of it.
type BlockGroup struct {
	Start   uint64 // logical; a balance filter vrange=Start..Start+Length names it
	Length  uint64
	Used    uint64
	Known   bool // Used could be read
	Profile Profile
	Stripes []Stripe
}

// Usage is the share in use, 0 to 1.
func (b BlockGroup) Usage() float64 {
	if b.Length == 0 {
		return 0
	}
	return float64(b.Used) / float64(b.Length)
}

// BlockGroups is the answer to FS.BlockGroups.
type BlockGroups struct {
	List    []BlockGroup // by address
	Calls   int
	Missing []Missing
}

// LeastUsed are up to n block groups of a type, the emptiest first: those that
// a balance frees with the least work.
func (b *BlockGroups) LeastUsed(t Profile, n int) []BlockGroup {
	var list []BlockGroup
	for _, g := range b.List {
		if g.Known && g.Profile&t != 0 {
			list = append(list, g)
		}
	}
	slices.SortStableFunc(list, func(x, y BlockGroup) int { return cmp.Compare(x.Usage(), y.Usage()) })
	return list[:min(n, len(list))]
}

// BlockGroups reads all block groups, as of the last commit (Sync first to
// have them as of now). Needs CAP_SYS_ADMIN.
func (fs *FS) BlockGroups(ctx context.Context) (*BlockGroups, error) {
	s := fs.NewScanner(PointBuffer)
	out := &BlockGroups{}
	err := s.scanTree(ctx, Range{
		Tree: TreeChunk, Types: Types(TypeChunk),
		Min: Key{FirstFree, TypeChunk, 0}, Max: Key{FirstFree, TypeChunk, ^uint64(0)},
	}, func(it Item) error {
		c, err := ParseChunk(it.Data)
		if err != nil {
			return err
		}
		out.List = append(out.List, BlockGroup{Start: it.Key.Offset, Length: c.Length, Profile: c.Profile, Stripes: c.Stripes})
		return nil
	})
	if err != nil && len(out.List) == 0 {
		return nil, fmt.Errorf("cannot read block groups of %s: %w", fs.Path, err)
	}
	if err != nil {
		addMissing(&out.Missing, missing("block groups after the last in the list", err))
	}
	if features, err := fs.features(); err == nil && slices.Contains(features, "block_group_tree") {
		err = out.scanUsed(ctx, s)
		if err != nil {
			addMissing(&out.Missing, missing("use of block groups", err))
		}
	} else {
		out.lookUsed(ctx, s)
	}
	out.Calls = s.Calls()
	if n := out.unknown(); n > 0 && len(out.Missing) == 0 {
		addMissing(&out.Missing, Missing{What: fmt.Sprintf("use of %d block groups", n), Why: "no item in the tree, they are being made or removed", Need: NeedMore})
	}
	return out, nil
}

func (b *BlockGroups) unknown() (n int) {
	for _, g := range b.List {
		if !g.Known {
			n++
		}
	}
	return n
}

// scanUsed reads the block group tree, which holds nothing else.
func (b *BlockGroups) scanUsed(ctx context.Context, s *Scanner) error {
	index := make(map[uint64]int, len(b.List))
	for i, g := range b.List {
		index[g.Start] = i
	}
	return s.scanTree(ctx, Range{Tree: TreeBlockGroups, Min: MinKey, Max: MaxKey, Types: Types(TypeBlockGroup)}, func(it Item) error {
		g, err := ParseBlockGroup(it.Data)
		if i, ok := index[it.Key.Object]; ok && err == nil {
			b.List[i].Used, b.List[i].Known = g.Used, true
		}
		return err
	})
}

// lookUsed looks each block group up in the extent tree, where they lie
// scattered among the extents.
func (b *BlockGroups) lookUsed(ctx context.Context, s *Scanner) {
	for i := range b.List {
		g := &b.List[i]
		it, ok, err := s.Lookup(ctx, TreeExtent, Key{g.Start, TypeBlockGroup, g.Length})
		if err == nil && ok {
			var item BlockGroupItem
			item, err = ParseBlockGroup(it.Data)
			g.Used, g.Known = item.Used, err == nil
		}
		if err != nil {
			addMissing(&b.Missing, missing("use of some block groups", err))
			if ctx.Err() != nil {
				return
			}
		}
	}
}
