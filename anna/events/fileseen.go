package events

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// A FileSeen is what is remembered of a file.
type FileSeen struct {
	Kind string `json:"kind"`
	Size int64  `json:"size"`
	Mode uint32 `json:"mode"` // permission bits
	UID  uint32 `json:"uid"`
	GID  uint32 `json:"gid"`
	// Hash is of the content, or of what stands in for it; never shown.
	Hash string `json:"hash,omitempty"`
}

const (
	kindFile   = "file"
	kindLarge  = "large file"      // hashed up to the bound, then size and time
	kindUnread = "unreadable file" // size, time and inode
	kindOther  = "special file"    // a device, a socket: only that it is there
)

// changes says in words what differs.
func (f *FileSeen) changes(now *FileSeen) []string {
	var what []string
	if f.Kind != now.Kind {
		// Readable now, or no longer: the two fingerprints cannot be compared.
		what = append(what, f.Kind+" is now "+now.Kind)
	} else if f.Hash != now.Hash {
		what = append(what, "content")
	}
	if f.Mode != now.Mode {
		what = append(what, "mode")
	}
	if f.UID != now.UID || f.GID != now.GID {
		what = append(what, "owner")
	}
	return what
}

// readFile fingerprints the file at path. It is false when there is none. A
// FIFO or a device is never waited for.
func readFile(path string, limit int64) (FileSeen, bool) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return FileSeen{}, false
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fileSeen(&st, kindOther, nil), true
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return FileSeen{}, false
	}
	if err != nil {
		return fileSeen(&st, kindUnread, metadata(&st)), true
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fileSeen(&st, kindOther, nil), true
	}
	hash := sha256.New()
	n, err := io.Copy(hash, io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return fileSeen(&st, kindUnread, metadata(&st)), true
	case n > limit:
		hash.Write(metadata(&st))
		return fileSeen(&st, kindLarge, hash.Sum(nil)), true
	}
	seen := fileSeen(&st, kindFile, hash.Sum(nil))
	seen.Size = n // of what was hashed
	return seen, true
}

func fileSeen(st *unix.Stat_t, kind string, fingerprint []byte) FileSeen {
	f := FileSeen{Kind: kind, Size: st.Size, Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid}
	if fingerprint != nil {
		sum := sha256.Sum256(fingerprint)
		f.Hash = hex.EncodeToString(sum[:16])
	}
	return f
}

func metadata(st *unix.Stat_t) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(st.Size))
	b = binary.LittleEndian.AppendUint64(b, uint64(st.Mtim.Nano()))
	return binary.LittleEndian.AppendUint64(b, st.Ino)
}
