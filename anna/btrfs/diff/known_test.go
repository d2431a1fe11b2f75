package diff

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// aged makes a subvolume, has it filled, and snapshots it: the hand for it and
// the id of the snapshot.
func aged(t *testing.T, dir, options string, fill func(h hand)) (hand, uint64) {
	t.Helper()
	h := hand{t, filepath.Join(dir, "live")}
	h.subvolume(".")
	fill(h)
	return h, snap(t, h.dir, filepath.Join(dir, "old"+options), "-r")
}

// agree compares with both engines and from the live side, forth and back.
func agree(t *testing.T, h hand, old uint64, want string) {
	t.Helper()
	fs := openFS(t, h.dir)
	now := snap(t, h.dir, h.dir+"-now", "-r")
	for _, engine := range []Engine{Tree, Send} {
		got, _ := collect(t, fs, old, now, engine)
		if s := show(got); s != want {
			t.Errorf("%s:\n%s\nwant:\n%s", engine, s, want)
		}
		got, _ = collect(t, fs, now, old, engine)
		for i := range got {
			got[i] = got[i].Invert()
		}
		if s := show(got); s != want {
			t.Errorf("%s, the other way round:\n%s\nwant:\n%s", engine, s, want)
		}
	}
	got, _ := collect(t, fs, old, subvolumeID(t, h.dir), Auto)
	if s := show(got); s != want {
		t.Errorf("live:\n%s\nwant:\n%s", s, want)
	}
}

// setfacl sets an access control list of one named user.
func setfacl(path string) error {
	acl := []byte{2, 0, 0, 0}
	for _, e := range []struct {
		tag, perm uint16
		id        uint32
	}{{1, 6, ^uint32(0)}, {2, 4, 1000}, {4, 4, ^uint32(0)}, {0x10, 4, ^uint32(0)}, {0x20, 4, ^uint32(0)}} {
		acl = le.AppendUint16(acl, e.tag)
		acl = le.AppendUint16(acl, e.perm)
		acl = le.AppendUint32(acl, e.id)
	}
	return unix.Setxattr(path, "system.posix_acl_access", acl, 0)
}

func TestAttributesOfEveryKind(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	h, old := aged(t, disk.Dir, "", func(h hand) {
		for _, name := range []string{"acl", "capability", "xattr", "time", "flags"} {
			h.write(name, "1")
		}
		h.ok(unix.Setxattr(h.at("xattr"), "user.a", []byte("1"), 0))
	})
	h.ok(setfacl(h.at("acl")))
	h.ok(unix.Setxattr(h.at("capability"), "security.capability", []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0))
	h.ok(unix.Setxattr(h.at("xattr"), "user.a", []byte("2"), 0))
	// A clock that jumped: before the epoch.
	h.ok(os.Chtimes(h.at("time"), time.Unix(-1e9, 0), time.Unix(-1e9, 5)))
	h.file("flags", func(fd int) error { return unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, 0x40) }) // nodump
	agree(t, h, old, "metadata acl [acl]\nmetadata capability [capability]\nmetadata flags [flags]\nmetadata time [mtime]\nmetadata xattr [xattr]")
}

// TestManyLinks: names beyond those of an INODE_REF are in INODE_EXTREF items.
func TestManyLinks(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	name := func(i int) string { return fmt.Sprintf("%0200d", i) }
	h, old := aged(t, disk.Dir, "", func(h hand) {
		h.write("a", "1")
		for i := range 300 {
			h.link("a", name(i))
		}
	})
	h.remove(name(299))
	h.move(name(7), "z")
	agree(t, h, old, "removed "+name(299)+" link\nrenamed "+name(7)+" -> z link")
}

