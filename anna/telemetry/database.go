package telemetry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// How SQLite is run: a page cache of 512 kB, a log that is folded in after
// 1 MB, free pages given back on request.
const (
	pageSize   = 4096
	cacheKB    = 512
	walPages   = 256
	busyWait   = 2 * time.Second
	checkBound = 30 * time.Second
)

var errCheck = errors.New("the check found damage")

// database is an open anna.db: one connection that writes and up to two that
// read. In WAL mode neither waits for the other.
type database struct {
	path  string
	w, r  *sql.DB
	ids   map[string]int64 // series
	base  int64            // what batch numbers of this run are added to
	prune time.Time        // when retention was last applied

	bound, asked int64 // of the file's size: what holds, and what was last asked for

	suspect atomic.Bool // a reader met damage: check before the next commit

	reading sync.RWMutex // held for reading by readers, for writing by close
	closed  bool
}

// dsn opens the database for this process alone, which may have several
// connections. SQLite then keeps the index of its log in memory of its own and not
// in a mapped file (sqlite.org/vfs.html, "unix-excl"): who hangs in a fault of such
// memory, because the disk does, would hold up the next collection of garbage, and
// with it everything.
func dsn(path string, extra ...string) string {
	q := url.Values{"vfs": {"unix-excl"}, "_pragma": append([]string{
		fmt.Sprintf("busy_timeout(%d)", busyWait.Milliseconds()),
		fmt.Sprintf("cache_size(-%d)", cacheKB),
		"trusted_schema(0)", "cell_size_check(1)", "temp_store(2)",
	}, extra...)}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// openDatabase opens, checks after an unclean end, and migrates. Only a fresh
// one can be told to give pages back.
func openDatabase(ctx context.Context, path string, check, fresh bool, maxSize int64) (*database, error) {
	pragmas := []string{
		"journal_mode(wal)", "synchronous(1)",
		fmt.Sprintf("wal_autocheckpoint(%d)", walPages), fmt.Sprintf("journal_size_limit(%d)", walPages*pageSize),
		fmt.Sprintf("max_page_count(%d)", maxSize/pageSize),
	}
	if fresh {
		pragmas = append([]string{"auto_vacuum(2)"}, pragmas...)
	}
	w, err := sql.Open("sqlite", dsn(path, pragmas...)+"&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	w.SetMaxOpenConns(1)
	d := &database{path: path, w: w, ids: map[string]int64{}, bound: maxSize, asked: maxSize}
	if err := d.begin(ctx, check); err != nil {
		w.Close()
		return nil, err
	}
	d.r, err = sql.Open("sqlite", dsn(path, "query_only(1)"))
	if err != nil {
		w.Close()
		return nil, err
	}
	d.r.SetMaxOpenConns(2)
	d.r.SetMaxIdleConns(1)
	return d, nil
}

func (d *database) begin(ctx context.Context, check bool) error {
	ctx, cancel := context.WithTimeout(ctx, checkBound)
	defer cancel()
	if check {
		if err := quickCheck(ctx, d.w); err != nil {
			return err
		}
	}
	if err := migrate(ctx, d.w, migrations); err != nil {
		return err
	}
	m, err := readMarks(ctx, d.w)
	if err != nil {
		return err
	}
	d.base = m.batch
	return d.loadSeries(ctx)
}

// quickCheck reads the whole file: at its largest it takes a fraction of a
// second.
func quickCheck(ctx context.Context, db *sql.DB) error {
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: %s", errCheck, verdict)
	}
	return nil
}

func (d *database) loadSeries(ctx context.Context) error {
	rows, err := d.w.QueryContext(ctx, "SELECT id, name FROM series")
	if err != nil {
		return err
	}
	defer rows.Close()
	ids := map[string]int64{}
	for rows.Next() {
		var id int64
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return err
		}
		ids[name] = id
	}
	d.ids = ids
	return rows.Err()
}

// met takes note of an error that a reader met.
func (d *database) met(err error) error {
	if damaged(err) {
		d.suspect.Store(true)
	}
	return fmt.Errorf("cannot read the history: %w", err)
}

// recheck looks at the whole file when a reader met damage. While no check says
// that it is sound it stays suspect.
func (d *database) recheck(ctx context.Context) error {
	if !d.suspect.Swap(false) {
		return nil
	}
	err := quickCheck(ctx, d.w)
	if err != nil {
		d.suspect.Store(true)
	}
	return err
}

// bytes is what the database takes on disk, its log included.
func (d *database) bytes() int64 {
	var sum int64
	for _, suffix := range []string{"", "-wal"} {
		if info, err := os.Lstat(d.path + suffix); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// close waits for the readers; who comes later finds no rows, as in a store in
// memory.
func (d *database) close() error {
	d.reading.Lock()
	defer d.reading.Unlock()
	d.closed = true
	return errors.Join(d.r.Close(), d.w.Close()) // the last one folds the log in
}
