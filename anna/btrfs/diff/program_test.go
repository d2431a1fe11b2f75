package diff

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// A program does random things to a live subvolume.
type program struct {
	t    testing.TB
	r    *rand.Rand
	dir  string
	next int
	log  []string
	held []*os.File // deleted, but open
}

// letGo closes what is deleted.
func (p *program) letGo() {
	for _, f := range p.held {
		f.Close()
	}
	p.held = nil
}

// hold opens something and deletes it.
func (p *program) hold(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	p.held = append(p.held, f)
	if len(p.held) == 1 {
		p.t.Cleanup(p.letGo)
	}
	return unix.Unlinkat(unix.AT_FDCWD, path, map[bool]int{true: unix.AT_REMOVEDIR}[p.isDir(path)])
}

func (p *program) isDir(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// paths lists what is there; nested subvolumes are not entered.
func (p *program) paths(want func(fs.DirEntry) bool) []string {
	var list []string
	_ = filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == p.dir {
			return nil
		}
		if d.IsDir() && p.isSubvol(path) {
			// What stands for a subvolume in a snapshot is left alone: a
			// kernel was seen to abort its transaction over a rename.
			if want == nil && !p.isPlaceholder(path) {
				list = append(list, path)
			}
			return fs.SkipDir
		}
		if want == nil || want(d) {
			list = append(list, path)
		}
		return nil
	})
	return list
}

func (p *program) isSubvol(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && (st.Ino == 256 || st.Ino == 2)
}

func (p *program) isPlaceholder(path string) bool {
	var st unix.Stat_t
	return unix.Lstat(path, &st) == nil && st.Ino == 2
}

func (p *program) pick(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[p.r.IntN(len(list))]
}

func (p *program) file() string {
	return p.pick(p.paths(func(d fs.DirEntry) bool { return d.Type().IsRegular() }))
}

// folder is a directory, the top now and then.
func (p *program) folder() string {
	if p.r.IntN(4) == 0 {
		return p.dir
	}
	if d := p.subfolder(); d != "" {
		return d
	}
	return p.dir
}

func (p *program) subfolder() string { return p.pick(p.paths(fs.DirEntry.IsDir)) }

func (p *program) any() string { return p.pick(p.paths(nil)) }

// collisions are two names with one hash, found by trying.
var collisions = func() [2]string {
	seen := map[uint32]int{}
	table := crc32.MakeTable(crc32.Castagnoli)
	for i := 0; ; i++ {
		h := crc32.Checksum(fmt.Appendf(nil, "collision-%07d", i), table)
		if j, ok := seen[h]; ok {
			return [2]string{fmt.Sprintf("collision-%07d", j), fmt.Sprintf("collision-%07d", i)}
		}
		seen[h] = i
	}
}()

// name makes up a name in a directory: new, or one that may be taken.
func (p *program) name() string {
	p.next++
	switch p.r.IntN(14) {
	case 0:
		return fmt.Sprintf("odd\n\x1b[31m %d\xff\xfe", p.next)
	case 1:
		return fmt.Sprintf("%s%d", strings.Repeat("n", 245), p.next%1000)
	case 2:
		return collisions[p.r.IntN(2)]
	case 3:
		return "o257-7-0" // as send names its orphans
	case 4, 5, 6:
		return fmt.Sprintf("same%d", p.r.IntN(6))
	}
	return fmt.Sprintf("n%d", p.next)
}

func (p *program) fresh() string { return filepath.Join(p.folder(), p.name()) }

func (p *program) bytes(n int) []byte {
	b := make([]byte, n)
	switch p.r.IntN(3) {
	case 0:
		for i := range b {
			b[i] = byte(p.r.Uint32())
		}
	case 1:
		copy(b, strings.Repeat(fmt.Sprintf("line %d\n", p.r.IntN(1000)), n/6+1))
	}
	return b
}

func (p *program) size() int {
	return []int{0, 1, 100, 1500, 4096, 5000, 20000, 70000, 140000}[p.r.IntN(9)]
}

