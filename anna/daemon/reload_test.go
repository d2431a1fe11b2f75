package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/applets"
)

// A rig is a daemon inside the test, with every applet.
type rig struct {
	*Daemon
	t    testing.TB
	dir  string
	file string // its configuration
	log  *annatest.Buffer
}

// calm keeps a test's daemon from watching the machine.
const calm = "[modules]\nconfig = false\nnetwork = false\nstorage = false\ndevices = false\nkernel = false\npackages = false\n"

// newRig starts a daemon with a configuration in a directory of its own.
func newRig(t testing.TB, text string) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "anna-") // short enough for a socket in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &rig{t: t, dir: dir, file: filepath.Join(dir, "config.toml")}
	r.write(text)
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *rig) options() Options {
	r.log = &annatest.Buffer{}
	return Options{
		Table: applets.Table, ConfigPath: r.file, Log: slog.New(slog.NewTextHandler(r.log, nil)),
		Level: new(slog.LevelVar), Private: true,
		Overrides: []Override{
			{Key: "daemon.socket", Value: filepath.Join(r.dir, "s"), Flag: "--socket"},
			{Key: "daemon.state_dir", Value: filepath.Join(r.dir, "state"), Flag: "--state-dir"},
		},
	}
}

func (r *rig) start() {
	r.t.Helper()
	d, err := Start(context.Background(), r.options())
	if err != nil {
		r.t.Fatalf("cannot start: %v\n%s", err, r.log)
	}
	r.Daemon = d
}

func (r *rig) stop() {
	if r.Daemon != nil {
		r.Stop("test")
		r.Daemon = nil
	}
}

// write puts the file there as an editor does: whole, and renamed into place.
func (r *rig) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.file+"~", []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(r.file+"~", r.file); err != nil {
		r.t.Fatal(err)
	}
}

