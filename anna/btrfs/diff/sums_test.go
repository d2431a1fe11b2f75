package diff

import (
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// sumsOf reads the checksum tree of a hostile kernel.
func sumsOf(t *testing.T, k *hostile) *sums {
	t.Helper()
	fs, err := btrfs.OpenKernel(k, "hostile", btrfs.Roots{Sys: t.TempDir(), Mountinfo: "/dev/null"})
	if err != nil {
		t.Fatal(err)
	}
	return newSums(fs.NewScanner(btrfs.PointBuffer), btrfs.Info{SectorSize: 4096, NodeSize: 16384, Checksum: "crc32c"})
}

// known is how many of the sectors from an address on have a checksum.
func (s *sums) known(t *testing.T, address, sectors uint64) (n uint64) {
	t.Helper()
	r, err := s.read(t.Context(), address, sectors*s.sector)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sectors {
		if r.known(i) {
			n++
		}
	}
	return n
}

// TestSumsWrittenMeanwhile: that a sector had no checksum when those about it were
// read is not remembered, for a balance may have moved something there since.
func TestSumsWrittenMeanwhile(t *testing.T) {
	const at = 64 << 20
	k := &hostile{trees: map[uint64][]btrfs.Item{}}
	put := func(address uint64, sectors int) {
		k.put(btrfs.TreeChecksum, btrfs.ObjectCsum, btrfs.TypeExtentCsum, address, make([]byte, 4*sectors))
	}
	put(at, 8)
	s := sumsOf(t, k)
	for range 2 { // the second one is close to the first
		if n := s.known(t, at, 16); n != 8 {
			t.Fatalf("%d sectors have a checksum, wanted 8", n)
		}
	}
	put(at+32<<10, 8)
	if n := s.known(t, at, 16); n != 16 {
		t.Errorf("%d sectors have a checksum, wanted 16", n)
	}
}

// TestSumsOfTheSameSectors: items that overlap, as only a damaged tree has them,
// cannot make more be held than all sectors need.
func TestSumsOfTheSameSectors(t *testing.T) {
	const at = 64 << 20
	k := &hostile{trees: map[uint64][]btrfs.Item{}}
	for i := range uint64(400) {
		k.put(btrfs.TreeChecksum, btrfs.ObjectCsum, btrfs.TypeExtentCsum, at-i*4096, make([]byte, 16000))
	}
	s := sumsOf(t, k)
	for range 2 {
		s.known(t, at, 16)
		if n := cap(s.data); n > 2*mostSums {
			t.Fatalf("%d bytes are held", n)
		}
	}
}