// An operation does one thing and says what; errors are part of life (a name
// that is taken, an immutable file), what was done is what counts.
type operation struct {
	name string
	do   func(p *program) string
}

func (p *program) step() {
	op := operations[p.r.IntN(len(operations))]
	p.log = append(p.log, op.name+": "+strings.ReplaceAll(op.do(p), p.dir, ""))
}

func open(path string, flags int, use func(fd int) error) error {
	fd, err := unix.Open(path, flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o644)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return use(fd)
}

// writeFile is os.WriteFile that neither follows links nor waits at a FIFO.
func writeFile(path string, b []byte, mode uint32) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_NOFOLLOW|unix.O_NONBLOCK, mode)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, b)
	return err
}

func writeAt(path string, b []byte, at int64) error {
	return open(path, unix.O_WRONLY, func(fd int) error { _, err := unix.Pwrite(fd, b, at); return err })
}

func keepTime(path string, do func()) {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return
	}
	do()
	_ = unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{st.Atim, st.Mtim}, unix.AT_SYMLINK_NOFOLLOW)
}

func say(format string, args ...any) string { return fmt.Sprintf(format, args...) }

var operations = []operation{
	{"create", func(p *program) string {
		f := p.fresh()
		b := p.bytes(p.size())
		return say("%q %d %v", f, len(b), writeFile(f, b, 0o644))
	}},
	{"create", func(p *program) string {
		f := p.fresh()
		b := p.bytes(p.size())
		return say("%q %d %v", f, len(b), writeFile(f, b, 0o600))
	}},
	{"overwrite", func(p *program) string {
		f := p.file()
		b, at := p.bytes(p.size()), int64(p.r.IntN(100000))
		return say("%q %d at %d %v", f, len(b), at, writeAt(f, b, at))
	}},
	{"edit", func(p *program) string {
		f := p.file()
		return say("%q %v", f, writeAt(f, []byte{byte(p.r.Uint32())}, int64(p.r.IntN(5000))))
	}},
	{"append", func(p *program) string {
		f := p.file()
		b := p.bytes(p.size())
		return say("%q %d %v", f, len(b), open(f, unix.O_WRONLY|unix.O_APPEND, func(fd int) error { _, err := unix.Write(fd, b); return err }))
	}},
	{"truncate", func(p *program) string {
		f, n := p.file(), int64(p.size())
		return say("%q %d %v", f, n, unix.Truncate(f, n))
	}},
	{"punch", func(p *program) string {
		f, at, n := p.file(), int64(p.r.IntN(20)*4096), int64(1+p.r.IntN(30000))
		return say("%q %d+%d %v", f, at, n, open(f, unix.O_RDWR, func(fd int) error {
			return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, n)
		}))
	}},
	{"preallocate", func(p *program) string {
		f, mode, at, n := p.file(), uint32(p.r.IntN(2)), int64(p.r.IntN(20)*4096), int64(1+p.r.IntN(60000))
		return say("%q %d %d+%d %v", f, mode, at, n, open(f, unix.O_RDWR, func(fd int) error { return unix.Fallocate(fd, mode, at, n) }))
	}},
	{"sparse", func(p *program) string {
		f := p.fresh()
		return say("%q %v %v", f, writeFile(f, nil, 0o644), writeAt(f, []byte("end"), 1<<20))
	}},
	{"reflink", func(p *program) string {
		src, dst := p.file(), p.fresh()
		return say("%q %q %v", src, dst, open(src, unix.O_RDONLY, func(from int) error {
			return open(dst, unix.O_CREAT|unix.O_WRONLY, func(to int) error { return unix.IoctlFileClone(to, from) })
		}))
	}},
	{"reflink range", func(p *program) string {
		src, dst := p.file(), p.file()
		at, to := uint64(p.r.IntN(4)*4096), uint64(p.r.IntN(4)*4096)
		return say("%q %d %q %d %v", src, at, dst, to, open(src, unix.O_RDONLY, func(from int) error {
			return open(dst, unix.O_WRONLY, func(fd int) error {
				return unix.IoctlFileCloneRange(fd, &unix.FileCloneRange{Src_fd: int64(from), Src_offset: at, Src_length: 8192, Dest_offset: to})
			})
		}))
	}},
	{"rewrite the same", func(p *program) string {
		f := p.file()
		b, err := os.ReadFile(f)
		if err != nil {
			return ""
		}
		do := func() { err = writeAt(f, b, 0) }
		if p.r.IntN(2) == 0 {
			keepTime(f, do)
		} else {
			do()
		}
		return say("%q %v", f, err)
	}},
	{"edit, mtime kept", func(p *program) string {
		f := p.file()
		keepTime(f, func() { _ = writeAt(f, []byte{byte(p.r.Uint32())}, int64(p.r.IntN(3000))) })
		return say("%q", f)
	}},
	{"defragment", func(p *program) string {
		f := p.file()
		return say("%q %v", f, open(f, unix.O_RDWR, func(fd int) error {
			_ = unix.Fsync(fd)
			a := make([]byte, 48) // BTRFS_IOC_DEFRAG_RANGE
			binary.NativeEndian.PutUint64(a[8:], ^uint64(0))
			binary.NativeEndian.PutUint32(a[24:], 1<<30)
			return control(fd, 0x40309410, a)
		}))
	}},
	{"rename", func(p *program) string { x, y := p.any(), p.fresh(); return say("%q %q %v", x, y, unix.Rename(x, y)) }},
	{"rename over", func(p *program) string { x, y := p.any(), p.any(); return say("%q %q %v", x, y, unix.Rename(x, y)) }},
	{"rename away and back", func(p *program) string {
		x := p.any()
		return say("%q %v %v", x, unix.Rename(x, x+"~"), unix.Rename(x+"~", x))
	}},
	{"move directory", func(p *program) string {
		x, y := p.subfolder(), filepath.Join(p.folder(), p.name())
		return say("%q %q %v", x, y, unix.Rename(x, y))
	}},
	{"exchange", func(p *program) string {
		x, y := p.any(), p.any()
		return say("%q %q %v", x, y, unix.Renameat2(unix.AT_FDCWD, x, unix.AT_FDCWD, y, unix.RENAME_EXCHANGE))
	}},
	{"swap directories", func(p *program) string {
		x, y := p.subfolder(), p.subfolder()
		return say("%q %q %v", x, y, unix.Renameat2(unix.AT_FDCWD, x, unix.AT_FDCWD, y, unix.RENAME_EXCHANGE))
	}},
	{"turn inside out", func(p *program) string { // a/b becomes b/a
		d := p.subfolder()
		up := filepath.Dir(d)
		if d == "" || up == p.dir {
			return ""
		}
		out := filepath.Join(filepath.Dir(up), p.name())
		return say("%q %v %v", d, unix.Rename(d, out), unix.Rename(up, filepath.Join(out, "in")))
	}},
	{"save by renaming", func(p *program) string {
		f := p.file()
		if f == "" {
			return ""
		}
		b, _ := os.ReadFile(f)
		if p.r.IntN(3) > 0 {
			b = p.bytes(p.size())
		}
		return say("%q %v %v", f, writeFile(f+".tmp", b, 0o644), unix.Rename(f+".tmp", f))
	}},
	{"rotate", func(p *program) string {
		f := p.file()
		return say("%q %v %v", f, unix.Rename(f, f+".1"), writeFile(f, p.bytes(p.size()), 0o644))
	}},
	{"make anew", func(p *program) string { // a directory with the same names
		d := p.subfolder()
		if d == "" {
			return ""
		}
		names, _ := os.ReadDir(d)
		_ = os.RemoveAll(d)
		err := os.Mkdir(d, 0o755)
		for _, n := range names {
			if p.r.IntN(3) > 0 {
				_ = writeFile(filepath.Join(d, n.Name()), p.bytes(p.size()), 0o644)
			}
		}
		return say("%q %v", d, err)
	}},
	{"change type", func(p *program) string {
		x := p.any()
		if x == "" || p.isSubvol(x) {
			return ""
		}
		_ = os.RemoveAll(x)
		switch p.r.IntN(3) {
		case 0:
			return say("%q %v", x, os.Mkdir(x, 0o755))
		case 1:
			return say("%q %v", x, os.Symlink("target", x))
		}
		return say("%q %v", x, writeFile(x, []byte("now a file"), 0o644))
	}},
	{"mkdir", func(p *program) string { f := p.fresh(); return say("%q %v", f, os.Mkdir(f, 0o755)) }},
	{"mkdir", func(p *program) string { f := p.fresh(); return say("%q %v", f, os.MkdirAll(f+"/below/more", 0o755)) }},
	{"link", func(p *program) string { x, y := p.file(), p.fresh(); return say("%q %q %v", x, y, unix.Link(x, y)) }},
	{"link", func(p *program) string { x, y := p.file(), p.fresh(); return say("%q %q %v", x, y, unix.Link(x, y)) }},
	{"many links", func(p *program) string { // more than an INODE_REF holds
		x := p.file()
		d := filepath.Join(p.folder(), p.name())
		_ = os.Mkdir(d, 0o755)
		n := 0
		for i := range 70 {
			if unix.Link(x, filepath.Join(d, fmt.Sprintf("%s%03d", strings.Repeat("l", 240), i))) == nil {
				n++
			}
		}
		return say("%q in %q %d", x, d, n)
	}},
	{"symlink", func(p *program) string {
		f := p.fresh()
		return say("%q %v", f, os.Symlink(strings.Repeat("x", 1+p.r.IntN(100)), f))
	}},
	{"fifo", func(p *program) string { f := p.fresh(); return say("%q %v", f, unix.Mkfifo(f, 0o644)) }},
	{"socket", func(p *program) string { f := p.fresh(); return say("%q %v", f, unix.Mknod(f, unix.S_IFSOCK|0o644, 0)) }},
	{"device", func(p *program) string {
		f := p.fresh()
		kind := []uint32{unix.S_IFCHR, unix.S_IFBLK}[p.r.IntN(2)]
		return say("%q %v", f, unix.Mknod(f, kind|0o600, int(unix.Mkdev(1, uint32(p.r.IntN(5))))))
	}},
	{"chmod", func(p *program) string {
		f := p.any()
		return say("%q %v", f, unix.Fchmodat(unix.AT_FDCWD, f, uint32(p.r.IntN(0o10000)), 0))
	}},
	{"chown", func(p *program) string {
		f := p.any()
		return say("%q %v", f, unix.Lchown(f, p.r.IntN(3), p.r.IntN(3)))
	}},
	{"touch", func(p *program) string {
		f := p.any()
		ts := unix.NsecToTimespec(int64(p.r.IntN(2e9)) * 1e9)
		return say("%q %v", f, unix.UtimesNanoAt(unix.AT_FDCWD, f, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW))
	}},
	{"only atime", func(p *program) string {
		f := p.any()
		ts := unix.NsecToTimespec(int64(p.r.IntN(2e9)) * 1e9)
		omit := unix.Timespec{Nsec: unix.UTIME_OMIT}
		return say("%q %v", f, unix.UtimesNanoAt(unix.AT_FDCWD, f, []unix.Timespec{ts, omit}, unix.AT_SYMLINK_NOFOLLOW))
	}},
	{"xattr", func(p *program) string {
		f := p.any()
		return say("%q %v", f, unix.Lsetxattr(f, fmt.Sprintf("trusted.n%d", p.r.IntN(3)), p.bytes(p.r.IntN(300)), 0))
	}},
	{"remove xattr", func(p *program) string {
		f := p.any()
		return say("%q %v", f, unix.Lremovexattr(f, fmt.Sprintf("trusted.n%d", p.r.IntN(3))))
	}},
	{"xattr collision", func(p *program) string {
		f := p.any()
		return say("%q %v", f, unix.Lsetxattr(f, "trusted."+collisions[p.r.IntN(2)], p.bytes(10), 0))
	}},
	{"acl", func(p *program) string {
		f := p.any()
		le := binary.LittleEndian
		acl := le.AppendUint32(nil, 2)
		for _, x := range []struct {
			tag, perm uint16
			id        uint32
		}{{1, 6, ^uint32(0)}, {2, uint16(p.r.IntN(8)), 1000}, {4, 4, ^uint32(0)}, {16, 7, ^uint32(0)}, {32, 4, ^uint32(0)}} {
			acl = le.AppendUint32(le.AppendUint16(le.AppendUint16(acl, x.tag), x.perm), x.id)
		}
		return say("%q %v", f, unix.Lsetxattr(f, "system.posix_acl_access", acl, 0))
	}},
	{"capability", func(p *program) string {
		f := p.file()
		cap := binary.LittleEndian.AppendUint32(nil, 0x02000001)
		cap = append(cap, byte(p.r.IntN(256)), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		return say("%q %v", f, unix.Lsetxattr(f, "security.capability", cap, 0))
	}},
	{"flags", func(p *program) string {
		f := p.any()
		var st unix.Stat_t
		if unix.Lstat(f, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG && st.Mode&unix.S_IFMT != unix.S_IFDIR || p.isSubvol(f) {
			return ""
		}
		flag := []int{0x40, 0x80, 0x8, 0x4, 0x800000}[p.r.IntN(5)]
		return say("%q %x %v", f, flag, open(f, unix.O_RDONLY, func(fd int) error {
			return unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, int(flagsOf(fd))^flag)
		}))
	}},
	{"delete", func(p *program) string { f := p.any(); return say("%q %v", f, unix.Unlink(f)) }},
	{"delete", func(p *program) string { f := p.file(); return say("%q %v", f, unix.Unlink(f)) }},
	{"delete what is open", func(p *program) string { f := p.file(); return say("%q %v", f, p.hold(f)) }},
	{"delete what is open", func(p *program) string {
		f := filepath.Join(p.subfolder(), "empty")
		_ = os.Mkdir(f, 0o755)
		if d := p.subfolder(); d != "" && p.r.IntN(2) == 0 {
			_ = os.RemoveAll(f)
			f = d
		}
		if p.isSubvol(f) {
			return ""
		}
		return say("%q %v", f, p.hold(f))
	}},
	{"close what is deleted", func(p *program) string { n := len(p.held); p.letGo(); return say("%d", n) }},
	{"file without a name gets one", func(p *program) string {
		f := p.fresh()
		fd, err := unix.Open(p.folder(), unix.O_TMPFILE|unix.O_WRONLY, 0o644)
		if err != nil {
			return say("%v", err)
		}
		defer unix.Close(fd)
		_, _ = unix.Write(fd, p.bytes(p.size()))
		return say("%q %v", f, unix.Linkat(unix.AT_FDCWD, fmt.Sprint("/proc/self/fd/", fd), unix.AT_FDCWD, f, unix.AT_SYMLINK_FOLLOW))
	}},
	{"whiteout", func(p *program) string {
		x, y := p.file(), p.fresh()
		return say("%q %q %v", x, y, unix.Renameat2(unix.AT_FDCWD, x, unix.AT_FDCWD, y, unix.RENAME_WHITEOUT))
	}},
	{"delete tree", func(p *program) string { f := p.subfolder(); return say("%q %v", f, os.RemoveAll(f)) }},
	{"subvolume", func(p *program) string {
		f := filepath.Join(p.folder(), fmt.Sprintf("sub%d", p.r.IntN(3)))
		if _, err := os.Lstat(f); err == nil {
			return ""
		}
		annatest.Run(p.t, "btrfs", "subvolume", "create", f)
		return f
	}},
	{"delete subvolume", func(p *program) string {
		for _, f := range p.paths(nil) {
			if p.isSubvol(f) && p.r.IntN(2) == 0 {
				return say("%q %v", f, exec.Command("btrfs", "subvolume", "delete", f).Run())
			}
		}
		return ""
	}},
}
