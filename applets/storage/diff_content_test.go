package storage

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// TestContentText freezes what is said of one file.
func TestContentText(t *testing.T) {
	var b bytes.Buffer
	for _, tt := range []struct {
		name          string
		before, after []byte
	}{
		{"etc/fstab", []byte("a\nb\nc\nd\ne\nf\ng\nh\n"), []byte("a\nb\nc\nD\ne\nf\ng\nh\ni")},
		{"etc/new", nil, []byte("one\ntwo\n")},
		{"etc/old name", []byte("one\n"), nil},
		{"same", []byte("x"), []byte("x")},
		{"blob", []byte("x\x00"), []byte("y")},
		{"empty", nil, []byte{}},
		{"evil\n\x1b[2J", []byte("\x1b]0;x\a\n"), []byte("\u202e\tb\n")},
	} {
		d := ContentDiff{From: DiffSide{Path: "/@/.snapshots/1/snapshot"}, To: DiffSide{Path: "/@"}, Path: tt.name}
		d.fill(tt.before, tt.after)
		b.WriteString("== " + quote(tt.name) + " " + d.State + "\n")
		b.Write(d.text(ui.Theme{}, true))
	}
	annatest.Golden(t, "testdata/screen/storage-diff-content.txt", b.Bytes())
	if strings.ContainsAny(b.String(), "\x1b\a\u202e") {
		t.Error("a file acts on the terminal")
	}
}

// TestContentDisk compares single files as root and as somebody who may read
// some of them, without a daemon.
func TestContentDisk(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	dir := dayOfWork(t)
	home := filepath.Join(dir, "@home")
	c := exec.Command("sh", "-ec", `mkfifo fifo; mknod null c 1 3; mkdir -p d; truncate -s 20M huge; printf 'x\0y' >blob
		echo private >private; chmod 600 private; ln -s etc way; ln -s /etc/passwd out; btrfs subvolume create inner; echo in >inner/f
		mkdir proc; mount -t proc proc proc; echo e >empty-before`)
	c.Dir = home
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() { unix.Unmount(filepath.Join(home, "proc"), unix.MNT_DETACH) })
	openUp(t, dir)
	run := func(uid uint32, name string, more ...string) (string, string, int) {
		return anna(t, uid, noSocket, append([]string{"storage", "btrfs", "diff", home + "#12", home, "--content", name}, more...)...)
	}
	for _, uid := range []uint32{0, nobody} {
		out, stderr, status := run(uid, "/etc/fstab")
		want := "--- /@home/.snapshots/12/snapshot/etc/fstab\n+++ /@home/etc/fstab\n@@ -1,1 +1,2 @@\n a\n+new\n"
		if status != 0 || out != want {
			t.Errorf("uid %d: status %d, %s%q", uid, status, stderr, out)
		}
	}
	for _, tt := range []struct {
		uid    uint32
		name   string
		status int
		says   string
	}{
		{0, "etc/motd", 0, "+++ /dev/null"},
		{0, "link", 1, "it is a symbolic link, not a regular file"},
		{0, "way/fstab", 1, "a symbolic link lies on the way"},
		{0, "out", 1, "it is a symbolic link"},
		{0, "fifo", 1, "it is a FIFO"},
		{0, "null", 1, "it is a device"},
		{0, "d", 1, "it is a directory"},
		{0, "huge", 1, "it is larger than 16.0 MiB"},
		{0, "blob", 0, "blob is binary and differs: absent before, 3 B after"},
		{0, "inner/f", 1, "it lies in another subvolume"},
		{0, "proc/self/environ", 1, "it leads out of the subvolume"},
		{0, "../etc/fstab", 64, "needs the path of a file inside the subvolumes"},
		{0, "", 64, "needs the path of a file"},
		{0, "none/of/it", 1, "neither side has it"},
		{0, "private", 0, "+private"},
		{nobody, "private", 77, "permission denied"},
	} {
		out, stderr, status := run(tt.uid, tt.name)
		if status != tt.status || !strings.Contains(out+stderr, tt.says) || strings.Contains(stderr, "/proc/self/fd") {
			t.Errorf("%d %s: status %d, %s%s", tt.uid, tt.name, status, out, stderr)
		}
	}
	got := annaJSON[ContentDiff](t, 0, noSocket, "storage", "btrfs", "diff", home+"#12", "live", "--content", "etc/fstab")
	if got.State != "text" || *got.SizeBefore != 2 || *got.SizeAfter != 6 || !strings.Contains(got.Diff, "+new") || got.From.ID != 257 {
		t.Errorf("%+v", got)
	}
}

