package diagnose

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// maxWords bounds the file of last words: more than this nobody wrote for us.
const maxWords = 4096

// Words are what the daemon leaves for the client that finds it dead. They are
// data: a client shows them and decides nothing dangerous by them.
type Words struct {
	Version   string    `json:"version"`
	PID       int       `json:"pid"`
	StartTime uint64    `json:"start_time"` // of the process, clock ticks since boot (proc(5), field 22 of stat)
	Started   time.Time `json:"started"`
	At        time.Time `json:"at"`
	State     string    `json:"state"`            // starting, running, stopping, stopped
	Reason    string    `json:"reason,omitempty"` // why it is in that state, as "SIGTERM"
	Level     string    `json:"level,omitempty"`
	SelfCheck string    `json:"self_check,omitempty"` // why systemd's watchdog is not petted any more
	Findings  []string  `json:"findings,omitempty"`
	MemoryMB  *float64  `json:"memory_mb,omitempty"`
	LimitMB   *float64  `json:"limit_mb,omitempty"`
}

// wordsPath is where the daemon that listens on the socket leaves its words.
func wordsPath(socket string) string { return filepath.Join(filepath.Dir(socket), "last.json") }

// WriteWords replaces the words of the daemon that listens on the socket. The
// file is whole at any time: it is written beside and renamed into place.
func WriteWords(socket string, w Words) error {
	text, err := w.encode()
	if err == nil {
		err = replaceFile(wordsPath(socket), text)
	}
	if err != nil {
		return fmt.Errorf("cannot write the last words: %w", err)
	}
	return nil
}

// encode is the words as they are written. What makes them too long is shortened:
// findings first, then the texts that come from elsewhere.
func (w Words) encode() ([]byte, error) {
	for {
		text, err := json.Marshal(w)
		switch {
		case err != nil:
			return nil, err
		case len(text) <= maxWords:
			return append(text, '\n'), nil
		case len(w.Findings) > 0:
			w.Findings = w.Findings[:len(w.Findings)/2]
			continue
		}
		reason, check := plain(w.Reason), plain(w.SelfCheck)
		if reason == w.Reason && check == w.SelfCheck {
			return nil, fmt.Errorf("they are longer than %d bytes", maxWords)
		}
		w.Reason, w.SelfCheck = reason, check
	}
}

// replaceFile puts a text in the place of a file, for the daemon's group to read.
// What lies in the way is replaced, never followed.
func replaceFile(path string, text []byte) error {
	temp := path + ".new"
	if err := os.Remove(temp); err != nil && !os.IsNotExist(err) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o640)
	if err != nil {
		return err
	}
	if err = f.Chmod(0o640); err == nil { // whatever the umask is
		_, err = f.Write(text)
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
	}
	return err
}

// ReadWords reads the words left beside a socket. Whoever may write there may
// have written anything: only a small regular file counts, and its texts come
// back without control characters.
func ReadWords(socket string) (*Words, error) {
	f, err := os.OpenFile(wordsPath(socket), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot read the last words: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("cannot read the last words: %s is no regular file", f.Name())
	}
	text, err := io.ReadAll(io.LimitReader(f, maxWords+2))
	if err != nil {
		return nil, fmt.Errorf("cannot read the last words: %w", err)
	}
	return parseWords(text)
}

func parseWords(text []byte) (*Words, error) {
	if len(text) > maxWords+1 {
		return nil, fmt.Errorf("cannot read the last words: they are longer than %d bytes", maxWords)
	}
	var w Words
	if err := json.Unmarshal(text, &w); err != nil {
		return nil, fmt.Errorf("cannot read the last words: %w", err)
	}
	for _, text := range []*string{&w.Version, &w.State, &w.Reason, &w.Level, &w.SelfCheck} {
		*text = plain(*text)
	}
	for i, f := range w.Findings {
		w.Findings[i] = plain(f)
	}
	return &w, nil
}

// plain makes a text from elsewhere fit to be shown: one line, no controls.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	if r := []rune(s); len(r) > 200 {
		s = string(r[:200]) + "..."
	}
	return s
}
