package btrfs

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// TestScanAll reads random trees with buffers of several sizes and wants every
// item of the range once, in order.
func TestScanAll(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 100 {
		k := newFake()
		seen := map[Key]bool{}
		for range r.IntN(400) {
			key := Key{r.Uint64N(6), uint8(r.IntN(4)), r.Uint64N(20)}
			if r.IntN(20) == 0 {
				key.Offset = ^uint64(0)
			}
			if !seen[key] {
				seen[key] = true
				k.put(9, key, bytes.Repeat([]byte{1}, r.IntN(3000)))
			}
		}
		rg := Range{Tree: 9, Min: Key{r.Uint64N(6), uint8(r.IntN(4)), r.Uint64N(20)}, Max: MaxKey}
		if r.IntN(2) == 0 {
			rg.Types = Types(1, 3)
		}
		var want []Key
		for _, it := range k.trees[9] {
			if it.Key.Compare(rg.Min) >= 0 && (rg.Types == TypeSet{} || it.Key.Type == 1 || it.Key.Type == 3) {
				want = append(want, it.Key)
			}
		}
		s := NewScanner(k, []int{4096, PointBuffer, ScanBuffer}[round%3], []uint32{0, 4096, 16384}[r.IntN(3)])
		var got []Key
		c := s.Scan(t.Context(), rg)
		for c.Next() {
			got = append(got, c.Item().Key)
		}
		if c.Err() != nil || !slices.Equal(got, want) {
			t.Fatalf("round %d: %v; %d items, want %d", round, c.Err(), len(got), len(want))
		}
	}
}

// TestClosingCall wants no second call where the first answer ended the range.
func TestClosingCall(t *testing.T) {
	k := newFake()
	for i := range uint64(100) {
		k.put(1, Key{i, 1, 0}, make([]byte, 100))
	}
	s := NewScanner(k, PointBuffer, 16384)
	c := s.Scan(t.Context(), Range{Tree: 1, Min: MinKey, Max: MaxKey})
	n := 0
	for c.Next() {
		n++
	}
	if n != 100 || s.Calls() != 1 {
		t.Errorf("%d items in %d calls, want 100 in 1", n, s.Calls())
	}
	if _, ok, err := s.Lookup(t.Context(), 1, Key{5, 1, 0}); !ok || err != nil || s.Calls() != 2 {
		t.Errorf("found %v, %v, after %d calls", ok, err, s.Calls())
	}
	if _, ok, err := s.Lookup(t.Context(), 1, Key{5, 1, 1}); ok || err != nil {
		t.Errorf("found what is not there: %v", err)
	}
}

// TestMinTransid leaves out inodes in new leaves that are old themselves.
func TestMinTransid(t *testing.T) {
	k := newFake()
	for ino, gen := range []uint64{3, 6, 4, 7} {
		b := make([]byte, 160)
		le.PutUint64(b[8:], gen)
		k.put(5, Key{uint64(ino), TypeInodeItem, 0}, b)
		k.put(5, Key{uint64(ino), TypeInodeRef, 0}, b)
	}
	c := NewScanner(k, PointBuffer, 0).Scan(t.Context(), Range{Tree: 5, Max: MaxKey, MinTransid: 6})
	var inodes, refs int
	for c.Next() {
		if c.Item().Key.Type == TypeInodeItem {
			inodes++
		} else {
			refs++
		}
	}
	if inodes != 2 || refs != 4 || c.Err() != nil {
		t.Errorf("%d inodes, %d references, %v; want 2 and 4", inodes, refs, c.Err())
	}
}

// TestBigItem grows the buffer for an item that does not fit.
func TestBigItem(t *testing.T) {
	k := newFake()
	k.put(1, Key{1, 1, 1}, make([]byte, 60<<10))
	it, ok, err := NewScanner(k, 4096, 0).Lookup(t.Context(), 1, Key{1, 1, 1})
	if !ok || err != nil || len(it.Data) != 60<<10 {
		t.Errorf("%d bytes, %v, %v", len(it.Data), ok, err)
	}
}

// TestScanErrors: the items before an error stay good; a cancelled context
// ends the scan.
func TestScanErrors(t *testing.T) {
	k := newFake()
	for i := range uint64(100) {
		k.put(1, Key{i, 1, 0}, make([]byte, 1000))
	}
	k.fail = func(call int, _ uint32) error {
		if call == 3 {
			return unix.EIO
		}
		return nil
	}
	c := NewScanner(k, 4096, 4096).Scan(t.Context(), Range{Tree: 1, Max: MaxKey})
	n := 0
	for c.Next() {
		n++
	}
	if n == 0 || n == 100 || !errors.Is(c.Err(), unix.EIO) {
		t.Errorf("%d items, %v", n, c.Err())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if c := NewScanner(k, 4096, 0).Scan(ctx, Range{Tree: 1, Max: MaxKey}); c.Next() || !errors.Is(c.Err(), context.Canceled) {
		t.Errorf("after cancel: %v", c.Err())
	}
}

// lying answers every search with the same bytes, which may be anything.
type lying struct {
	count uint32
	data  []byte
}

func (l lying) Ioctl(request uint32, a []byte) error {
	if request == iocTreeSearchV2 {
		ne.PutUint32(a[64:], l.count)
		copy(a[lenSearchArgs:], l.data)
	}
	return nil
}

func FuzzSearchBuffer(f *testing.F) {
	b := make([]byte, 200)
	n := putItem(b, Item{Key: Key{1, 2, 3}, Data: []byte("abc")})
	n += putItem(b[n:], Item{Key: Key{1, 2, 4}})
	f.Add(uint32(2), b[:n])
	f.Add(uint32(1<<31), []byte{})
	f.Add(uint32(3), bytes.Repeat([]byte{0xff}, 64))
	f.Fuzz(func(t *testing.T, count uint32, data []byte) {
		c := NewScanner(lying{count, data}, 4096, 4096).Scan(t.Context(), Range{Max: MaxKey})
		last, some := Key{}, false
		for steps := 0; c.Next(); steps++ {
			k := c.Item().Key
			if some && k.Compare(last) <= 0 {
				t.Fatalf("%v after %v", k, last)
			}
			last, some = k, true
			if steps > 1<<12 {
				t.Fatal("no end")
			}
		}
	})
}
