package events

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// A fileWatch is one run of a ConfigSource: the directories that have to be
// watched for the paths on the list, worked out anew at every look.
type fileWatch struct {
	o        ConfigOptions
	notices  *fsnotify.Watcher
	watched  map[string]bool            // directories that are
	wanted   map[string]map[string]bool // directories that must be: names that matter; nil is all
	degraded string
}

// look reads every file on the list. The directories are watched before they
// are read, and once more when reading found other ones.
func (w *fileWatch) look() (map[string]FileSeen, error) {
	for range maxLinks {
		w.degraded = ""
		w.wanted = map[string]map[string]bool{}
		files := map[string]bool{}
		for _, path := range w.o.Paths {
			w.walk(path, files)
		}
		if !w.watch() {
			continue // something new is watched: what was walked may be old
		}
		seen := map[string]FileSeen{}
		for path := range files {
			if f, ok := readFile(path, w.o.MaxFile); ok {
				seen[path] = f
				if f.Kind == kindUnread {
					w.trouble("cannot read %s: its content is judged by size and time", path)
				}
			}
		}
		return seen, nil
	}
	return nil, errors.New("cannot watch files: the directories do not stop changing")
}

// trouble keeps the first reason.
func (w *fileWatch) trouble(format string, args ...any) {
	if w.degraded == "" {
		w.degraded = fmt.Sprintf(format, args...)
	}
}

// want notes that name in dir matters; "" for every name.
func (w *fileWatch) want(dir, name string) {
	names, known := w.wanted[dir]
	switch {
	case known && names == nil:
	case name == "":
		w.wanted[dir] = nil
	case !known:
		w.wanted[dir] = map[string]bool{name: true}
	default:
		names[name] = true
	}
}

// walk finds the file or the files that path stands for.
func (w *fileWatch) walk(path string, files map[string]bool) {
	real, info := w.resolve(path)
	if info == nil {
		return
	}
	if !info.IsDir() {
		files[path] = true
		return
	}
	w.want(real, "")
	dir, err := os.Open(real)
	if err != nil {
		w.trouble("cannot list %s: %v", path, err)
		return
	}
	defer dir.Close()
	names, err := dir.Readdirnames(w.o.MaxFiles + 1)
	if err != nil && len(names) == 0 {
		return // empty, or gone meanwhile: its end is a notice
	}
	slices.Sort(names)
	for _, name := range names {
		if ofEditor(name) {
			continue
		}
		if len(files) >= w.o.MaxFiles {
			w.trouble("more than %d files: not all of %s are watched", w.o.MaxFiles, path)
			return
		}
		// A link in a directory leads to files that live elsewhere.
		if _, info := w.resolve(filepath.Join(real, name)); info != nil && !info.IsDir() {
			files[filepath.Join(path, name)] = true
		}
	}
}

// ofEditor names what editors and package managers leave for moments.
func ofEditor(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") ||
		strings.HasSuffix(name, ".swp") || strings.HasSuffix(name, ".swx")
}

// maxLinks is how many links one path may lead through (the kernel's
// MAXSYMLINKS is 40).
const maxLinks = 40

// resolve follows path name by name and link by link and notes each directory
// that it leads through with the name that matters there; where the path breaks
// off that is the name that would have to appear. info is nil when there is no
// such file.
func (w *fileWatch) resolve(path string) (real string, info fs.FileInfo) {
	at, rest := "/", strings.Split(strings.Trim(path, "/"), "/")
	links := 0
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		next := filepath.Join(at, name)
		w.want(at, name)
		st, err := os.Lstat(next)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				w.trouble("cannot look at %s: %v", next, err)
			}
			return "", nil
		}
		if st.Mode()&fs.ModeSymlink == 0 {
			at, info = next, st
			continue
		}
		target, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			w.trouble("cannot follow %s: too many links", path)
			return "", nil
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(strings.Split(strings.Trim(target, "/"), "/"), rest...)
		if len(rest) > 4096 {
			return "", nil
		}
	}
	if info == nil { // the path ended in ".." or is "/"
		info, _ = os.Lstat(at)
	}
	return at, info
}

// watch makes the watched directories those that are wanted. It is false when
// one was added: what was read before that may have changed unseen.
func (w *fileWatch) watch() (settled bool) {
	settled = true
	for dir := range w.watched {
		if _, still := w.wanted[dir]; !still {
			_ = w.notices.Remove(dir) // it may be gone itself
			delete(w.watched, dir)
		}
	}
	for dir := range w.wanted {
		if w.watched[dir] {
			continue
		}
		if err := w.notices.Add(dir); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				settled = false // it went since it was walked: walk again
			} else {
				w.trouble("cannot watch %s: %v", dir, err)
			}
			continue
		}
		w.watched[dir] = true
		settled = false
	}
	return settled
}

// matters says whether a notice is about a name on which something depends. A
// watched directory that goes away is forgotten, for the kernel did so too.
func (w *fileWatch) matters(n fsnotify.Event) bool {
	if w.watched[n.Name] && n.Has(fsnotify.Remove|fsnotify.Rename) {
		_ = w.notices.Remove(n.Name)
		delete(w.watched, n.Name)
		return true
	}
	dir, name := filepath.Split(n.Name)
	names, known := w.wanted[filepath.Clean(dir)]
	return known && (names == nil && !ofEditor(name) || names[name])
}
