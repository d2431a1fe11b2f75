package telemetry

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// The kinds of operations.
const (
	Scrub   = "scrub"
	Balance = "balance"
)

// An Operation is a scrub or a balance of a file system, which the kernel
// itself forgets. Kind, Filesystem and Started together say which.
type Operation struct {
	Kind       string
	Filesystem string // its UUID
	Started    time.Time
	Ended      time.Time // zero while it runs, or when the end was not seen
	Outcome    string
	Data       json.RawMessage
}

func (o Operation) key() string {
	return fmt.Sprintf("operations/%s/%s/%d", o.Kind, o.Filesystem, o.Started.UnixMicro())
}

// SaveOperation stores an operation, or what became of it, at once.
func (s *Store) SaveOperation(o Operation) {
	o.Started, o.Ended, o.Data = exact(o.Started), exact(o.Ended), valid(o.Data)
	s.save(true, record{
		key: o.key(), value: o, size: int64(2 * len(o.Data)),
		sql:  "INSERT OR REPLACE INTO operations (kind, filesystem, started, ended, outcome, data) VALUES (?, ?, ?, ?, ?, ?)",
		args: []any{o.Kind, o.Filesystem, o.Started.UnixMicro(), micros(o.Ended), o.Outcome, string(o.Data)},
	})
}

// DropOperation removes one that turned out to be a part of another.
func (s *Store) DropOperation(o Operation) {
	o.Started = exact(o.Started)
	s.save(true, record{
		key: o.key(), value: Operation{}, // of no kind: no answer has it while it waits
		sql:  "DELETE FROM operations WHERE kind = ? AND filesystem = ? AND started = ?",
		args: []any{o.Kind, o.Filesystem, o.Started.UnixMicro()},
	})
}

// Operations returns the newest operations of a kind on a file system (""
// for all), the oldest first; at most limit (0: 1000).
func (s *Store) Operations(ctx context.Context, kind, filesystem string, limit int) ([]Operation, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	found := map[string]Operation{}
	db := s.view(waitingValues(found))
	err := db.query(ctx, `SELECT kind, filesystem, started, ended, outcome, data FROM operations
		WHERE kind = ? AND (? = '' OR filesystem = ?) ORDER BY started DESC LIMIT ?`, func(rows *sql.Rows) error {
		var o Operation
		var started int64
		var ended sql.NullInt64
		var data string
		if err := rows.Scan(&o.Kind, &o.Filesystem, &started, &ended, &o.Outcome, &data); err != nil {
			return err
		}
		o.Started, o.Ended, o.Data = time.UnixMicro(started), fromMicros(ended), valid(json.RawMessage(data))
		if _, waits := found[o.key()]; !waits {
			found[o.key()] = o
		}
		return nil
	}, kind, filesystem, filesystem, limit)
	var list []Operation
	for _, o := range found {
		if o.Kind == kind && (filesystem == "" || o.Filesystem == filesystem) {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b Operation) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.Filesystem, b.Filesystem))
	})
	return list[max(0, len(list)-limit):], err
}
