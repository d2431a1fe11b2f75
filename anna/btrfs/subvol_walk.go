package btrfs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// walk lists subvolumes by the ioctls of Linux 4.18 that everybody may use:
// GET_SUBVOL_INFO on an open subvolume, GET_SUBVOL_ROOTREF for what hangs in
// it, INO_LOOKUP_USER for the name and the way there.
type walk struct {
	list   *SubvolumeScan
	seen   map[uint64]bool // with attributes
	named  map[uint64]Subvolume
	failed map[uint64]error // why a subvolume could not be entered, so far
	broken error            // the first reason why a list of those below one ended early
	arg    []byte           // used again for every call
}

// walkSubvolumes starts at every mount of the file system that can be opened,
// the one that is open already first.
func (fs *FS) walkSubvolumes(ctx context.Context) (*SubvolumeScan, error) {
	if fs.file == nil {
		return nil, fmt.Errorf("cannot list subvolumes of %s: no open file to walk from", fs.Path)
	}
	w := &walk{
		list: &SubvolumeScan{Walked: true}, seen: map[uint64]bool{}, named: map[uint64]Subvolume{}, failed: map[uint64]error{},
		arg: make([]byte, lenRootRefs),
	}
	mounts, dev, err := fs.mounts()
	if err != nil {
		addMissing(&w.list.Missing, missing("mounts", err))
	}
	var first error
	for _, m := range mounts {
		if m.Dev != dev || m.Type != "btrfs" || m.HiddenBy != 0 || strings.HasSuffix(m.Root, "//deleted") {
			continue
		}
		f, err := open(m.Point)
		if err != nil {
			addMissing(&w.list.Missing, missing("subvolumes below mount "+m.Point, err))
			continue
		}
		if err = isMount(f, m.ID); err == nil {
			err = w.start(ctx, f, m)
		}
		f.Close()
		first = cmpErr(first, err)
	}
	if len(w.list.walked) == 0 {
		// No mount helped: what is open does, though its path is unknown.
		err := w.start(ctx, fs.file, Mount{})
		first = cmpErr(first, err)
	}
	if len(w.list.walked) == 0 {
		return nil, fmt.Errorf("cannot list subvolumes of %s: %w", fs.Path, first)
	}
	if err := cmpErr(first, w.broken); err != nil {
		addMissing(&w.list.Missing, missing("some subvolumes", err))
	}
	w.finish()
	return w.list, nil
}

func cmpErr(first, err error) error {
	if first != nil {
		return first
	}
	return err
}

// start takes the subvolume that a mount shows, then what hangs below.
func (w *walk) start(ctx context.Context, f *os.File, m Mount) error {
	v, err := subvolInfo(file{f})
	w.list.Calls++
	if err != nil {
		return err
	}
	// The mount's root may lie deeper than the subvolume's own.
	for _, o := range m.Super {
		if path, ok := strings.CutPrefix(o, "subvol="); ok && under(m.Root, path) {
			v.Path = path
		}
	}
	w.add(v)
	return w.children(ctx, f, v.ID, m.Root)
}

func (w *walk) add(v Subvolume) {
	if !w.seen[v.ID] {
		w.seen[v.ID] = true
		w.list.walked = append(w.list.walked, v)
	}
}

// children walks what hangs in the subvolume that f lies in, below f. dir is
// the path of f inside the file system, "" when unknown.
func (w *walk) children(ctx context.Context, f *os.File, id uint64, dir string) error {
	refs, err := rootRefs(ctx, file{f}, w.arg)
	w.list.Calls++
	if err != nil {
		return err
	}
	for _, r := range refs {
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.seen[r.tree] {
			continue
		}
		child := Subvolume{ID: r.tree, Parent: id, Dir: r.dir}
		name, way, err := lookupUser(file{f}, r, w.arg)
		w.list.Calls++
		if err == nil {
			child.Name = name
			if dir != "" {
				child.Path = joinPath(dir, way+name)
			}
			w.named[child.ID] = child
			err = w.enter(ctx, f, way+name, child)
		}
		if err != nil {
			w.failed[child.ID] = err
			if _, ok := w.named[child.ID]; !ok {
				w.named[child.ID] = child
			}
		}
	}
	return nil
}

