package btrfs

import (
	"context"
	"iter"
	"sort"
	"strings"
	"time"
)

// A SubvolumeScan is every subvolume of a file system as of one moment, kept so
// that ten thousand take about two megabytes: for those who look at one after
// the other and keep none. It serves one goroutine.
type SubvolumeScan struct {
	// Default is the id of the default subvolume, 0 when unknown.
	Default uint64
	// Walked says that the open ioctls were used: only what the caller can
	// reach is here.
	Walked bool
	Calls  int // searches, or ioctls of the walk
	// Missing is complete once All was gone through.
	Missing []Missing

	pages   [][]rootRecord
	count   int
	names   []byte
	dirs    []wantedDir
	lastDir int               // where the last one was found
	above   map[uint64]string // paths of those that hold others
	walked  []Subvolume
	reach   *reacher
}

// A rootRecord is a subvolume without pointers, which the garbage collector
// need not look through. Its name lies in SubvolumeScan.names.
type rootRecord struct {
	id, parent, dir                        uint64
	generation, bytes                      uint64
	ctransid, otransid, stransid, rtransid uint64
	created, changed, sent, received       stamp
	uuid, parentUUID, receivedUUID         UUID
	nameAt                                 uint32
	nameLen                                uint16
	readOnly, deleted                      bool
}

// A stamp is a time without the pointer to its zone; zero is unknown.
type stamp struct {
	sec  int64
	nsec uint32
}

func stampOf(t time.Time) stamp {
	if t.IsZero() {
		return stamp{}
	}
	return stamp{t.Unix(), uint32(t.Nanosecond())}
}

func (s stamp) time() time.Time {
	if s == (stamp{}) {
		return time.Time{}
	}
	return time.Unix(s.sec, int64(s.nsec))
}

// pageRecords is how many records are allocated at once: growing one list
// would hold two of them for a moment.
const pageRecords = 256

func (l *SubvolumeScan) at(i int) *rootRecord { return &l.pages[i/pageRecords][i%pageRecords] }

func (l *SubvolumeScan) last() *rootRecord { return l.at(l.count - 1) }

func (l *SubvolumeScan) add(r rootRecord) {
	if l.count%pageRecords == 0 {
		l.pages = append(l.pages, make([]rootRecord, 0, pageRecords))
	}
	page := &l.pages[len(l.pages)-1]
	*page = append(*page, r)
	l.count++
}

// find is the index of a subvolume, -1 if it is not there. Scans go by id.
func (l *SubvolumeScan) find(id uint64) int {
	i := sort.Search(l.count, func(i int) bool { return l.at(i).id >= id })
	if i == l.count || l.at(i).id != id {
		return -1
	}
	return i
}

func (l *SubvolumeScan) rawName(r *rootRecord) []byte {
	return l.names[r.nameAt : int(r.nameAt)+int(r.nameLen)]
}

// Len is how many subvolumes there are, those pending deletion included.
func (l *SubvolumeScan) Len() int { return l.count + len(l.walked) }

// All goes through the subvolumes by id. What it yields is overwritten by the
// next; slices and texts of it stay as they are.
func (l *SubvolumeScan) All() iter.Seq[*Subvolume] {
	return func(yield func(*Subvolume) bool) {
		for i := range l.walked {
			v := l.walked[i]
			l.reach.fill(&v)
			if !yield(&v) {
				return
			}
		}
		var v Subvolume
		for i := range l.count {
			l.describe(i, &v)
			l.reach.fill(&v)
			if !yield(&v) {
				return
			}
		}
	}
}

func (l *SubvolumeScan) describe(i int, v *Subvolume) {
	r, name := l.at(i), v.Name
	if string(l.rawName(r)) != name { // thousands are called "snapshot"
		name = string(l.rawName(r))
	}
	*v = Subvolume{
		ID: r.id, Parent: r.parent, Dir: r.dir, Name: name, Path: l.path(r, 0),
		ReadOnly: r.readOnly, Default: l.Default == r.id, Deleted: r.deleted,
		UUID: r.uuid, ParentUUID: r.parentUUID, ReceivedUUID: r.receivedUUID,
		Generation: r.generation, OTransid: r.otransid, CTransid: r.ctransid, STransid: r.stransid, RTransid: r.rtransid,
		Created: r.created.time(), Changed: r.changed.time(), Sent: r.sent.time(), Received: r.received.time(), TreeBytes: r.bytes,
	}
}

// maxPath bounds paths inside the file system. PATH_MAX does not: subvolumes
// can be nested and moved beyond it.
const maxPath = 64 << 10

// path makes a path of names, parents first; "" when a part is unknown, or when
// a damaged tree hangs it below itself.
func (l *SubvolumeScan) path(r *rootRecord, depth int) string {
	if r.id == TreeTop {
		return "/"
	}
	if r.parent == 0 || depth > l.count {
		return ""
	}
	dir := ""
	if r.dir != FirstFree {
		w := l.wanted(r.parent, r.dir)
		if w == nil || !w.known {
			return ""
		}
		dir = w.path
	}
	parent, known := l.above[r.parent]
	if !known {
		l.above[r.parent] = "" // which ends a ring
		if p := l.find(r.parent); p >= 0 {
			parent = l.path(l.at(p), depth+1)
			l.above[r.parent] = parent
		}
	}
	if parent == "" {
		return ""
	}
	path := strings.TrimSuffix(parent, "/") + "/" + dir + string(l.rawName(r))
	if len(path) > maxPath {
		addMissing(&l.Missing, Missing{What: "paths of very deep subvolumes", Why: "longer than 64 KiB"})
		return ""
	}
	return path
}

// ScanSubvolumes reads what Subvolumes does, for looking at one after the other.
func (fs *FS) ScanSubvolumes(ctx context.Context) (*SubvolumeScan, error) {
	l, err := fs.searchSubvolumes(ctx)
	if err != nil && l.count == 0 {
		why := missing("subvolumes outside what the caller can reach, pending deletions, default subvolume", err)
		if l, err = fs.walkSubvolumes(ctx); err != nil {
			return nil, err
		}
		addMissing(&l.Missing, why)
	} else if err != nil {
		addMissing(&l.Missing, missing("subvolumes after the last in the list", err))
	}
	mounts, dev, err := fs.mounts()
	if err != nil {
		addMissing(&l.Missing, missing("mounts and reachable paths", err))
	}
	l.reach = newReacher(dev, mounts)
	return l, nil
}
