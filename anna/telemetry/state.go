package telemetry

import (
	"bytes"
	"context"
	"database/sql"
)

type stateValue struct {
	key   string
	value []byte
}

// SaveState keeps a value for after the restart: what a source last saw, say.
// It is committed within Options.CommitEvery; Flush waits for that.
func (s *Store) SaveState(key string, value []byte) {
	v := stateValue{key, append([]byte{}, value...)}
	s.save(false, record{
		key: "state/" + key, value: v, size: int64(len(value)),
		sql:  "INSERT OR REPLACE INTO state (key, value, changed) VALUES (?, ?, ?)",
		args: []any{key, v.value, s.opt.Now().UnixMicro()},
	})
}

// State returns a kept value and whether there is one.
func (s *Store) State(ctx context.Context, key string) ([]byte, bool, error) {
	waiting := map[string]stateValue{}
	db := s.view(waitingValues(waiting))
	if v, ok := waiting["state/"+key]; ok {
		return bytes.Clone(v.value), true, nil
	}
	var value []byte
	found := false
	err := db.query(ctx, "SELECT value FROM state WHERE key = ?", func(rows *sql.Rows) error {
		found = true
		return rows.Scan(&value)
	}, key)
	return value, found, err
}
