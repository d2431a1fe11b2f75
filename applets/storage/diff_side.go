package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// A diffPair are two subvolumes of one open file system.
type diffPair struct {
	fs       *btrfs.FS
	subs     *btrfs.Subvolumes
	from, to uint64
	// run compares them: diff.Run here, or the daemon's.
	run func(context.Context, diff.Options, func(diff.Change) error) (*diff.Report, error)
	// there says that it is the daemon's, which gives up on who does not read.
	there bool
}

// A lister finds the subvolumes that sides are named among.
type lister func(context.Context, *btrfs.FS) (*btrfs.Subvolumes, error)

// here lists them in this process.
func here(ctx context.Context, fs *btrfs.FS) (*btrfs.Subvolumes, error) { return fs.Subvolumes(ctx) }

// liveWord is the side that the other one is a snapshot of.
const liveWord = "live"

// A sideName is what the user wrote for a side, taken apart as far as the words
// and paths go: id, or else name.
type sideName struct {
	word string
	fs   *btrfs.FS // nil: where the other side is
	id   uint64    // 0: by name
	name string    // inside the file system
	snap string    // the number of one of its snapshots by snapper
}

// findPair finds the two subvolumes that were named, to compare them in this
// process.
func findPair(ctx context.Context, roots btrfs.Roots, a, b string, list lister) (*diffPair, error) {
	if a == liveWord && b == liveWord {
		return nil, console.Usagef("name a snapshot as the other side", "both sides are %q", liveWord)
	}
	var names [2]sideName
	p := &diffPair{}
	var err error
	for i, word := range []string{a, b} {
		if names[i], err = readSide(ctx, roots, word); err != nil {
			break
		}
	}
	if err == nil {
		p.fs, err = oneFS(ctx, roots, names)
	}
	for _, n := range names {
		if n.fs != nil && n.fs != p.fs {
			n.fs.Close()
		}
	}
	if err != nil {
		return nil, err
	}
	if p.subs, err = list(ctx, p.fs); err == nil {
		err = p.find(names)
	}
	if err != nil {
		p.fs.Close()
		return nil, err
	}
	p.run = func(ctx context.Context, o diff.Options, emit func(diff.Change) error) (*diff.Report, error) {
		return diff.Run(ctx, p.fs, p.from, p.to, o, emit)
	}
	return p, nil
}

// oneFS is the file system that both sides must be on.
func oneFS(ctx context.Context, roots btrfs.Roots, names [2]sideName) (*btrfs.FS, error) {
	a, b := names[0].fs, names[1].fs
	switch {
	case a != nil && b != nil && a.FSID != b.FSID:
		return nil, fmt.Errorf("cannot compare %s with %s: they are on different file systems", names[0].word, names[1].word)
	case a != nil:
		return a, nil
	case b != nil:
		return b, nil
	}
	list, err := btrfs.List(ctx, roots)
	if err != nil {
		return nil, err
	}
	word := names[0].word
	if word == liveWord {
		word = names[1].word
	}
	switch len(list) {
	case 0:
		return nil, fmt.Errorf("cannot find subvolume %s: there is no such path, and no Btrfs file system is mounted", word)
	case 1:
		return list[0].Open(roots)
	}
	return nil, console.Usagef(fmt.Sprintf("say which by a path on it, as /:%s", word), "%q is no path, and could be a subvolume of any of %d file systems", word, len(list))
}

