package config

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
)

// DefaultPath is where the configuration is looked for.
const DefaultPath = "/etc/anna/config.toml"

// What is read at most.
const (
	MaxFileSize     = 1 << 20 // bytes of one file
	maxPolicyFiles  = 256
	maxPoliciesSize = 4 << 20 // bytes of all policies together
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

// problem is an error of the file's TOML, in plain words where it is a text
// without quotes.
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