// TestHugeDirectory: entries that no answer holds at once.
func TestHugeDirectory(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	h, old := aged(t, disk.Dir, "", func(h hand) {
		h.mkdir("d")
		for i := range 12_000 {
			h.ok(unix.Mknod(h.at(fmt.Sprintf("d/%05d", i)), unix.S_IFIFO|0o600, 0))
		}
	})
	h.remove("d/05000")
	h.move("d/06000", "d/last")
	agree(t, h, old, "removed d/05000 (fifo)\nrenamed d/06000 -> d/last (fifo)")
}

// TestStoredOtherwise: what is stored elsewhere or otherwise and reads the same
// is no other content.
func TestStoredOtherwise(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	h, old := aged(t, disk.Dir, "", func(h hand) {
		for _, name := range []string{"copy", "deduped", "moved"} {
			h.big(name, 'x')
		}
		h.write("prealloc", strings.Repeat("\x00", 65536))
		h.write("sparse", strings.Repeat("s", 8192))
	})
	h.file("deduped", func(fd int) error {
		return open(h.at("copy"), unix.O_RDWR, func(from int) error {
			return unix.IoctlFileDedupeRange(from, &unix.FileDedupeRange{
				Src_length: 98304, Info: []unix.FileDedupeRangeInfo{{Dest_fd: int64(fd)}},
			})
		})
	})
	h.file("moved", func(fd int) error { // another extent, by a reflink of the same bytes
		return open(h.at("copy"), unix.O_RDWR, func(from int) error { return unix.IoctlFileClone(fd, from) })
	})
	h.file("prealloc", func(fd int) error {
		if err := unix.Ftruncate(fd, 0); err != nil {
			return err
		}
		return unix.Fallocate(fd, 0, 0, 65536)
	})
	h.file("sparse", func(fd int) error { return unix.Ftruncate(fd, 1<<30) })
	agree(t, h, old, "identical deduped\nidentical moved\nidentical prealloc\nmodified sparse content changed")
}

// TestAfterDefragAndBalance: every extent and every node is another one.
func TestAfterDefragAndBalance(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	h, old := aged(t, disk.Dir, "", func(h hand) {
		h.file2("defragmented", 40)
		h.write("d/kept", "1")
		h.write("d/gone", "2")
	})
	annatest.Run(t, "btrfs", "filesystem", "defragment", "-t", "32M", h.at("defragmented"))
	h.remove("d/gone")
	annatest.Run(t, "btrfs", "balance", "start", "--full-balance", disk.Dir)
	agree(t, h, old, "identical defragmented\nremoved d/gone")
}

// file2 writes a file in many extents.
func (h hand) file2(name string, extents int) {
	h.t.Helper()
	f, err := os.Create(h.at(name))
	h.ok(err)
	defer f.Close()
	for i := range extents {
		_, err := f.WriteAt(make([]byte, 4096), int64(i)*4096)
		h.ok(err)
		_, err = f.WriteAt([]byte(fmt.Sprint("block ", i)), int64(i)*4096)
		h.ok(err)
		h.ok(f.Sync())
	}
}

// TestNodatacow: without checksums nothing is claimed.
func TestNodatacow(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.MakeDisk(t, []int64{1 << 30})
	h, old := aged(t, disk.Mount(t, "nodatacow"), "", func(h hand) { h.big("a", 'x'); h.big("b", 'x') })
	h.file("a", func(fd int) error { _, err := unix.Pwrite(fd, []byte("xxxx"), 8192); return err })
	agree(t, h, old, "modified a content unknown")
}

