package btrfs

import (
	"context"
	"fmt"
)

// A BalanceWish is what is wanted of the space of a file system.
type BalanceWish struct {
	// Headroom is how little more metadata may be possible to write; small file
	// systems are judged by a share of their size.
	Headroom uint64
	// Trend is how headroom goes, in bytes a day; 0 where that is not known.
	Trend float64
}

// A PlannedBalance is a plan with what it was made from.
type PlannedBalance struct {
	BalancePlan
	Space   *Space
	Groups  *BlockGroups // nil where they cannot be read
	Devices *Devices
	Missing []Missing
}

// PlanBalance measures the space and says whether a balance is worth its while.
// Without CAP_SYS_ADMIN it still says whether room is short. Figures are those
// of the last commit: Sync first to have them as of now.
func (fs *FS) PlanBalance(ctx context.Context, w BalanceWish) (*PlannedBalance, error) {
	out := &PlannedBalance{}
	var err error
	if out.Space, err = fs.Space(ctx); err != nil {
		return nil, fmt.Errorf("cannot plan a balance: %w", err)
	}
	c := BalanceCase{
		Space: out.Space, NodeSize: fs.info.NodeSize,
		Want: WantedHeadroom(out.Space, w.Headroom, w.Trend), WantData: WantedFree(out.Space, w.Headroom),
		Layout: func(g BlockGroup) (*Layout, error) {
			l, err := fs.Layout(ctx, g)
			if err != nil {
				addMissing(&out.Missing, missing("extents of some block groups", err))
			}
			return l, err
		},
	}
	if state, err := fs.State(ctx); err == nil {
		c.ReadOnly = state.ReadOnly
	}
	if out.Groups, err = fs.BlockGroups(ctx); err != nil {
		addMissing(&out.Missing, missing("block groups", err))
	} else if len(out.Groups.Missing) == 0 {
		c.Groups = out.Groups.List
	} else {
		addMissing(&out.Missing, out.Groups.Missing...)
	}
	if out.Devices, err = fs.Devices(ctx); err != nil {
		addMissing(&out.Missing, missing("devices", err))
		c.Groups = nil
	} else {
		c.Devices = out.Devices.List
	}
	out.BalancePlan = PlanBalance(c)
	return out, nil
}
