package survey

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
)

// A Root is where a machine's files hang.
type Root struct {
	// Dir is the directory, "/" for the machine that runs.
	Dir string
	// Elsewhere says, for a file below Dir that a sandbox hides or puts another
	// in the place of, where the machine's own is to be seen: "" for where it
	// always is. nil: nothing is elsewhere.
	Elsewhere func(path string) string
}

// Live is the machine that runs.
var Live = Root{Dir: "/"}

func (r Root) path(path string) string {
	if r.Elsewhere != nil {
		if there := r.Elsewhere("/" + path); there != "" {
			return there
		}
	}
	return filepath.Join(r.Dir, path)
}

// most bounds what is read of one file.
const most = 1 << 20

// read reads a file.
func (r Root) read(path string) (string, error) {
	return metrics.ReadFile(r.path(path), most)
}

// word reads a file without the space around what it holds.
func (r Root) word(path string) (string, error) {
	s, err := r.read(path)
	return strings.TrimSpace(s), err
}

func (r Root) exists(path string) bool {
	_, err := os.Lstat(r.path(path))
	return err == nil
}

// names lists a directory, sorted; none where there is none.
func (r Root) names(path string) ([]string, error) {
	entries, err := os.ReadDir(r.path(path))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list, err
}

// unread is a fact whose file could not be read.
func unread(what string, err error) facts.Value {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return facts.Unknownf("cannot read %s: %v", what, err)
}

// text is what was read, or why it was not.
func text(what, s string, err error) facts.Value {
	if err != nil {
		return unread(what, err)
	}
	return facts.Str(s)
}
