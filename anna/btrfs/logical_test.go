package btrfs

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// container is a struct btrfs_data_container with room for n numbers.
func container(lacks, numbers uint32, n int) []byte {
	b := make([]byte, ownersHead+8*n)
	ne.PutUint32(b[4:], lacks)
	ne.PutUint32(b[8:], numbers)
	for i := range n {
		ne.PutUint64(b[ownersHead+8*i:], uint64(256+i))
	}
	return b
}

// TestOwnersOfAnything: a count that the answer has no room for is refused.
func TestOwnersOfAnything(t *testing.T) {
	owners, lacks, err := parseOwners(container(7, 6, 6))
	if err != nil || lacks != 7 || len(owners) != 2 || owners[1] != (Owner{Inode: 259, Offset: 260, Tree: 261}) {
		t.Errorf("%v, lacks %d, %v", owners, lacks, err)
	}
	for _, numbers := range []uint32{1, 9, 0x7fffffff, 0xfffffffd, 0xffffffff} {
		if owners, _, err := parseOwners(container(0, numbers, 6)); err == nil {
			t.Errorf("%d numbers: %v", numbers, owners)
		}
	}
	if _, _, err := parseOwners(nil); err == nil {
		t.Error("no answer at all is read")
	}
}

// TestOwnersRefused: an extent that nothing refers to has no owners, and any
// other refusal is an error.
func TestOwnersRefused(t *testing.T) {
	if owners, err := (&FS{kernel: refuser(unix.ENOENT)}).Owners(4096); err != nil || owners != nil {
		t.Errorf("%v, %v; want none", owners, err)
	}
	if _, err := (&FS{kernel: refuser(unix.EPERM)}).Owners(4096); !errors.Is(err, unix.EPERM) {
		t.Errorf("%v; want %v", err, unix.EPERM)
	}
}

// A refuser answers every call with one error.
type refuser unix.Errno

func (r refuser) Ioctl(uint32, []byte) error { return unix.Errno(r) }