// load loads the file and holds how that ends.
func (r *rig) load(want config.Outcome) config.Receipt {
	r.t.Helper()
	rec, err := r.Reload("rpc", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if rec.Outcome != want {
		r.t.Fatalf("%s, not %s: %v\n%s", rec.Outcome, want, rec.Problems, r.log)
	}
	return rec
}

// receipts are all that the store has.
func (r *rig) receipts() []config.Receipt {
	r.t.Helper()
	if err := r.store().Flush(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	stored, err := r.store().Generations(context.Background(), 0)
	if err != nil {
		r.t.Fatal(err)
	}
	list := make([]config.Receipt, len(stored))
	for i, g := range stored {
		if err := json.Unmarshal(g.Data, &list[i]); err != nil {
			r.t.Fatal(err)
		}
	}
	return list
}

// brief is what matters of receipts: "1:1 start applied".
func brief(list []config.Receipt) string {
	var words []string
	for _, r := range list {
		words = append(words, fmt.Sprintf("%d:%d %s %s", r.ID, r.Generation, r.Origin, r.Outcome))
	}
	return strings.Join(words, ", ")
}

// everything changes a key of every part.
func everything(n int) string {
	return fmt.Sprintf(`[daemon]
log_level = "%s"
max_connections = %d
[health]
rpc_window = %d
queue_warn = %d
queue_crit = %d
[events]
history = %d
watch_files = ["/etc/anna-test-%d"]
[telemetry]
max_size = "%dMB"
[modules]
network = %v
storage = false
devices = false
kernel = false
packages = false
[reload]
watch = %v
min_interval = "%ds"
`, []string{"warn", "error"}[n%2], 8+n%100, 20+n%1000, 1+n%1000, 1001+n%1000, 10+n%1000, n, 4+n%100, n%2 == 0, n%2 == 1, 1+n%1000)
}

// A state is all of the daemon that follows the configuration.
type state struct {
	config     *config.Config
	level      slog.Level
	window     int
	settings   string
	store      any
	modules    map[string]string
	watch      *watch
	generation uint64
}

func (r *rig) state() state {
	s := state{
		config: r.host.Config(), level: r.opts.Level.Level(), store: r.store(), watch: r.watch,
		generation: r.reloads.generation, modules: map[string]string{},
		window:   r.host.Latency.Overall().Size,
		settings: fmt.Sprint(eventSettings(r.host.Config())),
	}
	for name, run := range r.mods.running {
		s.modules[name] = fmt.Sprintf("%p %s", run, run.settings)
	}
	return s
}

func (s state) equal(o state) bool {
	return s.config == o.config && s.level == o.level && s.window == o.window && s.settings == o.settings &&
		s.store == o.store && s.watch == o.watch && s.generation == o.generation && maps.Equal(s.modules, o.modules)
}

// TestRefusal holds that where any part refuses, no part has changed, whichever
// was asked before, and that the rejection stands until a good one comes.
func TestRefusal(t *testing.T) {
	r := newRig(t, "[modules]\nstorage = false\n")
	whole := r.reloads.parts
	before := r.state()
	for i := range len(whole) + 1 {
		refusing := part{"test", func(_, _ *config.Config) (func(), error) { return nil, errors.New("not today") }}
		r.reloads.parts = slices.Insert(slices.Clone(whole), i, refusing)
		r.write(everything(i))
		rec := r.load(config.Rejected)
		if !before.equal(r.state()) {
			t.Fatalf("refused at part %d, and changed:\n%+v\n%+v", i, before, r.state())
		}
		if got := rec.Problems[len(rec.Problems)-1].Message; got != "test refuses it: not today" {
			t.Errorf("the reason is %q", got)
		}
		if last, rejected := r.reloads.status(); rejected == nil || rejected.ID != rec.ID || last.ID != rec.ID {
			t.Errorf("the rejection %d does not stand: %v", rec.ID, rejected)
		}
	}
	r.reloads.parts = whole
	r.write("[daemon]\nbad = 1\n")
	r.load(config.Rejected)
	if !before.equal(r.state()) {
		t.Errorf("an invalid file changed something")
	}
	r.write(everything(1))
	rec := r.load(config.Applied)
	if _, rejected := r.reloads.status(); rejected != nil {
		t.Error("the rejection stands after a good one")
	}
	if after := r.state(); rec.Generation != 2 || after.generation != 2 || after.watch == nil || after.window != 21 || after.level != slog.LevelError || len(after.modules) != 1 {
		t.Errorf("applied, and the state is %+v", after)
	}
	if after := r.state(); after.store != before.store {
		t.Error("a new bound of its size exchanged the store")
	}
}

// TestSameModulesRun holds that a module whose part did not change runs on.
func TestSameModulesRun(t *testing.T) {
	r := newRig(t, "")
	before := r.state().modules
	r.write("[modules]\nnetwork = false\n")
	r.load(config.Applied)
	after := r.state().modules
	if len(before) != len(listeners) || len(after) != len(listeners)-1 || after["config"] != before["config"] || after["storage"] != before["storage"] {
		t.Errorf("before %v\nafter %v", before, after)
	}
}

// TestRestartKeys holds that what needs a restart waits for it, in every part
// that runs, and that the command line has the last word at each reload.
func TestRestartKeys(t *testing.T) {
	dir, err := os.MkdirTemp("", "anna-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	text := func(state, more string) string {
		return fmt.Sprintf("[daemon]\nstate_dir = %q\nsocket = \"/run/never\"\n%s\n%s", state, more, calm)
	}
	r := &rig{t: t, dir: dir, file: filepath.Join(dir, "config.toml")}
	r.write(text(one, ""))
	o := r.options()
	o.Overrides = []Override{{Key: "daemon.socket", Value: filepath.Join(dir, "s"), Flag: "--socket"}}
	d, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	r.Daemon = d
	t.Cleanup(r.stop)

	r.write(text(two, ""))
	rec := r.load(config.Applied)
	if len(rec.Waiting) != 1 || rec.Waiting[0].Key != "daemon.state_dir" || rec.Changes[0].Class != config.Restart {
		t.Errorf("waiting: %v", rec.Waiting)
	}
	// The store leaves the directory and comes back: into the one it was in.
	for _, on := range []string{"false", "true"} {
		r.write(text(two, "") + "telemetry = " + on + "\n")
		if rec = r.load(config.Applied); len(rec.Waiting) != 1 {
			t.Errorf("waiting: %v", rec.Waiting)
		}
	}
	cfg := r.host.Config()
	if got := cfg.Daemon().StateDir; got != one || cfg.Origin("daemon.state_dir").IsDefault() {
		t.Errorf("the state directory is %s (%s)", got, cfg.Origin("daemon.state_dir"))
	}
	if got := cfg.Daemon().Socket; got != filepath.Join(dir, "s") || cfg.Origin("daemon.socket").Flag != "--socket" {
		t.Errorf("the socket is %s (%s)", got, cfg.Origin("daemon.socket"))
	}
	if _, err := os.Stat(two); err == nil {
		t.Error("the new state directory is in use before a restart")
	}
	if got := r.store().Stats().Path; filepath.Dir(got) != one {
		t.Errorf("the store is %s", got)
	}
	if rec = r.load(config.Unchanged); len(rec.Waiting) != 1 {
		t.Errorf("waiting: %v", rec.Waiting)
	}
	r.write(text(one, ""))
	if rec = r.load(config.Applied); len(rec.Waiting) != 0 {
		t.Errorf("taken back, and waiting: %v", rec.Waiting)
	}
}

// TestNumbersGoOn holds that attempts and generations are counted without a
// gap over restarts, also where the store keeps nothing.
func TestNumbersGoOn(t *testing.T) {
	off := calm + "telemetry = false\n"
	r := newRig(t, off)
	r.load(config.Unchanged)
	r.stop()
	r.start()
	r.write(off + "[health]\nqueue_warn = 60\n")
	r.load(config.Applied)
	r.stop()
	r.write("[broken\n")
	r.start() // from the last good one, which only the ledger knows
	if got := r.host.Config().Health().QueueWarn; got != 60 {
		t.Errorf("it started with %d", got)
	}
	r.write(calm)
	if rec := r.load(config.Applied); rec.ID != 6 || rec.Generation != 3 {
		t.Errorf("attempt %d made generation %d", rec.ID, rec.Generation)
	}
	r.stop()
	r.start()
	if got, want := brief(r.receipts()), "6:3 rpc applied, 7:3 start unchanged"; got != want {
		t.Errorf("stored: %s\nwant: %s", got, want)
	}
}

// TestLostStore holds that a store that is gone takes neither the numbers with
// it nor the way back.
func TestLostStore(t *testing.T) {
	r := newRig(t, calm)
	r.write(calm + "[health]\nqueue_warn = 60\n")
	r.load(config.Applied)
	r.stop()
	for _, name := range []string{"anna.db", "anna.db-wal", "anna.db-shm"} {
		os.Remove(filepath.Join(r.dir, "state", name))
	}
	r.write("nonsense")
	r.start()
	if got := r.host.Config().Health().QueueWarn; got != 60 {
		t.Errorf("it started with %d", got)
	}
	if got, want := brief(r.receipts()), "2:2 rpc applied, 3:2 start restored"; got != want {
		t.Errorf("stored: %s\nwant: %s", got, want)
	}
}

// TestRejectedIsKept holds that what was rejected can be looked at afterwards,
// and is a finding over a restart, until the file is good again.
func TestRejectedIsKept(t *testing.T) {
	r := newRig(t, calm)
	const bad = "[health]\nqueue_warn = \"many\"\n"
	r.write(bad)
	rec := r.load(config.Rejected)
	for _, when := range []string{"at once", "after a restart"} {
		g, ok, err := r.store().Generation(t.Context(), rec.ID)
		if err != nil || !ok {
			t.Fatalf("%s: no receipt: %v", when, err)
		}
		src, err := config.Unarchive(g.Content)
		if err != nil || string(src.Config.Data) != bad || src.Digest() != g.Digest {
			t.Errorf("%s: kept is %q (%v)", when, src.Config.Data, err)
		}
		if _, rejected := r.reloads.status(); rejected == nil {
			t.Errorf("%s: it is no finding", when)
		}
		r.stop()
		r.start()
	}
	r.write(calm)
	r.load(config.Unchanged)
	if _, rejected := r.reloads.status(); rejected != nil {
		t.Error("the file is good again, and a finding")
	}
}

// TestDamagedLedger holds that a ledger that means nothing is no reason not to
// run, and no configuration to start with.
func TestDamagedLedger(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"nonsense": func(path string) error { return os.WriteFile(path, []byte("{"), 0o600) },
		"empty":    func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"altered": func(path string) error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			var l ledger
			if err := json.Unmarshal(data, &l); err != nil {
				return err
			}
			l.Good.Content, _ = config.FromBytes(path, []byte("[health]\nqueue_warn = 7\n"), nil).Archive()
			data, err = json.Marshal(l)
			if err != nil {
				return err
			}
			return os.WriteFile(path, data, 0o600)
		},
		"a link": func(path string) error {
			if err := os.Rename(path, path+"2"); err != nil {
				return err
			}
			return os.Symlink(path+"2", path)
		},
		"a directory": func(path string) error { os.Remove(path); return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, calm)
			r.stop()
			path := filepath.Join(r.dir, "state", ledgerName)
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
			r.write("broken")
			if d, err := Start(t.Context(), r.options()); err == nil {
				d.Stop("test")
				t.Fatal("it started from a damaged ledger")
			} else if !strings.Contains(err.Error(), "cannot use the configuration") {
				t.Errorf("the error is %v", err)
			}
			r.write(calm + "[health]\nqueue_warn = 60\n")
			r.start()
			if last, _ := r.reloads.status(); last.ID != 2 || last.Generation != 2 {
				t.Errorf("attempt %d, generation %d", last.ID, last.Generation)
			}
		})
	}
}

