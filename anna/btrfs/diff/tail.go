package diff

import (
	"bytes"
	"io"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// compareTail reads the last bytes of two files. What is stored behind the end
// of a file is not always zero, so that the checksum of its last sector differs
// under equal bytes.
func compareTail(fs *btrfs.FS, ids [2]uint64, a, b *node, pos uint64) Content {
	x, err := readTail(fs, ids[from], a, pos)
	if err != nil {
		return ContentUnknown
	}
	y, err := readTail(fs, ids[to], b, pos)
	switch {
	case err != nil:
		return ContentUnknown
	case bytes.Equal(x, y):
		return ContentSame
	}
	return ContentChanged
}

func readTail(fs *btrfs.FS, id uint64, n *node, pos uint64) ([]byte, error) {
	f, err := fs.OpenInode(id, n.ino, n.Generation)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, n.Size-pos)
	_, err = io.ReadFull(io.NewSectionReader(f, int64(pos), int64(len(b))), b)
	return b, err
}
