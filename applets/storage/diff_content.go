package storage

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// ContentDiff is how one file differs: what --content prints.
type ContentDiff struct {
	From    DiffSide `json:"from"`
	To      DiffSide `json:"to"`
	Path    string   `json:"path"`
	PathRaw []byte   `json:"path_b64,omitempty"`
	// State is "same", "text", "binary", "added" or "removed".
	State      string `json:"state"`
	Binary     bool   `json:"binary"`
	SizeBefore *int   `json:"size_before"` // null: that side lacks it
	SizeAfter  *int   `json:"size_after"`
	Diff       string `json:"diff"` // unified; empty where a side is binary
	DiffRaw    []byte `json:"diff_b64,omitempty"`
}

// runContent compares one file. No daemon reads files for anybody: the caller
// does it here, with the rights that he has.
func runContent(c *console.Console) error {
	name := path.Clean(strings.TrimLeft(c.String("content"), "/"))
	if name == "." || name == ".." || strings.HasPrefix(name, "../") {
		return console.Usagef("name a file, as --content etc/fstab", "flag --content needs the path of a file inside the subvolumes")
	}
	p, err := findPair(c.Context(), btrfs.Roots{}, c.Args[0], c.Args[1], here)
	if err != nil {
		return contentDenied(c, err)
	}
	defer p.fs.Close()
	d := ContentDiff{
		From: diffSideOf(p.side(p.from), p.subs), To: diffSideOf(p.side(p.to), p.subs), Path: name, PathRaw: raw(name),
	}
	before, err := p.read(p.from, name)
	if err != nil {
		return contentDenied(c, err)
	}
	after, err := p.read(p.to, name)
	if err != nil {
		return contentDenied(c, err)
	}
	if before == nil && after == nil {
		return fmt.Errorf("cannot compare %s: neither side has it", quote(name))
	}
	d.fill(before, after)
	if c.JSON {
		return c.PrintJSON(d)
	}
	return paged(c, c.Bool("no-pager"), os.LookupEnv, func(w io.Writer) error {
		_, err := w.Write(d.text(c.Theme, c.OutIsTerminal()))
		return err
	})
}

// read reads the file on one side: nil where there is none.
func (p *diffPair) read(id uint64, name string) ([]byte, error) {
	top, err := p.openTop(id)
	if err != nil {
		return nil, err
	}
	defer top.Close()
	b, err := readBeneath(top, id, name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("cannot read %s in subvolume %d: %w", quote(name), id, err)
	case b == nil:
		b = []byte{}
	}
	return b, nil
}

// contentDenied says who may read what the caller may not.
func contentDenied(c *console.Console, err error) error {
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return rpc.Errorf(rpc.NotAuthorized, "%w", err).WithHint("%s", asRoot(c))
	}
	return err
}

// isBinary tells by a NUL byte, as other tools do.
func isBinary(b []byte) bool { return bytes.IndexByte(b[:min(len(b), 8000)], 0) >= 0 }

// fill compares the two; nil is a side without the file.
func (d *ContentDiff) fill(before, after []byte) {
	names := [2]string{"/dev/null", "/dev/null"}
	if before != nil {
		n := len(before)
		d.SizeBefore, names[0] = &n, quote(strings.TrimSuffix(d.From.Path, "/")+"/"+d.Path)
	}
	if after != nil {
		n := len(after)
		d.SizeAfter, names[1] = &n, quote(strings.TrimSuffix(d.To.Path, "/")+"/"+d.Path)
	}
	d.Binary = isBinary(before) || isBinary(after)
	switch {
	case before == nil:
		d.State = "added"
	case after == nil:
		d.State = "removed"
	case bytes.Equal(before, after):
		d.State = "same"
		return
	case d.Binary:
		d.State = "binary"
	default:
		d.State = "text"
	}
	if d.Binary {
		return
	}
	text := diff.Diff(names[0], before, names[1], after)
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		text = text[i+1:] // a line of its own, which patch does not know
	}
	d.Diff, d.DiffRaw = string(text), raw(string(text))
}

// text is what a person reads. On a terminal nothing of a file can act.
func (d *ContentDiff) text(t ui.Theme, terminal bool) []byte {
	sizeOf := func(n *int) string {
		if n == nil {
			return "absent"
		}
		return size(uint64(*n))
	}
	switch {
	case d.State == "same":
		return []byte("no differences in " + quote(d.Path) + "\n")
	case d.Binary:
		return fmt.Appendf(nil, "%s is binary and differs: %s before, %s after\n", quote(d.Path), sizeOf(d.SizeBefore), sizeOf(d.SizeAfter))
	case d.Diff == "": // an empty file that one side has
		return fmt.Appendf(nil, "%s is empty and was %s\n", quote(d.Path), d.State)
	case !terminal:
		return []byte(d.Diff)
	}
	var b bytes.Buffer
	for line := range strings.Lines(d.Diff) {
		plain := ui.Plain(strings.TrimSuffix(strings.ReplaceAll(line, "\t", "    "), "\n"))
		switch {
		case strings.HasPrefix(line, "@@"):
			plain = t.Paint(ui.Accent, plain)
		case strings.HasPrefix(line, "+"):
			plain = t.Paint(ui.Good, plain)
		case strings.HasPrefix(line, "-"):
			plain = t.Paint(ui.Bad, plain)
		}
		b.WriteString(plain + "\n")
	}
	return b.Bytes()
}
