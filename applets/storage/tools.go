package storage

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Snapshot tools are found by what they are set up with, below a root: that a
// program is installed takes no snapshot.

const (
	stateSetUp     = "set up"
	stateInstalled = "installed, not set up"
	stateUnknown   = "set up, for what may not be read"
)

// findTools looks for the tools that take snapshots.
func findTools(root string) []Tool {
	out := []Tool{}
	for _, find := range []func(string) *Tool{findSnapper, findBtrbk, findTimeshift, findYabsnap} {
		if t := find(root); t != nil {
			t.Subvolumes = append([]string{}, t.Subvolumes...)
			out = append(out, *t)
		}
	}
	return out
}

// findSnapper reads its configurations (snapper-configs(5)): one file for each
// subvolume. They are root's alone on some systems.
func findSnapper(root string) *Tool {
	dir := "/etc/snapper/configs"
	names, err := list(root, dir)
	t := &Tool{Name: "snapper", Evidence: dir}
	closed := err != nil && errors.Is(err, os.ErrPermission)
	for _, name := range names {
		text, err := read(root, filepath.Join(dir, name))
		if err != nil {
			closed = true
			continue
		}
		if v := shellValue(text, "SUBVOLUME"); v != "" {
			t.Subvolumes = append(t.Subvolumes, v)
		}
	}
	return settle(root, t, closed, "/usr/bin/snapper", timers(root, "snapper-timeline.timer", "snapper-cleanup.timer"))
}

// findBtrbk reads its configuration (btrbk.conf(5)): "subvolume" lines, each
// below the "volume" before it.
func findBtrbk(root string) *Tool {
	t := &Tool{Name: "btrbk"}
	closed := false
	for _, file := range []string{"/etc/btrbk/btrbk.conf", "/etc/btrbk.conf"} {
		text, err := read(root, file)
		if err != nil {
			closed = closed || errors.Is(err, os.ErrPermission)
			continue
		}
		t.Evidence = file
		volume := ""
		for line := range lines(text) {
			f := strings.Fields(line)
			if len(f) < 2 {
				continue
			}
			switch f[0] {
			case "volume":
				volume = f[1]
			case "subvolume":
				t.Subvolumes = append(t.Subvolumes, filepath.Join(volume, f[1]))
			}
		}
		break
	}
	return settle(root, t, closed, "/usr/bin/btrbk", timers(root, "btrbk.timer"))
}

// findTimeshift reads its configuration: it takes Btrfs snapshots of @ and, when
// told, @home, or none at all (rsync).
func findTimeshift(root string) *Tool {
	t := &Tool{Name: "timeshift"}
	closed, detail := false, ""
	for _, file := range []string{"/etc/timeshift/timeshift.json", "/etc/timeshift.json"} {
		text, err := read(root, file)
		if err != nil {
			closed = closed || errors.Is(err, os.ErrPermission)
			continue
		}
		t.Evidence = file
		var c struct {
			Btrfs string `json:"btrfs_mode"`
			Home  string `json:"include_btrfs_home_for_backup"`
		}
		switch err := json.Unmarshal(text, &c); {
		case err != nil:
			detail = "its configuration cannot be read as JSON"
		case c.Btrfs == "true":
			t.Subvolumes = []string{"@"}
			if c.Home == "true" {
				t.Subvolumes = append(t.Subvolumes, "@home")
			}
		default:
			detail = "it copies with rsync and takes no Btrfs snapshots"
		}
		break
	}
	t = settle(root, t, closed, "/usr/bin/timeshift", "")
	if t != nil && detail != "" {
		t.Detail = detail
	}
	return t
}

func findYabsnap(root string) *Tool {
	dir := "/etc/yabsnap/configs"
	names, err := list(root, dir)
	t := &Tool{Name: "yabsnap", Evidence: dir}
	closed := errors.Is(err, os.ErrPermission)
	for _, name := range names {
		text, err := read(root, filepath.Join(dir, name))
		if err != nil {
			closed = true
			continue
		}
		if v := shellValue(text, "source"); v != "" {
			t.Subvolumes = append(t.Subvolumes, v)
		}
	}
	return settle(root, t, closed, "/usr/bin/yabsnap", timers(root, "yabsnap.timer"))
}

// settle decides what was found; nil when the tool is not there.
func settle(root string, t *Tool, closed bool, program, detail string) *Tool {
	switch {
	case len(t.Subvolumes) > 0:
		t.State, t.Detail = stateSetUp, detail
	case closed:
		t.State = stateUnknown
	case exists(root, program):
		t.State, t.Evidence = stateInstalled, program
	default:
		return nil
	}
	return t
}

// timers says which units that run a tool are enabled.
func timers(root string, units ...string) string {
	var off []string
	for _, u := range units {
		if !exists(root, "/etc/systemd/system/timers.target.wants/"+u) {
			off = append(off, u)
		}
	}
	switch {
	case len(off) == 0:
		return "by timer"
	case len(off) == len(units):
		return "no timer is enabled"
	}
	return strings.Join(off, ", ") + " is not enabled"
}

// shellValue finds NAME=value or NAME="value" in a file of such lines.
func shellValue(text []byte, name string) string {
	for line := range lines(text) {
		key, v, ok := strings.Cut(line, "=")
		if ok && strings.TrimSpace(key) == name {
			return strings.Trim(strings.TrimSpace(v), `"'`)
		}
	}
	return ""
}

// lines are the lines of a text that say something.
func lines(text []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		s := bufio.NewScanner(bytes.NewReader(text))
		s.Buffer(nil, maxFile+1)
		for s.Scan() {
			if line := strings.TrimSpace(s.Text()); line != "" && line[0] != '#' && !yield(line) {
				return
			}
		}
	}
}

const (
	maxFile  = 1 << 20
	maxNames = 1000
)

// read reads a regular file below the root, up to maxFile. Anything else there,
// a FIFO say, is an error and no trap.
func read(root, path string) ([]byte, error) {
	f, err := os.OpenFile(filepath.Join(root, path), os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fmt.Errorf("cannot read %s: no regular file", path))
	}
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// list names what a directory below the root holds, hidden and backup files
// left out.
func list(root, path string) ([]string, error) {
	d, err := os.Open(filepath.Join(root, path))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(maxNames)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, ".") || strings.HasSuffix(n, "~") })
	slices.Sort(names)
	return names, err
}

func exists(root, path string) bool {
	_, err := os.Lstat(filepath.Join(root, path))
	return err == nil
}
