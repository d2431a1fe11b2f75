package storage

import (
	"io"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// balanceCommand is `storage btrfs balance`.
func balanceCommand() *console.Command {
	return &console.Command{
		Name:    "balance",
		Summary: "what a balance does, did and would do",
		Sub: []*console.Command{{
			Name:    "status",
			Args:    "[PATH]",
			MaxArgs: 1,
			Summary: "the balance that runs, the last one, and whether one would help",
			About: `For every mounted Btrfs file system, or the one that holds PATH: how far a balance is that runs or is paused; when the last one was and how it ended, as far back as the kernel's log or the daemon knows; and whether one is worth its while.

It is when new chunks of metadata have no room. Then the least used block groups whose content fits elsewhere are named by the commands to type, with what they move and gain. Where a balance would fail or gain nothing it says so, and what helps instead. anna starts no balance.

Block groups need root, or a daemon with the privilege to see them.`,
			Flags: []cli.Flag{wideFlag()},
			Examples: []console.Example{
				{Line: "sudo anna storage btrfs balance status /", Says: "of the file system of /"},
				{Line: "sudo anna storage btrfs balance status / --json", Says: "for a script"},
				{Line: "anna storage btrfs --explain balance", Says: "what a balance is for"},
			},
			Run: runBalance,
		}},
	}
}

func runBalance(c *console.Console) error {
	path, err := pathOf(c)
	if err != nil {
		return err
	}
	v := newViewer(c)
	found, err := v.find(path)
	if err != nil {
		return err
	}
	all := Balances{Filesystems: []Balance{}, Missing: []Missing{}}
	for _, m := range found {
		all.Filesystems = append(all.Filesystems, v.balance(m))
	}
	return answer(c, all, func(w io.Writer) { printBalances(w, c.Theme, all, c.Bool("wide")) })
}

// settings are those of the configuration on disk, which the client may read as
// well as the daemon.
func settings() config.Btrfs { return config.Peek(config.DefaultPath).Btrfs() }

// balance looks at the balances of one file system.
func (v *viewer) balance(m btrfs.Mounted) Balance {
	b := Balance{UUID: m.FSID.String(), Label: m.Label, SeenBy: byClient, State: balanceUnknown, Level: health.Unknown, Types: []TypeSpace{}}
	cfg := settings()
	fs, err := m.Open(v.roots)
	if err == nil {
		// Block groups are read as of the last commit: make that now.
		syncErr := fs.Sync(v.ctx)
		b = lookAtBalance(v.ctx, fs, balanceWish(cfg, v.trend(b.UUID)), float64(cfg.MetadataWarn))
		fs.Close()
		g := gaps(b.Missing)
		if v.privileged { // others do not see block groups at all
			g.fail("block groups since the last commit", syncErr)
		}
		b.Missing = g.list()
	} else {
		var g gaps
		g.add(m.Missing...)
		g.fail("everything about balances", err)
		b.Missing = g.list()
	}
	// Any daemon has followed more than the kernel's log holds; one that is
	// privileged sees the block groups, too.
	var told Balance
	if v.call != nil && v.call(methodBalance, Params{UUID: b.UUID}, &told) == nil {
		own := b
		if v.helper(b.UUID) {
			b = told
			b.newer(own.Last)
		} else {
			b.newer(told.Last)
		}
		for _, t := range []Balance{own, told} {
			if !t.UnknownBefore.IsZero() && (b.UnknownBefore.IsZero() || t.UnknownBefore.Before(b.UnknownBefore)) {
				b.UnknownBefore = t.UnknownBefore
			}
		}
	}
	placeAdvice(b.Advice, mountsOf(m.Mounts, nil))
	return b
}

// advice is the advice alone, for those who show it beside other things.
func (v *viewer) advice(fs *btrfs.FS, g *gaps) *BalanceAdvice {
	cfg := settings()
	a, _ := lookAtAdvice(v.ctx, fs, balanceWish(cfg, nil), float64(cfg.MetadataWarn), g)
	return a
}
