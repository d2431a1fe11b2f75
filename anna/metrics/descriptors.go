package metrics

import (
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"
	"time"
)

// A listed count is one that had to be counted entry by entry.
type listed struct {
	at    time.Time
	count Figure[uint64]
}

// listAge is how long such a count is good for, where it is wanted every
// second.
const listAge = 5 * time.Second

func (p *Process) descriptors() Figure[uint64] {
	if !p.self {
		return p.countDescriptors()
	}
	// Since Linux 6.2 the directory's size is the count.
	if file, err := p.files.hold(p.file("fd")); err == nil {
		n, err := rawSize(file.Fd())
		runtime.KeepAlive(file)
		if err == nil && n > 0 {
			return Known(n)
		}
	}
	if now := time.Now(); p.fds.at.IsZero() || now.Sub(p.fds.at) >= listAge {
		p.fds = listed{now, p.countDescriptors()}
		if p.fds.count.Value > 0 {
			p.fds.count.Value-- // the one that was open to count
		}
	}
	return p.fds.count
}

func (p *Process) countDescriptors() Figure[uint64] {
	n, err := countEntries(p.file("fd"))
	if err != nil {
		return unknownErr[uint64]("/proc/PID/fd", err)
	}
	return Known(n)
}

// countEntries counts a directory without holding it.
func countEntries(dir string) (uint64, error) {
	d, err := os.Open(dir)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	var n uint64
	for {
		names, err := d.Readdirnames(256)
		n += uint64(len(names))
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

func (p *Process) descriptorLimit() Figure[uint64] {
	if p.self {
		return ownDescriptorLimit()
	}
	text, err := ReadFile(p.file("limits"), fileMax)
	if err != nil {
		return unknownErr[uint64]("/proc/PID/limits", err)
	}
	return openFilesLimit(text)
}

// ownDescriptorLimit asks getrlimit(2).
func ownDescriptorLimit() Figure[uint64] {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return Unknownf[uint64]("cannot ask getrlimit: %v", err)
	}
	if limit.Cur == ^uint64(0) { // RLIM_INFINITY
		return Unknown[uint64]("open files are not limited")
	}
	return Known(limit.Cur)
}
