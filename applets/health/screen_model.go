package health

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui/dash"
)

const (
	keptPoints = 2 * 300 // of each curve
	keptEvents = 200
)

// The series of the daemon's history that the curves begin with. Memory is what
// the thresholds are about: the working set.
const (
	seriesLatency   = "annad_rpc_p99_seconds"
	seriesMemory    = "annad_working_set_bytes"
	seriesMemoryAll = "annad_memory_bytes"
	seriesQueue     = "queue_depth"
)

// A model gathers what the dashboard shows. Whoever learned something puts it
// in and takes a finished picture out.
type model struct {
	mu    sync.Mutex
	now   picture
	tally tally
}

// A tally is what the line afterwards tells.
type tally struct {
	began   time.Time
	worst   health.Level
	raised  int
	p99     float64
	answers int
	known   bool // p99 is
}

func newModel(client string, every time.Duration, first Metrics) *model {
	m := &model{now: picture{client: client, every: every}}
	m.tally.began = time.Now()
	m.took(first)
	return m
}

// took puts an answer in.
func (m *model) took(x Metrics) *picture {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := &m.now
	p.m = x
	add := func(list *[]dash.Point, v *float64) {
		if v != nil && (len(*list) == 0 || (*list)[len(*list)-1].Time.Before(x.At)) {
			*list = bounded(append(*list, dash.Point{Time: x.At, Value: *v}), keptPoints)
		}
	}
	depth := float64(x.Queue.Depth)
	add(&p.latency, x.RPCLatency.P99)
	add(&p.memory, x.Memory.judged())
	add(&p.queue, &depth)
	m.tally.answers++
	m.tally.worst = max(m.tally.worst, x.Level)
	if v := x.RPCLatency.P99; v != nil {
		m.tally.known, m.tally.p99 = true, max(m.tally.p99, *v)
	}
	return m.copy()
}

// can puts the list of capabilities in.
func (m *model) can(list []capability.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.modules = list
}

// copy is the picture for the loop: slices of it only grow at their end, in
// room of their own.
func (m *model) copy() *picture {
	p := m.now
	p.latency, p.memory, p.queue = p.latency[:len(p.latency):len(p.latency)], p.memory[:len(p.memory):len(p.memory)], p.queue[:len(p.queue):len(p.queue)]
	p.events = p.events[:len(p.events):len(p.events)]
	return &p
}

// bounded is the end of a list, in a list of its own once it is too long.
func bounded[T any](list []T, n int) []T {
	if len(list) <= n {
		return list
	}
	return append(make([]T, 0, n+n/4), list[len(list)-n*3/4:]...)
}

// remembered puts the daemon's own history before what was seen since: a curve
// begins full, and a gap is filled when the daemon is back.
func (m *model) remembered(h History) *picture {
	m.mu.Lock()
	defer m.mu.Unlock()
	fill := func(list *[]dash.Point, series string, unit float64) {
		readings := h.Series[series]
		if len(readings) == 0 {
			return
		}
		begin, end := readings[0].time(), readings[len(readings)-1].time()
		var out []dash.Point
		for _, p := range *list {
			if p.Time.Before(begin) {
				out = append(out, p)
			}
		}
		for _, r := range readings {
			out = append(out, dash.Point{Time: r.time(), Value: r[1] / unit})
		}
		for _, p := range *list {
			if p.Time.After(end) {
				out = append(out, p)
			}
		}
		*list = bounded(out, keptPoints)
	}
	fill(&m.now.latency, seriesLatency, 1e-3)
	memory := seriesMemory
	if len(h.Series[memory]) == 0 { // of a daemon that does not tell the cache apart
		memory = seriesMemoryAll
	}
	fill(&m.now.memory, memory, 1<<20)
	fill(&m.now.queue, seriesQueue, 1)
	return m.copy()
}

// happened adds to the tail.
func (m *model) happened(list ...event) *picture {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.events, m.now.noTail = bounded(append(m.now.events, list...), keptEvents), ""
	return m.copy()
}

// tailLost says why no events come.
func (m *model) tailLost(why string) *picture {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.noTail = why
	return m.copy()
}

// changed adds a finding's transition to the tail.
func (m *model) changed(c health.Change) *picture {
	if c.Kind == health.Raised {
		m.mu.Lock()
		m.tally.raised++
		m.mu.Unlock()
	}
	level := c.Finding.Level
	if c.Kind == health.Resolved || c.Kind == health.Hidden {
		level = health.OK
	}
	return m.happened(event{
		id: fmt.Sprintf("finding %d %s", c.Number, c.At), at: c.At, level: level, domain: "health",
		subject: c.Finding.Title, what: c.Kind, detail: []string{c.Finding.Detail, c.Finding.Fix},
	})
}

// composite is what the dashboard shows of an item of follow_events.
type composite struct {
	Number uint64    `json:"number"`
	Domain string    `json:"domain"`
	Last   time.Time `json:"last_time"`
	Causes []struct {
		Kind     string    `json:"kind"`
		Subject  string    `json:"subject"`
		Detail   string    `json:"detail"`
		Count    uint64    `json:"count"`
		CatchUp  bool      `json:"catch_up"`
		LastTime time.Time `json:"last_time"`
	} `json:"causes"`
}

// shownCauses is how many causes of one event the tail shows: a storm must not
// push everything else out.
const shownCauses = 5

func (c composite) events() []event {
	var out []event
	for i, cause := range c.Causes {
		if i == shownCauses {
			out = append(out, event{
				id: fmt.Sprintf("%d more", c.Number), at: c.Last, domain: c.Domain,
				subject: fmt.Sprintf("... and %d more:", len(c.Causes)-i), what: "annactl events shows them",
			})
			break
		}
		e := event{id: fmt.Sprintf("%d.%d", c.Number, i), at: cause.LastTime, domain: c.Domain, subject: cause.Subject, what: strings.ReplaceAll(cause.Kind, "_", " ")}
		if cause.Detail != "" {
			e.detail = append(e.detail, cause.Detail)
		}
		if cause.Count > 1 {
			e.what += fmt.Sprintf(", %d times", cause.Count)
		}
		if cause.CatchUp {
			e.what += ", found at the start"
		}
		out = append(out, e)
	}
	return out
}

// summary is the line that stays on the terminal.
func (m *model) summary(span string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	text := fmt.Sprintf("watched annad on %s for %s: worst level %s", cmp.Or(m.now.m.Host, "this machine"), span, m.tally.worst)
	if m.tally.raised > 0 {
		text += fmt.Sprintf(", findings raised: %d", m.tally.raised)
	}
	if m.tally.known {
		text += fmt.Sprintf(", p99 at most %s", millisText(&m.tally.p99))
	}
	return text + fmt.Sprintf(", answers: %d", m.tally.answers)
}
