package metrics

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Mount is a local file system and how full it is. Sizes are bytes.
type Mount struct {
	Point  string
	FSType string
	Source string

	Size      Figure[uint64]
	Used      Figure[uint64]
	Available Figure[uint64] // to ordinary users; less than Size - Used where some is reserved

	Inodes     Figure[uint64] // unknown where there is no fixed number (Btrfs)
	InodesFree Figure[uint64]
}

// UsedShare returns how full the file system is for ordinary users, 0 to 1, as
// df(1) counts: used / (used + available).
func (m Mount) UsedShare() Figure[float64] {
	if !m.Used.Known || !m.Available.Known {
		return Unknown[float64](m.Used.Why())
	}
	all := float64(m.Used.Value) + float64(m.Available.Value)
	if all == 0 {
		return Unknown[float64]("it has no size")
	}
	return Known(float64(m.Used.Value) / all)
}

// filling are the file systems of local disks and memory that can fill up. All
// others are left alone: remote ones can block for ever, images are full by
// nature, and an automount point would be triggered.
var filling = []string{
	"bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfsplus", "jfs", "msdos", "nilfs2",
	"ntfs3", "ocfs2", "overlay", "reiserfs", "tmpfs", "ubifs", "udf", "vfat", "xfs", "zfs",
}

// statfsBound is how long all mounts together may take to answer.
const statfsBound = 2 * time.Second

type statfsFunc func(path string, st *syscall.Statfs_t) error

// filler asks for the fill of mounts without ever waiting for a dead one: each
// question runs by itself, and a mount that did not answer is not asked again
// before it does.
type filler struct {
	prefix string
	statfs statfsFunc
	bound  time.Duration

	sampling sync.Mutex

	mu      sync.Mutex
	hanging map[string]bool // mount points with a question out
}

func newFiller(prefix string) *filler {
	return &filler{
		prefix: prefix, statfs: syscall.Statfs, bound: statfsBound,
		hanging: map[string]bool{},
	}
}

func (f *filler) sample(mountinfo string) (Figure[[]Mount], int) {
	f.sampling.Lock()
	defer f.sampling.Unlock()
	lines, err := readMounts(mountinfo)
	if err != nil {
		return unknownErr[[]Mount]("/proc/self/mountinfo", err), 0
	}
	list := distinct(lines)
	left := max(0, len(list)-maxMounts)
	list = list[:len(list)-left]
	f.ask(list)
	return Known(list), left
}

// distinct returns the mounts that can fill up, one for each device: the one
// that shows the most of it, else the first. What was mounted over is hidden.
func distinct(lines []mountLine) []Mount {
	top := map[string]int{}
	for i, l := range lines {
		top[l.point] = i
	}
	at := map[string]int{} // device to index in list
	var list []Mount
	var roots []string
	for i, l := range lines {
		if top[l.point] != i || !slices.Contains(filling, l.fsType) {
			continue
		}
		m := Mount{Point: l.point, FSType: l.fsType, Source: l.source}
		j, seen := at[l.device]
		switch {
		case !seen:
			at[l.device] = len(list)
			list, roots = append(list, m), append(roots, l.root)
		case len(l.root) < len(roots[j]):
			list[j], roots[j] = m, l.root
		}
	}
	slices.SortFunc(list, func(a, b Mount) int { return strings.Compare(a.Point, b.Point) })
	return list
}

type fillAnswer struct {
	index int
	st    syscall.Statfs_t
	err   error
}

func (f *filler) ask(list []Mount) {
	answers := make(chan fillAnswer, len(list)) // a late answer finds room
	asked := 0
	for i := range list {
		list[i].unknown("the file system does not answer")
		if f.begin(list[i].Point) {
			asked++
			go f.one(i, list[i].Point, answers)
		}
	}
	bound := time.NewTimer(f.bound)
	defer bound.Stop()
	for range asked {
		select {
		case a := <-answers:
			list[a.index].take(a)
		case <-bound.C:
			return
		}
	}
}

func (f *filler) begin(point string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hanging[point] {
		return false
	}
	f.hanging[point] = true
	return true
}

func (f *filler) one(i int, point string, answers chan<- fillAnswer) {
	a := fillAnswer{index: i}
	a.err = f.statfs(filepath.Join(f.prefix, point), &a.st)
	for errors.Is(a.err, syscall.EINTR) {
		a.err = f.statfs(filepath.Join(f.prefix, point), &a.st)
	}
	f.mu.Lock()
	delete(f.hanging, point)
	f.mu.Unlock()
	answers <- a
}

func (m *Mount) unknown(why string) {
	u := Unknown[uint64](why)
	m.Size, m.Used, m.Available, m.Inodes, m.InodesFree = u, u, u, u, u
}

func (m *Mount) take(a fillAnswer) {
	if a.err != nil {
		m.unknown("cannot ask how full it is: " + a.err.Error())
		return
	}
	block := uint64(max(a.st.Frsize, 0)) // what the counts are in, statvfs(3)
	if block == 0 {
		block = uint64(max(a.st.Bsize, 0))
	}
	m.Size = Known(a.st.Blocks * block)
	m.Used = Known((a.st.Blocks - min(a.st.Bfree, a.st.Blocks)) * block)
	m.Available = Known(a.st.Bavail * block)
	if a.st.Files == 0 {
		m.Inodes = Unknown[uint64](m.FSType + " has no fixed number of inodes")
		m.InodesFree = m.Inodes
		return
	}
	m.Inodes, m.InodesFree = Known(a.st.Files), Known(a.st.Ffree)
}
