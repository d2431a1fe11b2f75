package btrfs

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
)

// hashes are the checksums that can be made here, by their names in [Info].
var hashes = map[string]func([]byte) []byte{
	"crc32c": func(b []byte) []byte {
		return binary.LittleEndian.AppendUint32(nil, crc32.Checksum(b, castagnoli()))
	},
	"sha256": func(b []byte) []byte { s := sha256.Sum256(b); return s[:] },
}

// Hash makes a checksum as the file system does, of a sector or of a node; nil
// for one that cannot be made here. It may be used by several at a time.
func (i Info) Hash() func([]byte) []byte { return hashes[i.Checksum] }