// TestStopDuringReload holds that an end waits for the attempt under way and
// that none begins after it.
func TestStopDuringReload(t *testing.T) {
	r := newRig(t, calm)
	entered, release := make(chan struct{}), make(chan struct{})
	r.reloads.parts = append(r.reloads.parts, part{"slow", func(_, _ *config.Config) (func(), error) {
		close(entered)
		<-release
		return nil, nil
	}})
	d := r.Daemon
	r.Daemon = nil
	first := make(chan error, 1)
	go func() { _, err := d.Reload("rpc", nil); first <- err }()
	<-entered
	stopped := make(chan struct{})
	go func() { d.Stop("test"); close(stopped) }()
	for !d.reloads.ended.Load() {
		time.Sleep(time.Millisecond)
	}
	select {
	case <-stopped:
		t.Error("it stopped during a reload")
	case <-time.After(10 * time.Millisecond):
	}
	close(release)
	<-stopped
	if err := <-first; err != nil {
		t.Errorf("the attempt under way: %v", err)
	}
	if _, err := d.Reload("rpc", nil); !errors.Is(err, errStopping) {
		t.Errorf("an attempt after the end: %v", err)
	}
}

// TestBounds holds that no part refuses what the table of keys allows: a
// configuration that is called valid must start.
func TestBounds(t *testing.T) {
	r := newRig(t, calm)
	for _, text := range []string{
		"debounce = \"0s\"\ncooldown = \"0s\"\nhistory = 10\nqueue_limit = 64\n",
		"debounce = \"1m\"\ncooldown = \"1h\"\nhistory = 10000\nqueue_limit = 65536\n",
	} {
		r.write(calm + "[events]\n" + text)
		r.load(config.Applied)
	}
	for _, over := range []string{"debounce = \"61s\"", "cooldown = \"61m\"", "history = 10001", "queue_limit = 65537"} {
		r.write(calm + "[events]\n" + over)
		if rec := r.load(config.Rejected); rec.Problems[0].Line == 0 {
			t.Errorf("%s: a part refuses what the table allows: %v", over, rec.Problems)
		}
	}
}
