package btrfs

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestNobody compares what an unprivileged user sees with what root sees.
func TestNobody(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	t.Parallel()
	d := annatest.NewDisk(t, []int64{512 * mib}, "-R", "quota,free-space-tree")
	populate(t, d.Dir)
	closed := filepath.Join(d.Dir, "closed")
	annatest.Run(t, "btrfs", "subvolume", "create", closed)
	annatest.Run(t, "btrfs", "subvolume", "create", filepath.Join(closed, "inside"))
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	openUp(t, d.Dir)
	fs := openFS(t, d.Dir)
	if err := fs.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := lookAsNobody(t, d.Dir)
	if seen.Error != "" {
		t.Fatal(seen.Error)
	}

	none(t, seen.Info.Missing)
	none(t, seen.Devices.Missing)
	if diff := cmp.Diff(must(fs.Info())(t), seen.Info); diff != "" {
		t.Errorf("info (-root +nobody):\n%s", diff)
	}
	if diff := cmp.Diff(must(fs.Devices(t.Context()))(t), seen.Devices); diff != "" {
		t.Errorf("devices (-root +nobody):\n%s", diff)
	}
	if diff := cmp.Diff(must(fs.Quota(t.Context()))(t), seen.Quota); diff != "" || !seen.Quota.Enabled || len(seen.Quota.Groups) == 0 {
		t.Errorf("quota %+v (-root +nobody):\n%s", seen.Quota, diff)
	}
	if diff := cmp.Diff(must(fs.State(t.Context()))(t), seen.State); diff != "" || !seen.State.Healthy() {
		t.Errorf("state (-root +nobody):\n%s", diff)
	}
	if i := slices.IndexFunc(seen.Listed, func(m Mounted) bool { return m.FSID == fs.FSID }); i < 0 {
		t.Errorf("nobody does not find %v in %+v", fs.FSID, seen.Listed)
	}

	space := must(fs.Space(t.Context()))(t)
	if diff := cmp.Diff(space, seen.Space, cmpopts.IgnoreFields(Space{}, "Exact", "Missing", "Rooms", "Headroom"), cmpopts.IgnoreFields(TypeSpace{}, "MayUse"),
		cmpopts.IgnoreTypes(Allocatable{})); diff != "" {
		t.Errorf("space (-root +nobody):\n%s", diff)
	}
	if seen.Space.Exact || len(seen.Space.Missing) != 1 || seen.Space.Missing[0].Need != NeedAdmin {
		t.Errorf("nobody's space: exact %v, missing %v", seen.Space.Exact, seen.Space.Missing)
	}
	if seen.Groups == "" {
		t.Error("nobody can read block groups")
	}
	if seen.Operations.Exclusive != "none" || len(seen.Operations.Missing) != 3 {
		t.Errorf("operations %+v", seen.Operations)
	}
	checkWalk(t, must(fs.Subvolumes(t.Context()))(t), seen.Subvolumes)
}

// checkWalk holds the walk against the search: the same, but for what is
// closed.
func checkWalk(t *testing.T, all, walked *Subvolumes) {
	t.Helper()
	if !walked.Walked || all.Walked {
		t.Fatalf("walked: nobody %v, root %v", walked.Walked, all.Walked)
	}
	var want []Subvolume
	for _, v := range all.List {
		v.TreeBytes, v.Default = 0, false
		switch v.Path {
		case "/closed/inside": // nobody cannot know
			continue
		case "/closed": // the name is known, no more
			v = Subvolume{ID: v.ID, Parent: v.Parent, Dir: v.Dir, Name: v.Name, Path: v.Path, Reach: v.Reach}
		}
		want = append(want, v)
	}
	if diff := cmp.Diff(want, walked.List, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("subvolumes (-root +nobody):\n%s", diff)
	}
	var needs []Need
	for _, m := range walked.Missing {
		needs = append(needs, m.Need)
	}
	slices.Sort(needs)
	if !slices.Equal(needs, []Need{NeedAdmin, NeedRead}) {
		t.Errorf("nobody is told: %v", walked.Missing)
	}
}