// TestBeneathSwapped reads a name that somebody exchanges with a link all the
// time: it is the file, or refused, and never what the link leads to.
func TestBeneathSwapped(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	dir := annatest.NewDisk(t, []int64{256 * mib}).Dir
	secret := filepath.Join(t.TempDir(), "secret")
	for name, text := range map[string]string{secret: "secret", filepath.Join(dir, "d1/f"): "mine"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, to := range map[string]string{"d1/l": secret, "d2": filepath.Dir(secret)} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	fs, err := btrfs.Open(dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			unix.Renameat2(unix.AT_FDCWD, filepath.Join(dir, "d1/f"), unix.AT_FDCWD, filepath.Join(dir, "d1/l"), unix.RENAME_EXCHANGE)
			unix.Renameat2(unix.AT_FDCWD, filepath.Join(dir, "d1"), unix.AT_FDCWD, filepath.Join(dir, "d2"), unix.RENAME_EXCHANGE)
		}
	}()
	defer func() { cancel(); <-done }()
	p := &diffPair{fs: fs}
	top, err := p.openTop(btrfs.TreeTop)
	if err != nil {
		t.Fatal(err)
	}
	defer top.Close()
	read := 0
	for i := 0; i < 3000 || read == 0 && i < 1_000_000; i++ { // a busy machine exchanges little
		b, err := readBeneath(top, btrfs.TreeTop, []string{"d1/f", "d2/f", "d1/secret", "d2/secret"}[i%4])
		if err == nil {
			read++
		}
		if err == nil && string(b) != "mine" {
			t.Fatalf("read %q", b)
		}
	}
	if read == 0 {
		t.Error("nothing could be read")
	}
}

// TestDiffInverts holds that every form of argument gives the same the other way
// round, change for change.
func TestDiffInverts(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	dir := dayOfWork(t)
	home := filepath.Join(dir, "@home")
	invert := func(list []DiffChange) (out []DiffChange) {
		for _, c := range list {
			s := DiffSent{DiffChange: c}
			back := s.change().Invert()
			out = append(out, diffChangeOf(&back))
		}
		return out
	}
	for _, sides := range [][2]string{
		{home + "/.snapshots/12/snapshot", home}, {dir + ":257", "256"}, {dir + ":@home#12", dir + ":@home"}, {home + "#12", "live"},
	} {
		there := annaJSON[diffObject](t, 0, noSocket, "storage", "btrfs", "diff", sides[0], sides[1])
		back := annaJSON[diffObject](t, 0, noSocket, "storage", "btrfs", "diff", sides[1], sides[0])
		if a, b := sorted(invert(there.Changes)), sorted(back.Changes); a != b || len(there.Changes) == 0 {
			t.Errorf("%q:\n%s\n%s", sides, a, b)
		}
		if there.From.ID != back.To.ID || there.Summary.SizeDelta != -back.Summary.SizeDelta || there.Summary.AllocatedDelta != -back.Summary.AllocatedDelta {
			t.Errorf("%q: %+v, %+v", sides, there.Summary, back.Summary)
		}
	}
}

// TestDiffSettles writes to a side in the midst of two comparisons: both say so,
// and the third holds.
func TestDiffSettles(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	dir := dayOfWork(t)
	p, err := findPair(t.Context(), btrfs.Roots{}, dir+":@home#12", "live", here)
	if err != nil {
		t.Fatal(err)
	}
	defer p.fs.Close()
	for try := range 3 {
		wrote := false
		r, err := p.run(t.Context(), diff.Options{}, func(diff.Change) error {
			if !wrote && try < 2 {
				wrote = true
				annatest.WriteFile(t, filepath.Join(dir, "@home"), "late", 100+try)
			}
			return nil
		})
		if err != nil || r.Changing != (try < 2) {
			t.Errorf("try %d: changing %v, %v", try, r.Changing, err)
		}
	}
}