// enter opens a child, makes sure that it is the one that was meant (another
// mount may lie on it) and goes on below it.
func (w *walk) enter(ctx context.Context, f *os.File, way string, child Subvolume) error {
	sub, err := openAt(int(f.Fd()), way, unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err != nil {
		return err
	}
	defer sub.Close()
	if err := checkMagic(sub); err != nil {
		return fmt.Errorf("cannot open %s: another mount hides it", way)
	}
	v, err := subvolInfo(file{sub})
	w.list.Calls++
	if err != nil {
		return err
	}
	if v.ID != child.ID {
		return fmt.Errorf("cannot open %s: another mount hides it", way)
	}
	v.Path = child.Path
	w.add(v)
	w.broken = cmpErr(w.broken, w.children(ctx, sub, v.ID, child.Path))
	return nil
}

// finish adds those of which only the name or the number is known, and says why
// it is no more. What one mount hid another may have shown.
func (w *walk) finish() {
	counts, causes := map[string]int{}, map[string]error{}
	for id, v := range w.named {
		if w.seen[id] {
			continue
		}
		w.add(v)
		cause := w.failed[id]
		for u := errors.Unwrap(cause); u != nil; u = errors.Unwrap(cause) {
			cause = u
		}
		counts[cause.Error()]++
		causes[cause.Error()] = cause
	}
	for why, n := range counts {
		what := fmt.Sprintf("attributes of %d subvolumes, and what lies below them", n)
		if n == 1 {
			what = "attributes of 1 subvolume, and what lies below it"
		}
		addMissing(&w.list.Missing, missing(what, causes[why]))
	}
	slices.SortFunc(w.list.walked, func(a, b Subvolume) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(w.list.Missing, func(a, b Missing) int { return strings.Compare(a.What, b.What) })
}

// subvolInfo is GET_SUBVOL_INFO (struct btrfs_ioctl_get_subvol_info_args).
func subvolInfo(k Kernel) (Subvolume, error) {
	var a [lenSubvolInfo]byte
	if err := k.Ioctl(iocSubvolInfo, a[:]); err != nil {
		return Subvolume{}, fmt.Errorf("cannot read subvolume: %w", err)
	}
	v := Subvolume{
		ID: ne.Uint64(a[0:]), Name: unix.ByteSliceToString(a[8:264]), Parent: ne.Uint64(a[264:]), Dir: ne.Uint64(a[272:]),
		Generation: ne.Uint64(a[280:]), ReadOnly: ne.Uint64(a[288:])&rootReadOnly != 0,
		UUID: uuidAt(a[296:312]), ParentUUID: uuidAt(a[312:328]), ReceivedUUID: uuidAt(a[328:344]),
		CTransid: ne.Uint64(a[344:]), OTransid: ne.Uint64(a[352:]), STransid: ne.Uint64(a[360:]), RTransid: ne.Uint64(a[368:]),
		Changed: cpuTime(a[376:]), Created: cpuTime(a[392:]), Sent: cpuTime(a[408:]), Received: cpuTime(a[424:]),
	}
	if v.ID == TreeTop {
		v.Path = "/"
	}
	return v, nil
}

// cpuTime decodes struct btrfs_ioctl_timespec.
func cpuTime(b []byte) time.Time {
	sec, nsec := int64(ne.Uint64(b)), int64(ne.Uint32(b[8:]))
	if sec == 0 && nsec == 0 {
		return time.Time{}
	}
	return time.Unix(sec, nsec)
}

type rootRef struct{ tree, dir uint64 }

// rootRefs is GET_SUBVOL_ROOTREF (struct btrfs_ioctl_get_subvol_rootref_args),
// which gives 255 at a time and EOVERFLOW while there are more.
func rootRefs(ctx context.Context, k Kernel, a []byte) ([]rootRef, error) {
	var refs []rootRef
	for next := uint64(0); ; {
		if err := ctx.Err(); err != nil {
			return refs, err
		}
		clear(a)
		ne.PutUint64(a[0:], next)
		err := k.Ioctl(iocSubvolRootRef, a)
		if err != nil && !errors.Is(err, unix.EOVERFLOW) {
			return refs, fmt.Errorf("cannot read subvolumes below: %w", err)
		}
		n := int(a[4088])
		for i := range min(n, (4088-8)/16) {
			refs = append(refs, rootRef{ne.Uint64(a[8+16*i:]), ne.Uint64(a[16+16*i:])})
		}
		if err == nil || n == 0 {
			return refs, nil
		}
		last := refs[len(refs)-1].tree
		if last < next || last == math.MaxUint64 { // no kernel goes back, and none so far
			return refs, fmt.Errorf("cannot read subvolumes below: damaged answer: %d after %d", last, next)
		}
		next = last + 1
	}
}

// lookupUser is INO_LOOKUP_USER (struct btrfs_ioctl_ino_lookup_user_args): the
// subvolume's name and the way from f to its directory, with trailing slash.
func lookupUser(k Kernel, r rootRef, a []byte) (name, way string, err error) {
	clear(a)
	ne.PutUint64(a[0:], r.dir)
	ne.PutUint64(a[8:], r.tree)
	if err := k.Ioctl(iocInoLookupUser, a); err != nil {
		return "", "", fmt.Errorf("cannot find the name of subvolume %d: %w", r.tree, err)
	}
	return unix.ByteSliceToString(a[16:272]), unix.ByteSliceToString(a[272:]), nil
}
