package storage

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// pageBytes bounds one answer of list_subvolumes.
const pageBytes = 1 << 20

// A server is the daemon half.
type server struct {
	roots btrfs.Roots
	// one holds whoever reads subvolumes: one list of ten thousand costs
	// megabytes, sixteen at once must not cost sixteen times that.
	one chan struct{}
}

func newServer(roots btrfs.Roots) *server {
	return &server{roots: roots, one: make(chan struct{}, 1)}
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
func (s *server) get(_ *host.Host, r *rpc.Request) (any, error) {
	return s.with(r, func(fs *btrfs.FS) (any, error) {
		release, err := s.take(r.Context())
		if err != nil {
			return nil, err
		}
		defer release()
		f := lookAt(r.Context(), fs)
		f.SeenBy = byDaemon
		f.Mounts, f.Compression = []Mount{}, []string{}
		if f.Default != nil {
			f.Default.Path = ""
		}
		return f, r.Context().Err()
	})
}

func (s *server) space(_ *host.Host, r *rpc.Request) (any, error) {
	return s.with(r, func(fs *btrfs.FS) (any, error) {
		u := lookAtUsage(r.Context(), fs)
		u.SeenBy = byDaemon
		return u, r.Context().Err()
	})
}

func (s *server) subvolumes(_ *host.Host, r *rpc.Request) (any, error) {
	var p SubvolumesParams
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	return s.using(r.Context(), p.UUID, func(fs *btrfs.FS) (any, error) {
		release, err := s.take(r.Context())
		if err != nil {
			return nil, err
		}
		defer release()
		list, _, err := lookAtSubvolumes(r.Context(), fs, p.After, pageBytes)
		if err != nil && r.Context().Err() == nil {
			return nil, rpc.Errorf(rpc.CapabilityMissing, "cannot list subvolumes: %w", err)
		}
		return list, errors.Join(err, r.Context().Err())
	})
}

// take waits for the turn of whoever reads subvolumes.
func (s *server) take(ctx context.Context) (release func(), err error) {
	select {
	case s.one <- struct{}{}:
		return func() { <-s.one }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
