package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// readFile reads a regular file of at most limit bytes. Links are followed,
// as people link configurations; nothing else is waited for or opened twice.
func readFile(path string, limit int64) ([]byte, error) {
	// Asked before opening: to open a device can already do something.
	info, err := os.Stat(path)
	if err != nil {
		if target, linkErr := os.Readlink(path); linkErr == nil && errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("it is a link to %s, which does not exist", quote(target))
		}
		return nil, err
	}
	if err := regular(info); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return nil, err
	}
	if err := regular(info); err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, tooLarge(limit)
	}
	var b bytes.Buffer
	b.Grow(int(info.Size()) + bytes.MinRead)
	if _, err := b.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, err
	}
	if int64(b.Len()) > limit {
		return nil, tooLarge(limit)
	}
	return b.Bytes(), nil
}

func tooLarge(limit int64) error {
	return fmt.Errorf("it is larger than %s", Size(limit))
}

func regular(info fs.FileInfo) error {
	var what string
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "directory"
	case mode&fs.ModeNamedPipe != 0:
		what = "FIFO"
	case mode&fs.ModeSocket != 0:
		what = "socket"
	case mode&fs.ModeDevice != 0:
		what = "device"
	default:
		what = "special file"
	}
	return fmt.Errorf("it is a %s, not a regular file", what)
}

// unreadable says what is wrong with a file or directory as a whole, and what
// to do about it.
func unreadable(what, path string, err error) Problem {
	p := Problem{Severity: Error, File: path, Message: "cannot read the " + what + ": " + cause(err)}
	switch {
	case errors.Is(err, fs.ErrPermission):
		p.Hint = "whoever runs this must be able to read it and to enter every directory above; this shows who may: namei -l " + shellQuote(path)
	case errors.Is(err, syscall.ELOOP):
		p.Hint = "links lead in a circle; this shows them: namei -l " + shellQuote(path)
	}
	return p
}

// cause is an error without the path that os wraps around it.
func cause(err error) string {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		err = perr.Err
	}
	return err.Error()
}

func shellQuote(s string) string {
	if s != "" && strings.Trim(s, letters+"/._-+") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
