package health

import "strings"

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
