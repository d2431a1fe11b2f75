package policy

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// mountBranch is n file systems, a little fuller each turn.
func mountBranch(n, turn int) *facts.Branch {
	b := facts.NewBranch()
	for i := range n {
		o := b.Add(fmt.Sprintf("/m%d", i))
		o.Set("mount.point", facts.Str(fmt.Sprintf("/m%d", i)))
		o.Set("mount.used_percent", facts.Num(40+float64(turn%100)/100))
		o.Set("mount.available_bytes", facts.Num(1e12))
	}
	return b
}

func mounts(n, turn int) facts.Tree {
	load := facts.NewBranch()
	load.Set("load.one", facts.Num(1))
	return facts.Tree{}.With("load", load).With("mount", mountBranch(n, turn))
}

// loaded is a tree with one load.
func loaded(t facts.Tree, one facts.Value) facts.Tree {
	b := facts.NewBranch()
	b.Set("load.one", one)
	return t.With("load", b)
}

func use(t testing.TB, e *Engine, text string) {
	t.Helper()
	set, problems := Load(files(fileOf("/p/x.toml", text)))
	if set == nil {
		t.Fatal(problems)
	}
	var mine []*Rule
	for _, r := range set.Rules {
		if !r.Builtin {
			mine = append(mine, r)
		}
	}
	e.Use(newSet(mine))
}

const busy = "[[rule]]\nid = \"busy\"\nwhen = 'load.one > 3'\nfor = \"30s\"\ntitle = \"busy: {load.one}\"\n"

// kinds says what changes are, in short.
func kinds(list []Change) string {
	var words []string
	for _, c := range list {
		words = append(words, c.Kind+" "+c.Finding.ID)
	}
	return strings.Join(words, ", ")
}

// TestHold: what fires is told after its time, and taken back after a while.
func TestHold(t *testing.T) {
	e := NewEngine()
	use(t, e, busy)
	timing := Timing{Hold: 10 * time.Second, Clear: 20 * time.Second}
	now := time.Unix(1e9, 0)
	var tree facts.Tree
	for i, step := range []struct {
		load facts.Value
		want string
	}{
		{facts.Num(5), ""}, // 0 s
		{facts.Num(5), ""},
		{facts.Num(1), ""}, // a break: it begins anew
		{facts.Num(5), ""},
		{facts.Num(5), ""},
		{facts.Num(5), ""},
		{facts.Num(5), "raised busy"}, // 30 s later
		{facts.Num(1), ""},
		{facts.Unknown("x"), ""}, // not to know is no health
		{facts.Num(5), ""},
		{facts.Num(1), ""},
		{facts.Num(1), ""},
		{facts.Num(1), "resolved busy"},
		{facts.Unknown("x"), ""},
	} {
		tree = loaded(tree, step.load)
		if got := kinds(e.Step(now.Add(time.Duration(i)*10*time.Second), tree, timing)); got != step.want {
			t.Errorf("step %d: got %q, want %q", i, got, step.want)
		}
	}
	s := e.Standing(now, timing)
	if len(s.Advice) != 0 || len(s.Unsure) != 1 || s.Unsure[0].Unknown != "load.one" {
		t.Errorf("%+v", s)
	}
}

// TestSpared: a rule is judged when what it reads changed, and only then.
func TestSpared(t *testing.T) {
	e := NewEngine()
	use(t, e, busy+"[[rule]]\nid = \"swap\"\nwhen = 'memory.swap_total_bytes == 0'\ntitle = 'x'\n")
	now := time.Unix(1e9, 0)
	tree := loaded(facts.Tree{}, facts.Num(1))
	for i, want := range []uint64{2, 2, 3, 3} {
		if i == 2 {
			tree = loaded(tree, facts.Num(2))
		} else if i == 3 {
			tree = loaded(tree, facts.Num(2)) // read again, and the same
		}
		e.Step(now.Add(time.Duration(i)*time.Second), tree, Timing{})
		if got := e.judgments; got != want {
			t.Errorf("step %d: %d judgments, want %d", i, got, want)
		}
	}
}

