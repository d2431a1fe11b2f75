package storage

import (
	"context"
	"fmt"
	"slices"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// balanceWish is what the configuration and the trend ask for.
func balanceWish(c config.Btrfs, t *Trend) btrfs.BalanceWish {
	w := btrfs.BalanceWish{Headroom: uint64(max(c.HeadroomWarn, 0))}
	if t != nil {
		for _, l := range t.Lines {
			if l.Figure == "metadata_headroom" {
				w.Trend = l.PerDay
			}
		}
	}
	return w
}

// lookAtAdvice asks an open file system whether a balance is worth its while;
// nil when that cannot be had.
func lookAtAdvice(ctx context.Context, fs *btrfs.FS, w btrfs.BalanceWish, metadataWarn float64, g *gaps) (*BalanceAdvice, *btrfs.Space) {
	p, err := fs.PlanBalance(ctx, w)
	if err != nil {
		g.fail("whether a balance helps", err)
		return nil, nil
	}
	g.add(p.Missing...)
	a := adviceOf(p.BalancePlan, p.Space, metadataWarn)
	if a.Reclaims, err = fs.Reclaims(); err != nil {
		g.fail("what the kernel reclaims", err)
	}
	return a, p.Space
}

// adviceOf puts a plan into words, without the place where it is mounted.
func adviceOf(p btrfs.BalancePlan, s *btrfs.Space, metadataWarn float64) *BalanceAdvice {
	a := &BalanceAdvice{
		Advice: string(p.Advice), Reason: string(p.Reason), Commands: []string{}, Helps: []string{}, Steps: []Step{},
		MetadataWarn: metadataWarn, Unallocated: s.Unallocated, Headroom: s.Headroom.Bytes, Wanted: p.Want,
		Moved: p.Moved, Gained: p.Gained, After: p.Headroom, Reached: p.Reached || p.Advice == btrfs.AdviceNone,
	}
	if m := s.Type(btrfs.Metadata); m != nil {
		a.MetadataPercent = percent(m.Used, m.Total)
	}
	for _, step := range p.Steps {
		a.Steps = append(a.Steps, Step{Type: p.Type.TypeName(), Start: step.Start, End: step.End, Groups: step.Groups, Moved: step.Moved, Gained: step.Gained})
	}
	if p.Short {
		a.Level = health.Warning
		if s.Headroom.Bytes <= 0 {
			a.Level = health.Critical
		}
	}
	a.Text = adviceText(p, s)
	a.Helps = adviceHelps(p)
	a.MetadataNote = metadataNote(a)
	return a
}

// shortText says what is short.
func shortText(p btrfs.BalancePlan, s *btrfs.Space) string {
	switch {
	case p.ShortData:
		return fmt.Sprintf("data is short of room: %s can still be written, and metadata has chunks to spare", size(s.Type(btrfs.Data).Free()))
	case p.Short && s.Headroom.Bytes <= 0:
		return fmt.Sprintf("metadata is full: it is short of its reserve by %s", size(uint64(-s.Headroom.Bytes)))
	case p.Short:
		return fmt.Sprintf("metadata is short of room: %s can still be written, at least %s is wanted, and %s is unallocated", size(uint64(s.Headroom.Bytes)), size(p.Want), size(s.Unallocated))
	}
	return fmt.Sprintf("no new chunk of metadata can be allocated; %s can still be written in those it has", signed(s.Headroom.Bytes))
}

func adviceText(p btrfs.BalancePlan, s *btrfs.Space) string {
	switch p.Advice {
	case btrfs.AdviceNone:
		if p.Reason == btrfs.ReasonMixed {
			return "not needed: data and metadata share their chunks here, and none is lost to the other"
		}
		return fmt.Sprintf("not needed: %s of metadata can still be written, %s is unallocated; it would only wear the disk", signed(s.Headroom.Bytes), size(s.Unallocated))
	case btrfs.AdviceBalance:
		return shortText(p, s)
	case btrfs.AdviceUnknown:
		return shortText(p, s) + "; whether a balance helps is unknown"
	}
	return shortText(p, s) + ". A balance would " + map[btrfs.Reason]string{
		btrfs.ReasonReadOnly:   "fail: nothing can be written",
		btrfs.ReasonFull:       "gain nothing: chunks are too full to take in what another one holds",
		btrfs.ReasonScattered:  "fail: there is room in chunks, but in pieces smaller than what has to be moved",
		btrfs.ReasonMetadata:   fmt.Sprintf("fail with \"No space left on device\": it needs %s of metadata to begin with, and there is %s", size(p.Needs), size(p.Has)),
		btrfs.ReasonNoGain:     "gain nothing: what it could free makes no chunk in the profile that is needed",
		btrfs.ReasonUnfinished: "not do alone: chunks lie in several profiles, for a conversion was not finished",
	}[p.Reason]
}

// adviceHelps are the steps that help where a balance does not, or not enough.
// They name what frees metadata first, for that is what is short.
func adviceHelps(p btrfs.BalancePlan) []string {
	const (
		files   = "Delete files, and first of all snapshots that hold them: anna storage btrfs tree"
		device  = "Add a device, for as long as it takes if need be: sudo btrfs device add DEVICE MOUNT_POINT"
		larger  = "Make the device larger, then: sudo btrfs filesystem resize max MOUNT_POINT"
		unmount = "Find out why it is read-only: sudo journalctl -k -g BTRFS -n 50"
		convert = "Finish the conversion; see which profiles there are: anna storage btrfs usage"
		look    = "Look as root: sudo anna storage btrfs balance status"
	)
	if p.Advice == btrfs.AdviceBalance && !p.Reached {
		return []string{"It gains less than is wanted: look again afterwards", files, device}
	}
	switch p.Reason {
	case btrfs.ReasonReadOnly:
		return []string{unmount}
	case btrfs.ReasonUnseen:
		return []string{look}
	case btrfs.ReasonUnfinished:
		return []string{convert, device}
	case btrfs.ReasonFull, btrfs.ReasonScattered, btrfs.ReasonNoGain, btrfs.ReasonMetadata:
		return []string{files, device, larger}
	}
	return []string{}
}

// metadataNote is the share of metadata in use, which many go by, with what it
// means here.
func metadataNote(a *BalanceAdvice) string {
	text := fmt.Sprintf("metadata is %.1f %% used", a.MetadataPercent)
	above := a.MetadataPercent > a.MetadataWarn
	switch {
	case !above:
		return text
	case a.Advice == string(btrfs.AdviceBalance):
		return text + fmt.Sprintf(", above %g %%: a balance is recommended, for it helps here", a.MetadataWarn)
	case a.Advice == string(btrfs.AdviceNone):
		return text + fmt.Sprintf(", above %g %%: of no concern, for more can be allocated", a.MetadataWarn)
	case a.Advice == string(btrfs.AdviceOther):
		return text + fmt.Sprintf(", above %g %%: a balance would not help", a.MetadataWarn)
	}
	return text + fmt.Sprintf(", above %g %%", a.MetadataWarn)
}

// placeAdvice makes the commands for a place where it is mounted, and so what
// can be typed.
func placeAdvice(a *BalanceAdvice, mounts []Mount) {
	if a == nil {
		return
	}
	a.Commands = []string{}
	for _, s := range a.Steps {
		letter := "d"
		if s.Type == "metadata" {
			letter = "m"
		}
		a.Commands = append(a.Commands, at(fmt.Sprintf("sudo btrfs balance start -%svrange=%d..%d MOUNT_POINT", letter, s.Start, s.End), mounts))
	}
	for i := range a.Helps {
		a.Helps[i] = at(a.Helps[i], mounts)
	}
}

// adviceLine is the advice in one line, where what is short stands elsewhere.
func adviceLine(a BalanceAdvice) string {
	text := map[string]string{
		string(btrfs.AdviceNone): "not needed", string(btrfs.AdviceOther): "would not help", string(btrfs.AdviceUnknown): "unknown whether one helps",
		string(btrfs.AdviceBalance): "would gain " + size(a.Gained) + " by moving " + size(a.Moved),
	}[a.Advice]
	if a.MetadataPercent > a.MetadataWarn {
		text += "; " + a.MetadataNote
	}
	return text + " (see: anna storage btrfs balance status)"
}

// problem is what the advice has to say among what is wrong.
func (a *BalanceAdvice) problem() (Problem, bool) {
	if a == nil || a.Level < health.Warning {
		return Problem{}, false
	}
	p := Problem{ID: "metadata_headroom", Level: a.Level, Text: a.Text, Fix: "See what helps: sudo anna storage btrfs balance status MOUNT_POINT"}
	if a.Advice == string(btrfs.AdviceBalance) {
		p.Fix = fmt.Sprintf("A balance of the least used block groups gains %s by moving %s: sudo anna storage btrfs balance status MOUNT_POINT", size(a.Gained), size(a.Moved))
	}
	return p, true
}

// addAdvice puts the advice among the problems, the worst first.
func addAdvice(level *health.Level, problems *[]Problem, a *BalanceAdvice) {
	p, wrong := a.problem()
	if !wrong {
		return
	}
	*level = health.Worst(*level, p.Level)
	*problems = append(*problems, p)
	slices.SortStableFunc(*problems, func(x, y Problem) int { return int(y.Level) - int(x.Level) })
}
