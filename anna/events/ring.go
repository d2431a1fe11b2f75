package events

// historyBytes bounds the text that one history keeps, beside its number of
// items: 500 events are usually 0.2 MB, but could be 20.
const historyBytes = 1 << 20

// A ring keeps the last items of a numbered series without gaps: at most limit
// of them and at most maxBytes by weight (always at least one).
type ring[T any] struct {
	items    []T // circular
	head     int // place of the oldest
	count    int
	first    uint64 // number of the oldest
	bytes    int
	maxBytes int
	weight   func(*T) int
}

func newRing[T any](limit, maxBytes int, weight func(*T) int) *ring[T] {
	return &ring[T]{items: make([]T, limit), maxBytes: maxBytes, weight: weight}
}

// push appends item number n. When n does not follow the last one, what was
// there is forgotten: a ring has no gaps.
func (r *ring[T]) push(n uint64, item T) {
	if r.count > 0 && n != r.end() {
		r.clear()
	}
	if len(r.items) == 0 {
		return
	}
	w := r.weight(&item)
	for r.count == len(r.items) || r.count > 0 && r.bytes+w > r.maxBytes {
		r.evict()
	}
	if r.count == 0 {
		r.first = n
	}
	r.items[(r.head+r.count)%len(r.items)] = item
	r.count++
	r.bytes += w
}

func (r *ring[T]) evict() {
	var zero T
	r.bytes -= r.weight(&r.items[r.head])
	r.items[r.head] = zero
	r.head = (r.head + 1) % len(r.items)
	r.count--
	r.first++
}

func (r *ring[T]) clear() {
	clear(r.items)
	r.head, r.count, r.bytes = 0, 0, 0
}

// end is the number after the newest item's, which may be less than the highest
// number given: an engine begins above what its history holds when the store
// knows of more (see Options.After). Only of a ring that is not empty.
func (r *ring[T]) end() uint64 { return r.first + uint64(r.count) }

// at returns item number n, which must be there.
func (r *ring[T]) at(n uint64) *T {
	return &r.items[(r.head+int(n-r.first))%len(r.items)]
}

// resize changes the limit and keeps the newest.
func (r *ring[T]) resize(limit int) {
	if limit == len(r.items) {
		return
	}
	old := *r
	*r = *newRing(limit, old.maxBytes, old.weight)
	for i := range old.count {
		n := old.first + uint64(i)
		r.push(n, *old.at(n))
	}
}
