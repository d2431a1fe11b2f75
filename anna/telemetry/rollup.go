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
