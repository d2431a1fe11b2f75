package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/daemon"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// TestSeries holds that what the daemon writes is what is read here.
func TestSeries(t *testing.T) {
	for _, f := range trendFigures {
		if got, want := f.series+"{u}", daemon.BtrfsSeries(f.name, "u"); got != want {
			t.Errorf("%s is read, %s is written", got, want)
		}
	}
}

// serve answers as a privileged daemon does, for nobody as well. control lets
// that group control.
func serve(t *testing.T, control int) (socket string, store *telemetry.Store) {
	t.Helper()
	dir, err := os.MkdirTemp("", "anna-") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		t.Fatal(err)
	}
	if store, err = telemetry.Open(t.Context(), "", telemetry.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close(context.Background()) })
	cfg, _ := config.Load("/nonexistent/config.toml")
	table := applet.Table{Row}
	h := host.New(slog.New(slog.DiscardHandler), cfg, table.MethodNames())
	h.SetStore(store)
	s := rpc.NewServer(slog.New(slog.DiscardHandler), 0, table.Serve(h)...)
	s.ControlGID = func() (int, bool) { return control, control != 0 }
	done := make(chan struct{})
	go func() { defer close(done); s.Serve(l) }()
	t.Cleanup(func() {
		l.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		s.Stop(ctx)
		<-done
	})
	return socket, store
}

// TestDaemonHelps holds what nobody gets from a daemon that runs as root: every
// figure, and no name.
func TestDaemonHelps(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{512 * mib}, "-L", "data")
	populate(t, d.Dir)
	socket, _ := serve(t, 0)
	own := annaJSON[Show](t, 0, noSocket, "storage", "btrfs", d.Dir).Filesystems[0]
	f := annaJSON[Show](t, nobody, socket, "storage", "btrfs", d.Dir).Filesystems[0]
	if f.SeenBy != byDaemon || !f.Subvolumes.Complete || f.Subvolumes.Total != own.Subvolumes.Total || !f.Space.Exact || len(f.Missing) != 0 {
		t.Errorf("nobody gets %+v", f)
	}
	if f.Default == nil || f.Default.ID != 5 || len(f.Mounts) != 1 {
		t.Errorf("default %+v, mounts %+v", f.Default, f.Mounts)
	}
	u := annaJSON[Usages](t, nobody, socket, "storage", "btrfs", "usage", d.Dir).Filesystems[0]
	if u.BlockGroups == nil || u.BlockGroups.Total == 0 || u.SeenBy != byDaemon {
		t.Errorf("usage %+v", u)
	}
	text, _, status := anna(t, nobody, socket, "storage", "btrfs", "tree", d.Dir)
	if status != 0 || strings.Contains(text, "secret") || !strings.Contains(text, "what the daemon could list unknown: it is for root and members of [access] control_group") {
		t.Errorf("status %d, tree of an observer:\n%s", status, text)
	}

	// What observers get holds no path of a subvolume or a mount at all.
	for _, method := range []string{methodList, methodGet, methodSpace, methodTrend} {
		params := any(Params{UUID: f.UUID})
		if method == methodList {
			params = nil
		}
		c := &rpc.Client{Socket: socket, Spec: applet.Table{Row}.Spec}
		var answer json.RawMessage
		if err := c.Call(t.Context(), method, params, &answer); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"@", "snaps/", "closed", "secret", d.Dir} {
			if strings.Contains(string(answer), name) {
				t.Errorf("%s tells of %q: %s", method, name, answer)
			}
		}
	}
}

