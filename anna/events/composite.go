package events

import "time"

// A Composite is what a domain brought between two hand-overs: the unit that
// handlers get and that history keeps.
type Composite struct {
	// Number counts composites from 1, over all restarts. A composite handed
	// over again after a kill keeps its number and its content.
	Number uint64 `json:"number"`
	Domain Domain `json:"domain"`
	// Count is the number of events, the sum of the causes' counts.
	Count     uint64    `json:"count"`
	FirstSeq  uint64    `json:"first_seq"`
	LastSeq   uint64    `json:"last_seq"`
	FirstTime time.Time `json:"first_time"`
	LastTime  time.Time `json:"last_time"`
	// Causes are in the order in which they first happened.
	Causes []Cause `json:"causes"`
	// Error is why the handler gave it up; only in history.
	Error string `json:"error,omitempty"`
}

// A Cause is all equal events of one composite: same kind, subject, source and
// catch-up mark.
type Cause struct {
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	Source  string `json:"source"`
	CatchUp bool   `json:"catch_up,omitempty"`
	// Detail and Attributes are those of the last event.
	Detail     string            `json:"detail,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Count      uint64            `json:"count"`
	FirstSeq   uint64            `json:"first_seq"`
	LastSeq    uint64            `json:"last_seq"`
	FirstTime  time.Time         `json:"first_time"`
	LastTime   time.Time         `json:"last_time"`
}

type causeKey struct {
	kind, subject, source string
	catchUp               bool
}

func (c *Cause) key() causeKey { return causeKey{c.Kind, c.Subject, c.Source, c.CatchUp} }

// causeOverhead is what one waiting cause costs beside its text: the struct,
// its place in the index, the map header.
const causeOverhead = 256

func eventWeight(ev *Event) int {
	return causeOverhead + len(ev.Kind) + len(ev.Subject) + len(ev.Source) + detailWeight(ev.Detail, ev.Attributes)
}

func (c *Cause) weight() int {
	return causeOverhead + len(c.Kind) + len(c.Subject) + len(c.Source) + detailWeight(c.Detail, c.Attributes)
}

func detailWeight(detail string, attributes map[string]string) int {
	n := len(detail)
	for k, v := range attributes {
		n += len(k) + len(v) + 48
	}
	return n
}

func (c *Composite) weight() int {
	n := causeOverhead
	for i := range c.Causes {
		n += c.Causes[i].weight()
	}
	return n
}

// A gathering is the composite that a domain is filling, with an index of its
// causes.
type gathering struct {
	Composite
	index map[causeKey]int
	bytes int
}

// add merges ev and returns by how much the weight grew (it may shrink).
func (g *gathering) add(ev *Event) int {
	if g.index == nil {
		g.index = make(map[causeKey]int)
	}
	if g.Count == 0 {
		g.Domain, g.FirstSeq, g.FirstTime = ev.Domain, ev.Seq, ev.Time
	}
	g.Count++
	g.LastSeq, g.LastTime = ev.Seq, ev.Time
	key := causeKey{ev.Kind, ev.Subject, ev.Source, ev.CatchUp}
	if i, known := g.index[key]; known {
		c := &g.Causes[i]
		grown := detailWeight(ev.Detail, ev.Attributes) - detailWeight(c.Detail, c.Attributes)
		c.Count++
		c.LastSeq, c.LastTime = ev.Seq, ev.Time
		c.Detail, c.Attributes = ev.Detail, ev.Attributes
		g.bytes += grown
		return grown
	}
	g.index[key] = len(g.Causes)
	g.Causes = append(g.Causes, Cause{
		Kind: ev.Kind, Subject: ev.Subject, Source: ev.Source, CatchUp: ev.CatchUp,
		Detail: ev.Detail, Attributes: ev.Attributes, Count: 1,
		FirstSeq: ev.Seq, LastSeq: ev.Seq, FirstTime: ev.Time, LastTime: ev.Time,
	})
	w := eventWeight(ev)
	g.bytes += w
	return w
}

func (g *gathering) has(ev *Event) bool {
	_, known := g.index[causeKey{ev.Kind, ev.Subject, ev.Source, ev.CatchUp}]
	return known
}

// restore takes over a composite read from the spool.
func (g *gathering) restore(c Composite) {
	g.Composite, g.bytes = c, 0
	g.index = make(map[causeKey]int, len(c.Causes))
	for i := range c.Causes {
		g.index[c.Causes[i].key()] = i
		g.bytes += c.Causes[i].weight()
	}
}
