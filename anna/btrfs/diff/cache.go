package diff

// A cache remembers up to a number of answers, and forgets all when it is
// full: what is asked lies close together.
type cache[K comparable, V any] struct {
	limit int
	m     map[K]V
}

func newCache[K comparable, V any](limit int) *cache[K, V] { return &cache[K, V]{limit, map[K]V{}} }

func (c *cache[K, V]) get(k K) (V, bool) { v, ok := c.m[k]; return v, ok }

func (c *cache[K, V]) put(k K, v V) {
	if len(c.m) >= c.limit {
		clear(c.m)
	}
	c.m[k] = v
}
