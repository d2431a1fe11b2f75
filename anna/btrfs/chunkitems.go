package btrfs

import "fmt"

// A Stripe is a chunk's place on one device.
type Stripe struct {
	Device uint64
	Offset uint64 // physical
}

// A Chunk maps a range of logical addresses, which the key's offset starts, to
// devices (struct btrfs_chunk).
type Chunk struct {
	Length    uint64
	Profile   Profile // type and profile together
	StripeLen uint64
	SubStripe uint16
	Stripes   []Stripe
}

const (
	lenChunkHead = 48
	lenStripe    = 32
)

// ParseChunk decodes a CHUNK_ITEM.
func ParseChunk(b []byte) (Chunk, error) {
	if len(b) < lenChunkHead {
		return Chunk{}, short("chunk", len(b), lenChunkHead)
	}
	c := Chunk{
		Length: le.Uint64(b), StripeLen: le.Uint64(b[16:]), Profile: Profile(le.Uint64(b[24:])),
		SubStripe: le.Uint16(b[46:]),
	}
	n := int(le.Uint16(b[44:]))
	if want := lenChunkHead + n*lenStripe; n == 0 || len(b) < want {
		return Chunk{}, fmt.Errorf("cannot read chunk: %d stripes in %d bytes", n, len(b))
	}
	c.Stripes = make([]Stripe, n)
	for i := range c.Stripes {
		s := b[lenChunkHead+i*lenStripe:]
		c.Stripes[i] = Stripe{Device: le.Uint64(s), Offset: le.Uint64(s[8:])}
	}
	return c, nil
}

// A DevItem is the chunk tree's view of a device; it knows missing ones too
// (struct btrfs_dev_item).
type DevItem struct {
	ID, Size, Allocated uint64
	Type, Generation    uint64
	UUID, FSID          UUID
}

// ParseDevItem decodes a DEV_ITEM.
func ParseDevItem(b []byte) (DevItem, error) {
	if len(b) < 98 {
		return DevItem{}, short("device item", len(b), 98)
	}
	return DevItem{
		ID: le.Uint64(b), Size: le.Uint64(b[8:]), Allocated: le.Uint64(b[16:]),
		Type: le.Uint64(b[36:]), Generation: le.Uint64(b[44:]),
		UUID: uuidAt(b[66:82]), FSID: uuidAt(b[82:98]),
	}, nil
}

// A DevExtent is an allocated range of a device: the key's object is the
// device, its offset the start (struct btrfs_dev_extent).
type DevExtent struct {
	Chunk  uint64 // logical address of the chunk it belongs to
	Length uint64
}

// ParseDevExtent decodes a DEV_EXTENT.
func ParseDevExtent(b []byte) (DevExtent, error) {
	if len(b) < 48 {
		return DevExtent{}, short("device extent", len(b), 48)
	}
	return DevExtent{Chunk: le.Uint64(b[16:]), Length: le.Uint64(b[24:])}, nil
}

// A BlockGroupItem says how much of a chunk is used; the key's object is its
// start, the offset its length (struct btrfs_block_group_item).
type BlockGroupItem struct {
	Used    uint64
	Profile Profile
}

// ParseBlockGroup decodes a BLOCK_GROUP_ITEM.
func ParseBlockGroup(b []byte) (BlockGroupItem, error) {
	if len(b) < 24 {
		return BlockGroupItem{}, short("block group", len(b), 24)
	}
	return BlockGroupItem{Used: le.Uint64(b), Profile: Profile(le.Uint64(b[16:]))}, nil
}
