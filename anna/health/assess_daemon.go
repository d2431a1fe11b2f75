package health

import (
	"fmt"
	"strings"
)

func assessQueue(s Snapshot, t Thresholds) Verdict {
	n := s.Queue.Overdue
	level, passed := judge(n, t.QueueWarn, t.QueueCrit)
	v := Verdict{
		Level: level, Detail: counted(n, "event waits", "events wait") + " for the handler",
		Evidence: &Evidence{Figure: "queue.overdue", Value: float64(n), Threshold: float64(passed), Unit: "events"},
	}
	if level > OK {
		v.Detail += fmt.Sprintf(" (threshold: %d)", passed)
		v.Fix = "See what happens: annactl events --since 5m"
	}
	return v
}

func assessAge(s Snapshot, _ Thresholds) Verdict {
	late := s.Queue.Late
	if s.Queue.Overdue == 0 {
		return well("no event waits beyond its time")
	}
	level, passed := judge(late, lateWarn, lateCrit)
	v := Verdict{
		Level: level, Detail: fmt.Sprintf("the oldest waits %s beyond its time", Span(late)),
		Evidence: &Evidence{Figure: "queue.late_sec", Value: late.Seconds(), Threshold: passed.Seconds(), Unit: "s"},
	}
	if level > OK {
		v.Fix = "Read whether the handler fails: sudo journalctl -u annad -n 20"
	}
	return v
}

func assessHandler(s Snapshot, _ Thresholds) Verdict {
	if !s.Handler.Stuck {
		return well("the event loop turns")
	}
	return Verdict{
		Level: Critical, Detail: fmt.Sprintf("what handles an event has not come back for %s", Span(s.Handler.Running)),
		Evidence: &Evidence{Figure: "handler_sec", Value: s.Handler.Running.Seconds(), Unit: "s"},
		Fix:      "Restart it: sudo systemctl restart annad",
	}
}

func assessDropped(s Snapshot, _ Thresholds) Verdict {
	n := s.Queue.Dropped
	if n == 0 {
		return well("none in the last hour")
	}
	return Verdict{
		Level: Warning, Detail: counted(n, "event was", "events were") + " dropped in the last hour: the queue was full",
		Evidence: &Evidence{Figure: "queue.dropped_1h", Value: float64(n), Unit: "events"},
		Fix:      fmt.Sprintf("Raise events.queue_limit (now %d), or see what floods it: annactl events --since 1h", s.Queue.Limit),
	}
}

func assessSpool(s Snapshot, _ Thresholds) Verdict {
	if s.Spool == (Trouble{}) {
		return well("events are on disk before they are accepted")
	}
	return troubled(Warning, s.Spool)
}

func assessStore(s Snapshot, _ Thresholds) Verdict {
	if len(s.Store.Troubles) == 0 {
		return well("history is written")
	}
	v := troubled(Warning, s.Store.Troubles[0])
	if more := len(s.Store.Troubles) - 1; more > 0 {
		v.Detail += fmt.Sprintf("; and %d more", more)
	}
	return v
}

func troubled(l Level, t Trouble) Verdict {
	v := Verdict{Level: l, Detail: t.What, Fix: t.Fix}
	if t.Why != "" {
		v.Detail = strings.TrimSuffix(v.Detail, ".") + ": " + t.Why
	}
	return v
}

func assessStalled(s Snapshot, _ Thresholds) Verdict {
	late := s.Store.Stalled
	if late <= 0 {
		return well("the writer comes back from the disk")
	}
	v := Verdict{
		Level: Warning, Detail: fmt.Sprintf("a write has not come back for %s beyond its time", Span(late)),
		Evidence: &Evidence{Figure: "store_stalled", Value: late.Seconds(), Threshold: lateWarn.Seconds(), Unit: "s"},
		Fix:      "Look at the disk: sudo dmesg | tail",
	}
	if late > lateWarn {
		v.Level = Critical
	}
	return v
}

