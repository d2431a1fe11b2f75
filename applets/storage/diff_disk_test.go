package storage

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// dayOfWork makes a home with a snapshot where snapper puts it, and works on.
func dayOfWork(t testing.TB) (dir string) {
	t.Helper()
	dir = annatest.NewDisk(t, []int64{512 * mib}, "-L", "work disk").Dir
	home := filepath.Join(dir, "@home")
	sh := func(script string) {
		t.Helper()
		c := exec.Command("sh", "-ec", script)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	annatest.Run(t, "btrfs", "subvolume", "create", home)
	sh(`cd @home; mkdir -p .snapshots/12 etc lib/old; echo a >etc/fstab; echo b >etc/motd; echo c >etc/issue
		echo x >lib/old/f; echo saved >saved; echo dir >was-file`)
	annatest.WriteFile(t, home, "big", 100_000)
	sh(`cd @home; ln big hard`)
	annatest.Run(t, "btrfs", "subvolume", "snapshot", "-r", home, filepath.Join(home, ".snapshots/12/snapshot"))
	sh(`cd @home; echo new >>etc/fstab; rm etc/motd was-file; mkdir was-file; chmod 600 etc/issue; mv lib/old lib/new
		echo other >tmp; mv tmp saved; head -c 5000 /dev/urandom >>hard; ln -s etc link`)
	annatest.WriteFile(t, home, "odd\n\xff", 10_000)
	return dir
}

// TestDiffDisk compares a snapshot with what became of it, by every way to name
// them and in both directions.
func TestDiffDisk(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	dir := dayOfWork(t)
	snap, home := filepath.Join(dir, "@home/.snapshots/12/snapshot"), filepath.Join(dir, "@home")
	want := map[string]string{
		"etc/fstab": "modified", "etc/motd": "removed", "etc/issue": "metadata", "lib/new": "renamed", "saved": "replaced",
		"was-file": "type_changed", "big": "modified", "link": "added", "odd\n\xff": "added", ".snapshots/12/snapshot": "added",
	}
	for _, sides := range [][2]string{
		{snap, home},
		{home + "#12", "live"},
		{dir + ":@home#12", home},
		{dir + ":257", "256"},
		{"/@home/.snapshots/12/snapshot", dir + ":/@home/"},
		{"work disk:257", "@home"},
		{snap + "/.", home + "/../@home"},
	} {
		got := annaJSON[diffObject](t, 0, noSocket, "storage", "btrfs", "diff", sides[0], sides[1])
		kinds := map[string]string{}
		var sum, disk int64
		for _, c := range got.Changes {
			name := c.Path
			restore(&name, c.PathRaw)
			if other := map[string]string{"hard": "big"}[name]; other != "" {
				name = other
			}
			kinds[name] = c.Kind
			sum += int64(c.SizeAfter) - int64(c.SizeBefore)
			disk += int64(c.AllocatedAfter) - int64(c.AllocatedBefore)
		}
		if fmt.Sprint(kinds) != fmt.Sprint(want) || len(got.Changes) != len(want) {
			t.Errorf("%q: %v, want %v", sides, kinds, want)
		}
		if !got.Complete || !got.Related || got.Engine != "tree" || got.From.ID != 257 || got.To.Path != "/@home" || !got.From.ReadOnly ||
			got.Summary.Added != 3 || got.Summary.SizeDelta != sum || got.Summary.AllocatedDelta != disk {
			t.Errorf("%q: %+v; the changes add up to %d and %d", sides, got.DiffReport, sum, disk)
		}
	}
	back := annaJSON[diffObject](t, 0, noSocket, "storage", "btrfs", "diff", home, snap)
	if s := back.Summary; s.Added != 1 || s.Removed != 3 || len(back.Changes) != len(want) {
		t.Errorf("the other way round: %+v", s)
	}
	other := annaJSON[diffObject](t, 0, noSocket, "storage", "btrfs", "diff", dir, home, "--sort", "size")
	if other.Related || other.Engine != "paths" || !slices.ContainsFunc(other.Notes, func(n string) bool { return strings.Contains(n, "not related") }) {
		t.Errorf("unrelated: %+v", other.DiffReport)
	}
}

// TestDiffForms reads what a person and a script read.
func TestDiffForms(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	dir := dayOfWork(t)
	run := func(flags ...string) string {
		t.Helper()
		out, stderr, status := anna(t, 0, noSocket, append([]string{"storage", "btrfs", "diff", dir + ":@home#12", "live"}, flags...)...)
		if status != 0 || stderr != "" {
			t.Fatalf("%v: status %d, %s", flags, status, stderr)
		}
		return out
	}
	for _, tt := range []struct {
		flags []string
		want  []string
		never string
	}{
		{nil, []string{"\netc/ · 3 changes, +2 B\n", "  ~ modified            +4 B  fstab\n", "new/  from lib/old\n", `$'odd\n\xff'`, "10 changes: 3 added"}, "mtime"},
		{[]string{"--stat"}, []string{"  + added                3 ", "10 changes: "}, "fstab"},
		{[]string{"--depth", "1"}, []string{"        +2 B  etc/  1 removed, 1 modified, 1 metadata\n"}, "fstab"},
		{[]string{"--name-only", "--filter", "etc"}, []string{"etc/fstab\netc/issue\netc/motd\n"}, "big"},
		{[]string{"-z", "--name-only", "--only", "added"}, []string{"link\x00odd\n\xff\x00.snapshots/12/snapshot\x00"}, "etc"},
		{[]string{"--sort=size", "-v"}, []string{"size 0 B → 9.77 KiB, on disk 0 B → 12.0 KiB"}, "etc/ "},
		{[]string{"--only", "renamed", "--engine", "tree"}, []string{"1 of 10 changes shown"}, "fstab"},
	} {
		out := run(tt.flags...)
		for _, w := range tt.want {
			if !strings.Contains(out, w) {
				t.Errorf("%v does not say %q:\n%s", tt.flags, w, out)
			}
		}
		if strings.Contains(out, tt.never) {
			t.Errorf("%v says %q:\n%s", tt.flags, tt.never, out)
		}
	}
	lines := strings.Split(strings.TrimSuffix(run("--json", "--stream"), "\n"), "\n")
	var last DiffReport
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(lines) != 11 || last.Summary.Added != 3 {
		t.Errorf("%v in %q", err, lines)
	}
}

// TestDiffRefused holds what is said, and the status, where nothing is compared.
func TestDiffRefused(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	dir := dayOfWork(t)
	home := filepath.Join(dir, "@home")
	annatest.Run(t, "mkfifo", filepath.Join(home, "fifo"))
	second := annatest.NewDisk(t, []int64{256 * mib}).Dir
	openUp(t, dir)
	for _, tt := range []struct {
		uid    uint32
		words  []string
		status int
		says   string
	}{
		{nobody, []string{home + "#12", "live", "--stat"}, 77, "hint: Run: sudo anna storage btrfs diff '" + home + "#12' live --stat\n"},
		{0, []string{home, second}, 1, "they are on different file systems"},
		{0, []string{home, "/proc"}, 1, "cannot compare /proc: it is not on a Btrfs file system"},
		{0, []string{home + "/etc", "live"}, 1, "it is no subvolume, but lies in one"},
		{0, []string{home + "/fifo", "live"}, 1, "it is no subvolume, but lies in one"},
		{0, []string{home, "@nothing"}, 1, "cannot find subvolume @nothing"},
		{0, []string{home, "./@nothing"}, 1, "cannot compare ./@nothing: no such file or directory"},
		{0, []string{home, dir + ":999"}, 1, "cannot find subvolume " + dir + ":999"},
		{0, []string{home, "99999999999999999999"}, 1, "value out of range"},
		{0, []string{home, home + "#13"}, 1, "cannot find snapshot 13 of /@home"},
		{0, []string{home, "live"}, 1, "cannot tell what is live"},
		{0, []string{home + "#12", "live", "--engine", "send"}, 1, "not read-only"},
		{0, []string{dir, home, "--engine", "tree"}, 1, "not related"},
		{0, []string{"live", "live"}, 64, "both sides are"},
		{0, []string{"@home", "257"}, 64, "is no path, and could be a subvolume of any of"},
		{0, []string{home, ""}, 64, "empty"},
	} {
		_, stderr, status := anna(t, tt.uid, noSocket, append([]string{"storage", "btrfs", "diff"}, tt.words...)...)
		if status != tt.status || !strings.Contains(stderr, tt.says) || strings.Contains(stderr, "/proc/self") {
			t.Errorf("%v: status %d, %s", tt.words, status, stderr)
		}
	}
	out, _, status := anna(t, nobody, noSocket, "storage", "btrfs", "diff", home, "live", "--json")
	if status != 77 || !strings.Contains(out, `"code":"NotAuthorized"`) {
		t.Errorf("status %d, %s", status, out)
	}
}

// TestDiffInterrupted ends a comparison in the midst of its answer, which must
// not look like a whole one.
func TestDiffInterrupted(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	dir := annatest.NewDisk(t, []int64{256 * mib}).Dir
	for _, name := range []string{"a", "b"} {
		annatest.Run(t, "btrfs", "subvolume", "create", filepath.Join(dir, name))
	}
	for i := range 4000 { // more lines than pipe and buffer hold
		if err := os.WriteFile(filepath.Join(dir, "b", fmt.Sprintf("a file with a name of some length %d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, flags := range [][]string{{"--json", "--stream"}, {"--json"}} {
		c := exec.CommandContext(t.Context(), "/proc/self/exe", append([]string{"storage", "btrfs", "diff", filepath.Join(dir, "a"), filepath.Join(dir, "b")}, flags...)...)
		c.Env = []string{"STORAGE_TEST_PROGRAM=1", "GORACE=atexit_sleep_ms=0", "ANNA_SOCKET=" + noSocket, "LANG=C.UTF-8"}
		var errs bytes.Buffer
		c.Stderr = &errs
		pipe, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		out := bufio.NewReader(pipe)
		if _, err := out.Peek(1); err != nil { // it is in the midst, and stays there: nobody reads
			t.Fatal(err)
		}
		if err := c.Process.Signal(unix.SIGINT); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * time.Millisecond) // the signal arrives while the pipe is full
		var text bytes.Buffer
		if _, err := out.WriteTo(&text); err != nil {
			t.Fatal(err)
		}
		c.Wait()
		if status := c.ProcessState.ExitCode(); status != 130 || errs.Len() > 0 {
			t.Errorf("%v: status %d, %s", flags, status, errs.String())
		}
		if len(flags) == 2 {
			if strings.Contains(text.String(), `"summary"`) {
				t.Errorf("%v: a summary of what was interrupted", flags)
			}
			continue
		}
		var got struct {
			diffObject
			Error struct{ Message string }
		}
		if err := json.Unmarshal(text.Bytes(), &got); err != nil || got.Complete || got.Error.Message != "interrupted" || len(got.Changes) >= 4000 {
			t.Errorf("%v: %v, %d changes, %+v %s", flags, err, len(got.Changes), got.DiffReport, got.Error.Message)
		}
	}
	// A reader that has enough ends it quietly.
	c := exec.CommandContext(t.Context(), "sh", "-c", `"$0" storage btrfs diff "$1" "$2" --json --stream | head -c 5`, "/proc/self/exe", filepath.Join(dir, "a"), filepath.Join(dir, "b"))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c.Args[3] = self
	c.Env = []string{"STORAGE_TEST_PROGRAM=1", "GORACE=atexit_sleep_ms=0", "PATH=" + os.Getenv("PATH")}
	if out, err := c.CombinedOutput(); err != nil || len(out) != 5 {
		t.Errorf("%v, %q", err, out)
	}
}

// TestDiffChanging compares with a side that somebody goes on writing to.
func TestDiffChanging(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	dir := dayOfWork(t)
	home := filepath.Join(dir, "@home")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				os.WriteFile(filepath.Join(home, fmt.Sprintf("busy %d", i%50)), []byte(fmt.Sprint(i)), 0o600)
			}
		}
	}()
	defer func() { close(stop); <-done }()
	for _, flags := range [][]string{nil, {"--retry"}} {
		words := append([]string{"storage", "btrfs", "diff", home + "#12", "live"}, flags...)
		got := annaJSON[diffObject](t, 0, noSocket, words...)
		// It takes so little time that on a busy machine nobody gets to write.
		for range 50 {
			if !got.Complete || flags != nil {
				break
			}
			got = annaJSON[diffObject](t, 0, noSocket, words...)
		}
		said := slices.ContainsFunc(got.Notes, func(n string) bool { return strings.HasPrefix(n, "changing") })
		if got.Complete == said {
			t.Errorf("%v: complete %v, notes %q", flags, got.Complete, got.Notes)
		}
		if got.Complete && flags == nil {
			t.Errorf("a side that is written to all the time held still")
		}
		if tries := "it did not hold still in 10 tries"; !got.Complete && slices.Contains(got.Notes, tries) != (flags != nil) {
			t.Errorf("%v: notes %q", flags, got.Notes)
		}
	}
}
