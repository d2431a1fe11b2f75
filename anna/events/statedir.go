package events

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// A StateDir keeps what sources last saw, one file each, in a directory that
// is opened for every use and never reached through a link.
type StateDir struct{ Path string }

// maxState bounds a saved state, in both directions.
const maxState = 16 << 20

func (d *StateDir) open() (int, error) {
	fd, err := unix.Open(d.Path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("cannot open the state directory %s: %w", d.Path, err)
	}
	return fd, nil
}

func stateName(source string) (string, error) {
	if source == "" || strings.ContainsAny(source, "/\x00") {
		return "", fmt.Errorf("bad source name %q", source)
	}
	return "source-" + source + ".json", nil
}

// Load returns the saved state of a source; nil when there is none.
func (d *StateDir) Load(source string) ([]byte, error) {
	name, err := stateName(source)
	if err != nil {
		return nil, err
	}
	dir, err := d.open()
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	fd, err := unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot open %s in %s: %w", name, d.Path, err)
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err == nil && len(data) > maxState {
		err = errors.New("it is too large")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s in %s: %w", name, d.Path, err)
	}
	return data, nil
}

// Save replaces the saved state of a source in one step.
func (d *StateDir) Save(source string, data []byte) error {
	name, err := stateName(source)
	if err != nil {
		return err
	}
	dir, err := d.open()
	if err != nil {
		return err
	}
	defer unix.Close(dir)
	if err := replaceFile(dir, name, data); err != nil {
		return fmt.Errorf("cannot save %s in %s: %w", name, d.Path, err)
	}
	return nil
}

func replaceFile(dir int, name string, data []byte) error {
	if len(data) > maxState {
		return fmt.Errorf("%d bytes are too many", len(data))
	}
	temporary := name + ".new"
	_ = unix.Unlinkat(dir, temporary, 0) // of a run that was killed here
	fd, err := unix.Openat(dir, temporary, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), temporary)
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync() // or a power cut may leave the new name without content
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = unix.Renameat(dir, temporary, dir, name)
	}
	if err != nil {
		_ = unix.Unlinkat(dir, temporary, 0)
	}
	return err
}
