package nodes

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

var crc = format{4096, btrfs.Info{Checksum: "crc32c"}.Hash(), [2]btrfs.UUID{{1}, {2}}}

// node makes a node that p leads to, of the objects that its pointers begin with.
func node(p *pointer, level uint8, objects ...uint64) []byte {
	b := make([]byte, crc.size)
	b[atFSID] = 2
	le.PutUint64(b[atAddress:], p.address)
	le.PutUint64(b[atGeneration:], p.generation)
	le.PutUint32(b[atCount:], uint32(len(objects)))
	b[atLevel] = level
	for i, object := range objects {
		e := b[lenHead+i*lenPointer:]
		le.PutUint64(e, object)
		e[8] = btrfs.TypeInodeItem
		le.PutUint64(e[17:], object<<12)
		le.PutUint64(e[25:], p.generation)
	}
	copy(b, crc.hash(b[atFSID:]))
	return b
}

var whole = pointer{end: btrfs.MaxKey, address: 1 << 20, generation: 9}

// TestNode reads a node, and refuses what is not the one that is meant.
func TestNode(t *testing.T) {
	good := node(&whole, 1, 256, 300, 400)
	if err := crc.check(good, &whole, 1); err != nil {
		t.Fatal(err)
	}
	list, err := pointers(good, &whole)
	if err != nil || len(list) != 3 || list[0].end != list[1].low || list[2].end != btrfs.MaxKey || list[1].address != 300<<12 {
		t.Fatalf("%v, %+v", err, list)
	}
	for name, x := range map[string]struct {
		spoil func(b []byte)
		says  string
	}{
		"another address":     {func(b []byte) { b[atAddress]++ }, "something else lies there"},
		"an older generation": {func(b []byte) { b[atGeneration]-- }, "generation 8, not 9"},
		"another level":       {func(b []byte) { b[atLevel]++ }, "level 2, not 1"},
		"another file system": {func(b []byte) { b[atFSID] = 3 }, "another file system"},
		"a bit":               {func(b []byte) { b[4000] ^= 1 }, "checksum"},
		"nothing":             {func(b []byte) { clear(b) }, "something else lies there"},
	} {
		b := bytes.Clone(good)
		x.spoil(b)
		if err := crc.check(b, &whole, 1); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := crc.check(good[:512], &whole, 1); err == nil {
		t.Error("half a node was taken")
	}
}

// TestPointers refuses what no node can say, though its checksum holds.
func TestPointers(t *testing.T) {
	inner := pointer{low: btrfs.Key{Object: 300, Type: btrfs.TypeInodeItem}, end: btrfs.Key{Object: 400}, address: 1 << 20, generation: 9}
	for name, objects := range map[string][]uint64{
		"none": {}, "out of order": {300, 310, 305}, "twice": {300, 300}, "before it": {299, 310}, "behind it": {300, 400},
		"another begin": {301, 310},
	} {
		if _, err := pointers(node(&inner, 1, objects...), &inner); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	b := node(&inner, 1, 300)
	if _, err := pointers(b, &inner); err != nil {
		t.Errorf("a good one: %v", err)
	}
	le.PutUint64(b[lenHead+25:], 10)
	if _, err := pointers(b, &inner); err == nil || !strings.Contains(err.Error(), "younger") {
		t.Errorf("a younger child: %v", err)
	}
	le.PutUint32(b[atCount:], 1<<31)
	if _, err := pointers(b, &inner); err == nil {
		t.Error("more pointers than there is room for were taken")
	}
}

// FuzzPointers reads anything as a node.
func FuzzPointers(f *testing.F) {
	f.Add(node(&whole, 1, 256, 300, 400))
	f.Add(node(&whole, 1)[:lenHead])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < lenHead {
			return // check has been there
		}
		list, err := pointers(b, &whole)
		if err != nil {
			return
		}
		at := whole.low
		for _, p := range list {
			if p.low.Compare(at) < 0 || p.end.Compare(p.low) <= 0 {
				t.Fatalf("pointers overlap: %+v", list)
			}
			at = p.end
		}
		if at != whole.end {
			t.Fatalf("they end at %v", at)
		}
	})
}

// FuzzPlaces finds nodes in chunks that can be anything.
func FuzzPlaces(f *testing.F) {
	f.Add(uint64(1<<20), uint64(1<<30), uint64(64<<10), uint16(2), uint64(btrfs.Metadata|btrfs.RAID10), uint8(4), uint64(70<<10))
	f.Add(uint64(1<<20), uint64(1<<30), uint64(64<<10), uint16(2), uint64(btrfs.Metadata|btrfs.RAID10|btrfs.RAID5), uint8(1), uint64(70<<10)) // two profiles at once
	f.Fuzz(func(t *testing.T, start, length, stripe uint64, sub uint16, profile uint64, n uint8, at uint64) {
		c := chunk{start, btrfs.Chunk{
			Length: length, StripeLen: stripe, SubStripe: sub, Profile: btrfs.Profile(profile), Stripes: make([]btrfs.Stripe, int(n)+1),
		}}
		list, err := places([]chunk{c}, start+at, 16<<10)
		if (err == nil) != (len(list) > 0) || len(list) > len(c.Stripes) {
			t.Fatalf("%v, %d places on %d stripes", err, len(list), len(c.Stripes))
		}
	})
}

// TestUnshared leaves out what both have, and says what lies where.
func TestUnshared(t *testing.T) {
	key := func(n uint64) btrfs.Key { return btrfs.Key{Object: n} }
	at := func(low, end, address, generation uint64) pointer {
		return pointer{key(low), key(end), address, generation}
	}
	rows := [2]row{
		{nodes: []pointer{at(1, 2, 10, 1), at(2, 3, 11, 1), at(3, 4, 12, 1), at(4, 6, 13, 1)}},
		{nodes: []pointer{at(1, 2, 20, 2), at(2, 3, 11, 1), at(3, 4, 12, 2), at(4, 5, 21, 2), at(5, 6, 22, 2), at(7, 8, 11, 1)}},
	}
	var got [2][]pointer
	err := (&Reader{}).unshared(t.Context(), rows, func(w int, p pointer) error { got[w] = append(got[w], p); return nil })
	want := [2]string{"[{(1 0 0) (2 0 0)} {(3 0 0) (6 0 0)}]", "[{(1 0 0) (2 0 0)} {(3 0 0) (6 0 0)} {(7 0 0) (8 0 0)}]"}
	for w := range got {
		if s := fmt.Sprint(join(got[w])); err != nil || s != want[w] {
			t.Errorf("side %d: %v, %s, want %s", w, err, s, want[w])
		}
	}
}
