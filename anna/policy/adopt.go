package policy

import (
	"maps"
	"slices"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// An Adopted finding stood when the daemon before this one ended.
type Adopted struct {
	Raised time.Time // when it was told
	Since  time.Time
}

// Adopt says which findings stood before: they are not told again.
func (e *Engine) Adopt(found map[string]Adopted) { maps.Copy(e.adopt, found) }

// orphans takes back what stood before for a rule or an object that is no
// more.
func (e *Engine) orphans(changes []Change, now time.Time, t facts.Tree) []Change {
	for _, id := range slices.Sorted(maps.Keys(e.adopt)) {
		r := e.set.Find(RuleOf(id))
		if r != nil && r.Enabled {
			if _, there := e.states[id]; there {
				continue
			}
			if j := e.rules[r.ID]; j == nil || j.blind != nil {
				continue
			}
		}
		a := e.adopt[id]
		delete(e.adopt, id)
		f := health.Finding{ID: id, Title: id, Since: a.Since}
		c := Change{Change: health.Change{Kind: health.Resolved, At: now, Finding: f, Raised: a.Raised, LastedSec: now.Sub(a.Since).Seconds()}}
		if r != nil {
			c.Rule, c.Finding.Level = r, r.Level.Health()
		}
		changes = append(changes, c)
	}
	return changes
}
