package storage

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
)

// heldMost is how many bytes of changes are held in memory, about.
const heldMost = 1 << 20

// A heldChanges keeps changes until all are there, to give them out in order.
// What goes beyond some memory is sorted and written to a temporary file that has
// no name, so that it is gone with the process whatever ends it.
type heldChanges struct {
	bySize bool
	most   int // bytes in memory; 0 means heldMost
	list   []*diff.Change
	size   int
	file   *os.File
	end    int64   // of the file
	starts []int64 // of the sorted parts of the file
	sorted bool
}

func (h *heldChanges) add(c *diff.Change) error {
	held := *c
	h.list, h.sorted = append(h.list, &held), false
	// The structure, its place in the list, and names.
	h.size += 280 + len(c.Path) + len(c.FromPath)
	if h.size < cmp.Or(h.most, heldMost) {
		return nil
	}
	if err := h.spill(); err != nil {
		return fmt.Errorf("cannot sort the changes: %w", err)
	}
	return nil
}

// spill writes what is in memory to the file.
func (h *heldChanges) spill() error {
	if h.file == nil {
		f, err := os.CreateTemp("", "anna-diff-*")
		if err != nil {
			return err
		}
		h.file = f
		if err := os.Remove(f.Name()); err != nil {
			return err
		}
	}
	h.sort()
	h.starts = append(h.starts, h.end)
	w := bufio.NewWriterSize(io.NewOffsetWriter(h.file, h.end), 64<<10)
	var b []byte
	for _, c := range h.list {
		b = appendChange(b[:0], c)
		h.end += int64(len(b))
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	clear(h.list)
	h.list, h.size = h.list[:0], 0
	return w.Flush()
}

func (h *heldChanges) sort() {
	if !h.sorted {
		slices.SortFunc(h.list, h.compare)
		h.sorted = true
	}
}

// compare orders by path, or by size with the largest difference first.
func (h *heldChanges) compare(a, b *diff.Change) int {
	if h.bySize {
		if c := cmp.Compare(magnitude(sizeDelta(b)), magnitude(sizeDelta(a))); c != 0 {
			return c
		}
	}
	return cmp.Or(comparePaths(a.Path, b.Path), strings.Compare(string(a.Kind), string(b.Kind)))
}

// close lets go of the file.
func (h *heldChanges) close() {
	if h.file != nil {
		h.file.Close()
		h.file = nil
	}
}

// A heldPart is a sorted part of the file, and its first change that is not
// given out.
type heldPart struct {
	r    *bufio.Reader
	head *diff.Change
}

// A heldWalk gives changes out in order. Several can go on at a time.
type heldWalk struct {
	h     *heldChanges
	list  []*diff.Change
	parts []heldPart
}

func (h *heldChanges) walk() (*heldWalk, error) {
	h.sort()
	w := &heldWalk{h: h, list: h.list}
	for i, start := range h.starts {
		end := h.end
		if i+1 < len(h.starts) {
			end = h.starts[i+1]
		}
		p := heldPart{r: bufio.NewReaderSize(io.NewSectionReader(h.file, start, end-start), 4<<10)}
		var err error
		if p.head, err = readChange(p.r); err != nil {
			return nil, fmt.Errorf("cannot sort the changes: %w", err)
		}
		w.parts = append(w.parts, p)
	}
	return w, nil
}

// next is the next change, nil after the last.
func (w *heldWalk) next() (*diff.Change, error) {
	from := -1
	var first *diff.Change
	if len(w.list) > 0 {
		first = w.list[0]
	}
	for i := range w.parts {
		if c := w.parts[i].head; c != nil && (first == nil || w.h.compare(c, first) < 0) {
			from, first = i, c
		}
	}
	if first == nil {
		return nil, nil
	}
	if from < 0 {
		w.list = w.list[1:]
		return first, nil
	}
	var err error
	w.parts[from].head, err = readChange(w.parts[from].r)
	if errors.Is(err, io.EOF) {
		w.parts[from].head, err = nil, nil
	}
	return first, err
}

// each gives all changes out in order.
func (h *heldChanges) each(use func(*diff.Change) error) error {
	w, err := h.walk()
	for err == nil {
		var c *diff.Change
		if c, err = w.next(); err == nil && c == nil {
			return nil
		}
		if err == nil {
			err = use(c)
		}
	}
	return err
}

// appendChange writes a change as readChange reads it.
func appendChange(b []byte, c *diff.Change) []byte {
	var links uint64
	if c.LinkBefore {
		links |= 1
	}
	if c.LinkAfter {
		links |= 2
	}
	for _, n := range []uint64{c.Inode, c.SizeBefore, c.SizeAfter, c.AllocatedBefore, c.AllocatedAfter, links} {
		b = binary.AppendUvarint(b, n)
	}
	for _, s := range []string{string(c.Kind), c.Path, c.FromPath, string(c.Type), string(c.FromType), string(c.Content), strings.Join(c.Attributes, "\x00")} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

func readChange(r *bufio.Reader) (*diff.Change, error) {
	var n [6]uint64
	for i := range n {
		var err error
		if n[i], err = binary.ReadUvarint(r); err != nil {
			return nil, err // io.EOF between two changes
		}
	}
	var s [7]string
	for i := range s {
		size, err := binary.ReadUvarint(r)
		if err != nil {
			return nil, err
		}
		b := make([]byte, size)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		s[i] = string(b)
	}
	var attributes []string
	if s[6] != "" {
		attributes = strings.Split(s[6], "\x00")
	}
	return &diff.Change{
		Inode: n[0], SizeBefore: n[1], SizeAfter: n[2], AllocatedBefore: n[3], AllocatedAfter: n[4],
		LinkBefore: n[5]&1 != 0, LinkAfter: n[5]&2 != 0,
		Kind: diff.Kind(s[0]), Path: s[1], FromPath: s[2], Type: diff.Type(s[3]), FromType: diff.Type(s[4]),
		Content: diff.Content(s[5]), Attributes: attributes,
	}, nil
}
