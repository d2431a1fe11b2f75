package events

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// recover replays the newest segment whose checkpoint is whole on l, goes on
// appending to it, and clears the others away.
func (s *spool) recover(l *ledger) {
	for _, generation := range s.dir.generations() {
		if s.current != nil {
			s.dir.remove(generation) // superseded
			continue
		}
		seg, err := s.replay(generation, l)
		switch {
		case err == nil:
			s.current = seg
		case errors.Is(err, errUnfinished) && len(s.dir.generations()) > 1:
			s.dir.remove(generation) // died while it was being begun: the older one has all
		default:
			s.setAside(generation, err)
		}
	}
	s.status.Bytes = s.bytesLocked()
}

func (s *spool) setAside(generation uint64, why error) {
	name, err := s.dir.rename(generation, time.Now())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Failures++
	if err != nil {
		s.log.Warn("cannot set a damaged event spool aside", "dir", s.path, "file", segmentName(generation), "error", err)
		return
	}
	s.status.SetAside = name
	s.log.Warn("event spool set aside", "dir", s.path, "file", name, "cause", why)
}

// replay reads one segment. Where it ends in the middle of a record the rest
// is cut off.
func (s *spool) replay(generation uint64, l *ledger) (*segment, error) {
	writable := true
	file, err := s.dir.open(segmentName(generation), unix.O_RDWR|unix.O_APPEND)
	if err != nil {
		writable = false
		if file, err = s.dir.open(segmentName(generation), unix.O_RDONLY); err != nil {
			return nil, err
		}
	}
	info, err := file.Stat()
	if err == nil && info.Size() > segmentMost {
		err = fmt.Errorf("it has %d bytes", info.Size())
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	got, err := replay(file, info.Size(), l)
	if err != nil {
		file.Close()
		return nil, err
	}
	s.status.TornBytes += info.Size() - got.good
	s.status.Damaged += got.damaged
	seg := &segment{file: file, generation: generation, size: got.good, checkpoint: got.checkpoint}
	if info.Size() > got.good {
		s.log.Warn("event spool cut after the last whole record", "dir", s.path, "bytes", info.Size()-got.good)
		if writable {
			err = file.Truncate(got.good)
		}
	}
	if got.damaged > 0 {
		s.log.Warn("damaged records in the event spool", "dir", s.path, "records", got.damaged)
	}
	if !writable || err != nil {
		// Read, but not to be written: the first write begins a new one.
		s.renew = true
	}
	return seg, nil
}

// errUnfinished is the cause of not replaying a segment without a whole
// checkpoint.
var errUnfinished = errors.New("it has no whole checkpoint")

type replayed struct {
	good       int64 // bytes up to the end of the last whole record
	checkpoint int64 // bytes up to the end of the checkpoint
	damaged    uint64
}

// replay applies the records of r, of which size bytes are there, to l.
//
// A record that ends beyond the file is a torn tail: all of it is left out of
// good. So is a wrong record after which nothing right follows. A wrong record
// in the middle, where the next one is right, is skipped and counted.
func replay(r io.Reader, size int64, l *ledger) (replayed, error) {
	var got replayed
	in := bufio.NewReaderSize(r, 64<<10)
	magic := make([]byte, len(spoolMagic))
	if _, err := io.ReadFull(in, magic); err != nil {
		return got, errUnfinished
	}
	if string(magic) != spoolMagic {
		return got, errors.New("it is no event spool of this version")
	}
	at := int64(len(spoolMagic))
	var payload []byte
	var skipped uint64
	for {
		var header [recordHeader]byte
		if _, err := io.ReadFull(in, header[:]); err != nil {
			break
		}
		length := int64(binary.LittleEndian.Uint32(header[:]))
		if length == 0 || length > maxRecord || length > size-at-recordHeader {
			break
		}
		if int64(cap(payload)) < length {
			payload = make([]byte, length)
		}
		payload = payload[:length]
		if _, err := io.ReadFull(in, payload); err != nil {
			break
		}
		at += recordHeader + length
		err := errCodec
		if crc32.Checksum(payload, castagnoli()) == binary.LittleEndian.Uint32(header[4:]) {
			if got.checkpoint == 0 && payload[0] != recordCheckpoint {
				break
			}
			err = l.apply(payload)
		}
		if err != nil {
			if got.checkpoint == 0 {
				break // without the checkpoint the rest means nothing
			}
			skipped++
			continue
		}
		if got.checkpoint == 0 {
			got.checkpoint = at
		}
		got.good = at
		got.damaged += skipped
		skipped = 0
	}
	if got.checkpoint == 0 {
		return got, errUnfinished
	}
	return got, nil
}
