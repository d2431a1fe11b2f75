package telemetry

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
)

// An Event is one composite of the event engine. Data is JSON that the store
// keeps as it is.
type Event struct {
	Seq    uint64
	Time   time.Time
	Domain string
	Data   json.RawMessage
}

// EventQuery selects events. The zero value of a field does not restrict.
type EventQuery struct {
	After  uint64 // sequence numbers above
	Since  time.Time
	Domain string
	Limit  int  // at most so many; 1000
	Newest bool // the last ones rather than the first, still in order
}

func (q EventQuery) matches(e Event) bool {
	return e.Seq > q.After && (q.Since.IsZero() || !e.Time.Before(q.Since)) && (q.Domain == "" || e.Domain == q.Domain)
}

// AddEvents takes events into the history. One with a sequence number that is
// there already replaces it.
func (s *Store) AddEvents(events ...Event) {
	if len(events) == 0 {
		return
	}
	s.hand(false, func(b *batch) {
		for _, e := range events {
			e.Time, e.Data = exact(e.Time), valid(e.Data)
			b.addEvent(e)
		}
	})
}

// Events returns stored events in order of their sequence numbers. Where the
// database fails, what is in memory is returned with the error.
func (s *Store) Events(ctx context.Context, q EventQuery) ([]Event, error) {
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	found := map[uint64]Event{}
	db := s.view(func(b *batch) {
		for _, e := range b.events {
			if q.matches(e) {
				found[e.Seq] = e
			}
		}
	})
	where, args := []string{"seq > ?"}, []any{int64(min(q.After, math.MaxInt64))} // SQLite's largest
	if !q.Since.IsZero() {
		where, args = append(where, "time >= ?"), append(args, q.Since.UnixMicro())
	}
	if q.Domain != "" {
		where, args = append(where, "domain = ?"), append(args, q.Domain)
	}
	order := " ORDER BY seq LIMIT ?"
	if q.Newest {
		order = " ORDER BY seq DESC LIMIT ?"
	}
	err := db.query(ctx, "SELECT seq, time, domain, data FROM events WHERE "+strings.Join(where, " AND ")+order,
		func(rows *sql.Rows) error {
			var e Event
			var seq, t int64
			var data string
			if err := rows.Scan(&seq, &t, &e.Domain, &data); err != nil {
				return err
			}
			e.Seq, e.Time, e.Data = uint64(seq), time.UnixMicro(t), valid(json.RawMessage(data))
			if _, waits := found[e.Seq]; !waits {
				found[e.Seq] = e
			}
			return nil
		}, append(args, q.Limit)...)
	list := make([]Event, 0, len(found))
	for _, e := range found {
		list = append(list, e)
	}
	slices.SortFunc(list, func(a, b Event) int { return cmp.Compare(a.Seq, b.Seq) })
	if over := len(list) - q.Limit; over > 0 && q.Newest {
		list = list[over:]
	} else if over > 0 {
		list = list[:q.Limit]
	}
	return list, err
}
