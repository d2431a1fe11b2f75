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

// A Finding is one that was raised, and cleared when Cleared is not zero. Id
// and Raised together say which.
type Finding struct {
	ID       string
	Raised   time.Time
	Level    string
	Cleared  time.Time
	Evidence json.RawMessage
}

// SaveFinding stores a finding, or what became of it, at once.
func (s *Store) SaveFinding(f Finding) {
	f.Raised, f.Cleared, f.Evidence = exact(f.Raised), exact(f.Cleared), valid(f.Evidence)
	s.save(true, record{
		key: fmt.Sprintf("findings/%s/%d", f.ID, f.Raised.UnixMicro()), value: f,
		sql:  "INSERT OR REPLACE INTO findings (id, raised, level, cleared, evidence) VALUES (?, ?, ?, ?, ?)",
		args: []any{f.ID, f.Raised.UnixMicro(), f.Level, micros(f.Cleared), string(f.Evidence)},
		size: int64(2*len(f.Evidence) + len(f.ID)),
	})
}

// Findings returns the findings that were raised at or after since, or are not
// cleared, the oldest first; at most limit of them, the newest (0: 1000).
func (s *Store) Findings(ctx context.Context, since time.Time, limit int) ([]Finding, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	found := map[string]Finding{}
	db := s.view(waitingValues(found))
	low := int64(0)
	if !since.IsZero() {
		low = since.UnixMicro()
	}
	err := db.query(ctx, `SELECT id, raised, level, cleared, evidence FROM findings
		WHERE raised >= ? OR cleared IS NULL ORDER BY raised DESC LIMIT ?`, func(rows *sql.Rows) error {
		var f Finding
		var raised int64
		var cleared sql.NullInt64
		var evidence string
		if err := rows.Scan(&f.ID, &raised, &f.Level, &cleared, &evidence); err != nil {
			return err
		}
		f.Raised, f.Cleared, f.Evidence = time.UnixMicro(raised), fromMicros(cleared), valid(json.RawMessage(evidence))
		key := fmt.Sprintf("findings/%s/%d", f.ID, raised)
		if _, waits := found[key]; !waits {
			found[key] = f
		}
		return nil
	}, low, limit)
	list := make([]Finding, 0, len(found))
	for _, f := range found {
		if f.Cleared.IsZero() || !f.Raised.Before(since) {
			list = append(list, f)
		}
	}
	slices.SortFunc(list, func(a, b Finding) int { return cmp.Or(a.Raised.Compare(b.Raised), cmp.Compare(a.ID, b.ID)) })
	return list[max(0, len(list)-limit):], err
}
