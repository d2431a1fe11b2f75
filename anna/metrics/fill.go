package metrics

import (
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// statfsBound is how long a mount may take to answer.
const statfsBound = 2 * time.Second

// yields is how often the processor is given up to who asks, well below a
// millisecond in all: enough where no mount has to wait for a disk.
const yields = 2000

type statfsFunc func(path string, st *syscall.Statfs_t) error

// filler asks for the fill of mounts without waiting for a dead one for long:
// one goroutine asks them all, one after the other, for each that wakes costs
// more than the question. When it hangs another goes on behind the mount that
// did not answer, which is not asked again before it does.
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

// sample asks for the mounts of a table. machine is that of the whole machine,
// where it is another: what a sandbox mounted is none of the machine's, and what
// it mounted over cannot be asked.
func (f *filler) sample(mountinfo, machine string) (Figure[[]Mount], int) {
	f.sampling.Lock()
	defer f.sampling.Unlock()
	lines, err := readMounts(mountinfo)
	if err != nil {
		return unknownErr[[]Mount]("/proc/self/mountinfo", err), 0
	}
	if machine != "" {
		whole, err := readMounts(machine)
		if err != nil {
			return unknownErr[[]Mount]("the mounts of process 1", err), 0
		}
		lines = common(whole, lines)
	}
	list := distinct(lines)
	left := max(0, len(list)-maxMounts)
	list = list[:len(list)-left]
	f.ask(list)
	return Known(list), left
}

// common returns those of the machine's mounts that are uppermost where a
// process sees them too.
func common(machine, own []mountLine) []mountLine {
	top := map[string]string{}
	for _, l := range own {
		top[l.point] = l.device
	}
	return slices.DeleteFunc(machine, func(l mountLine) bool { return top[l.point] != l.device })
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

type fillQuestion struct {
	index int
	point string
}

type fillAnswer struct {
	index int
	st    syscall.Statfs_t
	err   error
}

func (f *filler) ask(list []Mount) {
	var waiting []fillQuestion
	for i := range list {
		list[i].unknown("the file system does not answer")
		if f.begin(list[i].Point) {
			waiting = append(waiting, fillQuestion{i, list[i].Point})
		}
	}
	for len(waiting) > 0 {
		waiting = f.askSome(list, waiting)
	}
}

// askSome asks until all answered or one did not in time, and returns those
// that were not asked then.
func (f *filler) askSome(list []Mount, questions []fillQuestion) []fillQuestion {
	answers := make(chan fillAnswer, len(questions)) // a late answer finds room
	var left atomic.Bool
	go func() {
		for _, q := range questions {
			answers <- f.one(q)
			if left.Load() {
				return
			}
		}
	}()
	// Nearly always all is known before another goroutine could have been woken
	// to tell, and a timer that is stopped wakes a process all the same.
	for n := 0; n < yields && len(answers) < len(questions); n++ {
		runtime.Gosched()
	}
	var bound *time.Timer
	for n := range questions {
		if len(answers) > 0 {
			a := <-answers
			list[a.index].take(a)
			continue
		}
		if bound == nil {
			bound = time.NewTimer(f.bound)
			defer bound.Stop()
		}
		bound.Reset(f.bound)
		select {
		case a := <-answers:
			list[a.index].take(a)
		case <-bound.C:
			left.Store(true)
			return questions[n+1:]
		}
	}
	return nil
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

func (f *filler) one(q fillQuestion) fillAnswer {
	a := fillAnswer{index: q.index}
	a.err = f.statfs(filepath.Join(f.prefix, q.point), &a.st)
	for errors.Is(a.err, syscall.EINTR) {
		a.err = f.statfs(filepath.Join(f.prefix, q.point), &a.st)
	}
	f.mu.Lock()
	delete(f.hanging, q.point)
	f.mu.Unlock()
	return a
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
