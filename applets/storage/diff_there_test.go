package storage

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// sorted is a comparison in an order that means nothing, as JSON.
func sorted(list []DiffChange) string {
	slices.SortFunc(list, func(a, b DiffChange) int { return strings.Compare(a.Path+a.Kind, b.Path+b.Kind) })
	for i := range list {
		restore(&list[i].Path, list[i].PathRaw)
	}
	b, _ := json.Marshal(list)
	return string(b)
}

// TestDiffThere has the daemon compare for a control caller, who gets what root
// gets, and refuses everybody else.
func TestDiffThere(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	dir := dayOfWork(t)
	openUp(t, dir)
	words := []string{"storage", "btrfs", "diff", dir + ":@home#12", "live"}
	own := annaJSON[diffObject](t, 0, noSocket, words...)
	socket, _ := serve(t, nobody)
	got := annaJSON[diffObject](t, nobody, socket, words...)
	if sorted(got.Changes) != sorted(own.Changes) || fmt.Sprint(got.DiffReport) != fmt.Sprint(own.DiffReport) {
		t.Errorf("control gets\n%+v\nroot gets\n%+v", got, own)
	}
	text, stderr, status := anna(t, nobody, socket, words...)
	here, _, _ := anna(t, 0, noSocket, words...)
	if status != 0 || text != here {
		t.Errorf("status %d, %s; text\n%s\nroot's\n%s", status, stderr, text, here)
	}
	_, stderr, status = anna(t, nobody, socket, append(words, "--engine", "send")...)
	if status != 1 || !strings.Contains(stderr, "not read-only") || !strings.Contains(stderr, "Leave out --engine") {
		t.Errorf("send: status %d, %s", status, stderr)
	}
	if err := os.Chmod(filepath.Join(dir, "@home"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, stderr, status = anna(t, nobody, socket, "storage", "btrfs", "diff", filepath.Join(dir, "@home/.snapshots/12/snapshot"), "live")
	if status != 77 || !strings.Contains(stderr, "permission denied") || !strings.Contains(stderr, "sudo anna storage btrfs diff") {
		t.Errorf("a path that is closed: status %d, %s", status, stderr)
	}

	observed, _ := serve(t, 0)
	_, stderr, status = anna(t, nobody, observed, words...)
	if status != 77 || !strings.Contains(stderr, "is for root and members of [access] control_group") || !strings.Contains(stderr, "hint: Run: sudo anna storage btrfs diff ") {
		t.Errorf("an observer: status %d, %s", status, stderr)
	}
}

// TestDiffThereParams holds what the method refuses.
func TestDiffThereParams(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	dir := dayOfWork(t)
	fs, err := btrfs.Open(dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	socket, _ := serve(t, 0)
	c := &rpc.Client{Socket: socket, Spec: applet.Table{Row}.Spec}
	for _, tt := range []struct {
		params any
		want   rpc.Code
	}{
		{DiffParams{UUID: fs.FSID.String(), From: 256, To: 999}, rpc.InvalidParams},
		{DiffParams{UUID: fs.FSID.String(), From: 1, To: 256}, rpc.InvalidParams},
		{DiffParams{UUID: fs.FSID.String(), From: 256, To: 257, Engine: "x"}, rpc.InvalidParams},
		{DiffParams{UUID: fs.FSID.String(), From: 256, To: 257, Engine: "send"}, rpc.NotReadOnly},
		{DiffParams{UUID: "00000000-0000-0000-0000-000000000001", From: 256, To: 257}, rpc.NotBtrfs},
		{map[string]string{"uuid": fs.FSID.String(), "path": dir}, rpc.InvalidParams},
	} {
		err := c.CallEach(t.Context(), methodDiff, tt.params, nil, nil)
		var e *rpc.Error
		if !errors.As(err, &e) || e.Code != tt.want {
			t.Errorf("%+v: %v, want %s", tt.params, err, tt.want)
		}
	}
	s := newServer(btrfs.Roots{})
	s.privileged = func() bool { return false }
	_, err = s.diff(nil, &rpc.Request{})
	var e *rpc.Error
	if !errors.As(err, &e) || e.Code != rpc.CapabilityMissing || !strings.Contains(e.Hint, "sudo anna storage btrfs diff") {
		t.Errorf("without privilege: %v", err)
	}
}

// atWork says whether a comparison runs in this process.
func atWork() bool {
	buf := make([]byte, 1<<20)
	return strings.Contains(string(buf[:runtime.Stack(buf, true)]), "storage.(*server).diff(")
}

func ends(t *testing.T, what string) {
	t.Helper()
	for range 300 {
		if !atWork() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s: the comparison goes on", what)
}

// manyFiles makes two subvolumes, of which the second has n files more.
func manyFiles(t *testing.T, n int) (dir string) {
	dir = annatest.NewDisk(t, []int64{512 * mib}).Dir
	for _, name := range []string{"a", "b"} {
		annatest.Run(t, "btrfs", "subvolume", "create", filepath.Join(dir, name))
	}
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, "b", fmt.Sprintf("%06d%s", i, strings.Repeat("n", 200))), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	openUp(t, dir)
	return dir
}

// diffBy starts the command that compares what manyFiles made, as nobody and by
// the daemon of a socket. It returns when there is something to read.
func diffBy(t *testing.T, socket, dir string, flags ...string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	words := append([]string{"storage", "btrfs", "diff", dir + ":a", dir + ":b"}, flags...)
	c := exec.CommandContext(t.Context(), "/proc/self/exe", words...)
	c.Env = []string{"STORAGE_TEST_PROGRAM=1", "GORACE=atexit_sleep_ms=0", "ANNA_SOCKET=" + socket}
	c.Dir, c.Stderr = "/", os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	pipe, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(pipe)
	if _, err := out.Peek(1); err != nil {
		t.Fatal(err)
	}
	return c, out
}

// TestDiffThereEnds interrupts the client, with Ctrl-C and by closing the
// connection: nothing goes on in the daemon, and the next has its turn.
func TestDiffThereEnds(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	dir := manyFiles(t, 8000)
	socket, _ := serve(t, nobody)
	c, out := diffBy(t, socket, dir, "--json", "--stream")
	c.Process.Signal(unix.SIGSTOP) // it does not read, so the daemon waits
	if !atWork() {
		t.Error("the comparison was over before anybody could end it")
	}
	c.Process.Signal(unix.SIGINT)
	c.Process.Signal(unix.SIGCONT)
	go io.Copy(io.Discard, out)
	c.Wait()
	if status := c.ProcessState.ExitCode(); status != 130 {
		t.Errorf("status %d", status)
	}
	ends(t, "after Ctrl-C")

	client := &rpc.Client{Socket: socket, Spec: applet.Table{Row}.Spec}
	fs, err := btrfs.Open(dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	params := DiffParams{UUID: fs.FSID.String(), From: 256, To: 257}
	ctx, cancel := context.WithCancel(t.Context())
	client.CallEach(ctx, methodDiff, params, nil, func(json.RawMessage) error { cancel(); return nil })
	ends(t, "after the connection was closed")
	read := diffReader{emit: func(diff.Change) error { return nil }, at: func(DiffProgress) {}}
	var end DiffEnd
	if err := client.CallEach(t.Context(), methodDiff, params, &end, read.item); err != nil || end.Count != 8000 {
		t.Errorf("the next: %d changes, %v", end.Count, err)
	}
	if _, err := read.end(&end); err != nil {
		t.Error(err)
	}
	end.Count++
	if _, err := read.end(&end); err == nil {
		t.Error("a part is taken for the whole")
	}
}

// TestDiffThereRemembers repeats a comparison of read-only sides from memory,
// until one of them was written to.
func TestDiffThereRemembers(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	dir := dayOfWork(t)
	annatest.Run(t, "btrfs", "subvolume", "snapshot", "-r", filepath.Join(dir, "@home"), filepath.Join(dir, "later"))
	openUp(t, dir)
	socket, _ := serve(t, nobody)
	ask := func(to string) (got diffObject, known bool) {
		t.Helper()
		got = annaJSON[diffObject](t, nobody, socket, "storage", "btrfs", "diff", dir+":@home#12", to)
		return got, slices.ContainsFunc(got.Notes, func(n string) bool { return strings.HasPrefix(n, "from the daemon's memory") })
	}
	first, known := ask(dir + ":later")
	again, knownAgain := ask(dir + ":later")
	if known || !knownAgain || sorted(first.Changes) != sorted(again.Changes) || first.Summary != again.Summary {
		t.Errorf("known %v, then %v:\n%+v\n%+v", known, knownAgain, first, again)
	}
	for range 2 {
		if _, known := ask("live"); known {
			t.Error("what can be written to is remembered")
		}
	}
	later := filepath.Join(dir, "later")
	annatest.Run(t, "btrfs", "property", "set", "-f", later, "ro", "false")
	annatest.WriteFile(t, later, "one more", 10)
	annatest.Run(t, "btrfs", "property", "set", later, "ro", "true")
	if got, known := ask(dir + ":later"); known || got.Summary.Added != first.Summary.Added+1 {
		t.Errorf("after a write: known %v, %+v", known, got.Summary)
	}
}

// TestDiffCache holds its bounds.
func TestDiffCache(t *testing.T) {
	var c diffCache
	ro := func(id uint64) cacheKey {
		return cacheKey{from: diff.Side{ID: id, ReadOnly: true}, to: diff.Side{ID: 1, ReadOnly: true}}
	}
	for i := range uint64(20) {
		c.put(&cachedDiff{key: ro(i)})
		c.get(ro(0))
	}
	if len(c.list) != cachedCount || c.get(ro(0)) == nil || c.get(ro(19)) == nil || c.get(ro(5)) != nil {
		t.Errorf("%d are kept", len(c.list))
	}
	for i := range uint64(5) {
		c.put(&cachedDiff{key: ro(100 + i), changes: make([]byte, cachedBytes/2)})
	}
	if c.size() > cachedBytes || c.get(ro(104)) == nil {
		t.Errorf("%d bytes are kept", c.size())
	}
	c.put(&cachedDiff{key: ro(200), changes: make([]byte, cachedBytes+1)})
	rw := cacheKey{to: diff.Side{ReadOnly: true}}
	c.put(&cachedDiff{key: rw})
	if c.get(ro(200)) != nil || c.get(rw) != nil {
		t.Error("what is too large, or can be written to, is kept")
	}
	var log changeLog
	big := diff.Change{Path: strings.Repeat("n", 4000)}
	for range 1000 {
		log.add(&big)
	}
	if !log.off || log.bytes != nil {
		t.Errorf("%d bytes are held", len(log.bytes))
	}
}

// TestDiffSent takes every kind of change over the wire and back.
func TestDiffSent(t *testing.T) {
	var got []diff.Change
	read := diffReader{emit: func(c diff.Change) error { got = append(got, c); return nil }, at: func(DiffProgress) {}}
	s := diffSender{send: func(v any) error {
		b, err := json.Marshal(v)
		if err == nil {
			err = read.item(b)
		}
		return err
	}}
	list := changesOfADay()
	for i := range list {
		if err := s.add(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	report := diff.Report{From: diff.Side{ID: 1, UUID: btrfs.UUID{7}, Generation: 9, ReadOnly: true}, Changing: true, Notes: []string{"n"}, Engine: diff.Tree}
	end, err := s.end(&report)
	if err != nil || len(got) != len(list) {
		t.Fatalf("%d changes, %v", len(got), err)
	}
	for i := range got {
		if len(got[i].Attributes) == 0 {
			got[i].Attributes = nil
		}
		if fmt.Sprintf("%+v", got[i]) != fmt.Sprintf("%+v", list[i]) {
			t.Errorf("%+v became %+v", list[i], got[i])
		}
	}
	e := end.(DiffEnd)
	if back, err := read.end(&e); err != nil || back.From != report.From || !back.Changing || back.Engine != diff.Tree {
		t.Errorf("%+v, %v", back, err)
	}
}
