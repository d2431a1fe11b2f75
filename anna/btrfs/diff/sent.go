package diff

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// inodes is a set of inode numbers, which lie close together.
type inodes map[uint64]uint64

func (s inodes) add(ino uint64)      { s[ino>>6] |= 1 << (ino & 63) }
func (s inodes) has(ino uint64) bool { return s[ino>>6]&(1<<(ino&63)) != 0 }

// sorted is the numbers of some words of the set, in order.
func (s inodes) sorted(words []uint64) (list []uint64) {
	for _, k := range words {
		for bit := range uint64(64) {
			if s[k]>>bit&1 != 0 {
				list = append(list, k<<6|bit)
			}
		}
	}
	return list
}

// sentWords is how many words of the set make a piece of the work.
const sentWords = 64

// sent brings up every inode that the kernel's send touches on its way from one
// side to the other.
func (e *engine) sent(set inodes, progress func(ino uint64)) error {
	e.owned = func(_ which, ino uint64, _ *btrfs.Inode) bool { return set.has(ino) }
	e.brought = func(x entry) bool { return set.has(x.at.Object) }
	words := slices.Sorted(maps.Keys(set))
	n := (len(words) + sentWords - 1) / sentWords
	return e.spread(uint64(max(n, 1)-1), uint64(n), n < 2, func(w *engine, p *piece) (ino uint64, err error) {
		for i := p.low; i <= p.high && err == nil && n > 0; i++ {
			first := int(i) * sentWords
			inos := set.sorted(words[first:min(first+sentWords, len(words))])
			ino, err = inos[len(inos)-1], w.classifyAll(inos)
		}
		return ino, err
	}, progress)
}

// classifyAll classifies candidates, in the order of their numbers.
func (e *engine) classifyAll(inos []uint64) error {
	end := 0
	for i, ino := range inos {
		for end = max(end, i); end+1 < len(inos) && inos[end+1]-inos[end] <= runGap && inos[end+1]-ino < runMost; {
			end++
		}
		if err := e.classify(ino, inos[end]); err != nil {
			return err
		}
	}
	return nil
}

// candidates runs send and follows its stream. send skips what both trees share
// by its address, whatever generation it is of, and mentions every inode whose
// item differs.
func (e *engine) candidates(fs *btrfs.FS) (inodes, error) {
	dir, err := fs.OpenSubvolume(e.trees[to].id)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	r, w, err := pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make pipe: %w", err)
	}
	defer r.Close()
	done := make(chan error, 1)
	go func() { // send blocks its thread until all is read
		err := btrfs.SendChanges(dir, e.trees[from].id, w)
		w.Close()
		done <- err
	}()
	stop := context.AfterFunc(e.ctx, func() { r.Close() })
	o := overlay{e: e, set: inodes{}, dirs: map[uint64]map[string]uint64{}}
	err = o.follow(btrfs.NewSendReader(r))
	if err != nil {
		r.Close() // or send would wait for a reader
	}
	sending := <-done
	stop()
	switch {
	case e.ctx.Err() != nil:
		return nil, e.ctx.Err()
	case sending != nil && !errors.Is(sending, unix.EPIPE):
		return nil, sending
	}
	return o.set, err
}

// pipe makes a pipe whose reader can be closed while it waits, and whose writer
// blocks as the kernel's send wants it.
func pipe() (r, w *os.File, err error) {
	var fd [2]int
	if err := unix.Pipe2(fd[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, err
	}
	_ = unix.SetNonblock(fd[0], true)
	_, _ = unix.FcntlInt(uintptr(fd[1]), unix.F_SETPIPE_SZ, 1<<20) // fewer changes of thread
	return os.NewFile(uintptr(fd[0]), "send stream"), os.NewFile(uintptr(fd[1]), "send stream"), nil
}
