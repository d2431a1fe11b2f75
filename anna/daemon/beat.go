package daemon

import (
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A beat wakes one goroutine at regular times, for the price of one context
// switch. A time.Ticker costs four or more: the runtime's monitor thread wakes
// for every timer as well, and naps until all is still again. The poller knows
// nothing of this one but a descriptor, a timerfd (timerfd_create(2)), and the
// system calls on it pass the runtime by.
type beat struct {
	file *os.File
	conn syscall.RawConn
}

// newBeat starts a beat.
func newBeat(every time.Duration) (*beat, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot make a timer: %w", err)
	}
	b := &beat{file: os.NewFile(uintptr(fd), "timer")}
	if b.conn, err = b.file.SyscallConn(); err == nil {
		err = b.every(every)
	}
	if err != nil {
		b.file.Close()
		return nil, fmt.Errorf("cannot use a timer: %w", err)
	}
	return b, nil
}

// every sets the time between two beats; the next one comes that long from now.
// It may be called while another goroutine waits.
func (b *beat) every(d time.Duration) error {
	spec := unix.NsecToTimespec(max(d, time.Millisecond).Nanoseconds())
	var err error
	if failed := b.conn.Control(func(fd uintptr) {
		err = unix.TimerfdSettime(int(fd), 0, &unix.ItimerSpec{Interval: spec, Value: spec}, nil)
	}); failed != nil {
		return failed
	}
	return err
}

// wait returns at the next beat, at once when one came since the last wait. It
// is false when the beat was stopped.
func (b *beat) wait() bool {
	return b.conn.Read(func(fd uintptr) bool {
		var times [8]byte // how often it expired, which is of no interest
		_, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&times)), uintptr(len(times)))
		return errno != unix.EAGAIN && errno != unix.EINTR && errno != unix.ECANCELED
	}) == nil
}

// stop ends it; who waits returns.
func (b *beat) stop() { b.file.Close() }
