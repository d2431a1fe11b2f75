package diff

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// An overlay is the directory tree in the state that a send stream has led to
// so far: the older side, with the entries that the stream made or removed. The
// stream names inodes by their paths in that state.
type overlay struct {
	e    *engine
	set  inodes
	dirs map[uint64]map[string]uint64 // changed entries; 0: removed

	near     string // the directory that was resolved last
	nearNode uint64
}

// made marks the inodes of the stream's making: their numbers may be taken on
// the older side, by others.
const made = 1 << 63

func (o *overlay) follow(r *btrfs.SendReader) error {
	for {
		c, err := r.Next()
		switch {
		case errors.Is(err, io.EOF) && c.Kind == btrfs.SendEnd:
			return nil
		case err != nil:
			return err
		}
		if err := o.apply(c); err != nil {
			return fmt.Errorf("cannot follow send stream: %w", err)
		}
	}
}

func (o *overlay) apply(c btrfs.SendCommand) error {
	switch c.Kind {
	case btrfs.SendSubvol, btrfs.SendSnapshot:
		return nil
	case btrfs.SendMkfile, btrfs.SendMkdir, btrfs.SendMknod, btrfs.SendMkfifo, btrfs.SendMksock, btrfs.SendSymlink:
		o.set.add(c.Ino)
		return o.put(string(c.Path), c.Ino|made)
	case btrfs.SendRename:
		n, err := o.touch(string(c.Path))
		if err != nil {
			return err
		}
		o.near = ""
		if err := o.put(string(c.Path), 0); err != nil {
			return err
		}
		return o.put(string(c.To), n)
	case btrfs.SendLink:
		n, err := o.touch(string(c.Link))
		if err != nil {
			return err
		}
		return o.put(string(c.Path), n)
	case btrfs.SendUnlink, btrfs.SendRmdir:
		if _, err := o.touch(string(c.Path)); err != nil {
			return err
		}
		o.near = ""
		return o.put(string(c.Path), 0)
	}
	_, err := o.touch(string(c.Path))
	return err
}

// touch finds the inode of a path and makes it a candidate.
func (o *overlay) touch(path string) (uint64, error) {
	n, err := o.resolve(path)
	if err == nil {
		o.set.add(n &^ made)
	}
	return n, err
}

func split(path string) (dir, name string) {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)], path[i+1:]
}

func (o *overlay) put(path string, n uint64) error {
	dir, name := split(path)
	d, err := o.directory(dir)
	if err != nil {
		return err
	}
	if o.dirs[d] == nil {
		o.dirs[d] = map[string]uint64{}
	}
	o.dirs[d][name] = n
	return nil
}

func (o *overlay) resolve(path string) (uint64, error) {
	if path == "" {
		return top, nil
	}
	dir, name := split(path)
	d, err := o.directory(dir)
	if err != nil {
		return 0, err
	}
	return o.entry(d, name)
}

func (o *overlay) directory(path string) (uint64, error) {
	switch path {
	case "":
		return top, nil
	case o.near:
		return o.nearNode, nil
	}
	n := uint64(top)
	for name := range strings.SplitSeq(path, "/") {
		var err error
		if n, err = o.entry(n, name); err != nil {
			return 0, err
		}
	}
	o.near, o.nearNode = path, n
	return n, nil
}

func (o *overlay) entry(dir uint64, name string) (uint64, error) {
	n, changed := o.dirs[dir][name]
	if !changed && dir&made == 0 {
		at, ok, err := o.e.trees[from].entry(o.e.ctx, dir, name)
		if err != nil {
			return 0, err
		}
		if ok && at.Type == btrfs.TypeInodeItem {
			n = at.Object
		}
	}
	if n == 0 && dir == top {
		n = o.orphan(name)
	}
	if n == 0 {
		return 0, fmt.Errorf("no entry %q in directory %d", name, dir&^made)
	}
	return n, nil
}

// orphan takes a name such as o257-7-0, which send gives to what is out of its
// place, by its word: inode and generation. send uses it at times before it has
// told of it (and receive fails there). 0 if it is no such name.
func (o *overlay) orphan(name string) uint64 {
	var ino, gen, n uint64
	if _, err := fmt.Sscanf(name, "o%d-%d-%d", &ino, &gen, &n); err != nil || ino < top || ino > btrfs.LastFree {
		return 0
	}
	i, err := o.e.trees[from].inode(o.e.ctx, ino)
	if err != nil {
		return 0
	}
	if i != nil && i.Generation == gen {
		return ino
	}
	return ino | made
}
