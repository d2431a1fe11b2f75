package doctor

import (
	"errors"
	"slices"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
	"github.com/jjgarcianorway/anna-assistant/anna/version"
)

// An exam is what was seen: the daemon's own checks and this client's.
type exam struct {
	daemon Daemon
	checks []Check
	state  diagnose.State
	failed *rpc.Error
	seen   sight
}

// examine looks at everything.
func examine(c *console.Console) *exam {
	e := &exam{daemon: Daemon{Socket: c.Socket()}, seen: sight{socket: c.Socket(), private: c.Private}}
	var answer Checks
	err := c.Call(methodChecks, nil, &answer)
	if !errors.As(err, &e.failed) && err != nil {
		e.failed = rpc.Errorf(rpc.Internal, "%w", err)
	}
	e.state = e.seen.systemd(c.Context())
	if e.failed != nil {
		e.daemon.Error = &Failure{e.failed.Code, e.failed.Message, e.failed.Hint}
		e.daemon.LastWords = e.state.Words
		why := "the daemon does not answer (" + string(e.failed.Code) + ")"
		for _, k := range health.Checks {
			e.checks = append(e.checks, Check{Result: health.Result{ID: k.ID, Group: k.Group, Title: k.Title, Result: health.Unknown, Detail: why}})
		}
	} else {
		e.daemon.Answers, e.daemon.Version = true, answer.Version
		c.SawVersion(answer.Version, version.Number)
		e.checks = answer.Checks
		e.seen.took = took(c)
	}
	e.seen.peer, _ = c.Peer()
	for _, k := range health.ClientChecks {
		v := clientAssess[k.ID](e)
		e.checks = append(e.checks, Check{Result: health.Result{
			ID: k.ID, Group: k.Group, Title: k.Title, Result: v.Level, Detail: v.Detail, Evidence: v.Evidence, Fix: v.Fix,
		}})
	}
	e.mergeSocket()
	return e
}

// took is how long an answer takes, seen from here: the median of five.
func took(c *console.Console) []time.Duration {
	var all []time.Duration
	for range 5 {
		began := time.Now()
		if c.CallOnce("get_version", nil, nil) != nil {
			break
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all
}

// report sums up the checks named.
func (e *exam) report(names []string) Report {
	r := Report{Standalone: e.seen.private, Daemon: e.daemon, Checks: []Check{}}
	for _, k := range e.checks {
		if len(names) > 0 && !slices.Contains(names, k.ID) {
			continue
		}
		r.Checks = append(r.Checks, k)
		if k.Acknowledged == nil {
			r.Level = health.Worst(r.Level, k.Result.Result)
		}
	}
	if r.Level == health.Unknown { // it is told check by check
		r.Level = health.OK
		if !slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Result.Result != health.Unknown }) {
			r.Level = health.Unknown
		}
	}
	// A daemon that is dead is critical whatever was asked.
	if e.failed != nil && e.failed.Code != rpc.SocketPermission {
		r.Level = health.Critical
	}
	return r
}
