package nodes

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A pointer leads to a node.
type pointer struct {
	low, end   btrfs.Key // the keys below it; end is not one of them
	address    uint64    // logical
	generation uint64    // when it was written
}

// Where things are in a node (struct btrfs_header, struct btrfs_key_ptr).
const (
	atSum        = 0
	atFSID       = 32
	atAddress    = 48
	atGeneration = 80
	atCount      = 96
	atLevel      = 100
	lenHead      = 101
	lenPointer   = 33
	// maxLevel is the highest that a node can have (BTRFS_MAX_LEVEL).
	maxLevel = 7
)

var le = binary.LittleEndian

// A format is what all nodes of a file system have in common.
type format struct {
	size  int
	hash  func([]byte) []byte
	fsids [2]btrfs.UUID // either of which a node may carry
}

func (f *format) check(b []byte, p *pointer, level uint8) error {
	switch {
	case len(b) != f.size:
		return fmt.Errorf("%d bytes", len(b))
	case le.Uint64(b[atAddress:]) != p.address:
		return errors.New("something else lies there")
	case le.Uint64(b[atGeneration:]) != p.generation:
		return fmt.Errorf("it is of generation %d, not %d", le.Uint64(b[atGeneration:]), p.generation)
	case b[atLevel] != level:
		return fmt.Errorf("it is of level %d, not %d", b[atLevel], level)
	case uuidAt(b[atFSID:]) != f.fsids[0] && uuidAt(b[atFSID:]) != f.fsids[1]:
		return errors.New("it is of another file system")
	}
	if sum := f.hash(b[atFSID:]); !bytes.Equal(sum, b[atSum:][:len(sum)]) {
		return errors.New("its checksum is wrong")
	}
	return nil
}

func uuidAt(b []byte) btrfs.UUID { return btrfs.UUID(b[:16]) }

// pointers are those of a node above leaves, which p leads to.
func pointers(b []byte, p *pointer) ([]pointer, error) {
	n := int(le.Uint32(b[atCount:]))
	if n < 1 || n > (len(b)-lenHead)/lenPointer {
		return nil, fmt.Errorf("it has %d pointers", n)
	}
	list := make([]pointer, n)
	for i := range list {
		e := b[lenHead+i*lenPointer:]
		q := &list[i]
		q.low = btrfs.Key{Object: le.Uint64(e), Type: e[8], Offset: le.Uint64(e[9:])}
		q.address, q.generation = le.Uint64(e[17:]), le.Uint64(e[25:])
		switch before := i - 1; {
		case i == 0 && p.low != btrfs.MinKey && q.low != p.low: // of a root nobody says with what it begins
			return nil, fmt.Errorf("it begins with %v, not %v", q.low, p.low)
		case q.low.Compare(p.low) < 0 || q.low.Compare(p.end) >= 0 || i > 0 && q.low.Compare(list[before].low) <= 0:
			return nil, fmt.Errorf("its pointer %d is out of order", i)
		case q.generation > p.generation:
			return nil, fmt.Errorf("its pointer %d is younger than itself", i)
		case i > 0:
			list[before].end = q.low
		}
	}
	list[n-1].end = p.end
	return list, nil
}
