package metrics

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// A CgroupPlace is the cgroup that one controller counts this process in, and
// whether the count is about this process alone.
type CgroupPlace struct {
	Version int    // 1 or 2; 0 where there is no cgroup
	Path    string // as /proc/PID/cgroup gives it: "/system.slice/annad.service"
	Ours    bool   // every process in it and in all below is ours
	Why     string // why it is not ours, or cannot be looked at

	dir string // where it is mounted
	top string // the mount point: how far up can be seen

	files *files
}

// String names the place: "cgroup v2 /system.slice/annad.service".
func (p CgroupPlace) String() string {
	if p.Version == 0 {
		return "no cgroup"
	}
	return fmt.Sprintf("cgroup v%d %s", p.Version, p.Path)
}

// membership is one line of /proc/PID/cgroup: id:controllers:path.
type membership struct {
	controllers []string // none for v2
	path        string
}

// parseMemberships reads /proc/PID/cgroup, cgroups(7). Lines that make no
// sense are left out.
func parseMemberships(text string) []membership {
	var list []membership
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 || !strings.HasPrefix(parts[2], "/") {
			continue
		}
		m := membership{path: parts[2]}
		if parts[1] != "" {
			m.controllers = strings.Split(parts[1], ",")
		}
		list = append(list, m)
	}
	return list
}

// world is where the cgroups of a process are to be found.
type world struct {
	members []membership
	mounts  []mountLine
}

// locate finds the cgroup that counts controller ("memory", "cpu", "pids"): in
// the v1 hierarchy that has it, else the unified one.
func (c *Cgroup) locate(w world, controller string, unified CgroupPlace) CgroupPlace {
	for _, m := range w.members {
		if slices.Contains(m.controllers, controller) {
			return c.resolve(w, m, 1, controller)
		}
	}
	return unified
}

// locateUnified finds the v2 cgroup.
func (c *Cgroup) locateUnified(w world) CgroupPlace {
	for _, m := range w.members {
		if len(m.controllers) == 0 {
			return c.resolve(w, m, 2, "")
		}
	}
	return CgroupPlace{Why: "the kernel names no cgroup for this process"}
}

// resolve turns a membership into a directory and asks whose it is.
func (c *Cgroup) resolve(w world, m membership, version int, controller string) CgroupPlace {
	place := CgroupPlace{Version: version, Path: m.path, files: &c.files}
	if slices.Contains(strings.Split(m.path, "/"), "..") {
		place.Why = "it lies outside the cgroup namespace of this process"
		return place
	}
	place.Why = "its hierarchy is not mounted"
	for _, mount := range w.mounts {
		switch {
		case version == 2 && mount.fsType != "cgroup2",
			version == 1 && mount.fsType != "cgroup",
			version == 1 && !slices.Contains(strings.Split(mount.superOptions, ","), controller):
			continue
		}
		below, ok := under(m.path, mount.root)
		if !ok {
			place.Why = "the mounted part of the hierarchy does not hold it"
			continue
		}
		place.top = filepath.Join(c.prefix, mount.point)
		place.dir = filepath.Join(place.top, below)
		place.Ours, place.Why = c.whose(place.dir)
		if place.Ours {
			return place
		}
	}
	return place
}

// under returns what of path is below root.
func under(path, root string) (string, bool) {
	if root == "/" {
		return path, true
	}
	rest, ok := strings.CutPrefix(path, root)
	return rest, ok && (rest == "" || rest[0] == '/')
}

// How much of the tree below a cgroup is walked before it counts as shared.
// A daemon has no more than a few cgroups below its own.
const (
	ownedDirs  = 64
	ownedDepth = 8
)

var errShared = errors.New("other processes are in it")

// whose tells whether all processes in a cgroup and below are ours.
func (c *Cgroup) whose(dir string) (ours bool, why string) {
	found, left := false, ownedDirs
	err := c.walkOwned(dir, ownedDepth, &left, &found)
	switch {
	case errors.Is(err, errShared):
		return false, errShared.Error()
	case err != nil:
		return false, fmt.Sprintf("cannot read who is in it: %v", cause(err))
	case !found:
		return false, "this process is not in it" // another namespace, another mount
	}
	return true, ""
}

func (c *Cgroup) walkOwned(dir string, depth int, left *int, found *bool) error {
	if *left--; *left < 0 || depth < 0 {
		return errShared
	}
	if err := c.onlyOwn(filepath.Join(dir, "cgroup.procs"), found); err != nil {
		return err
	}
	if c.files.leaf(dir) {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	entries, err := d.ReadDir(-1)
	d.Close()
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		err := c.walkOwned(filepath.Join(dir, e.Name()), depth-1, left, found)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
			continue // removed in between
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leaf says that a directory has none in it: then only its name and its own "."
// link to it. Where a file system does not count so it is a guess, to "no".
func (f *files) leaf(dir string) bool {
	if f.keep {
		n, err := rawLinks(dir)
		return err == nil && n == 2
	}
	var st syscall.Stat_t
	return syscall.Stat(dir, &st) == nil && st.Nlink == 2
}

// onlyOwn reads a cgroup.procs: one pid per line, 0 for a process of a pid
// namespace that is not visible. Our own pid may be there more than once.
func (c *Cgroup) onlyOwn(path string, found *bool) error {
	text, err := c.files.read(path, 4096)
	if errors.Is(err, errTooLong) {
		return errShared
	}
	if errors.Is(err, syscall.EOPNOTSUPP) {
		return nil // a threaded cgroup: its processes stand in its domain above
	}
	if err != nil {
		return err
	}
	for word := range strings.FieldsSeq(text) {
		if word != c.pid {
			return errShared
		}
		*found = true
	}
	return nil
}
