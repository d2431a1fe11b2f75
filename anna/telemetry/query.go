package telemetry

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"
)

// defaultLimit is how many rows a question gets that names no limit.
const defaultLimit = 1000

// query runs a reading statement and hands each row to scan. A store in memory
// has no rows.
func (d *database) query(ctx context.Context, query string, scan func(*sql.Rows) error, args ...any) error {
	if d == nil {
		return nil
	}
	d.reading.RLock()
	defer d.reading.RUnlock()
	if d.closed {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryBound)
	defer cancel()
	rows, err := d.r.QueryContext(ctx, query, args...)
	if err != nil {
		return d.met(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return d.met(err)
		}
	}
	if err := rows.Err(); err != nil {
		return d.met(err)
	}
	return nil
}

// valid returns data that is JSON for certain: what is not becomes a string.
func valid(data json.RawMessage) json.RawMessage {
	if json.Valid(data) {
		return data
	}
	if len(data) == 0 {
		return json.RawMessage("null")
	}
	text, err := json.Marshal(string(data))
	if err != nil {
		return json.RawMessage("null")
	}
	return text
}

// micros is a time in the database: NULL where there is none.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func fromMicros(v sql.NullInt64) time.Time {
	if !v.Valid {
		return time.Time{}
	}
	return time.UnixMicro(v.Int64)
}

// exact brings a time to what the database keeps of it, so that an answer is
// the same before and after the commit.
func exact(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.UnixMicro(t.UnixMicro())
}

// waitingValues returns the values of one kind that wait, by key; the latest
// wins.
func waitingValues[T any](into map[string]T) func(b *batch) {
	return func(b *batch) {
		for key, r := range b.records {
			if v, ok := r.value.(T); ok {
				into[key] = v
			}
		}
	}
}
