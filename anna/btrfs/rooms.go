package btrfs

import (
	"context"
	"fmt"
)

// rooms finds the unallocated ranges of every device that takes new chunks.
func (fs *FS) rooms(ctx context.Context, s *Space, devices *Devices) {
	var usable []Device
	for _, d := range devices.List {
		if d.Absent || d.Seed || d.Replacing || !d.Writable {
			continue
		}
		usable = append(usable, d)
		s.DeviceSize += d.Size
		s.Allocated += d.Allocated
		s.Unallocated += d.Unallocated()
	}
	s.Exact = true
	scanner := fs.NewScanner(PointBuffer)
	for _, d := range usable {
		holes, err := deviceHoles(ctx, scanner, d)
		if err != nil {
			s.Exact = false
			addMissing(&s.Missing, missing("holes between chunks on devices (unallocated space is taken for one range)", err))
			holes = []uint64{sub(d.Unallocated(), reservedStart)}
		}
		s.Rooms = append(s.Rooms, Room{Device: d.ID, Holes: holes})
	}
}

// deviceHoles reads the device tree: the gaps between the device's extents.
func deviceHoles(ctx context.Context, s *Scanner, d Device) ([]uint64, error) {
	holes := []uint64{}
	at := uint64(reservedStart)
	err := s.scanTree(ctx, Range{
		Tree: TreeDevice, Types: Types(TypeDevExtent),
		Min: Key{d.ID, TypeDevExtent, 0}, Max: Key{d.ID, TypeDevExtent, ^uint64(0)},
	}, func(it Item) error {
		e, err := ParseDevExtent(it.Data)
		if err != nil {
			return err
		}
		if e.Length > ^uint64(0)-it.Key.Offset {
			return fmt.Errorf("cannot read device extent %v: %d bytes long", it.Key, e.Length)
		}
		if it.Key.Offset > at {
			holes = append(holes, it.Key.Offset-at)
		}
		at = max(at, it.Key.Offset+e.Length)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if d.Size > at {
		holes = append(holes, d.Size-at)
	}
	return holes, nil
}
