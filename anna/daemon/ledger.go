package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

// ledgerName is the ledger's file in the state directory.
const ledgerName = "config.json"

// ledgerMost bounds it: two configurations of the largest size, and receipts.
const ledgerMost = 32 << 20

// A ledger is what a start must know of the reloads before it: which
// configuration held last, whole, and the last attempt. It is a small file
// beside the store and not in it, for it has to be there where the store is
// switched off, damaged or full, and before the store is opened.
type ledger struct {
	// Good is the last configuration that held.
	Good *entry `json:"good,omitempty"`
	// Attempt is the last attempt, where that is another one.
	Attempt *entry `json:"attempt,omitempty"`
}

// An entry is an attempt and what it read.
type entry struct {
	Receipt config.Receipt `json:"receipt"`
	Content []byte         `json:"content"` // as Sources.Archive made it
}

// last is the newest attempt; nil when there was none.
func (l *ledger) last() *entry {
	if l.Attempt != nil {
		return l.Attempt
	}
	return l.Good
}

// with is the ledger after one more attempt.
func (l *ledger) with(e *entry) *ledger {
	switch e.Receipt.Outcome {
	case config.Applied, config.Unchanged:
		return &ledger{Good: e}
	}
	return &ledger{Good: l.Good, Attempt: e}
}

// good is the configuration that held last.
func (l *ledger) good() (*config.Sources, error) {
	if l.Good == nil {
		return nil, errNoGeneration
	}
	src, err := config.Unarchive(l.Good.Content)
	if err != nil {
		return nil, err
	}
	if src.Digest() != l.Good.Receipt.Digest {
		return nil, errors.New("it is not what it was when it was kept")
	}
	return src, nil
}

// readLedger reads what write wrote; an empty one where there is none.
func readLedger(dir string) (*ledger, error) {
	path := filepath.Join(dir, ledgerName)
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return &ledger{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, bare(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, ledgerMost+1))
	if err == nil && len(data) > ledgerMost {
		err = errors.New("it is too large")
	}
	l := &ledger{}
	if err == nil {
		err = json.Unmarshal(data, l)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", path, bare(err))
	}
	return l, nil
}

// write replaces the file in one step: a kill leaves the old or the new one,
// and so does a power cut, for the content is on disk before the name is.
func (l *ledger) write(dir string, step func(string)) error {
	data, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("cannot keep the configuration: %w", err)
	}
	path := filepath.Join(dir, ledgerName)
	temporary := path + ".new"
	_ = os.Remove(temporary) // of a run that was killed here
	err = writeSynced(temporary, data)
	if err == nil {
		step("written")
		err = os.Rename(temporary, path)
	}
	if err != nil {
		_ = os.Remove(temporary)
		return fmt.Errorf("cannot keep the configuration in %s: %w", dir, bare(err))
	}
	return nil
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// bare is an error without the call and the path that os wraps around it.
func bare(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
