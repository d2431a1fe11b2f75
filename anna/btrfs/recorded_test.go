package btrfs

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"os"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

const recording = "anna/btrfs/testdata/block-group-tree"

// TestRecorded replays, without root and without Btrfs, what the kernel
// answered about a file system with a block group tree, which mkfs.btrfs makes
// from 6.7 on: 512 MiB, a subvolume @ with 5 MiB, one nested in it, and a
// read-only snapshot. Use of block groups and attributes were compared with
// btrfs-progs 6.14 when it was recorded. With a mount point in
// BTRFS_TEST_RECORD it records anew.
func TestRecorded(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("it was recorded on a little-endian machine")
	}
	calls := annatest.RepoRoot(t) + "/" + recording + ".calls"
	if dir := os.Getenv("BTRFS_TEST_RECORD"); dir != "" {
		annatest.Require(t, annatest.Btrfs)
		record(t, dir, calls)
	}
	f, err := os.Open(calls)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	replay, err := ReadReplay(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(everything(t, replay), "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	annatest.Golden(t, recording+".json", append(text, '\n'))
}

func record(t *testing.T, dir, calls string) {
	t.Helper()
	fs := openFS(t, dir)
	if err := fs.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := &Recorder{Kernel: fs.Kernel()}
	everything(t, r)
	var b bytes.Buffer
	if _, err := r.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(calls, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// everything asks all that ioctls answer; of sysfs and mounts there is nothing.
func everything(t *testing.T, k Kernel) any {
	t.Helper()
	fs, err := OpenKernel(k, "recorded", Roots{Sys: t.TempDir(), Mountinfo: os.DevNull})
	if err != nil {
		t.Fatal(err)
	}
	return struct {
		Info       Info
		Devices    *Devices
		Space      *Space
		Groups     *BlockGroups
		Subvolumes *Subvolumes
	}{
		must(fs.Info())(t), must(fs.Devices(t.Context()))(t), must(fs.Space(t.Context()))(t),
		must(fs.BlockGroups(t.Context()))(t), must(fs.Subvolumes(t.Context()))(t),
	}
}
