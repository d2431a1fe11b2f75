package storage

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
)

// What the daemon keeps of comparisons: so many, of so many bytes together.
const (
	cachedCount = 8
	cachedBytes = 2 << 20
)

// A cacheKey is what a comparison's result follows from, where both sides are
// read-only: a generation is never given out twice for different content.
type cacheKey struct {
	fs       btrfs.UUID
	from, to diff.Side
	engine   diff.Engine // as it was asked for
}

// holds says whether a result under this key can be trusted later.
func (k cacheKey) holds() bool { return k.from.ReadOnly && k.to.ReadOnly }

// A cachedDiff is a finished comparison. Nobody writes to it.
type cachedDiff struct {
	key     cacheKey
	report  diff.Report
	changes []byte // as appendChange writes them
	at      time.Time
}

// each gives the changes out.
func (d *cachedDiff) each(use func(*diff.Change) error) error {
	r := bufio.NewReader(bytes.NewReader(d.changes))
	for {
		c, err := readChange(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = use(c)
		}
		if err != nil {
			return err
		}
	}
}

// A diffCache keeps the results that were last of use. It may be used by several
// goroutines.
type diffCache struct {
	mu   sync.Mutex
	list []*cachedDiff // the one last used at the end
}

// get finds a result, nil if there is none.
func (c *diffCache) get(key cacheKey) *cachedDiff {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.list, func(d *cachedDiff) bool { return d.key == key })
	if i < 0 || !key.holds() {
		return nil
	}
	found := c.list[i]
	c.list = append(slices.Delete(c.list, i, i+1), found)
	return found
}

// put keeps a result, and forgets those that were longest of no use.
func (c *diffCache) put(d *cachedDiff) {
	if !d.key.holds() || len(d.changes) > cachedBytes {
		return
	}
	d.changes = slices.Clip(slices.Clone(d.changes)) // not what growing left over
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = slices.DeleteFunc(c.list, func(o *cachedDiff) bool { return o.key == d.key })
	c.list = append(c.list, d)
	for len(c.list) > cachedCount || c.size() > cachedBytes {
		c.list = slices.Delete(c.list, 0, 1)
	}
}

func (c *diffCache) size() (n int) {
	for _, d := range c.list {
		n += len(d.changes)
	}
	return n
}

// A changeLog writes changes down for the cache, unless they become too many.
type changeLog struct {
	bytes []byte
	off   bool
}

func (l *changeLog) add(c *diff.Change) {
	if l.off {
		return
	}
	if l.bytes = appendChange(l.bytes, c); len(l.bytes) > cachedBytes {
		l.bytes, l.off = nil, true
	}
}
