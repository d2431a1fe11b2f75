package diff

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A hand does one thing after the other in a directory, and stops the test
// where one fails.
type hand struct {
	t   testing.TB
	dir string
}

func (h hand) at(name string) string {
	if name == "." {
		return h.dir
	}
	return filepath.Join(h.dir, name)
}

func (h hand) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h hand) write(name, text string) {
	h.t.Helper()
	h.ok(os.MkdirAll(filepath.Dir(h.at(name)), 0o755))
	h.ok(os.WriteFile(h.at(name), []byte(text), 0o644))
}
func (h hand) big(name string, c byte) { h.write(name, strings.Repeat(string(c), 100_000)) }
func (h hand) mkdir(name string)       { h.ok(os.MkdirAll(h.at(name), 0o755)) }
func (h hand) move(a, b string)        { h.t.Helper(); h.ok(os.Rename(h.at(a), h.at(b))) }
func (h hand) link(a, b string)        { h.ok(os.Link(h.at(a), h.at(b))) }
func (h hand) remove(name string)      { h.ok(os.RemoveAll(h.at(name))) }
func (h hand) subvolume(name string) {
	annatest.Run(h.t, "btrfs", "subvolume", "create", h.at(name))
}

func (h hand) swap(a, b string) {
	h.ok(unix.Renameat2(unix.AT_FDCWD, h.at(a), unix.AT_FDCWD, h.at(b), unix.RENAME_EXCHANGE))
}

func (h hand) file(name string, use func(fd int) error) {
	h.t.Helper()
	h.ok(open(h.at(name), unix.O_RDWR, use))
}

