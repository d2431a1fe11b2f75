package diff

import (
	"context"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// ReadSide says what Run would report of a subvolume, without comparing: whoever
// keeps reports can tell by it whether one still holds. What is not on disk yet
// does not show: sync before. Needs CAP_SYS_ADMIN.
func ReadSide(ctx context.Context, fs *btrfs.FS, id uint64) (Side, error) {
	r, err := openRoot(ctx, fs.NewScanner(btrfs.PointBuffer), id)
	return r.Side, err
}
