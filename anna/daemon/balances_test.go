package daemon

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

const followed = "7a1f8c3e-5b9d-4f7a-9c2e-0d6b8e4f1a23"

// balancesOn makes a balanceWatch over a file in place of the kernel's log, and a
// directory in place of /sys.
func balancesOn(t *testing.T, store *telemetry.Store) (f *balanceWatch, kmsg, exclusive string) {
	t.Helper()
	dir := t.TempDir()
	kmsg = filepath.Join(dir, "kmsg")
	exclusive = filepath.Join(dir, "sys/fs/btrfs", followed, "exclusive_operation")
	if err := os.MkdirAll(filepath.Join(filepath.Dir(exclusive), "devices", "sda2"), 0o755); err != nil {
		t.Fatal(err)
	}
	f = &balanceWatch{roots: btrfs.Roots{Sys: filepath.Join(dir, "sys")}, kmsg: kmsg, store: func() *telemetry.Store { return store }, log: slog.New(slog.DiscardHandler), now: time.Now}
	t.Cleanup(f.close)
	return f, kmsg, exclusive
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// balances are those that are stored.
func balances(t *testing.T, store *telemetry.Store) []telemetry.Operation {
	t.Helper()
	list, err := store.Operations(t.Context(), telemetry.Balance, followed, 0)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func openMemory(t *testing.T) *telemetry.Store {
	t.Helper()
	store, err := telemetry.Open(t.Context(), "", telemetry.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close(t.Context()) })
	return store
}

// TestFollowByLog reads each line of the log once more after a restart, and
// stores no balance twice.
func TestFollowByLog(t *testing.T) {
	store := openMemory(t)
	for restart := range 2 {
		f, kmsg, _ := balancesOn(t, store)
		for i, text := range []string{"balance: start -d", "balance: ended with status: -28"} {
			// A file gives all it has in one read; the kernel a line at a time.
			put(t, kmsg, fmt.Sprintf("6,1,%d,-;BTRFS info (device sda2): %s\n", 1+i*20_000_000, text))
			if f.kernel != nil {
				f.kernel.Close()
				k, err := btrfs.OpenKernelLog(kmsg)
				if err != nil {
					t.Fatal(err)
				}
				f.kernel = k
			}
			f.look(t.Context())
		}
		list := balances(t, store)
		if len(list) != 1 || list[0].Outcome != btrfs.BalanceFailed || list[0].Ended.Sub(list[0].Started).Round(time.Second) != 20*time.Second {
			t.Fatalf("after start %d: %+v", restart+1, list)
		}
	}
}

// TestFollowEndLeftOut has a log without the line of an end, as the kernel leaves
// it when Btrfs has much to say.
func TestFollowEndLeftOut(t *testing.T) {
	store := openMemory(t)
	f, kmsg, exclusive := balancesOn(t, store)
	look := func(what string) telemetry.Operation {
		t.Helper()
		put(t, exclusive, what+"\n")
		f.look(t.Context())
		list := balances(t, store)
		if len(list) != 1 {
			t.Fatalf("%+v", list)
		}
		return list[0]
	}
	put(t, kmsg, "6,1,1000000,-;BTRFS info (device sda2): balance: start -d\n")
	for range 2 {
		if o := look("balance"); o.Outcome != btrfs.BalanceRunning {
			t.Errorf("it runs: %+v", o)
		}
	}
	for range 2 {
		if o := look("none"); o.Outcome != btrfs.BalanceUnknown || o.Ended.IsZero() {
			t.Errorf("it is over: %+v", o)
		}
	}
	// One that begins just after it was looked at what runs.
	begins := func(sec int) []telemetry.Operation {
		put(t, kmsg, fmt.Sprintf("6,1,%d000000,-;BTRFS info (device sda2): balance: start -d\n", sec))
		f.kernel.Close()
		var err error
		if f.kernel, err = btrfs.OpenKernelLog(kmsg); err != nil {
			t.Fatal(err)
		}
		f.look(t.Context())
		return balances(t, store)
	}
	for n, sec := range []int{100, 200} {
		if list := begins(sec); len(list) != 2+n || list[1+n].Outcome != btrfs.BalanceRunning {
			t.Errorf("the next one: %+v", list)
		}
	}
}

// TestFollowByLooking has no log to read.
func TestFollowByLooking(t *testing.T) {
	store := openMemory(t)
	f, _, exclusive := balancesOn(t, store)
	look := func(what string) []telemetry.Operation {
		put(t, exclusive, what+"\n")
		f.look(t.Context())
		return balances(t, store)
	}
	if list := look("none"); len(list) != 0 {
		t.Errorf("nothing runs: %+v", list)
	}
	if list := look("balance"); len(list) != 1 || list[0].Outcome != btrfs.BalanceRunning || !list[0].Ended.IsZero() {
		t.Errorf("one runs: %+v", list)
	}
	if list := look("balance paused"); len(list) != 1 || list[0].Outcome != btrfs.BalancePaused {
		t.Errorf("it is paused: %+v", list)
	}
	f.live = nil // the daemon starts anew, and takes it for the same one
	if list := look("balance"); len(list) != 1 || list[0].Outcome != btrfs.BalanceRunning {
		t.Errorf("it goes on: %+v", list)
	}
	if list := look("device remove"); len(list) != 1 || list[0].Outcome != btrfs.BalanceUnknown || list[0].Ended.IsZero() {
		t.Errorf("it is over: %+v", list)
	}
	if list := look("none"); len(list) != 1 {
		t.Errorf("it is still over: %+v", list)
	}
}

// TestBtrfsWatch judges real file systems; what one look alone saw is not told.
func TestBtrfsWatch(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{256 << 20}, "-L", "watched", "-m", "single")
	store := openMemory(t)
	w := &btrfsWatch{
		config:   func() config.Btrfs { return config.Btrfs{HeadroomWarn: 1 << 30} },
		balances: &balanceWatch{store: func() *telemetry.Store { return store }, log: slog.New(slog.DiscardHandler), now: time.Now},
	}
	defer w.balances.close()
	if r := w.filesystems(); r.Known || r.Reason == "" {
		t.Errorf("before the first look: %+v", r)
	}
	ours := func() (found health.Filesystem) {
		t.Helper()
		w.look(t.Context())
		for _, f := range w.filesystems().Value {
			if f.Name == "watched" {
				found = f
			}
		}
		if found.Name == "" {
			t.Fatalf("it is not there: %+v", w.filesystems())
		}
		return found
	}
	if f := ours(); f.Short || f.Headroom <= 0 {
		t.Errorf("an empty one: %+v", f)
	}
	for size := int64(4 << 20); size >= 64<<10; size /= 4 { // all there is goes to data
		for i := 0; ; i++ {
			f, err := os.Create(filepath.Join(d.Dir, fmt.Sprintf("%d-%d", size, i)))
			if err != nil {
				break
			}
			err = unix.Fallocate(int(f.Fd()), 0, 0, size)
			f.Close()
			if err != nil {
				break
			}
		}
	}
	annatest.Run(t, "btrfs", "filesystem", "sync", d.Dir)
	if f := ours(); f.Short {
		t.Errorf("seen by one look alone: %+v", f)
	}
	if f := ours(); !f.Short || f.Advice != "other" {
		t.Errorf("full: %+v", f)
	}
	// What btrfs-progs start is followed, where the log can be read.
	w.balances.look(t.Context())
	if w.balances.kernel == nil {
		t.Skip("the kernel's log is closed to this process")
	}
	fs, err := btrfs.Open(d.Dir, btrfs.Roots{})
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	// The kernel leaves lines out where other file systems have much to say: then
	// there is nothing to see, and the next balance is waited for.
	var list []telemetry.Operation
	for range 5 {
		annatest.Run(t, "btrfs", "balance", "start", "-dusage=0", d.Dir)
		w.balances.look(t.Context())
		list, err = store.Operations(t.Context(), telemetry.Balance, fs.FSID.String(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) > 0 && list[0].Outcome == btrfs.BalanceFinished {
			break
		}
		time.Sleep(3 * time.Second)
	}
	if len(list) == 0 || list[0].Outcome != btrfs.BalanceFinished || list[0].Ended.IsZero() {
		t.Errorf("%+v", list)
	}
}