// TestMountsChangeNothing: mounted twice, by subvol=, bound elsewhere, covered by
// another file system, or read-only: the trees are the same.
func TestMountsChangeNothing(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.MakeDisk(t, []int64{1 << 30})
	dir := disk.Mount(t, "")
	h, old := aged(t, dir, "", func(h hand) { h.write("d/a", "1"); h.write("e", "1") })
	h.write("d/b", "2")
	h.mkdir("under")
	live := subvolumeID(t, h.dir)
	const want = "added d/b\nadded under (directory)"
	second := disk.Mount(t, "subvol=live")
	h.ok(unix.Mount("tmpfs", h.at("d"), "tmpfs", 0, ""))
	t.Cleanup(func() { unix.Unmount(h.at("d"), 0) })
	h.ok(unix.Mount(h.at("e"), h.at("e"), "", unix.MS_BIND, ""))
	t.Cleanup(func() { unix.Unmount(h.at("e"), 0) })
	for _, at := range []string{dir, second, h.dir} {
		got, _ := collect(t, openFS(t, at), old, live, Auto)
		if s := show(got); s != want {
			t.Errorf("%s:\n%s", at, s)
		}
	}
}

// TestReadOnlyMount compares on a file system that nobody can write to.
func TestReadOnlyMount(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	for name, mkfs := range map[string][]string{"plain": nil, "mixed block groups": {"-M"}} {
		t.Run(name, func(t *testing.T) {
			disk := annatest.MakeDisk(t, []int64{256 << 20}, mkfs...)
			h, old := aged(t, disk.Mount(t, ""), "", func(h hand) { h.big("a", 'x') })
			h.big("a", 'y')
			live := subvolumeID(t, h.dir)
			disk.Unmount(t)
			got, r := collect(t, openFS(t, disk.Mount(t, "ro")), old, live, Auto)
			if s := show(got); s != "modified a content changed" || r.Changing {
				t.Errorf("changing %v:\n%s", r.Changing, s)
			}
		})
	}
}

// TestPendingDeletion: a subvolume that is being deleted is refused, whether the
// cleaner has got to it or not.
func TestPendingDeletion(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	h, old := aged(t, disk.Dir, "", func(h hand) { h.write("a", "1") })
	f, err := os.Open(filepath.Join(disk.Dir, "old", "a")) // it cannot be finished
	h.ok(err)
	defer f.Close()
	annatest.Run(t, "btrfs", "subvolume", "delete", "-c", filepath.Join(disk.Dir, "old"))
	_, err = Run(t.Context(), openFS(t, h.dir), old, subvolumeID(t, h.dir), Options{}, func(Change) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "deleted") && !strings.Contains(err.Error(), "there is none") {
		t.Errorf("compared: %v", err)
	}
}

// TestVerity: fs-verity shows as an attribute.
func TestVerity(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	h, old := aged(t, disk.Dir, "", func(h hand) { h.big("a", 'x') })
	arg := make([]byte, 128) // struct fsverity_enable_arg
	le.PutUint32(arg, 1)
	le.PutUint32(arg[4:], 1)
	le.PutUint32(arg[8:], 4096)
	err := open(h.at("a"), unix.O_RDONLY, func(fd int) error { return enableVerity(fd, arg) })
	if err != nil {
		t.Skipf("this kernel has no fs-verity: %v", err)
	}
	agree(t, h, old, "metadata a [verity]")
}

// TestDegraded compares where a device is missing.
func TestDegraded(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.MakeDisk(t, []int64{512 << 20, 512 << 20}, "-m", "raid1", "-d", "raid1")
	h, old := aged(t, disk.Mount(t, ""), "", func(h hand) { h.big("a", 'x') })
	h.big("a", 'y')
	h.write("b", "1")
	live := subvolumeID(t, h.dir)
	disk.Unmount(t)
	disk.Loops[1].Detach()
	annatest.Run(t, "btrfs", "device", "scan", "--forget")
	got, _ := collect(t, openFS(t, disk.Mount(t, "degraded")), old, live, Auto)
	if s := show(got); s != "added b\nmodified a content changed" {
		t.Errorf("got:\n%s", s)
	}
}

func enableVerity(fd int, arg []byte) error {
	const enable = 0x40806685 // FS_IOC_ENABLE_VERITY
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), enable, uintptr(unsafe.Pointer(&arg[0]))); errno != 0 {
		return errno
	}
	return nil
}
