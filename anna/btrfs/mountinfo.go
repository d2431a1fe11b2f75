package btrfs

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// A Mount is one line of a mountinfo file (proc_pid_mountinfo(5)).
type Mount struct {
	ID, Parent int
	Dev        string // major:minor, the same for all mounts of a file system
	Root       string // path inside the file system that is mounted here
	Point      string // where it is mounted
	Options    []string
	Type       string
	Source     string // a device of the file system, or what the mounter called it
	Super      []string
	// Subvolume is the id that the kernel names in subvolid=, 0 for none.
	Subvolume uint64
	// HiddenBy is the mount that covers this one, so that its mount point
	// leads elsewhere; 0 for none.
	HiddenBy int
}

// maxMountinfo bounds what is read of a mountinfo file: a machine with a
// hundred thousand mounts stays below it.
const maxMountinfo = 32 << 20

// ReadOnly says whether this mount, or the whole file system, is read-only.
func (m Mount) ReadOnly() bool {
	return slices.Contains(m.Options, "ro") || slices.Contains(m.Super, "ro")
}

// Compression is the value of compress= or compress-force=, "" for none.
func (m Mount) Compression() string {
	for _, o := range m.Super {
		if v, ok := strings.CutPrefix(o, "compress="); ok {
			return v
		}
		if v, ok := strings.CutPrefix(o, "compress-force="); ok {
			return v
		}
	}
	return ""
}

// ReadMounts reads a mountinfo file, /proc/self/mountinfo or one of another
// process: every mount of every type, in the kernel's order, with what hides
// what worked out. Lines that make no sense are counted, not fatal.
func ReadMounts(path string) (mounts []Mount, bad int, err error) {
	f, err := openPlain(path, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot read mounts: %w", err)
	}
	defer f.Close()
	mounts, bad, err = parseMounts(io.LimitReader(f, maxMountinfo))
	if err != nil {
		return mounts, bad, fmt.Errorf("cannot read mounts: %w", err)
	}
	return mounts, bad, nil
}

func parseMounts(r io.Reader) (mounts []Mount, bad int, err error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 16<<10), 1<<20)
	for s.Scan() {
		if m, ok := parseMount(s.Bytes()); ok {
			mounts = append(mounts, m)
		} else if len(s.Bytes()) > 0 {
			bad++
		}
	}
	findHidden(mounts)
	return mounts, bad, s.Err()
}

func parseMount(line []byte) (Mount, bool) {
	head, tail, ok := bytes.Cut(line, []byte(" - "))
	f := strings.Split(string(head), " ")
	g := strings.Split(string(tail), " ")
	if !ok || len(f) < 6 || len(g) < 3 {
		return Mount{}, false
	}
	id, err1 := strconv.Atoi(f[0])
	parent, err2 := strconv.Atoi(f[1])
	if err1 != nil || err2 != nil || id <= 0 {
		return Mount{}, false
	}
	m := Mount{
		ID: id, Parent: parent, Dev: f[2], Root: unescape(f[3]), Point: unescape(f[4]),
		Options: strings.Split(f[5], ","), Type: g[0], Source: unescape(g[1]),
		// Super options end the line; a subvolume's name may hold a space.
		Super: strings.Split(unescape(strings.Join(g[2:], " ")), ","),
	}
	if !strings.HasPrefix(m.Point, "/") {
		return Mount{}, false
	}
	for _, o := range m.Super {
		if v, ok := strings.CutPrefix(o, "subvolid="); ok {
			m.Subvolume, _ = strconv.ParseUint(v, 10, 64)
		}
	}
	return m, true
}

// unescape resolves the octal escapes that the kernel writes for space, tab,
// newline, backslash and hash.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// under says whether path is dir or lies below it.
func under(path, dir string) bool {
	if dir == "/" {
		return strings.HasPrefix(path, "/")
	}
	return strings.HasPrefix(path, dir) && (len(path) == len(dir) || path[len(dir)] == '/')
}

// A mountTree answers which mount covers which path.
type mountTree struct {
	byID   map[int]int    // id -> index
	points map[spot][]int // -> ids of the mounts there
}

// A spot is a mount point inside a parent mount.
type spot struct {
	parent int
	point  string
}

func newMountTree(mounts []Mount) mountTree {
	t := mountTree{byID: make(map[int]int, len(mounts)), points: make(map[spot][]int, len(mounts))}
	for i, m := range mounts {
		t.byID[m.ID] = i
		if m.Parent != m.ID {
			at := spot{m.Parent, m.Point}
			t.points[at] = append(t.points[at], m.ID)
		}
	}
	return t
}

// cover is the mount inside mount id that lies on path or on a directory above
// it, other than except; 0 for none.
func (t mountTree) cover(id int, path string, except int) int {
	for {
		for _, c := range t.points[spot{id, path}] {
			if c != except {
				return c
			}
		}
		if path == "/" || path == "" {
			return 0
		}
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
		if path == "" {
			path = "/"
		}
	}
}

// maxNested bounds how far up mounts on mounts are followed, against a file
// that holds a cycle.
const maxNested = 1024

// findHidden fills HiddenBy. A mount is covered by one stacked upon its own
// root, or by one beside it, or beside any ancestor of it, that lies on a
// directory above it.
func findHidden(mounts []Mount) {
	t := newMountTree(mounts)
	for i := range mounts {
		m := &mounts[i]
		if m.HiddenBy = t.cover(m.ID, m.Point, 0); m.HiddenBy != 0 {
			continue
		}
		for up, n := i, 0; n < maxNested; n++ {
			p := mounts[up]
			if by := t.cover(p.Parent, p.Point, p.ID); by != 0 && by != m.ID {
				m.HiddenBy = by
				break
			}
			next, ok := t.byID[p.Parent]
			if !ok || next == up {
				break
			}
			up = next
		}
	}
}
