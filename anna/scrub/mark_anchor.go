package scrub

import "time"

// An anchor is a mark that was read before, and how much later it seems now: by
// what the machine was suspended since.
type anchor struct {
	Mark
	off, unsure time.Duration
}

type anchors []anchor

// narrow says better how early a mark may have been: the machine was suspended
// since for no more than since the anchor before it.
func (a anchors) narrow(m Mark) Mark {
	var before *anchor
	for i := range a {
		o := &a[i]
		if o.Boot == m.Boot && o.Clock <= m.Clock && (before == nil || o.Clock > before.Clock) {
			before = o
		}
	}
	if before != nil {
		m.Early = min(m.Early, max(0, before.off)+before.unsure+exactStart)
	}
	return m
}
