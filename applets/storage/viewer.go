package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Who looked.
const (
	byClient = "client"
	byDaemon = "daemon"
)

// A viewer is the client half's eyes: it looks by itself, and asks the daemon
// for what only that can see.
type viewer struct {
	ctx   context.Context
	roots btrfs.Roots
	// call reaches the daemon without a second try, stream a method with items;
	// nil for none.
	call   func(method string, params, result any) error
	stream func(method string, params, result any, each func(json.RawMessage) error) error
	// privileged: this process sees all that a daemon could see.
	privileged bool

	asked  bool
	daemon *List // nil: none that answers
}

// find lists the mounted file systems, or the one that holds path.
func (v *viewer) find(path string) ([]btrfs.Mounted, error) {
	if path == "" {
		list, err := btrfs.List(v.ctx, v.roots)
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("cannot find file systems: %w", err)
		}
		return list, err
	}
	id, err := mountBelow(path)
	if err != nil {
		return nil, err
	}
	list, err := btrfs.List(v.ctx, v.roots)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		if slices.ContainsFunc(m.Mounts, func(m btrfs.Mount) bool { return uint64(m.ID) == id }) {
			return []btrfs.Mounted{m}, nil
		}
	}
	// Before Linux 5.8 the kernel does not name the mount, and a mount that was
	// detached is in no list: the path itself must do.
	fs, err := btrfs.Open(path, v.roots)
	if err != nil {
		return nil, err
	}
	defer fs.Close()
	for _, m := range list {
		if m.FSID == fs.FSID {
			return []btrfs.Mounted{m}, nil
		}
	}
	return nil, fmt.Errorf("cannot look at %s: %w", path, errGone)
}

// mountBelow finds the mount that a path lies on. The path is not opened for
// reading: that could wait for ever at a FIFO, or start what a device node
// controls, and needs a permission that is not needed here.
func mountBelow(path string) (uint64, error) {
	fail := func(err error) (uint64, error) { return 0, fmt.Errorf("cannot look at %s: %w", path, err) }
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return fail(err)
	}
	if st.Type != unix.BTRFS_SUPER_MAGIC {
		return 0, rpc.Errorf(rpc.NotBtrfs, "cannot look at %s: it is not on a Btrfs file system", path)
	}
	var x unix.Statx_t
	if err := unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &x); err != nil {
		return fail(err)
	}
	if x.Mask&unix.STATX_MNT_ID == 0 {
		return 0, nil
	}
	return x.Mnt_id, nil
}

// helper returns whether the daemon sees more of the file system than we do.
func (v *viewer) helper(uuid string) bool {
	if v.privileged || v.call == nil {
		return false
	}
	if !v.asked {
		v.asked = true
		var list List
		if v.call(methodList, nil, &list) == nil {
			v.daemon = &list
		}
	}
	return v.daemon != nil && v.daemon.Privileged &&
		slices.ContainsFunc(v.daemon.Filesystems, func(l Listed) bool { return l.UUID == uuid && uuid != "" })
}

// show looks at one file system as a whole.
func (v *viewer) show(m btrfs.Mounted, all []btrfs.Mount) Filesystem {
	f := Filesystem{UUID: m.FSID.String(), Label: m.Label, SeenBy: byClient, Level: health.Unknown, Problems: []Problem{}}
	fs, err := m.Open(v.roots)
	if err == nil {
		f = lookAt(v.ctx, fs)
		g := gaps(f.Missing)
		f.Balance = v.advice(fs, &g)
		f.Missing = g.list()
		fs.Close()
	} else {
		var g gaps
		g.add(m.Missing...)
		g.fail("everything but mounts", err)
		f.Missing = g.list()
		f.Level, f.Problems = unanswered(err)
	}
	if v.helper(f.UUID) {
		f = v.helped(f)
	}
	f.Mounts, f.Compression = mountsOf(m.Mounts, all), compressionOf(m.Mounts)
	addAdvice(&f.Level, &f.Problems, f.Balance)
	f.addScrub(v.scrubs(m))
	place(f.Problems, f.Mounts)
	placeAdvice(f.Balance, f.Mounts)
	if f.Devices == nil {
		f.Devices = []Device{}
	}
	return f
}

// unanswered judges a file system that cannot be opened: one that the caller may
// not open is unknown, one whose disk does not answer is in trouble.
func unanswered(err error) (health.Level, []Problem) {
	if btrfs.NeedOf(err) != btrfs.NeedDevice {
		return health.Unknown, []Problem{}
	}
	return health.Critical, []Problem{{
		ID: "no_answer", Level: health.Critical, Text: "it does not answer: " + strings.ReplaceAll(err.Error(), "\n", "; "),
		Fix: "See the cause: sudo journalctl -k -g BTRFS -n 50; check cable and disk",
	}}
}

// helped replaces what we saw by what the daemon sees, apart from paths.
func (v *viewer) helped(own Filesystem) Filesystem {
	var f Filesystem
	if err := v.call(methodGet, Params{UUID: own.UUID}, &f); err != nil {
		g := gaps(own.Missing)
		g.fail("what the daemon sees", err)
		own.Missing = g.list()
		return own
	}
	if f.Default != nil && own.Default != nil && own.Default.ID == f.Default.ID {
		f.Default.Path = own.Default.Path
	}
	if f.Default != nil && f.Default.ID == btrfs.TreeTop {
		f.Default.Path = "/"
	}
	return f
}

