package old

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// Events is the result of the old method events, the newest first.
type Events struct {
	Events  []Handled `json:"events"`
	Count   int       `json:"count"`
	Pending uint64    `json:"pending"`
}

// Handled is one event. It has no repair_result: anna repairs nothing by
// itself, and clients of v0.12.6 take a null for a failed repair.
type Handled struct {
	Event  Event   `json:"event"`
	Doctor Doctor  `json:"doctor_result"`
	TookMS *uint64 `json:"duration_ms"` // not measured: null
}

// Event is what happened.
type Event struct {
	Domain    string            `json:"domain"` // with a capital
	Cause     string            `json:"cause"`
	Timestamp int64             `json:"timestamp"` // seconds since 1970
	Metadata  map[string]string `json:"metadata"`
}

// Doctor is what came of it: nothing, for events are noticed, not acted upon.
type Doctor struct {
	Alerts   *int     `json:"alerts_found"`     // not looked for: null
	Degraded []string `json:"degraded_modules"` // likewise
	Action   string   `json:"action_taken"`
}

// What v0.12.6 gave without a limit, and what is given at most.
const (
	oldLimit  = 50
	mostLimit = 500
)

func serveEvents(h *host.Host, r *rpc.Request) (any, error) {
	p := struct {
		Limit int `json:"limit"`
	}{oldLimit}
	if err := decode(r, &p); err != nil {
		return nil, err
	}
	if p.Limit < 1 || p.Limit > mostLimit {
		p.Limit = mostLimit
	}
	rows, err := h.Store().Events(r.Context(), telemetry.EventQuery{Limit: p.Limit, Newest: true})
	if err != nil && len(rows) == 0 {
		return nil, fmt.Errorf("cannot read the stored events: %w", err)
	}
	out := Events{Events: []Handled{}, Pending: h.Events.Status().Pending}
	for _, row := range slices.Backward(rows) {
		var c events.Composite
		if err := json.Unmarshal(row.Data, &c); err != nil {
			return nil, fmt.Errorf("cannot read the stored event %d: %w", row.Seq, err)
		}
		out.Events = append(out.Events, handled(&c))
	}
	out.Count = len(out.Events)
	return out, nil
}

func handled(c *events.Composite) Handled {
	var causes []string
	for _, one := range c.Causes {
		text := one.Subject + " " + strings.ReplaceAll(one.Kind, "_", " ")
		if one.Detail != "" {
			text += " (" + one.Detail + ")"
		}
		causes = append(causes, text)
	}
	domain := string(c.Domain)
	return Handled{
		Event: Event{
			Domain: strings.ToUpper(domain[:min(1, len(domain))]) + domain[min(1, len(domain)):], Cause: strings.Join(causes, ", "),
			Timestamp: c.LastTime.Unix(),
			Metadata:  map[string]string{"number": strconv.FormatUint(c.Number, 10), "count": strconv.FormatUint(c.Count, 10)},
		},
		Doctor: Doctor{Action: "no_action"},
	}
}
