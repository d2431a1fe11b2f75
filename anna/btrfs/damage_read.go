package btrfs

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// A rawReader reads files from the disk and not from memory, to see what cannot
// be read. It keeps the last file open, for extents come in runs of one file.
type rawReader struct {
	fs     *FS
	sector uint64
	buf    []byte
	id     fileID
	file   *os.File
	failed error // why the last file cannot be opened
}

// readStep is how much is read at once.
const readStep = 1 << 20

func newRawReader(fs *FS) (*rawReader, error) {
	// What O_DIRECT reads into has to be aligned, as pages are.
	buf, err := unix.Mmap(-1, 0, readStep, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("cannot read files: no memory for it: %w", err)
	}
	sector := uint64(fs.info.SectorSize)
	if sector < 512 || sector > readStep || sector&(sector-1) != 0 {
		sector = 4096
	}
	return &rawReader{fs: fs, sector: sector, buf: buf}, nil
}

func (r *rawReader) close() {
	r.drop()
	_ = unix.Munmap(r.buf)
}

func (r *rawReader) drop() {
	if r.file != nil {
		r.file.Close()
	}
	r.file, r.failed, r.id = nil, nil, fileID{}
}

func (r *rawReader) open(id fileID) error {
	if r.id == id && (r.file != nil || r.failed != nil) {
		return r.failed
	}
	r.drop()
	r.id = id
	r.file, r.failed = r.fs.OpenInode(id.tree, id.inode, 0)
	if r.failed != nil {
		r.file = nil
		return r.failed
	}
	if flags, err := unix.FcntlInt(r.file.Fd(), unix.F_GETFL, 0); err == nil {
		_, _ = unix.FcntlInt(r.file.Fd(), unix.F_SETFL, flags|unix.O_DIRECT)
	}
	return nil
}

// damagedErrno are the errors of data that is there and cannot be had.
func damagedErrno(err error) bool {
	return errors.Is(err, unix.EIO) || errors.Is(err, unix.EUCLEAN) || errors.Is(err, unix.EBADMSG)
}

// read reads a range of a file and returns what of it cannot be read, in whole
// sectors. The error is that of a file that cannot be read at all.
func (r *rawReader) read(ctx context.Context, id fileID, at, length uint64) (failed spans, err error) {
	if err := r.open(id); err != nil {
		return nil, err
	}
	fd := int(r.file.Fd())
	// Compressed data comes through the page cache even so.
	_ = unix.Fadvise(fd, int64(at), int64(length), unix.FADV_DONTNEED)
	end := at + length
	fine := uint64(0) // up to where to go sector by sector, because something there is bad
	for at < end {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		want := min(readStep, end-at)
		if at < fine {
			want = min(r.sector, end-at)
		}
		n, err := unix.Pread(fd, r.buf[:roundUp(want, r.sector)], int64(at))
		switch {
		case errors.Is(err, unix.EINTR):
		case damagedErrno(err) && want > r.sector:
			fine = at + want
		case damagedErrno(err):
			failed.add(Span{at, want})
			at += want
		case err != nil:
			return nil, fmt.Errorf("cannot read inode %d of subvolume %d: %w", id.inode, id.tree, err)
		case n == 0 || uint64(n) < want && (at+uint64(n))%r.sector != 0: // the end of the file
			return failed, nil
		default:
			at += uint64(n)
		}
	}
	return failed, nil
}
