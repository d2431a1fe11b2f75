package storage

import (
	"encoding/json"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/telemetry"
)

const methodBalance = "get_balance"

// balance answers with figures alone: the commands are made by the client, which
// knows where it is mounted for its caller.
func (s *server) balance(h *host.Host, r *rpc.Request) (any, error) {
	return s.with(r, func(fs *btrfs.FS) (any, error) {
		ctx := r.Context()
		b := lookAtBalance(ctx, fs, s.wish(h, r, fs), float64(h.Config().Btrfs().MetadataWarn))
		b.SeenBy = byDaemon
		if err := b.fromStore(ctx, h.Store()); err != nil {
			g := gaps(b.Missing)
			g.fail("balances that the daemon followed", err)
			b.Missing = g.list()
		}
		b.endUnseen()
		return b, ctx.Err()
	})
}

// wish is what the daemon's configuration and history ask for.
func (s *server) wish(h *host.Host, r *rpc.Request, fs *btrfs.FS) btrfs.BalanceWish {
	t, err := trendOf(r.Context(), h.Store(), fs.FSID.String(), time.Now())
	if err != nil {
		t = nil
	}
	return balanceWish(h.Config().Btrfs(), t)
}

// detailOf is what the daemon kept beside a balance.
func detailOf(o telemetry.Operation) string {
	var d struct {
		Detail string `json:"detail"`
	}
	if json.Unmarshal(o.Data, &d) != nil {
		return ""
	}
	return d.Detail
}

// advice is the advice alone, beside other things.
func (s *server) advice(h *host.Host, r *rpc.Request, fs *btrfs.FS, missing *[]Missing) *BalanceAdvice {
	g := gaps(*missing)
	a, _ := lookAtAdvice(r.Context(), fs, s.wish(h, r, fs), float64(h.Config().Btrfs().MetadataWarn), &g)
	*missing = g.list()
	return a
}