// TestObjects: each object stands for itself, and what is gone is taken back.
func TestObjects(t *testing.T) {
	e := NewEngine()
	use(t, e, "[[rule]]\nid = \"crammed\"\neach = \"mount\"\nwhen = 'mount.used_percent >= 40'\nfor = \"0s\"\ntitle = \"{mount.point}\"\n")
	now := time.Unix(1e9, 0)
	tree := mounts(2, 0)
	if got := kinds(e.Step(now, tree, Timing{Clear: time.Minute})); got != "raised crammed:/m0, raised crammed:/m1" {
		t.Error(got)
	}
	tree = tree.With("mount", mountBranch(1, 1))
	if got := kinds(e.Step(now, tree, Timing{Clear: time.Minute})); got != "resolved crammed:/m1" {
		t.Error(got)
	}
	// A table that cannot be read is no table without objects.
	tree = tree.With("mount", facts.NoBranch("hidden"))
	if got := kinds(e.Step(now, tree, Timing{Clear: time.Minute})); got != "" {
		t.Error(got)
	}
	// Rules that are gone take what they found with them.
	e.Use(newSet(nil))
	if got := kinds(e.Step(now, tree, Timing{})); got != "resolved crammed:/m0" {
		t.Error(got)
	}
}

// TestAdopt: what stood before a restart is not told again, and what ended
// meanwhile is taken back.
func TestAdopt(t *testing.T) {
	now := time.Unix(1e9, 0)
	before := Adopted{Raised: now.Add(-time.Hour), Since: now.Add(-2 * time.Hour)}
	for load, want := range map[float64]string{5: "raised busy", 1: "resolved busy"} {
		e := NewEngine()
		use(t, e, busy)
		e.Adopt(map[string]Adopted{"busy": before, "gone": before})
		changes := e.Step(now, loaded(facts.Tree{}, facts.Num(load)), Timing{Clear: time.Minute})
		if got := kinds(changes); got != want+", resolved gone" {
			t.Errorf("with %v: %s", load, got)
			continue
		}
		c := changes[0]
		if !c.Raised.Equal(before.Raised) || !c.Finding.Since.Equal(before.Since) || c.Quiet != (load > 3) {
			t.Errorf("with %v: %+v", load, c)
		}
	}
}

// level is the worst level of what is raised and not snoozed.
func level(s Standing) health.Level {
	worst := health.OK
	for _, a := range s.Advice {
		if quiet(a) == 0 {
			worst = max(worst, a.Level.Health())
		}
	}
	return worst
}

// TestSnooze: what is known stays visible, does not count, and counts again
// when the time is over.
func TestSnooze(t *testing.T) {
	e := NewEngine()
	use(t, e, busy)
	now := time.Unix(1e9, 0)
	e.Step(now, loaded(facts.Tree{}, facts.Num(5)), Timing{AtOnce: true})
	if s := e.Standing(now, Timing{}); level(s) != health.Warning || s.Advice[0].Title != "busy: 5" {
		t.Errorf("%+v", s)
	}
	e.Acknowledge("busy", health.Ack{Until: now.Add(time.Hour), Level: health.Warning})
	if s := e.Standing(now, Timing{}); level(s) != health.OK || s.Advice[0].Snooze == nil {
		t.Errorf("%+v", s)
	}
	if s := e.Standing(now.Add(time.Hour), Timing{}); level(s) != health.Warning {
		t.Errorf("%+v", s)
	}
}

// TestReplay: a rule that is tried on a week finds what a daemon would have.
func TestReplay(t *testing.T) {
	e := NewEngine()
	use(t, e, busy)
	r := e.Set().Find("busy")
	var moments []time.Time
	begin := time.Unix(1e9, 0)
	for i := range 100 {
		moments = append(moments, begin.Add(time.Duration(i)*time.Minute))
	}
	p, err := Replay(context.Background(), r, moments, Timing{Hold: time.Minute, Clear: 2 * time.Minute}, func(before facts.Tree, now time.Time) facts.Tree {
		switch i := int(now.Sub(begin) / time.Minute); {
		case i < 10:
			return loaded(before, facts.Unknown("it was not measured then"))
		case i >= 20 && i < 30, i == 50, i >= 90:
			return loaded(before, facts.Num(9))
		}
		return loaded(before, facts.Num(1))
	})
	if err != nil {
		t.Fatal(err)
	}
	// 30 s hold: raised at the second minute; one minute alone is too short.
	if len(p.Fired) != 2 || !p.Fired[0].Raised.Equal(moments[21]) || !p.Fired[0].Ended.Equal(moments[32]) || !p.Fired[1].Ended.IsZero() {
		t.Errorf("%+v", p.Fired)
	}
	if p.Known != 0.9 || p.Unknown != "load.one" {
		t.Errorf("known %v: %s", p.Known, p.Unknown)
	}
}
