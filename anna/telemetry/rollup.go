package telemetry

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// marks are how far samples have been rolled up: all spans that begin before.
// batch is the number of the last batch with samples that was committed.
type marks struct{ minute, ten, batch int64 }

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readMarks(ctx context.Context, q querier) (marks, error) {
	var m marks
	for key, into := range map[string]*int64{"rolled.60": &m.minute, "rolled.600": &m.ten, "batch": &m.batch} {
		err := q.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = ?", key).Scan(into)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return m, err
		}
	}
	return m, nil
}

// A span that comes twice (a restart within it, a clock set back) is merged.
const insertSample = `INSERT INTO samples (series, resolution, time, min, avg, max, last, count) VALUES (?, 10, ?, ?, ?, ?, ?, ?)
	ON CONFLICT DO UPDATE SET min = min(min, excluded.min), max = max(max, excluded.max), last = excluded.last,
	avg = avg + (excluded.avg - avg) * excluded.count / (count + excluded.count), count = count + excluded.count`

// samples writes spans of ten seconds and moves the marks back for those that
// come late, so that they are rolled up as well. What is older than the finest
// resolution is kept cannot be: it is counted.
func (w *writing) samples(list []sampleRow, m *marks, now time.Time) error {
	st, err := w.tx.PrepareContext(w.ctx, insertSample)
	if err != nil {
		return err
	}
	defer st.Close()
	horizon := TenMinutes.floor(now.Add(-TenSeconds.keep()).Unix()) + int64(TenMinutes)
	for _, row := range list {
		t := row.Time.Unix()
		if t < m.minute {
			if t < horizon {
				w.late++
				continue
			}
			m.minute = Minute.floor(t)
			m.ten = min(m.ten, TenMinutes.floor(t))
		}
		id, err := w.series(row.series)
		if err != nil {
			return err
		}
		if _, err := st.ExecContext(w.ctx, id, t, row.Min, row.Avg, row.Max, row.Last, row.Count); err != nil {
			return err
		}
	}
	return nil
}

// rollUp sums up what is complete: minutes out of ten seconds, ten minutes out
// of minutes.
func (w *writing) rollUp(m marks, now time.Time) error {
	target := Minute.floor(now.Unix())
	if target > m.minute {
		if err := w.rollUpTo(TenSeconds, Minute, m.minute, target); err != nil {
			return err
		}
	} else {
		target = m.minute
	}
	if ten := TenMinutes.floor(target); ten > m.ten {
		return w.rollUpTo(Minute, TenMinutes, m.ten, ten)
	}
	return nil
}

func (w *writing) rollUpTo(from, to Resolution, begin, end int64) error {
	const insert = `INSERT OR REPLACE INTO samples (series, resolution, time, min, avg, max, last, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	for _, ids := range []map[string]int64{w.ids, w.fresh} {
		for _, id := range ids {
			list, err := selectSamples(w.ctx, w.tx, id, from, begin, end)
			if err != nil {
				return err
			}
			for _, s := range foldAll(list, to) {
				if _, err := w.tx.ExecContext(w.ctx, insert, id, int64(to), s.Time.Unix(), s.Min, s.Avg, s.Max, s.Last, s.Count); err != nil {
					return err
				}
			}
		}
	}
	key := "rolled.60"
	if to == TenMinutes {
		key = "rolled.600"
	}
	return w.mark(key, end)
}

type rowsQuerier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func selectSamples(ctx context.Context, q rowsQuerier, id int64, r Resolution, begin, end int64) ([]Sample, error) {
	rows, err := q.QueryContext(ctx, `SELECT time, min, avg, max, last, count FROM samples
		WHERE series = ? AND resolution = ? AND time >= ? AND time < ? ORDER BY time`, id, int64(r), begin, end)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Sample
	for rows.Next() {
		s := Sample{Resolution: r}
		var t int64
		if err := rows.Scan(&t, &s.Min, &s.Avg, &s.Max, &s.Last, &s.Count); err != nil {
			return list, err
		}
		s.Time = time.Unix(t, 0)
		list = append(list, s)
	}
	return list, rows.Err()
}

// samples returns what makes up a series at a resolution: what was rolled up,
// and beyond the marks what was not yet. The number of the last batch that is
// part of it tells what else waits.
func (d *database) samples(ctx context.Context, name string, begin, end int64, r Resolution) ([]Sample, int64, error) {
	if d == nil {
		return nil, 0, nil
	}
	list, taken, err := d.readSamples(ctx, name, begin, end, r)
	if err != nil {
		err = d.met(err)
	}
	return list, taken, err
}

func (d *database) readSamples(ctx context.Context, name string, begin, end int64, r Resolution) (list []Sample, taken int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryBound)
	defer cancel()
	tx, err := d.r.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // one snapshot
	if err != nil {
		return nil, 0, err
	}
	defer tx.Rollback()
	m, err := readMarks(ctx, tx)
	if err != nil {
		return nil, 0, err
	}
	taken = m.batch - d.base
	var id int64
	err = tx.QueryRowContext(ctx, "SELECT id FROM series WHERE name = ?", name).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, taken, nil
	}
	if err != nil {
		return nil, taken, err
	}
	from := begin
	for _, part := range []struct {
		r    Resolution
		upTo int64
	}{{TenMinutes, m.ten}, {Minute, m.minute}, {TenSeconds, end}} {
		hi := min(part.upTo, end)
		if part.r > r || from >= hi {
			continue
		}
		rows, err := selectSamples(ctx, tx, id, part.r, from, hi)
		list = append(list, rows...)
		if err != nil {
			return list, taken, err
		}
		from = hi
	}
	return list, taken, nil
}
