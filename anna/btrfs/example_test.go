package btrfs_test

import (
	"context"
	"fmt"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// Every mounted file system with its subvolumes, and what could not be had.
func ExampleList() {
	ctx := context.Background()
	mounted, err := btrfs.List(ctx, btrfs.Roots{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, m := range mounted {
		fs, err := m.Open(btrfs.Roots{})
		if err != nil {
			fmt.Println(err)
			continue
		}
		if list, err := fs.Subvolumes(ctx); err == nil {
			for _, v := range list.List {
				fmt.Println(v.ID, v.Path, v.Reachability())
			}
			for _, lack := range list.Missing {
				fmt.Println(lack)
			}
		}
		fs.Close()
	}
}

func ExampleProfile_Copies() {
	fmt.Println((btrfs.Data | btrfs.RAID1C3).Copies(), (btrfs.Metadata | btrfs.DUP).String())
	// Output: 3 metadata,dup
}

func ExampleAllocator_Fill() {
	a := btrfs.Allocator{
		Rooms:    []btrfs.Room{{Device: 1, Holes: []uint64{10 << 30}}, {Device: 2, Holes: []uint64{4 << 30}}},
		Writable: 14 << 30,
	}
	could := a.Fill(btrfs.Data | btrfs.RAID1)
	fmt.Println(could.Bytes>>30, "GiB,", could.Stranded>>30, "GiB stranded")
	// Output: 4 GiB, 6 GiB stranded
}
