// Package health judges: a table of checks says what each figure of the daemon
// means, and a Tracker turns their verdicts, taken again and again, into
// findings that do not flap.
//
// The checks are pure: they read nothing, keep no clock and talk to nobody, so
// that every verdict can be tried with a table. What could not be measured is
// unknown, which is no trouble by itself. A check that found nothing wrong has
// no finding: the absence of findings is health.
//
// The daemon's every second, in short:
//
//	verdicts := health.Assess(snapshot, thresholds)
//	changes := tracker.Step(now, verdicts, timing)
//	board.Post(tracker.State(now), changes) // for whoever asks or follows
package health