// usage looks at the space of one file system.
func (v *viewer) usage(m btrfs.Mounted) Usage {
	u := Usage{UUID: m.FSID.String(), Label: m.Label, SeenBy: byClient, Level: health.Unknown, Problems: []Problem{}, Devices: []Device{}}
	fs, err := m.Open(v.roots)
	if err == nil {
		// Block groups are read as of the last commit: make that now.
		syncErr := fs.Sync(v.ctx)
		u = lookAtUsage(v.ctx, fs)
		g := gaps(u.Missing)
		u.Balance = v.advice(fs, &g)
		u.Missing = g.list()
		fs.Close()
		if syncErr != nil && u.BlockGroups != nil {
			g := gaps(u.Missing)
			g.fail("block groups since the last commit", syncErr)
			u.Missing = g.list()
		}
	}
	g := gaps(u.Missing)
	if err != nil {
		g.add(m.Missing...)
		g.fail("space", err)
		u.Level, u.Problems = unanswered(err)
	}
	u.Missing = g.list()
	if v.helper(u.UUID) {
		var seen Usage
		if err := v.call(methodSpace, Params{UUID: u.UUID}, &seen); err == nil {
			u = seen
		} else {
			g.fail("what the daemon sees", err)
			u.Missing = g.list()
		}
	}
	addAdvice(&u.Level, &u.Problems, u.Balance)
	place(u.Problems, mountsOf(m.Mounts, nil))
	placeAdvice(u.Balance, mountsOf(m.Mounts, nil))
	u.Trend = v.trend(u.UUID)
	return u
}

// trend asks whichever daemon there is: it alone has a history.
func (v *viewer) trend(uuid string) *Trend {
	t := &Trend{Lines: []TrendLine{}}
	if v.call == nil {
		t.Why = "no history yet: no daemon keeps one"
		return t
	}
	if err := v.call(methodTrend, Params{UUID: uuid}, t); err != nil {
		t.Why = "the daemon keeps the history, and cannot be asked: " + err.Error()
	}
	return t
}

// A listing is every subvolume of one file system that the caller may know of,
// by id.
type listing struct {
	nodes    []Node
	complete bool
	seenBy   string
	missing  []Missing
}

// subvolumes lists with the eyes that see most.
func (v *viewer) subvolumes(m btrfs.Mounted) (listing, error) {
	own := listing{seenBy: byClient}
	fs, err := m.Open(v.roots)
	if err == nil {
		var look *subvolumeLook
		if look, err = lookAtSubvolumes(v.ctx, fs); err == nil {
			own.complete = !look.scan.Walked
			own.nodes = look.all()
			own.missing = look.missing()
		}
		fs.Close()
	}
	if err == nil && own.complete || !v.helper(m.FSID.String()) {
		return own, err
	}
	told, callErr := v.told(m.FSID.String())
	if callErr != nil {
		if err != nil {
			return own, errors.Join(err, callErr)
		}
		g := gaps(own.missing)
		var refused *rpc.Error
		if errors.As(callErr, &refused) && refused.Code == rpc.NotAuthorized {
			g.say("what the daemon could list", "it is for root and members of [access] control_group", "")
		} else {
			g.fail("what the daemon sees", callErr)
		}
		own.missing = g.list()
		return own, nil
	}
	// Which paths lead there is for the caller's own mounts to say.
	seen := make(map[uint64]*Node, len(own.nodes))
	for i := range own.nodes {
		seen[own.nodes[i].ID] = &own.nodes[i]
	}
	for i := range told.nodes {
		n := &told.nodes[i]
		if o := seen[n.ID]; o != nil && n.State != string(btrfs.Pending) {
			n.reachedAs(o)
		}
	}
	return told, nil
}

// told reads the daemon's list. One that breaks off is none.
func (v *viewer) told(uuid string) (listing, error) {
	all := listing{complete: true, seenBy: byDaemon}
	var end SubvolumesEnd
	err := v.stream(methodSubvolumes, Params{UUID: uuid}, &end, func(raw json.RawMessage) error {
		var item SubvolumesItem
		if err := json.Unmarshal(raw, &item); err != nil {
			return rpc.Errorf(rpc.InvalidResponse, "cannot read an item of %s: %w", methodSubvolumes, err)
		}
		for i := range item.Subvolumes {
			item.Subvolumes[i].restored()
		}
		all.nodes = append(all.nodes, item.Subvolumes...)
		return nil
	})
	if err != nil {
		return listing{}, err
	}
	if end.Count != len(all.nodes) {
		return listing{}, rpc.Errorf(rpc.InvalidResponse, "cannot read the answer to %s: %d of %d subvolumes came", methodSubvolumes, len(all.nodes), end.Count)
	}
	all.missing = end.Missing
	return all, nil
}

// tree reads and nests the subvolumes of one file system. With an error it
// still names the file system, and what is missing.
func (v *viewer) tree(m btrfs.Mounted, o treeOptions) (Tree, error) {
	list, err := v.subvolumes(m)
	g := gaps(list.missing)
	if err != nil {
		g.add(m.Missing...)
		g.fail("subvolumes", err)
	}
	t := Tree{
		UUID: m.FSID.String(), Label: m.Label, Lineage: o.lineage, SeenBy: list.seenBy,
		Counts: countNodes(list.nodes, list.complete),
	}
	t.Roots, t.Pending = buildTree(list.nodes, o)
	t.Missing = g.list()
	return t, err
}
