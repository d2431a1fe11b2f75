package diff

import (
	"bytes"
	"compress/zlib"
	"context"
	"io"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A comparer compares what files hold, without reading it; but for the last
// sector of a file, where checksums cover what lies behind the end.
type comparer struct {
	sector uint64
	sums   [2]*sums
	// tail compares the bytes from pos to the end of two files.
	tail func(a, b *node, pos uint64) Content
}

// compare compares the contents of two inodes, at whose extents the feeds
// stand. stored says that any range is stored elsewhere or otherwise, behind
// the end of the file too.
func (c *comparer) compare(ctx context.Context, fa, fb *feed, a, b *node) (verdict Content, stored bool, err error) {
	verdict = ContentSame
	if a.Size != b.Size {
		return ContentChanged, true, nil
	}
	end := roundUp(a.Size, c.sector)
	sa, sb := newSegments(ctx, fa, a.ino, c.sector), newSegments(ctx, fb, b.ino, c.sector)
	for pos := uint64(0); ; {
		if sa.err != nil || sb.err != nil {
			return verdict, stored, firstError(sa.err, sb.err)
		}
		stop := min(sa.cur.end, sb.cur.end)
		if stop == ^uint64(0) {
			return verdict, stored, nil
		}
		if pos < end {
			stop = min(stop, end)
		}
		if !sa.cur.same(&sb.cur, pos) {
			stored = true
			if pos < end && verdict != ContentChanged {
				v, err := c.ranges(ctx, &sa.cur, &sb.cur, pos, stop, a, b)
				if err != nil {
					return verdict, stored, err
				}
				verdict = worse(verdict, v)
			}
		}
		if verdict == ContentChanged {
			return verdict, stored, nil
		}
		pos = stop
		if sa.cur.end == pos {
			sa.next(ctx)
		}
		if sb.cur.end == pos {
			sb.next(ctx)
		}
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func worse(a, b Content) Content {
	switch {
	case a == ContentChanged || b == ContentChanged:
		return ContentChanged
	case a == ContentUnknown || b == ContentUnknown:
		return ContentUnknown
	}
	return ContentSame
}

// ranges compares [pos, stop) of two segments that are stored differently.
func (c *comparer) ranges(ctx context.Context, a, b *segment, pos, stop uint64, x, y *node) (Content, error) {
	switch {
	case a.zeros() && b.zeros():
		return ContentSame, nil
	case a.kind == btrfs.ExtentInline && b.kind == btrfs.ExtentInline && !a.hole && !b.hole:
		return compareInline(a, b, x.Size), nil
	case a.whole(b, pos):
		return c.sameExtent(ctx, a, b)
	case !a.plain() || !b.plain():
		return ContentUnknown, nil
	}
	if pos%c.sector != 0 || stop%c.sector != 0 { // damage: no checksum is of a part of a sector
		return ContentUnknown, nil
	}
	for pos < stop {
		if err := ctx.Err(); err != nil { // zeros against zeros ask the kernel nothing
			return ContentUnknown, err
		}
		n := min(stop-pos, c.sector*sumsAtOnce)
		verdict, at, err := c.sectors(ctx, a, b, pos, n)
		if err == nil && verdict == ContentChanged && at+c.sector > x.Size {
			verdict = c.tail(x, y, at)
		}
		if err != nil || verdict != ContentSame {
			return verdict, err
		}
		pos += n
	}
	return ContentSame, nil
}

// plain says that the checksums are of the bytes themselves.
func (s *segment) plain() bool {
	if !s.hole && s.kind == btrfs.ExtentInline {
		_, ok := s.text()
		return ok
	}
	return s.zeros() || s.compression == 0
}

// whole says that both are compressed extents that could be equal as stored.
func (s *segment) whole(o *segment, pos uint64) bool {
	return !s.hole && !o.hole && s.kind == btrfs.ExtentRegular && o.kind == btrfs.ExtentRegular &&
		s.compression != 0 && s.compression == o.compression && s.ram == o.ram && s.diskBytes == o.diskBytes &&
		s.offset+(pos-s.start) == o.offset+(pos-o.start)
}

// sameExtent compares the stored form of two compressed extents. Where it
// differs, the text may still be the same: another level, another compressor.
func (c *comparer) sameExtent(ctx context.Context, a, b *segment) (Content, error) {
	if a.diskBytes == 0 || a.diskBytes%c.sector != 0 { // damage
		return ContentUnknown, nil
	}
	for at := uint64(0); at < a.diskBytes; {
		n := min(a.diskBytes-at, c.sector*sumsAtOnce)
		x, err := c.sums[0].read(ctx, a.address+at, n)
		if err != nil {
			return ContentUnknown, err
		}
		y, err := c.sums[1].read(ctx, b.address+at, n)
		if err != nil {
			return ContentUnknown, err
		}
		for i := range n / c.sector {
			if !x.known(i) || !y.known(i) || !bytes.Equal(x.at(i), y.at(i)) {
				return ContentUnknown, nil
			}
		}
		at += n
	}
	return ContentSame, nil
}

// sectors compares n bytes from pos by their checksums, up to the first sector
// that differs, and says where that is.
func (c *comparer) sectors(ctx context.Context, a, b *segment, pos, n uint64) (Content, uint64, error) {
	x, err := c.sums[0].of(ctx, a, pos, n)
	if err != nil {
		return ContentUnknown, 0, err
	}
	y, err := c.sums[1].of(ctx, b, pos, n)
	if err != nil {
		return ContentUnknown, 0, err
	}
	verdict := ContentSame
	for i := range n / c.sector {
		switch {
		case !x.known(i) || !y.known(i):
			verdict = ContentUnknown
		case !bytes.Equal(x.at(i), y.at(i)):
			return ContentChanged, pos + i*c.sector, nil
		}
	}
	return verdict, 0, nil
}

// maxInline is more than any inline extent holds: it lies inside a node.
const maxInline = 64 << 10

// text is what an inline extent holds; false when it cannot be told. What it
// stores behind its length was there when it was written, and reads as zeros.
func (s *segment) text() ([]byte, bool) {
	switch s.compression {
	case 0:
		return s.inline[:min(uint64(len(s.inline)), s.ram)], true
	case 1:
		z, err := zlib.NewReader(bytes.NewReader(s.inline))
		if err != nil {
			return nil, false
		}
		defer z.Close()
		b, err := io.ReadAll(io.LimitReader(z, int64(min(s.ram, maxInline))))
		return b, err == nil
	}
	return nil, false
}

func compareInline(a, b *segment, size uint64) Content {
	x, okX := a.text()
	y, okY := b.text()
	switch {
	case !okX || !okY:
		return ContentUnknown
	case bytes.Equal(cut(x, size), cut(y, size)):
		return ContentSame
	}
	return ContentChanged
}

// cut leaves out what lies behind the end of the file, and zeros at the end.
func cut(b []byte, size uint64) []byte {
	return bytes.TrimRight(b[:min(uint64(len(b)), size)], "\x00")
}
