//go:build amd64 || arm64 || riscv64 || loong64

package btrfs_test

import (
	"context"
	"fmt"
	"os"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// What a file system holds, from answers that a kernel of the same byte order
// once gave: where one is mounted, it is btrfs.Open(path, btrfs.Roots{}) instead.
func Example() {
	f, err := os.Open("testdata/block-group-tree.calls")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	kernel, err := btrfs.ReadReplay(f)
	if err != nil {
		fmt.Println(err)
		return
	}
	fs, err := btrfs.OpenKernel(kernel, "recorded", btrfs.Roots{Sys: "testdata/none", Mountinfo: os.DevNull})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer fs.Close()
	ctx := context.Background()
	subvolumes, err := fs.Subvolumes(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range subvolumes.List {
		fmt.Println(v.ID, v.Path)
	}
	space, err := fs.Space(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range space.Types {
		fmt.Println(t.Type.TypeName(), t.Next.RaidName(), t.Used>>10, "KiB of", t.Total>>20, "MiB used")
	}
	fmt.Println(space.Missing[0].What, "needs", space.Missing[0].Need)
	// Output:
	// 5 /
	// 256 /@
	// 257 /@/a/b/nested
	// 258 /snapshots/1 one/snapshot
	// data single 5120 KiB of 8 MiB used
	// metadata dup 192 KiB of 32 MiB used
	// system dup 16 KiB of 8 MiB used
	// reserved, pinned and read-only data needs a view of /sys/fs/btrfs
}
