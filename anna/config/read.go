package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// DefaultPath is where the configuration is looked for.
const DefaultPath = "/etc/anna/config.toml"

// What is read at most.
const (
	MaxFileSize     = 1 << 20 // bytes of one file
	MaxPolicyFiles  = 256
	MaxPoliciesSize = 4 << 20 // bytes of all policies together
)

// File is one file as it was read.
type File struct {
	Path string
	Data []byte // not to be changed
	Sum  [sha256.Size]byte
}

// Sources are the files of one configuration, read once: what is judged is
// what is used, whatever happens to the files meanwhile. Nothing in it changes
// after Read.
type Sources struct {
	Path     string // of the configuration, as asked for
	Config   *File  // nil when there is no such file, or it cannot be read
	Missing  bool   // there is no such file
	Policies []File // in the order of their names
	foreign  []File // of policies.d, in YAML
	problems []Problem
	doc      *document
	broken   bool // Config is not TOML as far as doc goes
}

// Read reads the configuration and the policies it points at. It does not
// fail: what cannot be read is a problem in the report of Parse. A file that
// does not exist is none.
func Read(path string) *Sources {
	s := &Sources{Path: path}
	data, err := readFile(path, MaxFileSize)
	switch {
	case err == nil:
		s.Config = &File{Path: path, Data: data, Sum: sha256.Sum256(data)}
	case errors.Is(err, fs.ErrNotExist):
		s.Missing = true
	default:
		s.problems = append(s.problems, unreadable("configuration", path, err))
	}
	s.decode()
	dir, explicit, at := s.policyDir()
	s.readPolicies(dir, explicit, at)
	return s
}

// FromBytes are sources that come from memory: a generation that was kept, or
// what was typed. The bytes are not to be changed any more.
func FromBytes(path string, data []byte, policies []File) *Sources {
	s := &Sources{Path: path, Config: &File{Path: path, Data: data, Sum: sha256.Sum256(data)}}
	for _, f := range policies {
		f.Sum = sha256.Sum256(f.Data)
		s.Policies = append(s.Policies, f)
	}
	s.decode()
	s.checkPolicies()
	return s
}

// Digest is the SHA-256 over names and contents of all files, in hex.
func (s *Sources) Digest() string {
	h := sha256.New()
	add := func(f File) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(f.Path)))
		h.Write(n[:])
		h.Write([]byte(f.Path))
		h.Write(f.Sum[:])
	}
	if s.Config != nil {
		add(*s.Config)
	}
	for _, f := range s.Policies {
		add(f)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// decode takes the configuration apart.
func (s *Sources) decode() {
	s.doc = new(document)
	if s.Config == nil {
		return
	}
	var err *syntaxError
	if s.doc, err = readDocument(s.Config.Data); err != nil {
		s.broken = true
		if err.bound {
			s.doc = new(document)
		}
		s.problems = append(s.problems, s.Config.problem(err))
	}
}

func (f *File) problem(err *syntaxError) Problem {
	p := Problem{Severity: Error, File: f.Path, Message: err.message}
	word, at := bareWord(f.Data, err.at)
	p.locate(f.Data, at)
	if word == "" {
		return p
	}
	p.Message, p.Suggestion = "a text needs quotes", tomlString(word)
	if t := truth(word); t != "" {
		p.Message, p.Suggestion = word+" means nothing here: it is true or false, or a text in quotes", t
	}
	return p
}

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
