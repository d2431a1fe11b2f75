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

// A Root is where a machine's files hang: "/" for the one that runs.
type Root string

// Live is the machine that runs.
const Live Root = "/"

func (r Root) path(parts ...string) string {
	return filepath.Join(append([]string{string(r)}, parts...)...)
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
