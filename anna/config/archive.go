package config

import (
	"bytes"
	"compress/gzip"
	"encoding/gob"
	"fmt"
	"io"
)

// An archive is a configuration as it is kept with its receipt.
type archive struct {
	Path     string
	Missing  bool
	Config   []byte
	Policies []archived
}

type archived struct {
	Path string
	Data []byte
}

// archiveMost bounds what an archive unfolds to: all files at their largest,
// and their names.
const archiveMost = MaxFileSize + maxPoliciesSize + maxPolicyFiles*8192

// Archive is everything that was read, as it is kept: compressed, for it is
// kept often and is text.
func (s *Sources) Archive() ([]byte, error) {
	a := archive{Path: s.Path, Missing: s.Missing}
	if s.Config != nil {
		a.Config = s.Config.Data
	}
	for _, p := range s.Policies {
		a.Policies = append(a.Policies, archived{p.Path, p.Data})
	}
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err == nil {
		err = gob.NewEncoder(z).Encode(a)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("cannot keep the configuration: %w", err)
	}
	return b.Bytes(), nil
}

// Unarchive gives back what Archive kept.
func Unarchive(data []byte) (*Sources, error) {
	var a archive
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err == nil {
		err = gob.NewDecoder(io.LimitReader(z, archiveMost)).Decode(&a)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the kept configuration: %w", err)
	}
	policies := make([]File, len(a.Policies))
	for i, p := range a.Policies {
		policies[i] = File{Path: p.Path, Data: p.Data}
	}
	s := FromBytes(a.Path, a.Config, policies)
	if a.Missing {
		s.Config, s.Missing = nil, true
	}
	return s, nil
}
