package btrfs

import (
	"bytes"
	"testing"
)

// answerOf writes items as the kernel does.
func answerOf(items ...Item) (b []byte) {
	for _, it := range items {
		b = ne.AppendUint64(b, it.Transid)
		b = ne.AppendUint64(b, it.Key.Object)
		b = ne.AppendUint64(b, it.Key.Offset)
		b = ne.AppendUint32(b, uint32(it.Key.Type))
		b = ne.AppendUint32(b, uint32(len(it.Data)))
		b = append(b, it.Data...)
	}
	return b
}

// TestAnswer reads and passes over items, and keeps parts of an answer.
func TestAnswer(t *testing.T) {
	items := []Item{
		{Key{256, 1, 0}, 5, []byte("a")}, {Key{256, 12, 256}, 5, []byte("bc")}, {Key{257, 1, 0}, 6, nil}, {Key{300, 1, 0}, 7, []byte("d")},
	}
	whole := Answer{rest: append(answerOf(items...), make([]byte, 64)...), left: 4, max: MaxKey, spare: 60}
	a := whole
	var it Item
	for i, want := range items {
		if !a.Next(&it) || it.Key != want.Key || it.Transid != want.Transid || !bytes.Equal(it.Data, want.Data) {
			t.Fatalf("item %d: %+v, want %+v", i, it, want)
		}
	}
	if a.Next(&it) || a.Err() != nil || !a.Whole() {
		t.Errorf("at the end: %v, whole %v", a.Err(), a.Whole())
	}
	a = whole
	a.Skip(999)
	a.Skip(256)
	head := whole.Until(a)
	for n := range 3 {
		if head.Next(&it) != (n < 2) {
			t.Errorf("the part before ends after %d", n)
		}
	}
	if !a.Next(&it) || it.Key != items[2].Key {
		t.Errorf("after what was passed over: %+v", it)
	}
	for name, bad := range map[string]Answer{
		"out of order":  {rest: answerOf(items[1], items[0]), left: 2, max: MaxKey},
		"out of range":  {rest: answerOf(items...), left: 4, from: MinKey, max: Key{256, 255, 0}},
		"cut short":     {rest: answerOf(items[0])[:32], left: 1, max: MaxKey},
		"type too high": {rest: answerOf(Item{}, Item{})[:40], left: 2, max: MaxKey},
	} {
		for range 4 {
			bad.Next(&it)
		}
		if bad.Err() == nil || bad.Whole() {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzAnswer goes through anything as an answer.
func FuzzAnswer(f *testing.F) {
	f.Add(answerOf(Item{Key: Key{256, 1, 0}, Data: []byte("a")}, Item{Key: Key{257, 1, 0}}), uint32(2), uint64(256))
	f.Add(answerOf(Item{Key: MaxKey}, Item{Key: MaxKey}), uint32(9), ^uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, left uint32, object uint64) {
		whole := Answer{rest: b, left: left, max: MaxKey}
		a := whole
		var it Item
		for n := 0; a.Next(&it); n++ {
			if n*lenHeader > len(b) {
				t.Fatal("more items than there is room for")
			}
			if n%2 == 1 {
				a.Skip(it.Key.Object)
			}
		}
		a = whole
		a.Skip(object)
		part := whole.Until(a)
		for part.Next(&it) {
			if it.Key.Object != object {
				t.Fatalf("item of %d among those of %d", it.Key.Object, object)
			}
		}
	})
}
