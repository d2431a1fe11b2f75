package events

import (
	"errors"
	"fmt"
	"time"
)

// Settings are what may change while the engine runs (see
// [Engine.SetSettings]).
type Settings struct {
	// Debounce is how long a domain gathers after the first event.
	Debounce time.Duration
	// Cooldown is the least time between two composites of a domain.
	Cooldown time.Duration
	// QueueLimit is the most distinct causes that may wait.
	QueueLimit int
	// QueueBytes is the most text they may hold.
	QueueBytes int
	// History is how many events, and how many composites, stay in memory.
	History int
	// HandlerTimeout is how long one attempt of the handler may take.
	HandlerTimeout time.Duration
	// DrainTimeout is how long Run may go on handling after its context ended.
	DrainTimeout time.Duration
}

// DefaultSettings are those of an engine that is told nothing.
func DefaultSettings() Settings {
	return Settings{
		Debounce:       300 * time.Millisecond,
		Cooldown:       30 * time.Second,
		QueueLimit:     4096,
		QueueBytes:     4 << 20,
		History:        500,
		HandlerTimeout: 10 * time.Second,
		DrainTimeout:   2 * time.Second,
	}
}

// Validate says everything that is wrong with s.
func (s Settings) Validate() error {
	var errs []error
	duration := func(name string, d, least, most time.Duration) {
		if d < least || d > most {
			errs = append(errs, fmt.Errorf("%s %v is outside %v to %v", name, d, least, most))
		}
	}
	number := func(name string, n, least, most int) {
		if n < least || n > most {
			errs = append(errs, fmt.Errorf("%s %d is outside %d to %d", name, n, least, most))
		}
	}
	duration("debounce", s.Debounce, 0, time.Minute)
	duration("cooldown", s.Cooldown, 0, time.Hour)
	number("queue limit", s.QueueLimit, 1, 1<<16)
	number("queue bytes", s.QueueBytes, 64<<10, 16<<20)
	number("history", s.History, 0, 10000)
	duration("handler timeout", s.HandlerTimeout, time.Millisecond, time.Hour)
	duration("drain timeout", s.DrainTimeout, 0, time.Minute)
	return errors.Join(errs...)
}
