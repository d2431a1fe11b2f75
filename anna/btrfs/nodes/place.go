package nodes

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A chunk is a range of logical addresses on devices.
type chunk struct {
	start uint64
	btrfs.Chunk
}

// readChunks reads those chunks that hold nodes, by address.
func readChunks(ctx context.Context, fs *btrfs.FS) ([]chunk, error) {
	var list []chunk
	c := fs.NewScanner(btrfs.PointBuffer).Scan(ctx, btrfs.Range{
		Tree: btrfs.TreeChunk, Types: btrfs.Types(btrfs.TypeChunk),
		Min: btrfs.Key{Object: btrfs.FirstFree, Type: btrfs.TypeChunk},
		Max: btrfs.Key{Object: btrfs.FirstFree, Type: btrfs.TypeChunk, Offset: ^uint64(0)},
	})
	for c.Next() {
		it := c.Item()
		k, err := btrfs.ParseChunk(it.Data)
		if err != nil {
			return nil, err
		}
		if k.Profile&btrfs.Metadata != 0 {
			list = append(list, chunk{it.Key.Offset, k})
		}
	}
	return list, c.Err()
}

// places are where the copies of a node lie.
func places(list []chunk, address, length uint64) ([]btrfs.Stripe, error) {
	i, found := slices.BinarySearchFunc(list, address, func(c chunk, at uint64) int { return cmp.Compare(c.start, at) })
	if !found {
		i--
	}
	if i < 0 || address-list[i].start >= list[i].Length || list[i].Length-(address-list[i].start) < length {
		return nil, fmt.Errorf("cannot find node %d: it lies in no chunk", address)
	}
	copies := list[i].copies(address-list[i].start, length)
	if len(copies) == 0 {
		return nil, fmt.Errorf("cannot find node %d: it lies on several devices in part", address)
	}
	return copies, nil
}

// copies are the places of a range of a chunk. Of those with parity only the
// place of the data is told (fs/btrfs/volumes.c, btrfs_map_block).
func (c *chunk) copies(at, length uint64) []btrfs.Stripe {
	n := uint64(len(c.Stripes))
	// width is how many stripes there are beside each other with data of their
	// own, each on so many devices.
	width, copies := n, uint64(1)
	switch c.Profile & (btrfs.RAID0 | btrfs.RAID10 | btrfs.RAID5 | btrfs.RAID6) {
	case 0:
		return c.on(0, n, at)
	case btrfs.RAID0:
	case btrfs.RAID10:
		copies = max(uint64(c.SubStripe), 1)
		width = n / copies
	case btrfs.RAID5:
		width = n - min(n, 1)
	case btrfs.RAID6:
		width = n - min(n, 2)
	default: // several at once: damage
		return nil
	}
	if width == 0 || c.StripeLen == 0 || at%c.StripeLen+length > c.StripeLen {
		return nil
	}
	index, rest := at/c.StripeLen, at%c.StripeLen
	row, first := index/width, index%width*copies
	if c.Profile&(btrfs.RAID5|btrfs.RAID6) != 0 { // the parity goes round
		first = (first + row) % n
	}
	return c.on(first, copies, row*c.StripeLen+rest)
}

// on is a place in some stripes of the chunk.
func (c *chunk) on(first, count, at uint64) []btrfs.Stripe {
	list := slices.Clone(c.Stripes[first:][:count])
	for i := range list {
		list[i].Offset += at
	}
	return list
}
