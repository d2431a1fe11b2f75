package diff

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// A relative is a subvolume of a family, all of which were made of one another.
type relative struct {
	*shot
	parent *relative
	born   int             // earlier ones have lower numbers
	with   map[string]bool // the inodes that it was born with
	p      *program        // nil where it is read-only
}

// common is the inodes that two relatives had when they parted.
func common(a, b *relative) map[string]bool {
	left := map[*relative]*relative{a: nil} // by whom the way from a leads there
	for m := a; m.parent != nil; m = m.parent {
		left[m.parent] = m
	}
	var x *relative
	m := b
	for {
		if _, both := left[m]; both {
			break
		}
		x, m = m, m.parent
	}
	if y := left[m]; x == nil || y != nil && y.born < x.born {
		return y.with
	}
	return x.with
}

// TestFamilies compares whoever is left of a family: snapshots of snapshots that
// were written to, of which some are gone, so that it is not always known when two
// of them parted.
func TestFamilies(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	families := 1
	if os.Getenv("ANNA_TEST_LONG") != "" {
		families = 20
	}
	for n := range families {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		l := newLab(t, shapes[[]int{0, 1, 5}[n%3]], seed)
		for range 60 {
			l.p.plainStep()
		}
		family := []*relative{{shot: &shot{name: l.dir, id: l.id(l.dir)}, p: l.p}}
		compared, forkless := 0, 0
		for born := range 60 {
			m := family[l.p.r.IntN(len(family))]
			switch do := l.p.r.IntN(16); {
			case do < 6:
				family = append(family, l.child(m, born))
			case do < 10 && m.p != nil:
				time.Sleep(10 * time.Millisecond) // see Limits
				for range 1 + l.p.r.IntN(8) {
					m.p.plainStep()
				}
			case do < 12 && len(family) > 3 && m.parent != nil:
				if m.p != nil {
					m.p.letGo()
				}
				annatest.Run(t, "btrfs", "subvolume", "delete", "-c", m.name)
				family = slices.DeleteFunc(family, func(x *relative) bool { return x == m })
			case do == 12:
				annatest.Run(t, "btrfs", "balance", "start", "-m", l.top)
			}
			a, b := family[l.p.r.IntN(len(family))], family[l.p.r.IntN(len(family))]
			if a == b {
				continue
			}
			x := &expectation{a: walk(t, a.name, nil), b: walk(t, b.name, nil), parted: common(a, b)}
			l.compare("relatives", a.id, b.id, x)
			compared++
			if _, r := l.run(Auto, a.id, b.id); r.Fork == 0 {
				forkless++
			}
		}
		t.Logf("%d comparisons, %d of those that nobody knows when they parted", compared, forkless)
	}
}

// child is a snapshot of a relative.
func (l *lab) child(m *relative, born int) *relative {
	c := &relative{parent: m, born: born}
	if l.p.r.IntN(2) == 0 {
		c.shot = l.snapshot(m.name, nil, "-r")
	} else {
		c.shot = l.snapshot(m.name, nil)
		c.p = &program{t: l.t, r: rand.New(rand.NewPCG(l.p.r.Uint64(), 1)), dir: c.name}
	}
	c.with = set(c.tree)
	return c
}

// plainStep is a step that makes no subvolume.
func (p *program) plainStep() {
	for {
		if op := operations[p.r.IntN(len(operations))]; !strings.Contains(op.name, "subvolume") {
			p.log = append(p.log, op.name+": "+strings.ReplaceAll(op.do(p), p.dir, ""))
			return
		}
	}
}
