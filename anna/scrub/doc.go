// Package scrub knows what scrubs of a Btrfs file system there were, put
// together from what tells of them: whoever runs one, the status file of
// btrfs-progs, the kernel's live progress, and the kernel's log. Each sees a
// part: the file the last run alone, the log those since the machine started,
// the progress the one that runs.
//
// It is pure but for LookAt: others look, and hand over what they saw.
//
//	h := scrub.NewHistory(stored)
//	news := h.Take(scrub.LookAt(ctx, fs, "", nil))
//	last := h.Last()
//
// # Whose a line of the log is
//
// Runner, file and progress tell of runs; the log has lines, a [Mark] each: the
// scrub of a device started, or ended. Lines are missing, for Btrfs leaves some
// out when it has much to say, and the time of a line is not known well: the
// log's clock stands still while the machine sleeps. So marks are given to runs
// by these rules, the first that holds:
//
//  1. A line is of at most one run. A run has one start and then one end of each
//     of its devices, all in one boot (hasPlace).
//  2. A start in the second that a runner noted, and an end within a second of the
//     one that it told, are of that run (exact).
//  3. What is in the time of a run is of that run, the newest run first (within):
//     a device is scrubbed by one at a time. A start is so for the first minute
//     alone. An end is not when another line shows that the run was over, and a
//     start and the end next to it stay together (leaves): an end goes to the
//     run that has the start right before it, though a newer one is possible.
//  4. What is left makes runs that nobody but the log tells of, as few as explain
//     it (alone). They do not reach around a run that others told of.
//  5. When another run is told of, or one is known better, the marks of rule 4 are
//     given away anew (rejoin).
//
// An example. The log has
//
//	10:00:00 scrub: started on devid 1
//	10:00:40 scrub: not finished on devid 1 with status: -125
//	10:09:00 scrub: finished on devid 1 with status: 0
//
// and makes two runs: one that was cancelled, and one of which it has no
// beginning. Then the status file is read, which has the last run alone: it
// started at 10:05:00 and finished at 10:09:00. The last line is exactly its end
// (2), and the run that was made of it is gone (5). The first two are before its
// time (3), and stay the run that the log alone tells of (4).
package scrub
