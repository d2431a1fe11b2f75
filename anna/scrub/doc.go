// Package scrub knows what scrubs of a Btrfs file system there were, put
// together from what tells of them: whoever runs one, the status file of
// btrfs-progs, the kernel's live progress, and the kernel's log. Each sees a
// part: the file the last run alone, the log those since the machine started,
// the progress the one that runs.
//
// It is pure: others look, and hand over what they saw.
//
//	h := scrub.NewHistory(stored)
//	changed := h.Take(scrub.Sight{Now: time.Now(), Status: scrub.FromStatus(file)})
//	last := h.Last()
package scrub
