package telemetry

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"
)

// An Ack is somebody's word that a finding is known.
type Ack struct {
	ID    string // of the finding
	Time  time.Time
	Who   string
	Note  string
	Until time.Time // when it is over; zero: never
	Level string    // the worst level that it is about
}

type ackGone struct{ id string }

// SaveAck stores an acknowledgement at once.
func (s *Store) SaveAck(a Ack) {
	a.Time, a.Until = exact(a.Time), exact(a.Until)
	until, _ := micros(a.Until).(int64) // 0: for ever
	s.save(true, record{
		key: "acks/" + a.ID, value: a, size: int64(len(a.Who) + len(a.Note)),
		sql:  "INSERT OR REPLACE INTO acks (id, time, who, note, until, level) VALUES (?, ?, ?, ?, ?, ?)",
		args: []any{a.ID, a.Time.UnixMicro(), a.Who, a.Note, until, a.Level},
	})
}

// DeleteAck takes an acknowledgement back, at once.
func (s *Store) DeleteAck(id string) {
	s.save(true, record{key: "acks/" + id, value: ackGone{id}, sql: "DELETE FROM acks WHERE id = ?", args: []any{id}})
}

// Acks returns all acknowledgements, by id.
func (s *Store) Acks(ctx context.Context) ([]Ack, error) {
	found := map[string]Ack{}
	gone := map[string]bool{}
	db := s.view(func(b *batch) {
		for key, r := range b.records {
			switch v := r.value.(type) {
			case Ack:
				found[key] = v
				delete(gone, key)
			case ackGone:
				delete(found, key)
				gone[key] = true
			}
		}
	})
	err := db.query(ctx, "SELECT id, time, who, note, until, level FROM acks", func(rows *sql.Rows) error {
		var a Ack
		var t, until int64
		if err := rows.Scan(&a.ID, &t, &a.Who, &a.Note, &until, &a.Level); err != nil {
			return err
		}
		a.Time = time.UnixMicro(t)
		if until != 0 {
			a.Until = time.UnixMicro(until)
		}
		key := "acks/" + a.ID
		if _, waits := found[key]; !waits && !gone[key] {
			found[key] = a
		}
		return nil
	})
	list := make([]Ack, 0, len(found))
	for _, a := range found {
		list = append(list, a)
	}
	slices.SortFunc(list, func(a, b Ack) int { return cmp.Compare(a.ID, b.ID) })
	return list, err
}
