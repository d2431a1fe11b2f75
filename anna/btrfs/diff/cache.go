package diff

// A cache remembers answers up to a total weight, and forgets all when it is
// full: what is asked lies close together. One that is heavier than all that fits
// is remembered alone.
type cache[K comparable, V any] struct {
	limit, held int
	weigh       func(V) int // nil: each weighs 1
	m           map[K]V
}

func newCache[K comparable, V any](limit int) *cache[K, V] {
	return &cache[K, V]{limit: limit, m: map[K]V{}}
}

// pathBytes bounds the paths that are remembered: thousands of usual ones, and
// few below thousands of nested directories, whose paths are a megabyte each.
const (
	pathBytes = 1 << 20
	pathCost  = 128 // about what an entry takes beside its text
)

func newPathCache() *cache[uint64, string] {
	c := newCache[uint64, string](pathBytes)
	c.weigh = func(path string) int { return pathCost + len(path) }
	return c
}

func (c *cache[K, V]) get(k K) (V, bool) { v, ok := c.m[k]; return v, ok }

func (c *cache[K, V]) put(k K, v V) {
	if old, known := c.m[k]; known {
		c.held -= c.weight(old)
		delete(c.m, k)
	}
	weight := c.weight(v)
	if c.held+weight > c.limit {
		clear(c.m)
		c.held = 0
	}
	c.m[k] = v
	c.held += weight
}

func (c *cache[K, V]) weight(v V) int {
	if c.weigh == nil {
		return 1
	}
	return c.weigh(v)
}
