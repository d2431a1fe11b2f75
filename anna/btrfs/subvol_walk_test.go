package btrfs

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// rootRefKernel answers GET_SUBVOL_ROOTREF with the same page over and over.
type rootRefKernel struct {
	page  []uint64
	calls int
}

func (k *rootRefKernel) Ioctl(_ uint32, a []byte) error {
	k.calls++
	for i, tree := range k.page {
		ne.PutUint64(a[8+16*i:], tree)
	}
	a[4088] = byte(len(k.page))
	return unix.EOVERFLOW
}

// TestRootRefsEnd holds that the list ends whatever the kernel says: at a page
// that goes back, and at the last number there is.
func TestRootRefsEnd(t *testing.T) {
	for _, page := range [][]uint64{{256, 257}, {256, ^uint64(0)}} {
		k := &rootRefKernel{page: page}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		refs, err := rootRefs(ctx, kernelFunc(func(request uint32, a []byte) error {
			if k.calls > 10 {
				cancel()
			}
			return k.Ioctl(request, a)
		}), make([]byte, lenRootRefs))
		if err == nil || !strings.Contains(err.Error(), "damaged answer") || k.calls > 2 {
			t.Errorf("%v: %d references after %d calls, %v", page, len(refs), k.calls, err)
		}
	}
}

type kernelFunc func(request uint32, a []byte) error

func (f kernelFunc) Ioctl(request uint32, a []byte) error { return f(request, a) }

// TestWalkThroughAnother covers a subvolume where one mount shows it, and leaves
// it open where another does: nothing about it is missing.
func TestWalkThroughAnother(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	d := annatest.NewDisk(t, []int64{256 * mib})
	covered := filepath.Join(d.Dir, "covered")
	annatest.Run(t, "btrfs", "subvolume", "create", covered)
	annatest.Run(t, "btrfs", "subvolume", "create", filepath.Join(covered, "inner"))
	other := d.Mount(t, "")
	if err := unix.Mount("none", covered, "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(covered, unix.MNT_DETACH) })
	fs := openFS(t, d.Dir)
	walked := must(fs.walkSubvolumes(t.Context()))(t)
	if len(walked.walked) != 3 || len(walked.Missing) != 0 {
		t.Errorf("%d subvolumes, missing %v", len(walked.walked), walked.Missing)
	}
	if _, err := os.Stat(filepath.Join(other, "covered/inner")); err != nil {
		t.Error(err)
	}
}
