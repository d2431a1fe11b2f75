package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// contentMost bounds what is read of a file for --content.
const contentMost = 16 << 20

// openTop opens the top directory of a subvolume with the caller's own rights:
// by its id where he may, else through a path of his that leads there.
func (p *diffPair) openTop(id uint64) (*os.File, error) {
	f, err := p.fs.OpenSubvolume(id)
	if err == nil {
		return f, nil
	}
	v := p.subs.Find(id)
	if v == nil {
		return nil, err
	}
	for _, r := range v.Reach {
		fs, at, openErr := openSide(r.Path, btrfs.Roots{})
		if openErr != nil {
			err = openErr
			continue
		}
		same := at == id && fs.FSID == p.fs.FSID // another mount may have come between
		fs.Close()
		if !same {
			continue
		}
		if f, openErr = os.OpenFile(r.Path, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0); openErr == nil {
			return f, nil
		}
		err = openErr
	}
	return nil, fmt.Errorf("cannot open subvolume %d: %w", id, err)
}

// readBeneath reads a regular file below a directory. No link is followed on the
// way, neither it nor .. leads out, and no other mount is entered. Only what has
// shown to be a regular file of the subvolume is opened for reading: a FIFO would
// wait, a device could start something.
func readBeneath(top *os.File, id uint64, name string) ([]byte, error) {
	fd, err := unix.Openat2(int(top.Fd()), name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
	})
	switch {
	case errors.Is(err, unix.ELOOP):
		return nil, errors.New("a symbolic link lies on the way, and none is followed")
	case errors.Is(err, unix.EXDEV):
		return nil, errors.New("it leads out of the subvolume")
	case errors.Is(err, unix.ENOTDIR):
		return nil, os.ErrNotExist
	case err != nil:
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, fmt.Errorf("it is %s, not a regular file", typeWord(st.Mode))
	}
	if st.Size > contentMost {
		return nil, errTooLarge
	}
	// The same inode again, whatever its name leads to by now.
	f, err := os.OpenFile("/proc/self/fd/"+strconv.Itoa(fd), os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		var e *os.PathError
		if errors.As(err, &e) { // whose path says nothing
			err = e.Err
		}
		return nil, err
	}
	defer f.Close()
	fs, err := btrfs.Open(f.Name(), btrfs.Roots{})
	if err != nil {
		return nil, err
	}
	defer fs.Close()
	if at, err := fs.SubvolumeOf(); err != nil || at != id {
		return nil, errors.Join(errors.New("it lies in another subvolume"), err)
	}
	b, err := io.ReadAll(io.LimitReader(f, contentMost+1)) // it may grow meanwhile
	if err == nil && len(b) > contentMost {
		err = errTooLarge
	}
	return b, err
}

var errTooLarge = fmt.Errorf("it is larger than %s, and so not compared line by line", size(contentMost))

func typeWord(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return "a directory"
	case unix.S_IFLNK:
		return "a symbolic link"
	case unix.S_IFIFO:
		return "a FIFO"
	case unix.S_IFSOCK:
		return "a socket"
	}
	return "a device"
}
