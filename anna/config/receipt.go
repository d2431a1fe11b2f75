package config

import (
	"bytes"
	"compress/gzip"
	"encoding/gob"
	"fmt"
	"io"
	"time"
)

// An Outcome is how an attempt to load a configuration ended.
type Outcome string

// The outcomes.
const (
	Applied   Outcome = "applied"   // a new generation holds
	Unchanged Outcome = "unchanged" // it says what already holds
	Rejected  Outcome = "rejected"  // the old one holds on
	Restored  Outcome = "restored"  // a start from the last good one, for the file is invalid
)

// A Receipt is what became of one attempt to load a configuration. It is
// stored and crosses the socket.
type Receipt struct {
	ID         int64     `json:"id"` // ascending, one for each attempt
	Time       time.Time `json:"time"`
	Origin     string    `json:"origin"`        // start, signal, watch, rpc
	UID        *int      `json:"uid,omitempty"` // of the caller, with rpc
	Path       string    `json:"path"`
	Digest     string    `json:"digest"` // SHA-256 of what was read, in hex
	Outcome    Outcome   `json:"outcome"`
	Generation uint64    `json:"generation"` // in force afterwards
	Changes    []Change  `json:"changes"`
	// Waiting are the keys whose new value holds only after a restart, of this
	// reload and of those before.
	Waiting    []Change  `json:"waiting_for_restart"`
	Problems   []Problem `json:"problems"`
	DurationMS float64   `json:"duration_ms"`
	Before     *Vitals   `json:"before,omitempty"`
	After      *Vitals   `json:"after,omitempty"`
}

// Vitals are how the daemon was at one moment.
type Vitals struct {
	Level     string   `json:"level"`    // of health: ok, warning, critical
	Findings  int      `json:"findings"` // raised
	MemoryMB  *float64 `json:"memory_mb"`
	RPCP99MS  *float64 `json:"rpc_p99_ms"`
	QueueWait uint64   `json:"queue_depth"`
	Modules   int      `json:"modules_active"`
}

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
const archiveMost = MaxFileSize + MaxPoliciesSize + MaxPolicyFiles*8192

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
