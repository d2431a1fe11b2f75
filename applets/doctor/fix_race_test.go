package doctor

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPutRaces mends a name that somebody swaps as fast as he can: now it is a
// directory, now a link to another one, now a file. The victims keep their mode
// and their owner, whenever the swap happens.
func TestPutRaces(t *testing.T) {
	d := dir(t)
	victim, file := filepath.Join(d, "victim"), filepath.Join(d, "file")
	if err := os.Mkdir(victim, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(victim, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d, "state")
	want := wanted{kind: unix.S_IFDIR, mode: 0o700, uid: os.Geteuid(), gid: -1}
	var stop atomic.Bool
	var swaps sync.WaitGroup
	swaps.Go(func() {
		next := filepath.Join(d, "next")
		for n := 0; !stop.Load(); n++ {
			switch n % 4 {
			case 0:
				_ = os.Symlink(victim, next)
			case 1:
				_ = os.Symlink(file, next)
			case 2:
				_ = os.Link(file, next)
			case 3:
				_ = os.Mkdir(next, 0o755)
			}
			// Exchanged in one step: there is no moment without the name.
			if unix.Renameat2(unix.AT_FDCWD, next, unix.AT_FDCWD, path, unix.RENAME_EXCHANGE) != nil {
				_ = os.Rename(next, path)
			}
			_ = os.RemoveAll(next)
		}
	})
	mended, refused := 0, 0
	for began := time.Now(); (mended < 200 || refused < 200) && time.Since(began) < 5*time.Second; {
		if want.put(d, "state") == nil {
			mended++
		} else {
			refused++
		}
	}
	stop.Store(true)
	swaps.Wait()
	t.Logf("%d times mended, %d times refused", mended, refused)
	if mended == 0 || refused == 0 {
		t.Error("there was no race")
	}
	if modeOf(t, victim) != 0o755 || modeOf(t, file) != 0o644 {
		t.Errorf("the victims have modes %o and %o now", modeOf(t, victim), modeOf(t, file))
	}
	if text, err := os.ReadFile(file); string(text) != "precious" {
		t.Errorf("%q, %v", text, err)
	}
}
