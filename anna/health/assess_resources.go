package health

import (
	"fmt"
	"time"
)

func assessMemory(s Snapshot, t Thresholds) Verdict {
	used := s.Memory.Used
	switch {
	case s.Private:
		return unknown("a private daemon shares its client's memory")
	case !used.Known:
		return unknown(used.Reason)
	}
	level, passed := judge(used.Value, t.MemoryWarn, t.MemoryCrit)
	v := Verdict{
		Level: level, Detail: fmt.Sprintf("%d MB in use", used.Value/mb),
		Evidence: &Evidence{Figure: "memory_mb.working_set", Value: inMB(used.Value), Threshold: inMB(passed), Unit: "MB"},
	}
	if s.Memory.Limit.Known {
		v.Detail += fmt.Sprintf(" of %d MB", s.Memory.Limit.Value/mb)
	}
	if cache := s.Memory.Reclaimable.Value / mb; cache > 0 {
		v.Detail += fmt.Sprintf(", and %d MB of file cache that is given up first", cache)
	}
	if level > OK {
		v.Detail += fmt.Sprintf(" (threshold: %d MB)", passed/mb)
		v.Fix = "Restart it: sudo systemctl restart annad"
	}
	return v
}

func assessGrowth(s Snapshot, _ Thresholds) Verdict {
	m := s.Memory
	switch {
	case s.Private:
		return unknown("a private daemon shares its client's memory")
	case !m.Limit.Known:
		return unknown("there is no limit to grow towards")
	case !m.Growth.Known:
		return unknown(m.Growth.Reason)
	case !m.Used.Known:
		return unknown(m.Used.Reason)
	}
	g := m.Growth.Value
	share := 100 * float64(g.By) / float64(max(m.Limit.Value, 1))
	if g.By == 0 || share < growthLeast || g.Over <= 0 {
		return well("no steady growth over the last %s", Span(g.Over))
	}
	left := time.Duration(0)
	if m.Used.Value < m.Limit.Value {
		// The thirds' least values are two thirds of the time apart.
		rate := float64(g.By) / (g.Over.Seconds() * 2 / 3)
		left = time.Duration(min(float64(m.Limit.Value-m.Used.Value)/rate, 1e9) * float64(time.Second))
	}
	v := Verdict{
		Detail:   fmt.Sprintf("%d MB more within %s: at this rate the limit of %d MB is met in %s", g.By/mb, Span(g.Over), m.Limit.Value/mb, Span(left)),
		Evidence: &Evidence{Figure: "memory_time_left", Value: left.Seconds(), Threshold: growthWarn.Seconds(), Unit: "s"},
	}
	if left < growthWarn {
		v.Level, v.Fix = Warning, "See what happens: annactl events --since 10m"
	}
	return v
}

func assessPressure(s Snapshot, _ Thresholds) Verdict {
	p := s.Memory.Pressure
	if !p.Known {
		return unknown(p.Reason)
	}
	level, passed := judge(p.Value, pressureWarn, pressureCrit)
	v := Verdict{
		Level: level, Detail: fmt.Sprintf("%.1f %% of the last minute spent waiting for memory", p.Value),
		Evidence: &Evidence{Figure: "memory_pressure_avg60", Value: p.Value, Threshold: passed, Unit: "%"},
	}
	if level > OK {
		v.Fix = "Raise the limit: sudo systemctl edit annad (MemoryMax=)"
	}
	return v
}

func assessMemoryEvents(s Snapshot, _ Thresholds) Verdict {
	hits, kills := s.Memory.LimitHits, s.Memory.Kills
	switch {
	case kills.Known && kills.Value > 0:
		return Verdict{
			Level: Warning, Detail: counted(kills.Value, "process was", "processes were") + " killed for the memory limit since the start",
			Evidence: &Evidence{Figure: "memory_kills", Value: float64(kills.Value), Unit: "processes"},
			Fix:      "Raise the limit: sudo systemctl edit annad (MemoryMax=)",
		}
	case !hits.Known:
		return unknown(hits.Reason)
	case hits.Value > 0:
		return Verdict{
			Notice: true, Detail: fmt.Sprintf("the limit was met %s in the last 10 min", counted(hits.Value, "time", "times")),
			Evidence: &Evidence{Figure: "memory_limit_hits", Value: float64(hits.Value), Unit: "times"},
		}
	}
	return well("the limit was not met in the last 10 min")
}

func assessThrottling(s Snapshot, _ Thresholds) Verdict {
	w := s.CPU.Withheld
	switch {
	case s.Private:
		return unknown("a private daemon shares its client's limits")
	case !w.Known:
		return unknown(w.Reason)
	}
	level, passed := judge(w.Value, withheldWarn, withheldCrit)
	v := Verdict{
		Level: level, Detail: fmt.Sprintf("%s of CPU time withheld in the last minute", short(w.Value)),
		Evidence: &Evidence{Figure: "cpu_withheld", Value: w.Value.Seconds(), Threshold: passed.Seconds(), Unit: "s"},
	}
	if level > OK {
		v.Fix = "See what keeps it busy: annactl events --since 5m; or raise CPUQuota=: sudo systemctl edit annad"
	}
	return v
}

func assessShare(what string, s Share, private bool) Verdict {
	switch {
	case private:
		return unknown("a private daemon shares its client's limits")
	case !s.Used.Known:
		return unknown(s.Used.Reason)
	case !s.Limit.Known || s.Limit.Value == 0:
		return well("%d %s, no limit", s.Used.Value, what)
	}
	share := 100 * float64(s.Used.Value) / float64(s.Limit.Value)
	level, passed := judge(share, shareWarn, shareCrit)
	v := Verdict{
		Level: level, Detail: fmt.Sprintf("%d %s of %d", s.Used.Value, what, s.Limit.Value),
		Evidence: &Evidence{Figure: what, Value: share, Threshold: passed, Unit: "%"},
	}
	if level > OK {
		v.Fix = "Look at the daemon: systemctl status annad; sudo ss -xp | grep annad"
	}
	return v
}