// show writes changes in a short form, sorted.
func show(list []Change) string {
	var lines []string
	for _, c := range list {
		line := string(c.Kind)
		if c.FromPath != "" {
			line += " " + c.FromPath + " ->"
		}
		line += " " + c.Path
		if c.FromType != "" {
			line += fmt.Sprintf(" (%s -> %s)", c.FromType, c.Type)
		} else if c.Type != File {
			line += fmt.Sprintf(" (%s)", c.Type)
		}
		if c.Content != "" && (c.Content != ContentSame || c.Kind == Replaced) {
			line += " content " + string(c.Content)
		}
		if a := slices.DeleteFunc(slices.Clone(c.Attributes), func(s string) bool { return s == attrMtime && c.Kind != Metadata }); len(a) > 0 {
			line += " [" + strings.Join(a, " ") + "]"
		}
		if c.LinkBefore || c.LinkAfter {
			line += " link"
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// TestCases are the shapes that diffs of other tools get wrong.
func TestCases(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	disk := annatest.NewDisk(t, []int64{1 << 30})
	fs := openFS(t, disk.Dir)
	for i, c := range []struct {
		name   string
		before func(h hand)
		after  func(h hand)
		want   string
	}{
		{"nothing", func(h hand) { h.write("a", "x") }, func(h hand) {}, ""},
		{"rename", func(h hand) { h.big("a", 'x') }, func(h hand) { h.move("a", "b") }, "renamed a -> b"},
		{"rename and edit", func(h hand) { h.big("a", 'x') }, func(h hand) { h.move("a", "b"); h.big("b", 'y') }, "renamed a -> b content changed"},
		{
			"exchange", func(h hand) { h.write("a", "1"); h.write("b", "2") }, func(h hand) { h.swap("a", "b") },
			"renamed a -> b\nrenamed b -> a",
		},
		{
			"moved tree is one line", func(h hand) { h.write("a/b/c/d", "1"); h.write("a/e", "2"); h.mkdir("to") },
			func(h hand) { h.move("a", "to/z") }, "renamed a -> to/z (directory)",
		},
		{
			"edit in a moved tree", func(h hand) { h.write("a/b/c", "1") }, func(h hand) { h.move("a", "z"); h.write("z/b/c", "2") },
			"modified a/b/c -> z/b/c content changed\nrenamed a -> z (directory)",
		},
		{
			"swap of directories", func(h hand) { h.write("a/x", "1"); h.write("b/y", "2") }, func(h hand) { h.swap("a", "b") },
			"renamed a -> b (directory)\nrenamed b -> a (directory)",
		},
		{
			"nesting turned round", func(h hand) { h.write("a/b/c", "1") }, func(h hand) { h.move("a/b", "b"); h.move("a", "b/a") },
			"renamed a -> b/a (directory)\nrenamed a/b -> b (directory)",
		},
		{
			"children of deleted directories", func(h hand) { h.write("a/b/c", "1"); h.write("a/d", "2") }, func(h hand) { h.remove("a") },
			"removed a (directory)\nremoved a/b (directory)\nremoved a/b/c\nremoved a/d",
		},
		{
			"child saved from a deleted directory", func(h hand) { h.write("a/b/c", "1") }, func(h hand) { h.move("a/b/c", "c"); h.remove("a") },
			"removed a (directory)\nremoved a/b (directory)\nrenamed a/b/c -> c",
		},
		{
			"save by renaming", func(h hand) { h.big("a", 'x') }, func(h hand) { h.big("a.tmp", 'y'); h.move("a.tmp", "a") },
			"replaced a content changed",
		},
		{
			"save by renaming, same text", func(h hand) { h.big("a", 'x') }, func(h hand) { h.big("a.tmp", 'x'); h.move("a.tmp", "a") },
			"replaced a content same",
		},
		{
			"log rotation", func(h hand) { h.write("log", "1") }, func(h hand) { h.move("log", "log.1"); h.write("log", "2") },
			"added log\nrenamed log -> log.1",
		},
		{
			"tree made anew", func(h hand) { h.big("a/b/c", 'x'); h.write("a/gone", "1") },
			func(h hand) { h.remove("a"); h.big("a/b/c", 'y') },
			"removed a/gone\nreplaced a (directory)\nreplaced a/b (directory)\nreplaced a/b/c content changed",
		},
		{
			"type change", func(h hand) { h.write("a", "1"); h.mkdir("d") },
			func(h hand) { h.remove("a"); h.mkdir("a"); h.remove("d"); h.ok(os.Symlink("x", h.at("d"))) },
			"type_changed a (file -> directory)\ntype_changed d (directory -> symlink)",
		},
		{
			"hard links count once", func(h hand) { h.big("a", 'x'); h.link("a", "b"); h.link("a", "c") },
			func(h hand) { h.big("b", 'y') }, "modified a content changed",
		},
		{"link made", func(h hand) { h.big("a", 'x') }, func(h hand) { h.link("a", "b") }, "added b link"},
		{"link removed", func(h hand) { h.big("a", 'x'); h.link("a", "b") }, func(h hand) { h.remove("b") }, "removed b link"},
		{
			"metadata", func(h hand) { h.write("a", "1"); h.mkdir("d") }, func(h hand) {
				h.ok(os.Chmod(h.at("a"), 0o600))
				h.ok(os.Chown(h.at("d"), 7, 8))
				h.ok(unix.Setxattr(h.at("d"), "trusted.x", []byte("1"), 0))
			}, "metadata a [mode]\nmetadata d (directory) [group owner xattr]",
		},
		{"rewritten, identical", func(h hand) { h.big("a", 'x') }, func(h hand) { h.big("a", 'x') }, "identical a"},
		{
			"mtime kept", func(h hand) { h.big("a", 'x') }, func(h hand) {
				keepTime(h.at("a"), func() { h.ok(writeAt(h.at("a"), []byte("z"), 50_000)) })
			}, "modified a content changed",
		},
		{
			"touched and moved back", func(h hand) { h.write("d/a", "1") }, func(h hand) { h.move("d/a", "b"); h.move("b", "d/a") },
			"metadata . (directory) [mtime]\nmetadata d (directory) [mtime]",
		},
		{"reflink of itself elsewhere", func(h hand) { h.big("a", 'x') }, func(h hand) {
			h.write("b", "")
			h.file("a", func(a int) error {
				return open(h.at("b"), unix.O_RDWR, func(b int) error { return unix.IoctlFileClone(b, a) })
			})
		}, "added b"},
		{"hole against zeros", func(h hand) { h.write("a", strings.Repeat("\x00", 65536)) }, func(h hand) {
			h.file("a", func(fd int) error {
				return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 65536)
			})
		}, "identical a"},
		{"inline grows to an extent, zeros", func(h hand) { h.write("a", "text") }, func(h hand) {
			h.ok(os.Truncate(h.at("a"), 9000))
		}, "modified a content changed"},
		{
			"nested subvolume", func(h hand) { h.subvolume("s"); h.subvolume("t"); h.subvolume("u") },
			func(h hand) {
				h.write("s/inside", "not looked at")
				h.move("t", "moved")
				annatest.Run(h.t, "btrfs", "subvolume", "delete", h.at("u"))
				h.subvolume("v")
			},
			"added v (subvolume)\nremoved u (subvolume)\nrenamed t -> moved (subvolume)",
		},
		{
			"directory becomes a subvolume", func(h hand) { h.write("d/x", "1") }, func(h hand) { h.remove("d"); h.subvolume("d") },
			"removed d/x\ntype_changed d (directory -> subvolume)",
		},
		{"odd names", func(h hand) {}, func(h hand) {
			h.write("a\nb", "1")
			h.write("\xff\xfe", "2")
			h.write("o257-7-0", "3")
		}, "added a\nb\nadded o257-7-0\nadded \xff\xfe"},
		{
			"names with one hash", func(h hand) { h.write(collisions[0], "1"); h.write(collisions[1], "2") },
			func(h hand) { h.remove(collisions[0]) }, "removed " + collisions[0],
		},
		{"deleted but open", func(h hand) { h.write("a", "1") }, func(h hand) {
			f, err := os.Open(h.at("a"))
			h.ok(err)
			h.t.Cleanup(func() { f.Close() })
			h.remove("a")
		}, "removed a"},
		{"beyond PATH_MAX", func(h hand) {}, func(h hand) {
			fd, err := unix.Open(h.dir, unix.O_DIRECTORY, 0)
			h.ok(err)
			name := strings.Repeat("d", 200)
			for range 30 {
				h.ok(unix.Mkdirat(fd, name, 0o755))
				next, err := unix.Openat(fd, name, unix.O_DIRECTORY, 0)
				h.ok(err)
				unix.Close(fd)
				fd = next
			}
			unix.Close(fd)
		}, strings.Join(func() (list []string) {
			path := strings.Repeat("d", 200)
			for range 30 {
				list = append(list, "added "+path+" (directory)")
				path += "/" + strings.Repeat("d", 200)
			}
			slices.Sort(list)
			return list
		}(), "\n")},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := hand{t, filepath.Join(disk.Dir, fmt.Sprintf("case%d", i))}
			h.subvolume(".")
			c.before(h)
			annatest.Run(t, "btrfs", "subvolume", "snapshot", "-r", h.dir, h.dir+"-old")
			c.after(h)
			annatest.Run(t, "btrfs", "subvolume", "snapshot", "-r", h.dir, h.dir+"-new")
			a, b, live := subvolumeID(t, h.dir+"-old"), subvolumeID(t, h.dir+"-new"), subvolumeID(t, h.dir)
			engines := []Engine{Tree, Send}
			if c.name == "beyond PATH_MAX" { // the kernel cannot send that
				engines = []Engine{Tree, Auto}
			}
			for _, engine := range engines {
				got, r := collect(t, fs, a, b, engine)
				if s := show(got); s != c.want {
					t.Errorf("%s:\n%s\nwant:\n%s", engine, s, c.want)
				}
				back, _ := collect(t, fs, b, a, engine)
				for i := range back {
					back[i] = back[i].Invert()
				}
				if s := show(back); s != c.want {
					t.Errorf("%s, the other way round:\n%s\nwant:\n%s", engine, s, c.want)
				}
				if r.Fork == 0 || r.Changing {
					t.Errorf("%s: fork %d, changing %v", engine, r.Fork, r.Changing)
				}
			}
			// A snapshot inside of what is snapshotted changes it.
			got, _ := collect(t, fs, a, live, Tree)
			if s := show(got); s != c.want {
				t.Errorf("live:\n%s\nwant:\n%s", s, c.want)
			}
		})
	}
}

func openFS(t testing.TB, dir string) *btrfs.FS {
	t.Helper()
	fs, err := btrfs.Open(dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fs.Close() })
	return fs
}

func subvolumeID(t testing.TB, dir string) uint64 {
	t.Helper()
	fs, err := btrfs.Open(dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	id, err := fs.SubvolumeOf()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func collect(t testing.TB, fs *btrfs.FS, a, b uint64, engine Engine) ([]Change, *Report) {
	t.Helper()
	return collectBy(t, fs, a, b, Options{Engine: engine})
}

// collectWith collects by itself, with or without looking for shared nodes.
func collectWith(t testing.TB, fs *btrfs.FS, a, b uint64, use nodeUse) ([]Change, *Report) {
	t.Helper()
	opt := Options{tune: usual}
	opt.tune.nodes = use
	return collectBy(t, fs, a, b, opt)
}

func collectBy(t testing.TB, fs *btrfs.FS, a, b uint64, opt Options) ([]Change, *Report) {
	t.Helper()
	var got []Change
	r, err := Run(t.Context(), fs, a, b, opt, func(c Change) error { got = append(got, c); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return got, r
}