// readSide takes a word apart. A path that exists is a path, whatever else it
// could mean.
func readSide(ctx context.Context, roots btrfs.Roots, word string) (sideName, error) {
	n := sideName{word: word}
	if word == liveWord {
		return n, nil
	}
	fs, id, err := openSide(word, roots)
	if err == nil {
		n.fs, n.id = fs, id
		return n, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return n, err
	}
	rest := word
	if i := strings.LastIndexByte(word, '#'); i >= 0 && isNumber(word[i+1:]) {
		rest, n.snap = word[:i], word[i+1:]
		if fs, id, err := openSide(rest, roots); err == nil {
			n.fs, n.id = fs, id
			return n, nil
		}
	}
	if before, after, ok := strings.Cut(rest, ":"); ok && after != "" {
		if n.fs, err = openFS(ctx, roots, before); err != nil {
			return n, err
		}
		rest = after
	} else if strings.HasPrefix(word, "./") || strings.HasPrefix(word, "../") {
		return n, err
	}
	if isNumber(rest) {
		if n.id, err = strconv.ParseUint(rest, 10, 64); err != nil {
			return n, fmt.Errorf("cannot find subvolume %s: %w", word, errors.Unwrap(err))
		}
		return n, nil
	}
	n.name = "/" + strings.Trim(rest, "/")
	return n, nil
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// openFS opens the file system that a path lies on, or that has a label or UUID.
func openFS(ctx context.Context, roots btrfs.Roots, name string) (*btrfs.FS, error) {
	_, err := mountBelow(name)
	if err == nil {
		v := &viewer{ctx: ctx, roots: roots}
		found, err := v.find(name)
		if err != nil {
			return nil, err
		}
		return found[0].Open(roots)
	}
	list, listErr := btrfs.List(ctx, roots)
	if listErr != nil {
		return nil, errors.Join(err, listErr)
	}
	for _, m := range list {
		if m.FSID.String() == name || m.Label != "" && m.Label == name {
			return m.Open(roots)
		}
	}
	return nil, err
}

// openSide opens a path that is a subvolume. It is opened for reading only when
// it has shown to be one: a FIFO would wait, a device could start something.
func openSide(path string, roots btrfs.Roots) (*btrfs.FS, uint64, error) {
	fail := func(err error) (*btrfs.FS, uint64, error) {
		return nil, 0, fmt.Errorf("cannot compare %s: %w", path, err)
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	defer unix.Close(fd)
	var at unix.Statfs_t
	var st unix.Stat_t
	if err := errors.Join(unix.Fstatfs(fd, &at), unix.Fstat(fd, &st)); err != nil {
		return fail(err)
	}
	if at.Type != unix.BTRFS_SUPER_MAGIC {
		return nil, 0, rpc.Errorf(rpc.NotBtrfs, "cannot compare %s: it is not on a Btrfs file system", path)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Ino != btrfs.FirstFree {
		return nil, 0, &console.Hinted{
			Err:  fmt.Errorf("cannot compare %s: it is no subvolume, but lies in one", path),
			Hint: "Name the subvolumes, and with --filter the part of them; anna storage btrfs tree lists them",
		}
	}
	fs, err := btrfs.Open("/proc/self/fd/"+strconv.Itoa(fd), roots)
	if err != nil {
		return fail(err)
	}
	id, err := fs.SubvolumeOf()
	if err != nil {
		fs.Close()
		return fail(err)
	}
	return fs, id, nil
}

// find turns both names into ids.
func (p *diffPair) find(names [2]sideName) (err error) {
	var ids [2]uint64
	for i, n := range names {
		if n.word == liveWord {
			continue
		}
		if ids[i], err = p.idOf(n); err != nil {
			return err
		}
	}
	for i, n := range names {
		if n.word == liveWord {
			if ids[i], err = p.live(ids[1-i], names[1-i].word); err != nil {
				return err
			}
		}
	}
	p.from, p.to = ids[0], ids[1]
	return nil
}

func (p *diffPair) idOf(n sideName) (uint64, error) {
	var base *btrfs.Subvolume
	if n.id != 0 {
		base = p.subs.Find(n.id)
	} else {
		for i := range p.subs.List {
			if v := &p.subs.List[i]; v.Path == n.name && !v.Deleted {
				base = v
			}
		}
	}
	if base == nil {
		return 0, &console.Hinted{
			Err:  fmt.Errorf("cannot find subvolume %s: there is neither such a path nor such a subvolume", n.word),
			Hint: "anna storage btrfs tree lists what there is",
		}
	}
	if n.snap == "" {
		return base.ID, nil
	}
	return p.snapper(base, n)
}

// snapper finds a snapshot by its number: it lies in NUMBER/snapshot, wherever
// the directory of all of them is, and was made from the subvolume.
func (p *diffPair) snapper(base *btrfs.Subvolume, n sideName) (uint64, error) {
	var found []*btrfs.Subvolume
	for i := range p.subs.List {
		v := &p.subs.List[i]
		if v.Deleted || !strings.HasSuffix(v.Path, "/"+n.snap+"/snapshot") {
			continue
		}
		if v.Path == strings.TrimSuffix(base.Path, "/")+"/.snapshots/"+n.snap+"/snapshot" {
			return v.ID, nil
		}
		if v.ParentUUID == base.UUID && base.UUID != (btrfs.UUID{}) {
			found = append(found, v)
		}
	}
	switch len(found) {
	case 0:
		return 0, fmt.Errorf("cannot find snapshot %s of %s: no subvolume of it is called %s/snapshot", n.snap, quote(base.Path), n.snap)
	case 1:
		return found[0].ID, nil
	}
	return 0, fmt.Errorf("cannot find snapshot %s of %s: %d are called so; name it by its path or id (%d, %d)", n.snap, quote(base.Path), len(found), found[0].ID, found[1].ID)
}

// live follows what a snapshot was made from, up to what can be written.
func (p *diffPair) live(id uint64, word string) (uint64, error) {
	byUUID := map[btrfs.UUID]*btrfs.Subvolume{}
	for i := range p.subs.List {
		if v := &p.subs.List[i]; !v.Deleted && v.UUID != (btrfs.UUID{}) {
			byUUID[v.UUID] = v
		}
	}
	v := p.subs.Find(id)
	seen := map[uint64]bool{}
	for v != nil && !seen[v.ID] {
		seen[v.ID] = true
		if !v.Snapshot() {
			break
		}
		if v = byUUID[v.ParentUUID]; v != nil && !v.ReadOnly {
			return v.ID, nil
		}
	}
	return 0, fmt.Errorf("cannot tell what is live of %s: it is a snapshot of no writable subvolume that is still there", word)
}