// TestDaemonTellsControl holds that a member of the control group gets the whole
// tree, with names byte for byte.
func TestDaemonTellsControl(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{512 * mib})
	populate(t, d.Dir)
	socket, _ := serve(t, nobody)
	tree := annaJSON[Trees](t, nobody, socket, "storage", "btrfs", "tree", d.Dir).Filesystems[0]
	own := annaJSON[Trees](t, 0, noSocket, "storage", "btrfs", "tree", d.Dir).Filesystems[0]
	if tree.SeenBy != byDaemon || shape(tree.Roots) != shape(own.Roots) || tree.Counts != own.Counts {
		t.Errorf("control gets %s %+v, root sees %s %+v", shape(tree.Roots), tree.Counts, shape(own.Roots), own.Counts)
	}
	if i := slices.IndexFunc(tree.Roots[0].Children, func(n *Node) bool { return string(n.PathRaw) == "/snaps/new\nline \xff" }); i < 0 {
		t.Error("the bytes of a name are lost")
	}
	// What the caller may not look into is not closed to the daemon, and a path
	// leads there all the same.
	for _, n := range tree.Roots[0].Children {
		if n.State == stateClosed {
			t.Errorf("closed, and yet told: %+v", n)
		}
	}
	text, _, _ := anna(t, nobody, socket, "storage", "btrfs", "tree", d.Dir)
	if !strings.Contains(text, "closed/inner/secret (rw)") {
		t.Errorf("control reads:\n%s", text)
	}
}

// TestItems holds that every subvolume is sent once, in items of bounded length,
// and that a list that breaks off is none.
func TestItems(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{256 * mib})
	for i := range 60 { // long names: two to an item
		makeSubvolume(t, d.Dir, fmt.Sprintf("%03d%s", i, strings.Repeat("\xff", 250)))
	}
	fs, err := btrfs.Open(d.Dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	var lines []json.RawMessage
	send := func(v any) error {
		line, err := json.Marshal(v)
		if len(line) > itemBytes+8<<10 {
			t.Errorf("an item of %d bytes", len(line))
		}
		lines = append(lines, line)
		return err
	}
	look, err := lookAtSubvolumes(t.Context(), fs)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	if err := sendSubvolumes(t.Context(), look, &count, send); err != nil || count != 61 || len(lines) < 10 {
		t.Fatalf("%d in %d items, %v", count, len(lines), err)
	}
	v := &viewer{ctx: t.Context(), stream: func(_ string, _, result any, each func(json.RawMessage) error) error {
		for _, line := range lines {
			if err := each(line); err != nil {
				return err
			}
		}
		result.(*SubvolumesEnd).Count = count
		return nil
	}}
	all, err := v.told("u")
	if err != nil || len(all.nodes) != 61 || all.nodes[60].Path != "/059"+strings.Repeat("\xff", 250) || !all.complete {
		t.Errorf("%d subvolumes, %v", len(all.nodes), err)
	}
	lines = lines[1:]
	if all, err := v.told("u"); err == nil || all.complete || len(all.nodes) != 0 {
		t.Errorf("half a list is taken for a whole: %v", err)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sendSubvolumes(done, look, &count, send); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestClientLeaves holds that a list ends when nobody wants it any more: the
// next who asks is not held up.
func TestClientLeaves(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{512 * mib})
	for i := range 400 {
		makeSubvolume(t, d.Dir, fmt.Sprintf("%03d%s", i, strings.Repeat("\xff", 250)))
	}
	socket, _ := serve(t, 0)
	c := &rpc.Client{Socket: socket, Spec: applet.Table{Row}.Spec}
	uuid := annaJSON[Show](t, 0, noSocket, "storage", "btrfs", d.Dir).Filesystems[0].UUID
	ask := func(n int) (items int, err error) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		err = c.CallEach(ctx, methodSubvolumes, Params{UUID: uuid}, nil, func(json.RawMessage) error {
			if items++; items == n {
				return errors.New("enough")
			}
			return nil
		})
		return items, err
	}
	whole, err := ask(0)
	if err != nil || whole < 100 {
		t.Fatalf("%d items, %v", whole, err)
	}
	// One that reads an item, and then nothing: its buffer is full long before
	// the end. The next waits until the connection is closed, and no longer.
	idle, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(idle, `{"jsonrpc":"2.0","id":1,"method":%q,"params":{"uuid":%q}}`+"\n", methodSubvolumes, uuid)
	if _, err := idle.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, func() { idle.Close() })
	for range 3 {
		if items, err := ask(1); err == nil || items != 1 {
			t.Errorf("%d items, %v", items, err)
		}
	}
	if again, err := ask(0); err != nil || again != whole {
		t.Errorf("%d items after others left, %v", again, err)
	}
}

