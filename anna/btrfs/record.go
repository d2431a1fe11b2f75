package btrfs

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"golang.org/x/sys/unix"
)

// A Recorder is a Kernel that passes every call on and remembers the answer.
type Recorder struct {
	Kernel Kernel

	mu    sync.Mutex
	calls []recorded
}

// recorded is one call: what identifies the question, and the answer with its
// trailing zeros cut off.
type recorded struct {
	Request uint32
	Input   []byte
	Size    int
	Errno   unix.Errno `json:",omitempty"`
	Output  []byte     `json:",omitempty"`
}

// Ioctl implements [Kernel].
func (r *Recorder) Ioctl(request uint32, arg []byte) error {
	c := recorded{Request: request, Input: bytes.Clone(question(request, arg)), Size: len(arg)}
	err := r.Kernel.Ioctl(request, arg)
	if err != nil {
		var errno unix.Errno
		if !errors.As(err, &errno) {
			return err
		}
		c.Errno = errno
	}
	c.Output = bytes.Clone(answer(request, arg))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
	return err
}

// WriteTo writes what was recorded, one JSON object per line.
func (r *Recorder) WriteTo(w io.Writer) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b bytes.Buffer
	for _, c := range r.calls {
		line, err := json.Marshal(c)
		if err != nil {
			return 0, err
		}
		b.Write(append(line, '\n'))
	}
	return b.WriteTo(w)
}

// question is the part of an argument that goes in. What lies behind it may be
// left over from an earlier answer.
func question(request uint32, arg []byte) []byte {
	n := len(arg)
	switch request {
	case iocTreeSearchV2:
		n = lenSearchArgs
	case iocInoLookup, iocSpaceInfo, iocInoLookupUser, iocScrubProgress:
		n = 16
	case iocDevInfo:
		n = 24
	case iocGetDevStats, iocDevReplace, iocSubvolRootRef:
		n = 8
	case iocFSInfo, iocSubvolInfo, iocBalanceProgress, iocGetFeatures:
		n = 0
	}
	return arg[:min(n, len(arg))]
}

// answer is the part of an argument that came out.
func answer(request uint32, arg []byte) []byte {
	if request == iocTreeSearchV2 && len(arg) >= lenSearchArgs {
		b := arg[lenSearchArgs:]
		for range ne.Uint32(arg[64:]) {
			_, n, err := parseItem(b)
			if err != nil {
				break
			}
			b = b[n:]
		}
		return arg[:len(arg)-len(b)]
	}
	return bytes.TrimRight(arg, "\x00")
}

// A Replay is a Kernel that answers from a recording. The same question asked
// again gets the answers in the order in which they were recorded, the last
// one for ever. A question that was never recorded gets ENOTTY.
type Replay struct {
	mu    sync.Mutex
	calls map[[32]byte][]recorded
}

// ReadReplay reads a recording. It is made for the machine's byte order that
// it was recorded on.
func ReadReplay(r io.Reader) (*Replay, error) {
	replay := &Replay{calls: map[[32]byte][]recorded{}}
	d := json.NewDecoder(r)
	for n := 1; ; n++ {
		var c recorded
		switch err := d.Decode(&c); {
		case err == io.EOF:
			return replay, nil
		case err != nil:
			return nil, fmt.Errorf("cannot read recorded call %d: %w", n, err)
		case c.Size < 0 || len(c.Output) > c.Size:
			return nil, fmt.Errorf("cannot read recorded call %d: answer of %d bytes in %d", n, len(c.Output), c.Size)
		}
		k := replayKey(c.Request, c.Size, c.Input)
		replay.calls[k] = append(replay.calls[k], c)
	}
}

func replayKey(request uint32, size int, input []byte) [32]byte {
	b := binary.LittleEndian.AppendUint32(nil, request)
	b = binary.LittleEndian.AppendUint64(b, uint64(size))
	return sha256.Sum256(append(b, input...))
}

// Ioctl implements [Kernel].
func (r *Replay) Ioctl(request uint32, arg []byte) error {
	k := replayKey(request, len(arg), question(request, arg))
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.calls[k]
	if len(list) == 0 {
		return unix.ENOTTY
	}
	c := list[0]
	if len(list) > 1 {
		r.calls[k] = list[1:]
	}
	clear(arg[copy(arg, c.Output):])
	if c.Errno != 0 {
		return c.Errno
	}
	return nil
}