func assessModules(s Snapshot, _ Thresholds) Verdict {
	var names []string
	failures := 0
	for _, m := range s.Modules {
		state := "degraded"
		if m.Failed {
			state = "failed"
		}
		names = append(names, fmt.Sprintf("%s is %s (%s)", m.Name, state, m.Why))
		failures += m.Failures
	}
	if len(names) == 0 {
		return well("all that are switched on are active")
	}
	v := Verdict{
		Level: Warning, Detail: strings.Join(names, "; "), Fix: "See each with its next step: annactl capabilities",
		Evidence: &Evidence{Figure: "capabilities.impaired", Value: float64(len(names)), Unit: "modules"},
	}
	if failures > 0 {
		v.Detail += "; " + counted(failures, "failure", "failures") + " in the last hour"
	}
	if len(s.Modules) == 1 && s.Modules[0].Do != "" {
		v.Fix = s.Modules[0].Do
	}
	return v
}

func assessRejected(s Snapshot, _ Thresholds) Verdict {
	c := s.Config
	if !c.Rejected {
		return well("generation %d holds", c.Generation)
	}
	return Verdict{
		Level: Warning, Detail: fmt.Sprintf("generation %d holds on; %s", c.Generation, c.Problem),
		Fix: "See every problem: annactl config validate " + c.Path + "; then: sudo annactl reload",
	}
}

func assessWaiting(s Snapshot, _ Thresholds) Verdict {
	if n := len(s.Config.Waiting); n > 0 {
		return Verdict{
			Notice: true, Detail: fmt.Sprintf("%d of them, %s first", n, s.Config.Waiting[0]),
			Fix: "sudo systemctl restart annad",
		}
	}
	return well("no key waits")
}

func assessSocket(s Snapshot, _ Thresholds) Verdict {
	c := s.Socket
	restart := "Make it anew: sudo systemctl restart annad.socket annad.service"
	switch {
	case c.Err != "":
		return unknown(c.Err)
	case c.Missing:
		return Verdict{Level: Critical, Detail: c.Path + " is missing: no client can connect", Fix: restart}
	case c.Replaced:
		return Verdict{Level: Critical, Detail: c.Path + " is another file than the one the daemon listens on", Fix: restart}
	case c.Wrong != "":
		return Verdict{Level: Warning, Detail: c.Path + " " + c.Wrong, Fix: "Mend it: sudo anna doctor check socket --fix"}
	}
	return well("%s is the daemon's own", c.Path)
}

func assessClock(s Snapshot, _ Thresholds) Verdict {
	c := s.Clock
	size, way := c.Jumped, "forwards"
	if size < 0 {
		size, way = -size, "backwards"
	}
	if size < clockLeast || c.Ago > clockAgo {
		return well("the time of day goes steadily")
	}
	v := Verdict{
		Notice: true, Detail: fmt.Sprintf("it went %s by %s, %s ago", way, short(size), Span(c.Ago)),
		Evidence: &Evidence{Figure: "clock_jump", Value: c.Jumped.Seconds(), Threshold: clockLeast.Seconds(), Unit: "s"},
		Fix:      "See how the machine keeps its time: timedatectl timesync-status",
	}
	if c.Jumped < 0 {
		v.Level = Warning
	}
	return v
}

func assessProgram(s Snapshot, _ Thresholds) Verdict {
	p := s.Program
	switch {
	case s.Private:
		return unknown("a private daemon is its client")
	case p.Err != "":
		return unknown(p.Err)
	case p.Gone:
		return Verdict{Notice: true, Detail: p.Path + " is gone from disk"}
	case p.Changed:
		return Verdict{Level: Warning, Detail: p.Path + " is another program than the one that runs", Fix: "sudo systemctl restart annad"}
	}
	return well("%s is what runs", p.Path)
}

func assessPrevious(s Snapshot, _ Thresholds) Verdict {
	p := s.Previous
	if !p.Unclean || p.Ago > previousAgo {
		return well("nothing to tell")
	}
	v := Verdict{Notice: true, Detail: p.Story, Fix: "See how it ended: sudo journalctl -u annad -n 50"}
	if p.Level >= Warning {
		v.Level = Warning
	}
	return v
}
