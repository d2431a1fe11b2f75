package telemetry

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// outcome is what a commit found to do beside writing.
type outcome struct {
	late   uint64 // samples too old to be rolled up
	gaveUp uint64 // rows deleted for the bound on the file
}

// commit writes a batch in one transaction, rolls samples up, and applies
// retention from time to time. When the file is full it gives up the oldest
// history and tries once more.
func (d *database) commit(ctx context.Context, b *batch, now time.Time, maxSize int64) (outcome, error) {
	var out outcome
	d.bind(ctx, maxSize)
	err := d.commitOnce(ctx, b, now, &out)
	if err != nil && kindOf(err) == Full {
		n, shrinkErr := d.shrink(ctx, maxSize)
		out.gaveUp += n
		if n == 0 || shrinkErr != nil {
			return out, err // it is the disk that is full
		}
		err = d.commitOnce(ctx, b, now, &out)
	}
	if err != nil || now.Sub(d.prune).Abs() < pruneEvery {
		return out, err
	}
	d.prune = now
	if err := d.retain(ctx, now); err != nil {
		return out, nil //nolint:nilerr // the batch is written; retention has its next turn
	}
	n, _ := d.keepBelow(ctx, maxSize)
	out.gaveUp += n
	return out, nil
}

// bind holds the file to a bound that may have changed. SQLite takes none below
// the size that the file has: then it is tidied, and the bound set next time.
func (d *database) bind(ctx context.Context, maxSize int64) {
	if maxSize == d.bound {
		return
	}
	if maxSize != d.asked {
		d.asked, d.prune = maxSize, time.Time{}
	}
	var pages int64
	err := d.w.QueryRowContext(ctx, fmt.Sprintf("PRAGMA max_page_count(%d)", maxSize/pageSize)).Scan(&pages)
	if err == nil && pages == maxSize/pageSize {
		d.bound = maxSize
	}
}

func (d *database) commitOnce(ctx context.Context, b *batch, now time.Time, out *outcome) error {
	if b.rows() == 0 {
		return nil
	}
	if b.durable {
		if _, err := d.w.ExecContext(ctx, "PRAGMA synchronous = FULL"); err != nil {
			return err
		}
		defer d.w.ExecContext(context.WithoutCancel(ctx), "PRAGMA synchronous = NORMAL")
	}
	tx, err := d.w.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	// The driver starts a goroutine for each statement that can be cancelled; a
	// batch is bounded, and the lock is ours already.
	w := writing{ctx: context.WithoutCancel(ctx), tx: tx, ids: d.ids, fresh: map[string]int64{}}
	if err := w.all(b, d.base, now); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	for name, id := range w.fresh {
		d.ids[name] = id
	}
	out.late = w.late
	return nil
}

// writing is one transaction.
type writing struct {
	ctx   context.Context
	tx    *sql.Tx
	ids   map[string]int64 // series that are in the database
	fresh map[string]int64 // and those that this transaction adds
	late  uint64
}

func (w *writing) all(b *batch, base int64, now time.Time) error {
	for _, r := range b.records {
		if _, err := w.tx.ExecContext(w.ctx, r.sql, r.args...); err != nil {
			return err
		}
	}
	if err := w.events(b.events); err != nil {
		return err
	}
	if len(b.samples) == 0 {
		return nil
	}
	marks, err := readMarks(w.ctx, w.tx)
	if err != nil {
		return err
	}
	if err := w.samples(b.samples, &marks, now); err != nil {
		return err
	}
	if err := w.mark("batch", base+b.number); err != nil {
		return err
	}
	return w.rollUp(marks, now)
}

func (w *writing) mark(key string, value int64) error {
	_, err := w.tx.ExecContext(w.ctx, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value)
	return err
}

func (w *writing) events(events []Event) error {
	if len(events) == 0 {
		return nil
	}
	st, err := w.tx.PrepareContext(w.ctx, "INSERT OR REPLACE INTO events (seq, time, domain, data) VALUES (?, ?, ?, ?)")
	if err != nil {
		return err
	}
	defer st.Close()
	for _, e := range events {
		if _, err := st.ExecContext(w.ctx, int64(e.Seq), e.Time.UnixMicro(), e.Domain, string(e.Data)); err != nil {
			return err
		}
	}
	return nil
}

func (w *writing) series(name string) (int64, error) {
	if id, ok := w.ids[name]; ok {
		return id, nil
	}
	if id, ok := w.fresh[name]; ok {
		return id, nil
	}
	res, err := w.tx.ExecContext(w.ctx, "INSERT INTO series (name) VALUES (?)", name)
	if err != nil {
		return 0, err
	}
	id, err := res.LastInsertId()
	if err == nil {
		w.fresh[name] = id
	}
	return id, err
}
