package nodes_test

import (
	"context"
	"fmt"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/nodes"
)

// Where two trees differ, by the root items of their subvolumes.
func ExampleReader_Apart() {
	differ := func(ctx context.Context, fs *btrfs.FS, a, b btrfs.RootItem) error {
		info, err := fs.Info()
		if err != nil {
			return err
		}
		r, err := nodes.Open(ctx, fs, info)
		if err != nil {
			return err
		}
		defer r.Close()
		parts, err := r.Apart(ctx, nodes.TreeOf(a), nodes.TreeOf(b), 8192)
		for _, p := range parts[1] {
			fmt.Println("what b has from", p.Low, "up to", p.End, "is its own")
		}
		return err
	}
	_ = differ
}
