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

// A Generation is the receipt of one attempt to load a configuration.
type Generation struct {
	ID         int64 // ascending, one for each attempt
	Time       time.Time
	Generation uint64 // in force afterwards
	Origin     string // who asked
	Digest     string // of the content
	Outcome    string
	Data       json.RawMessage // the diff, the problems
	Content    []byte          // the configuration itself; nil in lists
}

// SaveGeneration stores a receipt at once.
func (s *Store) SaveGeneration(g Generation) {
	g.Time, g.Data, g.Content = exact(g.Time), valid(g.Data), slices.Clone(g.Content)
	s.save(true, record{
		key: fmt.Sprintf("generations/%d", g.ID), value: g,
		sql: `INSERT OR REPLACE INTO generations (id, time, generation, origin, digest, outcome, data, content)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		args: []any{g.ID, g.Time.UnixMicro(), int64(g.Generation), g.Origin, g.Digest, g.Outcome, string(g.Data), g.Content},
		size: int64(2*len(g.Data) + len(g.Content)),
	})
}

// Generations returns the newest receipts without their content, the oldest
// first (limit 0: 1000).
func (s *Store) Generations(ctx context.Context, limit int) ([]Generation, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	list, err := s.generations(ctx, "ORDER BY id DESC LIMIT ?", "NULL", func(Generation) bool { return true }, limit)
	for i := range list {
		list[i].Content = nil
	}
	return list[max(0, len(list)-limit):], err
}

// Generation returns one receipt with its content, and whether it is there.
// The content of an old one may be gone.
func (s *Store) Generation(ctx context.Context, id int64) (Generation, bool, error) {
	list, err := s.generations(ctx, "WHERE id = ?", "content", func(g Generation) bool { return g.ID == id }, id)
	if len(list) == 0 {
		return Generation{}, false, err
	}
	return list[0], true, err
}

func (s *Store) generations(ctx context.Context, where, content string, match func(Generation) bool, arg any) ([]Generation, error) {
	waiting := map[string]Generation{}
	db := s.view(waitingValues(waiting))
	found := map[int64]Generation{}
	for _, g := range waiting {
		if match(g) {
			found[g.ID] = g
		}
	}
	err := db.query(ctx, "SELECT id, time, generation, origin, digest, outcome, data, "+content+" FROM generations "+where,
		func(rows *sql.Rows) error {
			var g Generation
			var t, number int64
			var data string
			if err := rows.Scan(&g.ID, &t, &number, &g.Origin, &g.Digest, &g.Outcome, &data, &g.Content); err != nil {
				return err
			}
			g.Time, g.Generation, g.Data = time.UnixMicro(t), uint64(number), valid(json.RawMessage(data))
			if _, waits := found[g.ID]; !waits {
				found[g.ID] = g
			}
			return nil
		}, arg)
	list := make([]Generation, 0, len(found))
	for _, g := range found {
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b Generation) int { return cmp.Compare(a.ID, b.ID) })
	return list, err
}
