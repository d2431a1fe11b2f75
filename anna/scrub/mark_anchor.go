package scrub

import "time"

// An anchor is a mark of which the true time is known, and how much later it
// seems: by what the machine was suspended since.
type anchor struct {
	Mark
	off, unsure time.Duration
}

type anchors []anchor

// narrow says better when a mark was: the machine was suspended since for no less
// than since a later one, and for no more than since an earlier one.
func (a anchors) narrow(m Mark) Mark {
	earlier, later := a.around(m)
	if earlier != nil {
		m.Early = min(m.Early, max(0, earlier.off)+earlier.unsure+exactStart)
	}
	if later != nil && later.off > later.unsure+exactStart {
		by := min(later.off-later.unsure-exactStart, m.Early)
		m.At, m.Early = m.At.Add(-by), m.Early-by
	}
	return m
}

// around are the anchors next to a mark in the log; nil for none.
func (a anchors) around(m Mark) (earlier, later *anchor) {
	for i := range a {
		o := &a[i]
		switch {
		case o.Boot != m.Boot:
		case o.Clock <= m.Clock && (earlier == nil || o.Clock > earlier.Clock):
			earlier = o
		case o.Clock > m.Clock && (later == nil || o.Clock < later.Clock):
			later = o
		}
	}
	return earlier, later
}
