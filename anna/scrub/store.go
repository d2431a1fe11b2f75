package scrub

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// Stored reads runs as the store keeps them, the oldest first. What cannot be
// read is left out, and named by the error.
func Stored(list []telemetry.Operation) ([]Run, error) {
	var out []Run
	var failed error
	for _, o := range list {
		var r Run
		if err := json.Unmarshal(o.Data, &r); err != nil {
			failed = fmt.Errorf("cannot read the scrub of %s: %w", o.Started, err)
			continue
		}
		r.key = o.Started
		out = append(out, r)
	}
	return out, failed
}

// Operation is a run as the store keeps it. A run keeps the place under which it
// was stored first, when its beginning becomes known better.
func (r *Run) Operation(filesystem string) (telemetry.Operation, error) {
	if r.key.IsZero() {
		r.key = r.Started
	}
	data, err := json.Marshal(r)
	if err != nil {
		return telemetry.Operation{}, fmt.Errorf("cannot store a scrub: %w", err)
	}
	return telemetry.Operation{
		Kind: telemetry.Scrub, Filesystem: filesystem, Started: r.key, Ended: r.Ended, Outcome: r.Outcome, Data: data,
	}, nil
}

// The bounds of what is taken from others.
const (
	mostDevices  = 1024
	mostText     = 200
	mostSuspects = 4096
)

// Check refuses a run that makes no sense, from whoever tells of one.
func (r *Run) Check(now time.Time) error {
	outcomes := map[string]bool{Running: true, Finished: true, Cancelled: true, Interrupted: true, Failed: true, Unknown: true}
	switch {
	case !outcomes[r.Outcome]:
		return fmt.Errorf("there is no outcome %q", r.Outcome)
	case r.Started.IsZero() || r.Started.After(now.Add(time.Minute)) || r.Started.Year() < 2007:
		return fmt.Errorf("it cannot have started at %s", r.Started)
	case !r.Ended.IsZero() && (r.Ended.Before(r.Started) || r.Ended.After(now.Add(time.Minute))):
		return fmt.Errorf("it cannot have ended at %s", r.Ended)
	case r.Outcome != Running && r.Ended.IsZero():
		return fmt.Errorf("it has no end and did not run on")
	case len(r.Devices) > mostDevices || len(r.Suspects) > mostSuspects || len(r.By) > mostText || len(r.Detail) > mostText:
		return fmt.Errorf("it is too long")
	case ranks[r.Source] == 0:
		return fmt.Errorf("there is no source %q", r.Source)
	}
	return nil
}
