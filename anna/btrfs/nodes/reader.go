package nodes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A Reader reads nodes of one file system. It serves one caller at a time.
type Reader struct {
	fs     *btrfs.FS
	format format
	chunks []chunk

	mu      sync.Mutex
	devices map[uint64]device
}

type device struct {
	file *os.File
	err  error
}

// A Tree is where a tree was committed.
type Tree struct {
	Address    uint64 // logical, of its root node
	Generation uint64
	Level      uint8 // of its root node: 0 for a leaf
}

// TreeOf is the tree of a root item.
func TreeOf(r btrfs.RootItem) Tree { return Tree{r.Address, r.Generation, r.Level} }

func (t Tree) root() pointer {
	return pointer{end: btrfs.MaxKey, address: t.Address, generation: t.Generation}
}

// Open prepares for reading; info is the file system's. An error says that its
// nodes cannot be read, or not be trusted. Needs CAP_SYS_ADMIN; the devices are
// opened when a node is read.
func Open(ctx context.Context, fs *btrfs.FS, info btrfs.Info) (*Reader, error) {
	hash := info.Hash()
	if hash == nil {
		return nil, fmt.Errorf("cannot read nodes: their checksums (%s) cannot be made here", info.Checksum)
	}
	const most = 64 << 10
	if info.NodeSize < 4096 || info.NodeSize > most {
		return nil, fmt.Errorf("cannot read nodes: they have %d bytes", info.NodeSize)
	}
	chunks, err := readChunks(ctx, fs)
	if err != nil {
		return nil, fmt.Errorf("cannot read nodes: %w", err)
	}
	return &Reader{
		fs: fs, chunks: chunks, devices: map[uint64]device{},
		format: format{int(info.NodeSize), hash, [2]btrfs.UUID{info.FSID, info.MetadataUUID}},
	}, nil
}

// Close closes the devices.
func (r *Reader) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, d := range r.devices {
		if d.file != nil {
			d.file.Close()
		}
		delete(r.devices, id)
	}
}

// device opens a device once. An error stays.
func (r *Reader) device(id uint64) (*os.File, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d, known := r.devices[id]
	if !known {
		if d.file, d.err = r.fs.OpenDevice(id); d.err == nil {
			// Nodes of a tree are not neighbours.
			_ = unix.Fadvise(int(d.file.Fd()), 0, 0, unix.FADV_RANDOM)
		}
		r.devices[id] = d
	}
	return d.file, d.err
}

// read reads a node into b, from the first copy that is what it should be.
func (r *Reader) read(ctx context.Context, b []byte, p *pointer, level uint8) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	list, err := places(r.chunks, p.address, uint64(len(b)))
	if err != nil {
		return err
	}
	var errs []error
	for _, at := range list {
		if err = r.readAt(b, at, p, level); err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("cannot read node %d: %w", p.address, errors.Join(errs...))
}

// aside is how much of a device's cache is dropped about a node.
const aside = 4 << 20

func (r *Reader) readAt(b []byte, at btrfs.Stripe, p *pointer, level uint8) error {
	f, err := r.device(at.Device)
	if err != nil {
		return err
	}
	// The device's cache knows nothing of what the file system writes, and may
	// have what was there before.
	for range 2 {
		if _, err = f.ReadAt(b, int64(at.Offset)); err == nil {
			err = r.format.check(b, p, level)
		}
		if err == nil {
			return nil
		}
		from := int64(at.Offset) &^ (aside - 1)
		_ = unix.Fadvise(int(f.Fd()), from, 2*aside, unix.FADV_DONTNEED)
	}
	return fmt.Errorf("device %d at %d: %w", at.Device, at.Offset, err)
}

// children are the pointers of the node that p leads to, which is above leaves.
func (r *Reader) children(ctx context.Context, b []byte, p *pointer, level uint8) ([]pointer, error) {
	if err := r.read(ctx, b, p, level); err != nil {
		return nil, err
	}
	list, err := pointers(b, p)
	if err != nil {
		err = fmt.Errorf("cannot read node %d: %w", p.address, err)
	}
	return list, err
}
