package btrfs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Flags of SEND (linux/btrfs.h, BTRFS_SEND_FLAG_*).
const sendNoFileData = 1

const (
	iocSend     = 0x40489426
	lenSendArgs = 72
)

// SendChanges has the kernel write what leads from a read-only subvolume to
// another one, without the contents of files, to w as a send stream. top is the
// opened top directory of the newer one; parent is the id of the older one. It
// returns when all is written, or when the reader of w has gone (EPIPE). While
// it runs, the kernel refuses to delete either of them or to make it writable.
//
// It occupies a thread all that time. Needs CAP_SYS_ADMIN. (struct
// btrfs_ioctl_send_args; its pointer is why this is no [Kernel] call.)
func SendChanges(top *os.File, parent uint64, w *os.File) error {
	if !iocSupported || unsafe.Sizeof(uintptr(0)) != 8 {
		return fmt.Errorf("cannot send %s: %w", top.Name(), unix.ENOTTY)
	}
	clones := []uint64{parent}
	var pin runtime.Pinner
	pin.Pin(&clones[0])
	defer pin.Unpin()
	var a [lenSendArgs]byte
	ne.PutUint64(a[8:], uint64(len(clones)))
	ne.PutUint64(a[16:], uint64(uintptr(unsafe.Pointer(&clones[0]))))
	ne.PutUint64(a[24:], parent)
	ne.PutUint64(a[32:], sendNoFileData)
	conn, err := top.SyscallConn()
	if err != nil {
		return err
	}
	out, err := w.SyscallConn()
	if err != nil {
		return err
	}
	var errno unix.Errno
	err = conn.Control(func(fd uintptr) {
		err := out.Control(func(pipe uintptr) {
			ne.PutUint64(a[0:], uint64(pipe))
			_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, iocSend, uintptr(unsafe.Pointer(&a[0])))
		})
		if err != nil {
			errno = unix.EBADF
		}
	})
	switch {
	case err != nil:
		return os.ErrClosed
	case errno != 0:
		return fmt.Errorf("cannot send %s: %w", top.Name(), errno)
	}
	return nil
}

// Commands of a send stream (fs/btrfs/send.h, BTRFS_SEND_C_*), version 1.
const (
	SendSubvol       uint16 = 1
	SendSnapshot     uint16 = 2
	SendMkfile       uint16 = 3
	SendMkdir        uint16 = 4
	SendMknod        uint16 = 5
	SendMkfifo       uint16 = 6
	SendMksock       uint16 = 7
	SendSymlink      uint16 = 8
	SendRename       uint16 = 9
	SendLink         uint16 = 10
	SendUnlink       uint16 = 11
	SendRmdir        uint16 = 12
	SendSetXattr     uint16 = 13
	SendRemoveXattr  uint16 = 14
	SendWrite        uint16 = 15
	SendClone        uint16 = 16
	SendTruncate     uint16 = 17
	SendChmod        uint16 = 18
	SendChown        uint16 = 19
	SendUtimes       uint16 = 20
	SendEnd          uint16 = 21
	SendUpdateExtent uint16 = 22
)

// Attributes of commands (BTRFS_SEND_A_*).
const (
	sendAttrIno      = 3
	sendAttrPath     = 15
	sendAttrPathTo   = 16
	sendAttrPathLink = 17
)

// A SendCommand is one step of a send stream, as far as it says what is touched.
type SendCommand struct {
	Kind uint16
	Ino  uint64 // of what is made; 0 if the command has none
	// Path is what the command is about, in the state that the commands
	// before have led to; names as in o257-7-0 are the stream's own.
	Path []byte
	To   []byte // where SendRename leads
	Link []byte // what SendLink makes a name of
}

// A SendReader reads a send stream. What it returns is valid until the next
// command is read.
type SendReader struct {
	r       *bufio.Reader
	buf     []byte
	started bool
}

// NewSendReader reads a stream from r.
func NewSendReader(r io.Reader) *SendReader {
	return &SendReader{r: bufio.NewReaderSize(r, 64<<10)}
}

const (
	sendMagic      = "btrfs-stream\x00"
	lenSendHeader  = len(sendMagic) + 4
	lenSendCommand = 10
	// maxSendCommand is more than any command of version 1 takes, whose
	// buffers are 64 KiB.
	maxSendCommand = 128 << 10
)

// ErrNotSendStream is the error for what does not start as a send stream.
var ErrNotSendStream = errors.New("not a send stream")

// Next reads a command; io.EOF after the last.
func (r *SendReader) Next() (SendCommand, error) {
	if !r.started {
		head := make([]byte, lenSendHeader)
		if _, err := io.ReadFull(r.r, head); err != nil || string(head[:len(sendMagic)]) != sendMagic {
			return SendCommand{}, fmt.Errorf("cannot read send stream: %w", ErrNotSendStream)
		}
		if v := le.Uint32(head[len(sendMagic):]); v < 1 || v > 2 {
			return SendCommand{}, fmt.Errorf("cannot read send stream: version %d", v)
		}
		r.started = true
	}
	var head [lenSendCommand]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return SendCommand{}, cutShort(err)
	}
	size, kind := le.Uint32(head[0:]), le.Uint16(head[4:])
	if size > maxSendCommand {
		return SendCommand{}, fmt.Errorf("cannot read send stream: command %d of %d bytes", kind, size)
	}
	if kind == SendEnd {
		return SendCommand{Kind: kind}, io.EOF
	}
	if cap(r.buf) < int(size) {
		r.buf = make([]byte, maxSendCommand)
	}
	b := r.buf[:size]
	if _, err := io.ReadFull(r.r, b); err != nil {
		return SendCommand{}, cutShort(err)
	}
	return parseSendCommand(kind, b)
}

// cutShort: only the end command ends a stream.
func cutShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("cannot read send stream: %w", err)
}

func parseSendCommand(kind uint16, b []byte) (SendCommand, error) {
	c := SendCommand{Kind: kind}
	for len(b) > 0 {
		if len(b) < 4 {
			return c, short("attribute of send command", len(b), 4)
		}
		typ, n := le.Uint16(b), int(le.Uint16(b[2:]))
		b = b[4:]
		if len(b) < n {
			return c, short("attribute of send command", len(b), n)
		}
		switch value := b[:n:n]; typ {
		case sendAttrIno:
			if n < 8 {
				return c, short("inode number of send command", n, 8)
			}
			c.Ino = le.Uint64(value)
		case sendAttrPath:
			c.Path = value
		case sendAttrPathTo:
			c.To = value
		case sendAttrPathLink:
			c.Link = value
		}
		b = b[n:]
	}
	return c, nil
}
