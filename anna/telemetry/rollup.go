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
const insertSample = `INSERT INTO samples (resolution, time, series, min, avg, max, last, count) VALUES (10, ?, ?, ?, ?, ?, ?, ?)
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
		if _, err := st.ExecContext(w.ctx, t, id, row.Min, row.Avg, row.Max, row.Last, row.Count); err != nil {
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
	spans, err := w.finer(from, begin, end)
	if err != nil {
		return err
	}
	insert, err := w.tx.PrepareContext(w.ctx, `INSERT OR REPLACE INTO samples
		(resolution, time, series, min, avg, max, last, count) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for id, list := range spans {
		for _, s := range foldAll(list, to) {
			if _, err := insert.ExecContext(w.ctx, int64(to), s.Time.Unix(), id, s.Min, s.Avg, s.Max, s.Last, s.Count); err != nil {
				return err
			}
		}
	}
	key := "rolled.60"
	if to == TenMinutes {
		key = "rolled.600"
	}
	return w.mark(key, end)
}

// finer reads what is to be rolled up, by series and in order of time. It is a
// few minutes of samples; hours after a long time in memory.
func (w *writing) finer(r Resolution, begin, end int64) (map[int64][]Sample, error) {
	rows, err := w.tx.QueryContext(w.ctx, `SELECT series, time, min, avg, max, last, count FROM samples
		WHERE resolution = ? AND time >= ? AND time < ? ORDER BY time`, int64(r), begin, end)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	spans := map[int64][]Sample{}
	for rows.Next() {
		var id int64
		s, err := scanSample(rows, r, &id)
		if err != nil {
			return nil, err
		}
		spans[id] = append(spans[id], s)
	}
	return spans, rows.Err()
}

func scanSample(rows *sql.Rows, r Resolution, first *int64) (Sample, error) {
	s := Sample{Resolution: r}
	var t int64
	err := rows.Scan(first, &t, &s.Min, &s.Avg, &s.Max, &s.Last, &s.Count)
	s.Time = time.Unix(t, 0)
	return s, err
}

// reach returns the times of the first and the last sample of a resolution, 0
// when there is none.
func reach(ctx context.Context, q querier, r Resolution) (oldest, newest int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT ifnull((SELECT min(time) FROM samples WHERE resolution = ?1), 0),
		ifnull((SELECT max(time) FROM samples WHERE resolution = ?1), 0)`, int64(r)).Scan(&oldest, &newest)
	return oldest, newest, err
}

// seriesQuery looks each span of a series up by its key, for spans begin at
// multiples of the resolution: far fewer steps than all series in that time.
const seriesQuery = `WITH RECURSIVE span (time) AS (SELECT ?3 UNION ALL SELECT time + ?2 FROM span WHERE time + ?2 < ?4)
	SELECT s.series, s.time, s.min, s.avg, s.max, s.last, s.count FROM span CROSS JOIN samples AS s
	ON s.resolution = ?2 AND s.time = span.time AND s.series = ?1 ORDER BY s.time`

func selectSeries(ctx context.Context, tx *sql.Tx, id int64, r Resolution, begin, end int64) ([]Sample, error) {
	oldest, newest, err := reach(ctx, tx, r)
	if err != nil {
		return nil, err
	}
	begin, end = max(begin, r.floor(oldest)), min(end, newest+1)
	begin = r.floor(begin + int64(r) - 1)
	if begin >= end {
		return nil, nil
	}
	rows, err := tx.QueryContext(ctx, seriesQuery, id, int64(r), begin, end)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Sample
	for rows.Next() {
		s, err := scanSample(rows, r, &id)
		if err != nil {
			return list, err
		}
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
	d.reading.RLock()
	defer d.reading.RUnlock()
	if d.closed {
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
		more, err := selectSeries(ctx, tx, id, part.r, from, hi)
		list = append(list, more...)
		if err != nil {
			return list, taken, err
		}
		from = hi
	}
	return list, taken, nil
}
