package storage

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

const (
	// itemBytes is about how long an item of stream_subvolumes is as JSON.
	itemBytes = 16 << 10
	// streamTime is for how long somebody may hold up the others who want the
	// list, by reading it slowly.
	streamTime = time.Minute
)

// A server is the daemon half.
type server struct {
	roots btrfs.Roots
	// Whoever looks at subvolumes takes a turn, and another one whoever sends
	// them: ten thousand cost megabytes, sixteen times at once must not cost
	// sixteen times that.
	looking, sending turn
	// comparing is the turn of stream_diff, diffs what it remembers.
	comparing turn
	diffs     diffCache
	// privileged reports whether trees can be read.
	privileged func() bool
}

func newServer(roots btrfs.Roots) *server {
	return &server{roots: roots, looking: make(turn, 1), sending: make(turn, 1), comparing: make(turn, 1), privileged: privileged}
}

// A turn is had by one at a time.
type turn chan struct{}

// take waits for it.
func (t turn) take(ctx context.Context) (release func(), err error) {
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *server) list(_ *host.Host, r *rpc.Request) (any, error) {
	if err := r.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	mounted, err := btrfs.List(r.Context(), s.roots)
	if err != nil {
		return nil, err
	}
	out := List{Privileged: privileged(), Filesystems: []Listed{}}
	for _, m := range mounted {
		out.Filesystems = append(out.Filesystems, Listed{UUID: m.FSID.String(), Label: m.Label, Device: m.Dev})
	}
	return out, nil
}

// privileged reports whether this process has CAP_SYS_ADMIN.
func privileged() bool {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&head, &data[0]) != nil {
		return false
	}
	return data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// open opens the file system with a UUID through one of its mounts.
func (s *server) open(ctx context.Context, uuid string) (*btrfs.FS, error) {
	id, err := btrfs.ParseUUID(uuid)
	if err != nil {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot open the file system: %w", err)
	}
	mounted, err := btrfs.List(ctx, s.roots)
	if err != nil {
		return nil, err
	}
	for _, m := range mounted {
		if m.FSID != id || id == (btrfs.UUID{}) {
			continue
		}
		fs, err := m.Open(s.roots)
		if err != nil {
			return nil, rpc.Errorf(rpc.CapabilityMissing, "cannot open file system %s: %w", id, err)
		}
		return fs, nil
	}
	return nil, rpc.Errorf(rpc.NotBtrfs, "cannot open file system %s: no Btrfs file system with this UUID is mounted where the daemon looks", id)
}

// with opens the file system of the parameters for one answer.
func (s *server) with(r *rpc.Request, answer func(fs *btrfs.FS) (any, error)) (any, error) {
	var p Params
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	return s.using(r.Context(), p.UUID, answer)
}

func (s *server) using(ctx context.Context, uuid string, answer func(fs *btrfs.FS) (any, error)) (any, error) {
	fs, err := s.open(ctx, uuid)
	if err != nil {
		return nil, err
	}
	defer fs.Close()
	return answer(fs)
}

// get answers with figures alone: paths of subvolumes and mounts are the
// client's to look up, with its caller's rights.
func (s *server) get(h *host.Host, r *rpc.Request) (any, error) {
	return s.with(r, func(fs *btrfs.FS) (any, error) {
		release, err := s.looking.take(r.Context())
		if err != nil {
			return nil, err
		}
		defer release()
		f := lookAt(r.Context(), fs)
		f.SeenBy = byDaemon
		f.Balance = s.advice(h, r, fs, &f.Missing)
		f.Mounts, f.Compression = []Mount{}, []string{}
		if f.Default != nil {
			f.Default.Path = ""
		}
		return f, r.Context().Err()
	})
}

func (s *server) space(h *host.Host, r *rpc.Request) (any, error) {
	return s.with(r, func(fs *btrfs.FS) (any, error) {
		u := lookAtUsage(r.Context(), fs)
		u.SeenBy = byDaemon
		u.Balance = s.advice(h, r, fs, &u.Missing)
		return u, r.Context().Err()
	})
}

// subvolumes sends every subvolume, in one pass: what was sent is not kept.
func (s *server) subvolumes(_ *host.Host, r *rpc.Request) (any, error) {
	ctx, cancel := context.WithTimeout(r.Context(), streamTime)
	defer cancel()
	return s.with(r, func(fs *btrfs.FS) (any, error) {
		release, err := s.sending.take(ctx)
		if err != nil {
			return nil, err
		}
		defer release()
		look, err := lookAtSubvolumes(ctx, fs)
		if err != nil {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			return nil, rpc.Errorf(rpc.CapabilityMissing, "cannot list subvolumes: %w", err)
		}
		end := SubvolumesEnd{UUID: fs.FSID.String(), Default: look.scan.Default}
		if err := sendSubvolumes(ctx, look, &end.Count, r.Send); err != nil {
			return nil, err
		}
		end.Missing = look.missing()
		return end, nil
	})
}

// sendSubvolumes sends items of about itemBytes and counts what it sent.
func sendSubvolumes(ctx context.Context, look *subvolumeLook, count *int, send func(any) error) error {
	var item SubvolumesItem
	size := 0
	flush := func() error {
		if err := ctx.Err(); err != nil || len(item.Subvolumes) == 0 {
			return err
		}
		if err := send(item); err != nil {
			return err
		}
		*count += len(item.Subvolumes)
		item.Subvolumes, size = item.Subvolumes[:0], 0
		return nil
	}
	err := look.each(func(n *Node) error {
		item.Subvolumes = append(item.Subvolumes, *n)
		if size += nodeSize(n); size < itemBytes {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}
