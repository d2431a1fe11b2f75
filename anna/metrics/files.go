package metrics

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"syscall"
)

// files reads kernel files. Those of a sampler that keeps are opened once and
// then read again and again, by system calls that the Go runtime is not told
// of: what it is told of wakes its monitor thread, which then naps every 20 µs
// until all is still, a dozen context switches for one look at /proc. What is
// read in this way must therefore come from the kernel's memory, never from a
// disk. It is not safe for concurrent use.
type files struct {
	keep   bool
	open   map[string]*os.File // closed by the garbage collector with their owner
	absent map[string]error    // those that are not there
	buf    []byte
}

// keptMost bounds how many files are held open.
const keptMost = 48

// read returns what a file holds, at most limit bytes.
func (f *files) read(path string, limit int64) (string, error) {
	if f == nil || !f.keep {
		return ReadFile(path, limit)
	}
	_, held := f.open[path]
	file, err := f.hold(path)
	if err != nil {
		return "", err
	}
	text, err := f.readAt(file, limit)
	if err != nil {
		f.forget(path)
		if held { // its process or cgroup may be another one of that name now
			return f.read(path, limit)
		}
	}
	return text, err
}

// hold returns a file that is kept open, opened now if need be.
func (f *files) hold(path string) (*os.File, error) {
	if file, held := f.open[path]; held {
		return file, nil
	}
	if err, known := f.absent[path]; known {
		return nil, err
	}
	// Not nonblocking, for package os would then hand it to the poller.
	fd, err := retry(func() (int, error) { return syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0) })
	if f.open == nil {
		f.open, f.absent = map[string]*os.File{}, map[string]error{}
	}
	if len(f.open)+len(f.absent) >= keptMost { // cgroups that come and go under other names
		f.forget("")
	}
	if err != nil {
		err = &fs.PathError{Op: "open", Path: path, Err: err}
		if errors.Is(err, fs.ErrNotExist) {
			f.absent[path] = err
		}
		return nil, err
	}
	f.open[path] = os.NewFile(uintptr(fd), path)
	return f.open[path], nil
}

// forget closes a file; "" closes all, and has what was not there looked for
// again.
func (f *files) forget(path string) {
	if path == "" {
		clear(f.absent)
	}
	for name, file := range f.open {
		if path == "" || path == name {
			file.Close()
			delete(f.open, name)
		}
	}
}

func (f *files) readAt(file *os.File, limit int64) (string, error) {
	defer runtime.KeepAlive(file)
	fd := file.Fd()
	if err := rewind(fd); err != nil {
		return "", &fs.PathError{Op: "seek", Path: file.Name(), Err: err}
	}
	n := 0
	for {
		if n == len(f.buf) {
			f.buf = append(f.buf, make([]byte, max(4096, n))...)
		}
		got, err := retry(func() (int, error) { return rawRead(fd, f.buf[n:]) })
		switch {
		case err != nil:
			return "", &fs.PathError{Op: "read", Path: file.Name(), Err: err}
		case got == 0:
			return string(f.buf[:n]), nil
		}
		if n += got; int64(n) > limit {
			return "", errTooLong
		}
	}
}
