package telemetry

import (
	"context"
	"time"
)

// How long things are kept that have no resolution, and how many.
const (
	pruneEvery      = 10 * time.Minute
	keepEvents      = 30 * 24 * time.Hour
	keepFindings    = 90 * 24 * time.Hour // after they were cleared
	keepOperations  = 3 * 365 * 24 * time.Hour
	mostEvents      = 100_000
	mostGenerations = 200
	mostContent     = 8 << 20 // bytes of configuration kept with receipts
)

// retain deletes what is older than it is kept, in one transaction.
func (d *database) retain(ctx context.Context, now time.Time) error {
	tx, err := d.w.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	before := func(keep time.Duration) int64 { return now.Add(-keep).UnixMicro() }
	for _, step := range []struct {
		sql string
		arg any
	}{
		{"DELETE FROM events WHERE time < ?", before(keepEvents)},
		{"DELETE FROM events WHERE seq <= (SELECT seq FROM events ORDER BY seq DESC LIMIT 1 OFFSET ?)", mostEvents},
		{"DELETE FROM findings WHERE cleared < ?", before(keepFindings)},
		{"DELETE FROM operations WHERE started < ?", before(keepOperations)},
		{"DELETE FROM generations WHERE id <= (SELECT id FROM generations ORDER BY id DESC LIMIT 1 OFFSET ?)", mostGenerations},
		{`UPDATE generations SET content = NULL WHERE id IN (SELECT id FROM
			(SELECT id, sum(length(content)) OVER (ORDER BY id DESC) AS sum FROM generations WHERE content IS NOT NULL)
			WHERE sum > ?)`, mostContent},
	} {
		if _, err := tx.ExecContext(ctx, step.sql, step.arg); err != nil {
			return err
		}
	}
	for _, r := range []Resolution{TenSeconds, Minute, TenMinutes} {
		_, err := tx.ExecContext(ctx, "DELETE FROM samples WHERE resolution = ? AND time < ?", int64(r), now.Add(-r.keep()).Unix())
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

// pages returns how many pages the file has and how many of them are in use.
func (d *database) pages(ctx context.Context) (all, used int64, err error) {
	var free int64
	if err := d.w.QueryRowContext(ctx, "PRAGMA page_count").Scan(&all); err != nil {
		return 0, 0, err
	}
	if err := d.w.QueryRowContext(ctx, "PRAGMA freelist_count").Scan(&free); err != nil {
		return 0, 0, err
	}
	return all, all - free, nil
}

// keepBelow makes room when less than a tenth of the allowed pages is free, gives
// free pages back to the file system, and returns how many rows went before
// their time.
func (d *database) keepBelow(ctx context.Context, maxSize int64) (uint64, error) {
	all, used, err := d.pages(ctx)
	if err != nil {
		return 0, err
	}
	var gone uint64
	if limit := maxSize / pageSize; used > limit-limit/10 {
		gone, err = d.shrink(ctx, maxSize)
	} else if free := all - used; free > 256 && free > all/4 {
		_, err = d.w.ExecContext(ctx, "PRAGMA incremental_vacuum")
	}
	return gone, err
}

// shrink gives up the oldest tenth of samples and events until a fifth of the
// allowed pages is free. Findings, receipts and operations stay.
func (d *database) shrink(ctx context.Context, maxSize int64) (uint64, error) {
	limit := maxSize / pageSize
	goal := limit - limit/5
	var gone uint64
	for range 40 {
		_, used, err := d.pages(ctx)
		if err != nil || used <= goal {
			break
		}
		n, err := d.dropOldest(ctx)
		gone += n
		if err != nil || n == 0 {
			return gone, err
		}
	}
	_, err := d.w.ExecContext(ctx, "PRAGMA incremental_vacuum")
	return gone, err
}

// dropOldest deletes the oldest tenth of the events and of each resolution, by
// what they span.
func (d *database) dropOldest(ctx context.Context) (uint64, error) {
	gone, err := d.exec(ctx, "DELETE FROM events WHERE seq <= (SELECT min(seq) + (max(seq) - min(seq)) / 10 FROM events)")
	if err != nil {
		return gone, err
	}
	for _, r := range []Resolution{TenSeconds, Minute, TenMinutes} {
		oldest, newest, err := reach(ctx, d.w, r)
		if err != nil {
			return gone, err
		}
		n, err := d.exec(ctx, "DELETE FROM samples WHERE resolution = ? AND time <= ?",
			int64(r), oldest+(newest-oldest)/10)
		gone += n
		if err != nil {
			return gone, err
		}
	}
	return gone, nil
}

func (d *database) exec(ctx context.Context, query string, args ...any) (uint64, error) {
	res, err := d.w.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return uint64(n), err
}
