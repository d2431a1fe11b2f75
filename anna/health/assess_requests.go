package health

import "fmt"

func assessLatency(s Snapshot, t Thresholds) Verdict {
	r := s.Requests
	switch {
	case r.P99 == nil:
		return unknown("no request has been answered yet")
	case r.Samples < minSamples:
		return unknown(fmt.Sprintf("%s so far: %d are needed", counted(r.Samples, "request", "requests"), minSamples))
	}
	level, passed := judge(*r.P99, t.P99Warn, t.P99Crit)
	v := Verdict{
		Level: level, Detail: fmt.Sprintf("99 of 100 requests end within %s", InMillis(*r.P99)),
		Evidence: &Evidence{Figure: "rpc_latency_ms.p99", Value: millis(*r.P99), Threshold: millis(passed), Unit: "ms", Samples: r.Samples},
	}
	if level > OK {
		v.Detail += fmt.Sprintf(" (limit: %s)", passed)
		v.Fix = "Look which method is slow: annactl health -v"
	}
	return v
}

func assessErrors(s Snapshot, _ Thresholds) Verdict {
	r := s.Requests
	if r.Answered < minSamples {
		return unknown(fmt.Sprintf("%s so far: %d are needed", counted(r.Answered, "request", "requests"), minSamples))
	}
	share := 100 * float64(r.Failed) / float64(r.Answered)
	level, passed := judge(share, errorsWarn, errorsCrit)
	v := Verdict{
		Level: level, Detail: fmt.Sprintf("%d of the last %d requests failed", r.Failed, r.Answered),
		Evidence: &Evidence{Figure: "rpc_errors", Value: share, Threshold: passed, Unit: "%", Samples: r.Answered},
	}
	if level > OK {
		v.Fix = "Read why: sudo journalctl -u annad -n 50"
	}
	return v
}

func assessSelf(s Snapshot, _ Thresholds) Verdict {
	switch {
	case !s.Self.Runs:
		return unknown("no watchdog asks for it here")
	case s.Self.Err != "":
		return Verdict{Level: Critical, Detail: "its own request failed: " + s.Self.Err, Fix: "Look at the socket: anna doctor check socket"}
	}
	return well("its own request was answered")
}
