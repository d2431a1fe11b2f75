package daemon

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

// capabilities reports every module as it is now.
func (m *modules) capabilities() []capability.Report {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []capability.Report
	for _, l := range listeners {
		r := capability.Report{Module: l.name, Summary: l.summary, Since: m.since}
		if run := m.running[l.name]; run != nil {
			fill(&r, run.source.Status())
			if r.State == capability.Degraded && m.view.hides(l.name) {
				r.Do = networkFix
			}
		} else {
			r.State, r.Why = capability.Disabled, switchedOff(l.name)
		}
		out = append(out, r)
	}
	if m.btrfs != nil {
		out = append(out, m.btrfs.report())
	} else {
		out = append(out, capability.Report{Module: "btrfs", Summary: btrfsSummary, State: capability.Disabled, Why: switchedOff("btrfs"), Since: m.since})
	}
	out = append(out, m.telemetry(m.store()))
	slices.SortFunc(out, func(a, b capability.Report) int { return strings.Compare(a.Module, b.Module) })
	return out
}

// starting is why a module that has not looked yet is degraded.
const starting = "it is starting"

// triedAgain is what to do about a module that failed.
const triedAgain = "it is tried again; the log has more: sudo journalctl -u annad -n 20"

func switchedOff(name string) string { return fmt.Sprintf("switched off: modules.%s = false", name) }

// fill puts a source's own words into a report.
func fill(r *capability.Report, s events.SourceStatus) {
	r.Since, r.Failures = s.Since, s.FailuresLastHour
	switch s.State {
	case events.SourceRunning:
		r.State = capability.Active
	case events.SourceDegraded:
		r.State, r.Why = capability.Degraded, s.Reason
	case events.SourceAbsent: // and noticed when it comes
		r.State, r.Why = capability.Disabled, s.Reason
	case events.SourceStopped: // it is about to look for the first time
		r.State, r.Why = capability.Degraded, starting
	default:
		r.State, r.Why = capability.Failed, s.Reason
		r.Do = triedAgain
	}
}

// telemetry reports the store, which is a module as well.
func (m *modules) telemetry(store *telemetry.Store) capability.Report {
	r := capability.Report{Module: "telemetry", Summary: "keeps figures, events and findings", Since: m.since, State: capability.Active}
	if !m.enabled.Telemetry {
		r.State, r.Why = capability.Disabled, switchedOff("telemetry")
		return r
	}
	for _, t := range store.Trouble() {
		if t.Kind == telemetry.Damaged && !store.Stats().InMemory {
			continue // set aside, and a new one works
		}
		r.State, r.Why, r.Do, r.Since = capability.Degraded, strings.TrimSuffix(t.What, ".")+": "+t.Why, t.Fix, t.Since
		break
	}
	return r
}
