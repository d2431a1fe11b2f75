package health

import (
	"fmt"
	"strings"
)

// A Filesystem is a Btrfs file system of the machine, as it was at the last two
// looks: what only one of them saw is left out.
type Filesystem struct {
	Name string // its label, else its UUID
	// ForcedReadOnly: the kernel made it so because of an error.
	ForcedReadOnly bool
	Absent         int    // devices that are missing
	Errors         uint64 // of its devices, since they were last reset
	// Short: metadata has less room than is wanted.
	Short    bool
	Headroom int64  // what metadata can still take, in bytes
	Wanted   uint64 // and what is wanted of it
	// Advice is what is known of a balance: none, balance, other, unknown.
	Advice        string
	Moved, Gained uint64
	// Operation is what runs of which there can be only one: "balance",
	// "balance paused", "none"; "" unknown.
	Operation       string
	MetadataPercent float64
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
