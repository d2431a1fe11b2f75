package btrfs

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test binary run itself as somebody else.
func TestMain(m *testing.M) {
	time.Local = time.UTC // recordings hold times
	if dir := os.Getenv("BTRFS_TEST_LOOK"); dir != "" {
		look(dir)
		return
	}
	os.Exit(m.Run())
}

// A sight is what somebody sees of a file system.
type sight struct {
	Error      string
	Info       Info
	Devices    *Devices
	Space      *Space
	Subvolumes *Subvolumes
	Groups     string // error
	Operations *Operations
	Quota      *Quota
	State      *State
	Listed     []Mounted
}

func look(dir string) {
	var v sight
	ctx := context.Background()
	fs, err := Open(dir, Roots{})
	if err == nil {
		v.Info, err = fs.Info()
	}
	for _, ask := range []func() error{
		func() (err error) { v.Devices, err = fs.Devices(ctx); return err },
		func() (err error) { v.Space, err = fs.Space(ctx); return err },
		func() (err error) { v.Subvolumes, err = fs.Subvolumes(ctx); return err },
		func() (err error) { v.Operations, err = fs.Operations(ctx); return err },
		func() (err error) { v.Quota, err = fs.Quota(ctx); return err },
		func() (err error) { v.State, err = fs.State(ctx); return err },
		func() (err error) { v.Listed, err = List(ctx, Roots{}); return err },
		func() error {
			if _, err := fs.BlockGroups(ctx); err != nil {
				v.Groups = err.Error()
			}
			return nil
		},
	} {
		if err == nil {
			err = ask()
		}
	}
	if err != nil {
		v.Error = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(v); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// openUp lets others go where t.TempDir made a directory.
func openUp(t *testing.T, dir string) {
	t.Helper()
	for up := dir; len(up) > len(os.TempDir()); up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// lookAsNobody looks at a file system as uid 65534.
func lookAsNobody(t *testing.T, dir string) sight {
	t.Helper()
	c := exec.CommandContext(t.Context(), "/proc/self/exe")
	c.Env = []string{"BTRFS_TEST_LOOK=" + dir}
	c.Dir = "/"
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := c.Output()
	if err != nil {
		t.Fatalf("cannot run the test as nobody: %v", err)
	}
	var v sight
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatalf("%v in %.200s", err, out)
	}
	return v
}
