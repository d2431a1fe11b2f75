package diff

import (
	"context"
	"errors"
	"fmt"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/nodes"
)

// An Engine is a way of finding what may differ.
type Engine string

// The engines. They agree, for all of them feed the same classifier; Paths
// differs in that it knows no renames.
const (
	Auto  Engine = ""
	Tree  Engine = "tree"  // both trees, pruned by the generation at which they parted
	Send  Engine = "send"  // the kernel's send without data; both sides read-only
	Paths Engine = "paths" // name by name, for what is not related
)

// Options of a comparison.
type Options struct {
	Engine Engine
	// Progress is called now and then, from the goroutine that called Run.
	Progress func(Progress)

	tune tuning
}

// A tuning is how the work is shared. Tests make all of it small, so that what
// is cut up in large subvolumes is so in theirs.
type tuning struct {
	pieces     uint64 // so many pieces at first, where there are several workers
	pieceWidth uint64 // for fewer inodes there is one worker
	window     int    // bytes of an answer
	workers    int    // 0: by the machine
	nodes      nodeUse
}

// A nodeUse says when the nodes that both sides share are looked for.
type nodeUse int

const (
	needed nodeUse = iota // when generations do not tell
	always
	never
)

var usual = tuning{pieces: 1, pieceWidth: 4096, window: btrfs.ScanBuffer}

// Progress is how far a comparison got.
type Progress struct {
	Engine  Engine
	Inode   uint64 // candidates are gone through in the order of their numbers
	Changes int
}

// A Report is what a comparison found, apart from the changes themselves.
type Report struct {
	From, To Side
	Engine   Engine
	// Related says that one is a snapshot of the other, or both of a third:
	// then an inode is known wherever it moves.
	Related bool
	// Fork is the generation at which they parted, 0 where it is unknown.
	Fork uint64
	// Changing says that a side was written to during the comparison: the
	// changes may be a mixture of before and after.
	Changing bool
	Notes    []string
	Summary  Summary
}

// ErrNotReadOnly is the error of Send for a side that can be written to.
var ErrNotReadOnly = errors.New("not read-only")

// Run compares two subvolumes of a file system, by their ids, and hands each
// change to emit as soon as it is known, in no order that means anything. Memory
// does not grow with the sizes of the subvolumes, and hardly with the number of
// changes. An error of emit ends the comparison; so does the context, also
// while the kernel is at work for it.
//
// What is not yet on disk is written out first (a sync of the file system).
// Needs CAP_SYS_ADMIN, and Send CAP_DAC_READ_SEARCH.
func Run(ctx context.Context, fs *btrfs.FS, fromID, toID uint64, opt Options, emit func(Change) error) (*Report, error) {
	if err := fs.Sync(ctx); err != nil {
		return nil, err
	}
	info, err := fs.Info()
	if err != nil {
		return nil, err
	}
	s := fs.NewScanner(btrfs.PointBuffer)
	a, err := openRoot(ctx, s, fromID)
	if err != nil {
		return nil, err
	}
	b, err := openRoot(ctx, s, toID)
	if err != nil {
		return nil, err
	}
	r := &Report{From: a.Side, To: b.Side, Summary: Summary{Counts: map[Kind]int{}}}
	if fromID == toID {
		r.Related, r.Engine = true, Tree
		r.Notes = append(r.Notes, "both sides are the same subvolume")
		return r, nil
	}
	rel, err := relate(ctx, s, a, b)
	if err != nil {
		return nil, err
	}
	r.Related, r.Fork = rel.related, rel.fork
	e := newEngine(ctx, fs, info, rel, [2]uint64{fromID, toID}, emit)
	if opt.tune != (tuning{}) {
		e.tune = opt.tune
	}
	v, err := r.choose(ctx, e, s, opt.Engine, [2]nodes.Tree{a.tree, b.tree})
	if err != nil {
		return nil, err
	}
	e.only = v.only
	progress := func(ino uint64) {
		if opt.Progress != nil {
			opt.Progress(Progress{Engine: r.Engine, Inode: ino, Changes: e.summary.Total()})
		}
	}
	err = r.find(e, fs, opt.Engine, v.last, progress)
	if err == nil {
		err = e.nest.finish(e)
	}
	r.Summary = e.summary
	if err != nil {
		return r, err
	}
	return r, r.settle(ctx, fs, s, e.unsteady)
}

// find runs the engine. Where send fails before it has told anything, the trees
// are compared instead, unless send was asked for.
func (r *Report) find(e *engine, fs *btrfs.FS, want Engine, last uint64, progress func(uint64)) error {
	if r.Engine == Paths {
		return e.walk(progress)
	}
	if r.Engine == Send {
		set, err := e.candidates(fs)
		if err == nil {
			return e.sent(set, progress)
		}
		if want == Send || e.ctx.Err() != nil {
			return err
		}
		r.Engine, e.only = Tree, nil
		r.Notes = append(r.Notes, fmt.Sprintf("compared by the trees, for the kernel's send could not be used: %v", err))
	}
	return e.scan(last, progress)
}

// settle finds out whether a side changed meanwhile.
func (r *Report) settle(ctx context.Context, fs *btrfs.FS, s *btrfs.Scanner, unsteady bool) error {
	r.Changing = unsteady
	if !r.From.ReadOnly || !r.To.ReadOnly {
		// What is in memory only would not show in the generation.
		if err := fs.Sync(ctx); err != nil {
			return err
		}
	}
	for _, side := range []Side{r.From, r.To} {
		now, err := readRoot(ctx, s, side.ID)
		if err != nil {
			return err
		}
		if now.Generation == side.Generation || r.Changing {
			continue
		}
		if r.Changing, err = written(ctx, fs, side); err != nil {
			return err
		}
	}
	if r.Changing {
		r.Notes = append(r.Notes, "changing: a side was written to during the comparison")
	}
	return nil
}

// written says whether an inode was written since a side was opened. The
// generation of its tree alone does not tell: it also moves where nobody writes,
// when the kernel gets to removing the inodes of deleted files (which it does
// after it has ended a transaction, so even after a sync), or moves nodes for a
// balance. Whatever can be seen from outside, a deletion included, is noted in an
// inode, of the file or of the directory.
func written(ctx context.Context, fs *btrfs.FS, side Side) (bool, error) {
	c := fs.NewScanner(btrfs.ScanBuffer).Scan(ctx, btrfs.Range{
		Tree: side.ID, MinTransid: side.Generation + 1, Types: btrfs.Types(btrfs.TypeInodeItem),
		Min: btrfs.Key{Object: top}, Max: btrfs.Key{Object: btrfs.LastFree, Type: 255, Offset: ^uint64(0)},
	})
	for c.Next() {
		i, err := btrfs.ParseInode(c.Item().Data)
		if err != nil {
			return false, err
		}
		if i.Links > 0 {
			return true, nil
		}
	}
	return false, c.Err()
}