func TestDaemonRefuses(t *testing.T) {
	socket, _ := serve(t, 0)
	c := &rpc.Client{Socket: socket, Spec: applet.Table{Row}.Spec}
	for uuid, want := range map[string]rpc.Code{
		"": rpc.NotBtrfs, "x": rpc.InvalidParams, "/": rpc.InvalidParams, "00000000-0000-0000-0000-000000000001": rpc.NotBtrfs,
	} {
		for _, method := range []string{methodGet, methodSpace} {
			err := c.Call(t.Context(), method, Params{UUID: uuid}, nil)
			var e *rpc.Error
			if !errors.As(err, &e) || e.Code != want {
				t.Errorf("%s of %q: %v, want %s", method, uuid, err, want)
			}
		}
	}
}

// TestTrend lets a store remember a week.
func TestTrend(t *testing.T) {
	store, err := telemetry.Open(t.Context(), "", telemetry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close(context.Background())
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	got, err := trendOf(t.Context(), store, "none", now)
	if err != nil || got.Why != "no history yet" || got.Lines == nil {
		t.Errorf("no history: %+v, %v", got, err)
	}
	const gib = 1 << 30
	for at := now.Add(-6 * 24 * time.Hour); at.Before(now); at = at.Add(10 * time.Minute) {
		days := 6 - now.Sub(at).Hours()/24
		free := 100*gib - days*2*gib
		if days > 3 { // half-way somebody deletes snapshots of 30 GiB
			free += 30 * gib
		}
		store.Observe(at,
			telemetry.Point{Series: daemon.BtrfsSeries("free", "u"), Value: free},
			telemetry.Point{Series: daemon.BtrfsSeries("unallocated", "u"), Value: 50 * gib})
		if days > 5.9 {
			store.Observe(at, telemetry.Point{Series: daemon.BtrfsSeries("free", "young"), Value: free})
		}
	}
	got, err = trendOf(t.Context(), store, "u", now)
	if err != nil || len(got.Lines) != 2 || got.Why != "" {
		t.Fatalf("%+v, %v", got, err)
	}
	free, unallocated := got.Lines[0], got.Lines[1]
	if math.Abs(free.PerDay+2*gib) > 1e6 || free.LeftSec == nil || math.Abs(*free.LeftSec/86400-59) > 0.1 {
		t.Errorf("free: %+v", free)
	}
	if unallocated.PerDay != 0 || unallocated.LeftSec != nil || unallocated.Last != 50*gib {
		t.Errorf("unallocated: %+v", unallocated)
	}
	got, err = trendOf(t.Context(), store, "young", now)
	if err != nil || len(got.Lines) != 0 || !strings.Contains(got.Why, "1 d are needed") {
		t.Errorf("young: %+v, %v", got, err)
	}

	// A history is as long as somebody watched, not as the span that this fell into.
	began := now.Add(9*time.Minute + 4*time.Second)
	store.Observe(began, telemetry.Point{Series: daemon.BtrfsSeries("free", "new"), Value: 1})
	got, err = trendOf(t.Context(), store, "new", began.Add(10*time.Second))
	if err != nil || !strings.HasPrefix(got.Why, "history of less than a minute, ") {
		t.Errorf("new: %+v, %v", got, err)
	}
	got, err = trendOf(t.Context(), store, "new", began.Add(30*time.Minute))
	if err != nil || !strings.HasPrefix(got.Why, "history of 30 min, ") {
		t.Errorf("new: %+v, %v", got, err)
	}
}
