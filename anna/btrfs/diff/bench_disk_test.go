package diff

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// benchDisk mounts the disk that the tools are measured on, from a file in keep,
// and makes it if it is not there yet: old, and what became of it in scattered and
// in clustered; each pair is also one of snapper's. balanced is a copy of it after
// a balance of its metadata, when every node is new.
func benchDisk(b *testing.B, keep string, balanced bool) string {
	plain := filepath.Join(keep, fmt.Sprintf("diff-%d.img", benchFiles()))
	if _, err := os.Stat(plain); err != nil {
		file := plain + ".part"
		annatest.Run(b, "rm", "-f", file)
		annatest.Run(b, "truncate", "-s", "16G", file)
		annatest.Run(b, "mkfs.btrfs", "-q", "-m", "single", file)
		disk := mountFile(b, file)
		furnish(b, disk.Dir)
		putAway(b, disk, plain)
	}
	file := plain
	if balanced {
		file = strings.TrimSuffix(plain, ".img") + "-balanced.img"
		if _, err := os.Stat(file); err != nil {
			annatest.Run(b, "cp", "--sparse=always", plain, file+".part")
			disk := mountFile(b, file+".part")
			annatest.Run(b, "btrfs", "balance", "start", "-m", disk.Dir)
			putAway(b, disk, file)
		}
	}
	return mountFile(b, file).Dir
}

func mountFile(b *testing.B, file string) *annatest.Disk {
	d := &annatest.Disk{Loops: []*annatest.Loop{annatest.AttachLoop(b, file)}}
	d.Dir = d.Mount(b, "noatime") // or looking at a side would write it
	return d
}

// putAway gives a file its name when all is in it.
func putAway(b *testing.B, d *annatest.Disk, name string) {
	d.Unmount(b)
	d.Loops[0].Pull(b)
	if err := os.Rename(d.Loops[0].File, name); err != nil {
		b.Fatal(err)
	}
}

func furnish(b *testing.B, dir string) {
	in := func(name string) string { return filepath.Join(dir, name) }
	files := benchFiles()
	forest(b, in("live"), files)
	s := snapperConfig(b, in("live"))
	defer s.end(b)
	s.create(b)
	snap(b, in("live"), in("old"), "-r")
	scatter(b, in("live"), 0, files/100, 100)
	snap(b, in("live"), in("scattered"), "-r")
	s.create(b)
	snap(b, in("old"), in("near"))
	there := snapperConfig(b, in("near"))
	defer there.end(b)
	there.create(b)
	scatter(b, in("near"), files/4, files/80, 1)
	snap(b, in("near"), in("clustered"), "-r")
	there.create(b)
}

// snapperRun is snapper with a configuration of its own, which is removed in
// the end; nil where it is not installed or not wanted (ANNA_BENCH_SNAPPER=1,
// for it writes to /etc/snapper meanwhile).
type snapperRun struct{ name, dir string }

// snapperConfig makes one, for a subvolume that may have snapper's snapshots
// already. They stay.
func snapperConfig(b *testing.B, dir string) *snapperRun {
	if _, err := exec.LookPath("snapper"); err != nil || os.Getenv("ANNA_BENCH_SNAPPER") == "" {
		return nil
	}
	s := &snapperRun{fmt.Sprint("annabench", os.Getpid(), filepath.Base(dir)), dir}
	shots, aside := filepath.Join(dir, ".snapshots"), filepath.Join(dir, ".aside")
	_ = os.Remove(shots) // in a snapshot of what had one
	kept := os.Rename(shots, aside) == nil
	annatest.Run(b, "snapper", "--no-dbus", "-c", s.name, "create-config", dir)
	if kept {
		annatest.Run(b, "btrfs", "subvolume", "delete", shots)
		annatest.Run(b, "mv", aside, shots)
	}
	return s
}

// end removes it. snapper would delete the snapshots as well.
func (s *snapperRun) end(b *testing.B) {
	if s == nil {
		return
	}
	shots, aside := filepath.Join(s.dir, ".snapshots"), filepath.Join(s.dir, ".aside")
	annatest.Run(b, "mv", shots, aside)
	annatest.Run(b, "btrfs", "subvolume", "create", shots)
	annatest.Run(b, "snapper", "--no-dbus", "-c", s.name, "delete-config")
	annatest.Run(b, "mv", aside, shots)
}

func (s *snapperRun) create(b *testing.B) {
	if s != nil {
		annatest.Run(b, "snapper", "--no-dbus", "-c", s.name, "create", "-p")
	}
}

// status has it compare the first two of its snapshots.
func (s *snapperRun) status() []tool {
	if s == nil {
		return nil
	}
	return []tool{{"snapper", func() error {
		// It keeps what it found in a file.
		kept, _ := filepath.Glob(filepath.Join(s.dir, ".snapshots/*/filelist-*"))
		for _, f := range kept {
			if err := os.Remove(f); err != nil {
				return err
			}
		}
		return command("snapper", "--no-dbus", "-c", s.name, "status", "1..2")()
	}}}
}
