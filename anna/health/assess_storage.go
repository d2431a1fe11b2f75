package health

import (
	"fmt"
	"strings"
)

// assessScrub is about all file systems: the worst is told first.
func assessScrub(s Snapshot, _ Thresholds) Verdict {
	switch {
	case !s.Scrubs.Known:
		return unknown(s.Scrubs.Reason)
	case len(s.Scrubs.Value) == 0:
		return well("no Btrfs file system is mounted")
	}
	var v Verdict
	var bad, open, good []string
	for _, f := range s.Scrubs.Value {
		text := f.Name + ": " + f.Text
		switch {
		case f.Level >= Warning && f.Level > v.Level:
			v.Level = f.Level
			bad = append([]string{text}, bad...)
		case f.Level >= Warning:
			bad = append(bad, text)
		case f.Level == Unknown:
			open = append(open, text)
		default:
			good = append(good, text)
		}
	}
	switch {
	case len(bad) > 0:
		v.Detail = strings.Join(bad, "; ")
		v.Fix = "Scrub it: sudo anna storage btrfs scrub start PATH"
		if v.Level == Critical {
			v.Fix = "See what is damaged: sudo anna storage btrfs scrub damage PATH"
		}
		return v
	case len(open) > 0:
		v = unknown(strings.Join(open, "; "))
		v.Fix = "See it: sudo anna storage btrfs scrub status"
		return v
	}
	return Verdict{Detail: strings.Join(good, "; ")}
}

// assessBtrfs looks for what is broken; the worst file system decides.
func assessBtrfs(s Snapshot, _ Thresholds) Verdict {
	return overFilesystems(s, "nothing is wrong with", func(f Filesystem) Verdict {
		switch {
		case f.ForcedReadOnly:
			return Verdict{Level: Critical, Detail: f.Name + ": the kernel made it read-only because of an error", Fix: "See the cause: sudo journalctl -k -g BTRFS -n 50"}
		case f.Absent > 0:
			return Verdict{Level: Critical, Detail: fmt.Sprintf("%s: %s", f.Name, counted(f.Absent, "device is missing", "devices are missing")), Fix: "See which: anna storage btrfs"}
		case f.Errors > 0:
			return Verdict{
				Level: Warning, Detail: fmt.Sprintf("%s: its devices counted %s", f.Name, counted(f.Errors, "error", "errors")),
				Evidence: &Evidence{Figure: "device_errors", Value: float64(f.Errors), Unit: "errors"}, Fix: "See which, and what to do: anna storage btrfs",
			}
		}
		return Verdict{}
	})
}

const seeBalance = "See what helps: sudo anna storage btrfs balance status"

// assessBalance looks for metadata that runs out of room, and for a balance that
// waits. How much of metadata is in use is no reason by itself.
func assessBalance(s Snapshot, _ Thresholds) Verdict {
	return overFilesystems(s, "there is room for metadata in", func(f Filesystem) Verdict {
		if !f.Short {
			switch f.Operation {
			case "balance paused":
				return Verdict{Level: Warning, Detail: f.Name + ": a balance is paused; nothing else that needs the file system for itself can begin", Fix: "Go on or end it: sudo btrfs balance resume MOUNT_POINT, or cancel"}
			case "balance":
				return Verdict{Notice: true, Detail: f.Name + ": a balance runs"}
			}
			return Verdict{}
		}
		v := Verdict{
			Level: Warning, Detail: fmt.Sprintf("%s: %d MiB of metadata can still be written, at least %d MiB is wanted", f.Name, max(f.Headroom, 0)/mb, f.Wanted/mb),
			Evidence: &Evidence{Figure: "metadata_headroom_bytes", Value: float64(f.Headroom), Threshold: float64(f.Wanted), Unit: "bytes"},
			Fix:      seeBalance,
		}
		if f.Headroom <= 0 {
			v.Level = Critical
		}
		switch f.Advice {
		case "balance":
			v.Detail += fmt.Sprintf("; a balance gains %d MiB by moving %d MiB", f.Gained/mb, f.Moved/mb)
		case "other":
			v.Detail += "; a balance would not help"
		}
		return v
	})
}

// overFilesystems asks about each and keeps the worst; the others are named, too.
func overFilesystems(s Snapshot, good string, ask func(Filesystem) Verdict) Verdict {
	switch {
	case !s.Filesystems.Known:
		return unknown(s.Filesystems.Reason)
	case len(s.Filesystems.Value) == 0:
		return well("no Btrfs file system is mounted where the daemon looks")
	}
	var worst Verdict
	var also []string
	for _, f := range s.Filesystems.Value {
		v := ask(f)
		if v.rank() == 0 {
			continue
		}
		if v.rank() > worst.rank() {
			v, worst = worst, v
		}
		if v.Detail != "" {
			also = append(also, v.Detail)
		}
	}
	if worst.Detail == "" {
		return well("%s %s", good, counted(len(s.Filesystems.Value), "file system", "file systems"))
	}
	worst.Detail = strings.Join(append([]string{worst.Detail}, also...), "; also ")
	return worst
}
