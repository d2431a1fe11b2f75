package daemon

import (
	"context"
	"maps"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/facts/survey"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// How old what is looked at beside the tick may become.
const (
	minutely = time.Minute
	rarely   = 10 * time.Minute
)

// A collector keeps the tree of facts: what comes with each sample of the
// machine, what other parts of the daemon know, and what is looked at now and
// then. It is used by one goroutine at a time.
type collector struct {
	d    *Daemon
	root survey.Root
	past *past
	tree facts.Tree

	read     map[string]time.Time // when a branch was looked at last
	packages *events.PackageFacts // that the tree shows
	pacman   *events.PackageFacts // that the orphans were counted of
	fill     map[string]fillForecast
	points   []telemetry.Point // for the store
}

// A fillForecast is by how much a mount grows per second.
type fillForecast struct {
	rate  float64
	why   string
	until time.Time
}

func newCollector(d *Daemon) *collector {
	c := &collector{d: d, root: d.view.survey(), past: newPast(d.store), read: map[string]time.Time{}, fill: map[string]fillForecast{}}
	c.tree = facts.Tree{}.WithHistory(c.past)
	return c
}

// put hangs a branch on the tree.
func (c *collector) put(name string, b *facts.Branch, now time.Time) {
	b.At = now
	c.tree = c.tree.With(name, b)
	c.read[name] = now
}

// due says whether a branch has to be looked at again.
func (c *collector) due(name string, every time.Duration, now time.Time) bool {
	last, ok := c.read[name]
	return !ok || now.Sub(last) >= every-every/20
}

// collect brings the tree up to now. s is a sample of the machine.
func (c *collector) collect(ctx context.Context, now time.Time, s metrics.MachineSample) facts.Tree {
	c.tree.At = now
	c.points = c.points[:0]
	c.put("load", survey.Load(s), now)
	c.put("memory", survey.Memory(s), now)
	c.put("mount", survey.Mounts(s, func(m metrics.Mount) facts.Value { return c.fullIn(ctx, now, m) }), now)
	c.put("interface", survey.Interfaces(s), now)
	c.put("sensor", survey.Sensors(c.root, s), now)
	pressure := survey.Pressure(c.root)
	c.put("pressure", pressure, now)
	for _, row := range facts.Of("pressure") {
		if v, ok := c.tree.Fact(row.Name, "").Number(); ok {
			c.points = append(c.points, telemetry.Point{Series: row.Series, Value: v})
		}
	}
	c.put("health", c.health(now), now)
	c.put("capability", capabilities(c.d.host.Capabilities()), now)
	c.put("config", configured(c.d.host.Config()), now)
	c.kernel(now)
	c.installed(now)
	if c.due("time", minutely, now) {
		c.put("time", survey.Time(), now)
	}
	if c.due("units", minutely, now) {
		c.put("units", units(ctx, c.root), now)
	}
	if c.due("machine", rarely, now) {
		c.put("machine", survey.Machine(c.root), now)
	}
	if c.due("zram", rarely, now) {
		c.put("zram", survey.Zram(c.root), now)
	}
	if c.due("boot", rarely, now) {
		c.put("boot", survey.Boot(c.root), now)
	}
	if c.due("pacman", rarely, now) || c.packages != c.pacman {
		c.pacman = c.packages
		c.put("pacman", survey.Pacman(c.root), now)
	}
	c.btrfs(ctx, now)
	return c.tree
}

// health is the daemon's own.
func (c *collector) health(now time.Time) *facts.Branch {
	h := c.d.host
	s := h.Health.State()
	b := facts.NewBranch()
	b.Set("health.level", facts.Str(s.Level.String()))
	raised := []string{}
	named := map[string]facts.Value{}
	var warnings, criticals int
	for _, f := range s.Findings {
		raised = append(raised, f.ID)
		named[f.ID] = facts.Flag(true)
		switch f.Level {
		case health.Warning:
			warnings++
		case health.Critical:
			criticals++
		}
	}
	b.Set("health.findings", facts.Strs(raised))
	b.Set("health.warnings", facts.Num(warnings))
	b.Set("health.criticals", facts.Num(criticals))
	b.Set("health.uptime_sec", facts.Num(now.Sub(h.Started).Round(time.Second).Seconds()))
	if v, ok := h.Resources().Memory.Current.Get(); ok {
		b.Set("health.memory_bytes", facts.Num(v))
	} else {
		b.Set("health.memory_bytes", facts.Unknown(h.Resources().Memory.Current.Why()))
	}
	b.Name("finding", named, facts.Rest("finding"))
	return b
}

func capabilities(list []capability.Report) *facts.Branch {
	b := facts.NewBranch()
	named := map[string]facts.Value{}
	by := map[capability.State][]string{}
	for _, r := range list {
		by[r.State] = append(by[r.State], r.Module)
		named[r.Module] = facts.Str(string(r.State))
	}
	b.Set("capability.active", facts.Strs(by[capability.Active]))
	b.Set("capability.degraded", facts.Strs(by[capability.Degraded]))
	b.Set("capability.disabled", facts.Strs(by[capability.Disabled]))
	b.Set("capability.failed", facts.Strs(by[capability.Failed]))
	b.Name("state", named, facts.Rest("state"))
	return b
}

func configured(c *config.Config) *facts.Branch {
	b := facts.NewBranch()
	b.Set("config.scrub_max_age_sec", facts.Num(c.Btrfs().ScrubMaxAge.Seconds()))
	b.Set("config.headroom_warn_bytes", facts.Num(int64(c.Btrfs().HeadroomWarn)))
	b.Set("config.metadata_warn_percent", facts.Num(float64(c.Btrfs().MetadataWarn)))
	return b
}

// kernel asks the module that watches kernels.
func (c *collector) kernel(now time.Time) {
	source, why := c.d.mods.source("kernel")
	if source == nil {
		c.put("kernel", facts.NoBranch(why), now)
		return
	}
	f, looked := source.(*events.KernelSource).Facts()
	if !looked {
		c.put("kernel", facts.NoBranch("it is looked at just now"), now)
		return
	}
	c.put("kernel", survey.Kernel(f), now)
}

// installed asks the module that watches packages.
func (c *collector) installed(now time.Time) {
	source, why := c.d.mods.source("packages")
	if source == nil {
		c.packages = nil
		c.put("packages", facts.NoBranch(why), now)
		return
	}
	f := source.(*events.PackagesSource).Facts()
	switch {
	case f == nil:
		c.put("packages", facts.NoBranch("the package databases are read just now"), now)
	case len(f.Managers) == 0:
		c.put("packages", facts.NoBranch("no package database is here (dpkg, pacman, apk or rpm)"), now)
	case f != c.packages:
		c.put("packages", survey.Packages(f), now)
	}
	c.packages = f
}

// source is a module's listener; nil, and why, when it does not run.
func (m *modules) source(name string) (events.Source, string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.running[name]; r != nil {
		return r.source, ""
	}
	return nil, switchedOff(name)
}

// fullIn is when a mount will be full, by the samples of the last hours.
func (c *collector) fullIn(ctx context.Context, now time.Time, m metrics.Mount) facts.Value {
	available, ok := m.Available.Get()
	if !ok {
		return facts.Unknown(m.Available.Why())
	}
	f, ok := c.fill[m.Point]
	if !ok || now.After(f.until) {
		ctx, cancel := context.WithTimeout(ctx, pastTime)
		// Those of mounts that stay are made anew like this one; containers' mount
		// points are gone for good.
		maps.DeleteFunc(c.fill, func(_ string, f fillForecast) bool { return now.After(f.until) })
		list, err := c.d.store().Series(ctx, "mount_used_bytes{"+m.Point+"}", now.Add(-fillSpan), now, telemetry.Minute)
		cancel()
		f = fillForecast{until: now.Add(5 * time.Minute)}
		if err != nil {
			f.why = "the stored samples cannot be read: " + err.Error()
		} else {
			f.rate, f.why = fillRate(list, now)
		}
		c.fill[m.Point] = f
	}
	if f.why != "" {
		return facts.Unknown(f.why)
	}
	left := float64(available) / f.rate
	if left > fillYears.Seconds() {
		return facts.Unknown("it takes years")
	}
	return facts.Num(left)
}
