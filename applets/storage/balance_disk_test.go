package storage

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// fillData gives all unallocated space to data: files that are allocated and not
// written, so that it takes no time. It returns their names.
func fillData(t *testing.T, dir string, size int64) (names []string) {
	t.Helper()
	for ; size >= 64<<10; size /= 4 {
		for i := 0; ; i++ {
			name := filepath.Join(dir, fmt.Sprintf("f%d-%d", size, i))
			f, err := os.Create(name)
			if err == nil {
				err = unix.Fallocate(int(f.Fd()), 0, 0, size)
				f.Close()
			}
			if err != nil {
				os.Remove(name)
				break
			}
			names = append(names, name)
		}
	}
	annatest.Run(t, "btrfs", "filesystem", "sync", dir)
	return names
}

// thin removes all but each nth file of the largest size. The smaller ones keep
// the small block groups in use, which the kernel would remove otherwise.
func thin(t *testing.T, dir string, names []string, n int) {
	t.Helper()
	size, _, _ := strings.Cut(filepath.Base(names[0]), "-")
	for i, name := range names {
		if i%n == 0 || !strings.HasPrefix(filepath.Base(name), size+"-") {
			continue
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	annatest.Run(t, "btrfs", "filesystem", "sync", dir)
}

// fillMetadata makes attributes, each nearly a leaf of its own, until metadata is
// used to a share, or full.
func fillMetadata(t *testing.T, dir string, share float64) {
	t.Helper()
	value := make([]byte, 15<<10)
	for i := 0; ; i++ {
		name := filepath.Join(dir, fmt.Sprintf("m%d", i))
		f, err := os.Create(name)
		if err == nil {
			f.Close()
			err = unix.Setxattr(name, "user.anna", value, 0)
		}
		if err != nil {
			t.Logf("metadata: %v after %d", err, i)
			break
		}
		if i%256 == 0 {
			annatest.Run(t, "btrfs", "filesystem", "sync", dir)
			if usedShare(t, dir) >= share {
				break
			}
		}
	}
	annatest.Run(t, "btrfs", "filesystem", "sync", dir)
}

// usedShare is how much of metadata is used, as a commit has it.
func usedShare(t *testing.T, dir string) float64 {
	t.Helper()
	m := spaceIn(t, dir).Type(btrfs.Metadata)
	return float64(m.Used) / float64(m.Total)
}

func spaceIn(t *testing.T, dir string) *btrfs.Space {
	t.Helper()
	fs, err := btrfs.Open(dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	s, err := fs.Space(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// balanceOf asks as root for what there is to say of a file system.
func balanceOf(t *testing.T, dir string) Balance {
	t.Helper()
	b := annaJSON[Balances](t, 0, noSocket, "storage", "btrfs", "balance", "status", dir)
	if len(b.Filesystems) != 1 || b.Filesystems[0].Advice == nil || len(b.Filesystems[0].Missing) > 0 {
		t.Fatalf("%+v", b)
	}
	return b.Filesystems[0]
}

// follow types the commands of an advice and holds what came of them to what was
// said, within one block group: what each moves is what its block groups hold
// when it begins.
func follow(t *testing.T, dir string, a BalanceAdvice) {
	t.Helper()
	before := spaceIn(t, dir).Unallocated
	var moved, largest uint64
	for i, command := range a.Commands {
		m, l := heldBy(t, dir, a.Steps[i])
		moved, largest = moved+m, max(largest, l)
		out, err := exec.Command("sh", "-c", strings.TrimPrefix(command, "sudo ")).CombinedOutput()
		if want := fmt.Sprintf("had to relocate %d out of", a.Steps[i].Groups); err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("%s: %v, want: %s\n%s", command, err, want, out)
		}
	}
	annatest.Run(t, "btrfs", "filesystem", "sync", dir)
	gained := int64(spaceIn(t, dir).Unallocated) - int64(before)
	t.Logf("moved %d, said %d; gained %d, said %d", moved, a.Moved, gained, a.Gained)
	if diff := int64(moved) - int64(a.Moved); max(diff, -diff) > int64(largest) {
		t.Errorf("moved %d bytes, said were %d", moved, a.Moved)
	}
	if diff := gained - int64(a.Gained); max(diff, -diff) > 2*int64(largest) { // raw: at most two copies here
		t.Errorf("gained %d bytes, said were %d", gained, a.Gained)
	}
}

// heldBy is what the block groups of a step hold, and how long the largest is.
func heldBy(t *testing.T, dir string, s Step) (held, largest uint64) {
	t.Helper()
	fs, err := btrfs.Open(dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	groups, err := fs.BlockGroups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, g := range groups.List {
		if g.Profile.TypeName() == s.Type && g.Start < s.End && g.Start+g.Length > s.Start {
			n++
			held += g.Used
			largest = max(largest, g.Length)
		}
	}
	if n != s.Groups {
		t.Errorf("%d block groups in %+v", n, s)
	}
	return held, largest
}

// TestBalanceHelps makes file systems whose data chunks have taken all there is
// and hold little, in the profiles that people have, and does what is advised.
func TestBalanceHelps(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	for name, c := range map[string]struct {
		sizes []int64
		mkfs  []string
	}{
		"single, dup":   {[]int64{2600 * mib}, nil},
		"raid1":         {[]int64{1400 * mib, 1400 * mib}, []string{"-d", "raid1", "-m", "raid1"}},
		"single, raid1": {[]int64{1400 * mib, 1000 * mib}, []string{"-d", "single", "-m", "raid1"}},
		"dup, dup":      {[]int64{2600 * mib}, []string{"-d", "dup", "-m", "dup"}},
		"raid0, raid1":  {[]int64{1400 * mib, 1400 * mib}, []string{"-d", "raid0", "-m", "raid1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := annatest.MakeDisk(t, c.sizes, c.mkfs...)
			dir := filepath.Join(t.TempDir(), "two words")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := d.MountAt(t, dir, ""); err != nil {
				t.Fatal(err)
			}
			openUp(t, dir)
			thin(t, dir, fillData(t, dir, 12<<20), 8)
			b := balanceOf(t, dir)
			a := *b.Advice
			if a.Advice != "balance" || a.Level != health.Warning || b.Level != health.Warning || a.MetadataPercent > 5 || a.Unallocated > 64*mib || !a.Reached {
				t.Fatalf("%+v", a)
			}
			text, _, status := anna(t, 0, noSocket, "storage", "btrfs", "balance", "status", dir)
			if status != 0 || !strings.Contains(text, a.Commands[0]+"\n") || !strings.Contains(a.Commands[0], "-dvrange=") || !strings.HasSuffix(a.Commands[0], " '"+dir+"'") {
				t.Errorf("status %d:\n%s", status, text)
			}
			show, _, _ := anna(t, 0, noSocket, "storage", "btrfs", "show", dir)
			if !strings.Contains(show, "metadata is short of room") || !strings.Contains(show, "would gain") {
				t.Errorf("show:\n%s", show)
			}
			other := annaJSON[Balances](t, nobody, noSocket, "storage", "btrfs", "balance", "status", dir).Filesystems[0]
			if other.Advice == nil || other.Advice.Advice != "unknown" || other.Advice.Level != health.Warning || len(other.Missing) == 0 {
				t.Errorf("nobody is told %+v", other)
			}
			follow(t, dir, a)
			if b = balanceOf(t, dir); b.Advice.Advice != "none" || b.Level != health.OK {
				t.Errorf("afterwards: %+v", b.Advice)
			}
			holdLast(t, d, dir, len(a.Commands), b.Last)
		})
	}
}

// TestBalanceNotNeeded fills what metadata has to four fifths, with room for more
// chunks of it: that is nothing.
func TestBalanceNotNeeded(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{1024 * mib})
	fillMetadata(t, d.Dir, 0.81)
	b := balanceOf(t, d.Dir)
	if a := b.Advice; a.Advice != "none" || a.Reason != "enough" || b.Level != health.OK || a.MetadataPercent <= 80 || len(a.Commands) > 0 || !strings.Contains(a.MetadataNote, "above 80 %: of no concern") {
		t.Errorf("%+v", b.Advice)
	}
	text, _, _ := anna(t, 0, noSocket, "storage", "btrfs", "balance", "status", d.Dir)
	if !strings.Contains(text, "advice: not needed") || !strings.Contains(text, "of no concern") {
		t.Errorf("status:\n%s", text)
	}

	mixed := annatest.NewDisk(t, []int64{128 * mib}, "-M")
	fillData(t, mixed.Dir, mib)
	if b := balanceOf(t, mixed.Dir); b.Advice.Advice != "none" || b.Advice.Reason != "mixed" || b.Level != health.OK {
		t.Errorf("mixed: %+v", b.Advice)
	}
}

// TestBalanceFails fills metadata where nothing is unallocated: a balance is
// refused, and fails indeed. What is said to help does.
func TestBalanceFails(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{2600 * mib})
	thin(t, d.Dir, fillData(t, d.Dir, 12<<20), 8)
	fillMetadata(t, d.Dir, 0.96)
	b := balanceOf(t, d.Dir)
	a := b.Advice
	if a.Advice != "other" || a.Reason != "metadata_full" || a.MetadataPercent < 95.5 || a.Unallocated > mib || len(a.Commands) > 0 || b.Level < health.Warning || len(a.Helps) < 2 {
		t.Fatalf("%+v", a)
	}
	fs, err := btrfs.Open(d.Dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	groups, err := fs.BlockGroups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	least := slices.DeleteFunc(groups.LeastUsed(btrfs.Data, 3), func(g btrfs.BlockGroup) bool { return g.Used == 0 })[0]
	out, err := exec.Command("btrfs", "balance", "start", fmt.Sprintf("-dvrange=%d..%d", least.Start, least.Start+least.Length), d.Dir).CombinedOutput()
	if err == nil || !strings.Contains(string(out), unix.ENOSPC.Error()) && !strings.Contains(string(out), "No space left on device") {
		t.Errorf("the balance that was refused went: %v\n%s", err, out)
	}
	// One for which there is no room even to be noted down leaves no word, and one
	// whose end the kernel left out of its log, no outcome.
	if b = balanceOf(t, d.Dir); b.Last != nil && b.Last.Outcome != btrfs.BalanceUnknown && (b.Last.Outcome != btrfs.BalanceFailed || !strings.Contains(b.Last.Detail, "no space left")) {
		t.Errorf("the last balance: %+v", b.Last)
	}
	names, err := filepath.Glob(filepath.Join(d.Dir, "m*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names[:len(names)/2] {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	annatest.Run(t, "btrfs", "filesystem", "sync", d.Dir)
	if a = balanceOf(t, d.Dir).Advice; a.Advice != "balance" {
		t.Fatalf("with room for it: %+v", a)
	}
	follow(t, d.Dir, *a)
}

// TestBalanceOfMetadata has data short of room, and metadata with chunks that it
// no longer needs: the one case for its block groups.
func TestBalanceOfMetadata(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{768 * mib}, "-m", "single")
	value := make([]byte, 15<<10)
	for i := range 16000 {
		name := filepath.Join(d.Dir, fmt.Sprintf("m%d", i))
		f, err := os.Create(name)
		if err == nil {
			f.Close()
			err = unix.Setxattr(name, "user.anna", value, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 16000 {
		if i%20 > 0 {
			os.Remove(filepath.Join(d.Dir, fmt.Sprintf("m%d", i)))
		}
	}
	fillData(t, d.Dir, 12<<20)
	a := balanceOf(t, d.Dir).Advice
	if a.Advice != "balance" || len(a.Commands) == 0 || !strings.Contains(a.Commands[0], "-mvrange=") {
		t.Fatalf("%+v", a)
	}
	follow(t, d.Dir, *a)
}

// holdLast holds what is said of the last of a number of balances, all of which
// finished, to the lines that the kernel's log has: Btrfs may write a hundred in
// five seconds, of all file systems together, and leaves out the others.
func holdLast(t *testing.T, d *annatest.Disk, dir string, ran int, last *LastBalance) {
	t.Helper()
	log := make([]byte, 8<<20)
	n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, log)
	if err != nil {
		t.Fatal(err)
	}
	fs, err := btrfs.Open(dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	var starts, ends int
	mounted := false
	for line := range strings.Lines(string(log[:n])) {
		if !slices.ContainsFunc(d.Loops, func(l *annatest.Loop) bool { return strings.Contains(line, "(device "+filepath.Base(l.Path)+")") }) {
			continue
		}
		switch {
		case strings.Contains(line, "first mount of filesystem"):
			starts, ends, mounted = 0, 0, strings.Contains(line, fs.FSID.String())
		case strings.Contains(line, "balance: start"):
			starts++
		case strings.Contains(line, "balance: ended with status: 0"):
			ends++
		}
	}
	switch whole := mounted && starts == ran && ends == ran; {
	case whole && last != nil && last.Outcome == btrfs.BalanceFinished:
	case !whole && (last == nil || last.Outcome == btrfs.BalanceFinished || last.Outcome == btrfs.BalanceUnknown):
		t.Logf("of %d balances the log has %d starts and %d ends, the mount: %v; said is %+v", ran, starts, ends, mounted, last)
	default:
		t.Errorf("of %d balances the log has %d starts and %d ends, the mount: %v; the last balance: %+v", ran, starts, ends, mounted, last)
	}
}
