package telemetry

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// Recent returns the readings of the last five minutes of one of the daemon's
// own series, oldest first.
func (s *Store) Recent(series string) []Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live.recent(series)
}

// Series returns the samples of a series whose span begins in [from, to), in
// order of time, what is not committed yet included. Where the database fails,
// what is in memory is returned with the error.
func (s *Store) Series(ctx context.Context, name string, from, to time.Time, r Resolution) ([]Sample, error) {
	lo, hi := r.floor(from.Unix()), to.Unix()
	if time.Unix(lo, 0).Before(from) {
		lo += int64(r)
	}
	type part struct {
		number int64
		Sample
	}
	var waiting []part
	db := s.view(func(b *batch) {
		for _, row := range b.samples {
			if row.series == name {
				waiting = append(waiting, part{b.number, row.Sample})
			}
		}
		if b == s.waiting {
			if open, ok := s.live.open[name]; ok && open.now.Count > 0 {
				waiting = append(waiting, part{b.number, open.now})
			}
		}
	})
	stored, taken, err := db.samples(ctx, name, lo, hi+int64(r), r)
	for _, w := range waiting {
		// What waited may have been committed in between.
		if t := w.Time.Unix(); w.number > taken && t >= lo && t < hi+int64(r) {
			stored = append(stored, w.Sample)
		}
	}
	slices.SortStableFunc(stored, func(a, b Sample) int { return cmp.Compare(a.Time.Unix(), b.Time.Unix()) })
	folded := foldAll(stored, r)
	folded = slices.DeleteFunc(folded, func(s Sample) bool { return !s.Time.Before(to) })
	return folded, err
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

// reach returns the times of the first and the last sample of a resolution, 0
// when there is none.
func reach(ctx context.Context, q querier, r Resolution) (oldest, newest int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT ifnull((SELECT min(time) FROM samples WHERE resolution = ?1), 0),
		ifnull((SELECT max(time) FROM samples WHERE resolution = ?1), 0)`, int64(r)).Scan(&oldest, &newest)
	return oldest, newest, err
}

// scanSample reads a row of samples whose first column is a number of its own.
func scanSample(rows *sql.Rows, r Resolution, first *int64) (Sample, error) {
	s := Sample{Resolution: r}
	var t int64
	err := rows.Scan(first, &t, &s.Min, &s.Avg, &s.Max, &s.Last, &s.Count)
	s.Time = time.Unix(t, 0)
	return s, err
}
