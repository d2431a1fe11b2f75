package events

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"
)

// A Domain is the part of the machine that an event belongs to.
type Domain string

// The domains, in the order in which they are listed.
const (
	Packages Domain = "packages"
	Config   Domain = "config"
	Devices  Domain = "devices"
	Network  Domain = "network"
	Storage  Domain = "storage"
	Kernel   Domain = "kernel"
)

const domainCount = 6

var domains = [domainCount]Domain{Packages, Config, Devices, Network, Storage, Kernel}

// Domains lists every domain.
func Domains() []Domain { return slices.Clone(domains[:]) }

// Valid says whether d is one of the six.
func (d Domain) Valid() bool { return d.index() >= 0 }

func (d Domain) index() int { return slices.Index(domains[:], d) }

// Bounds on the text of one event. Kind and Source are words of the program
// and are refused when longer; what comes from outside is cut (see [Event]).
const (
	MaxWord       = 64   // bytes of Kind, Source and attribute names
	MaxSubject    = 4096 // bytes: a path (PATH_MAX)
	MaxDetail     = 1024 // bytes
	MaxAttributes = 32
	MaxAttribute  = 1024 // bytes of an attribute's value
)

// An Event is one thing that happened. Its JSON form crosses the socket and is
// stored: names are stable. No field carries file contents.
//
// Subject, Detail and attribute values longer than their bounds are cut at a
// character and end in "…".
type Event struct {
	// Seq numbers accepted events from 1, without gaps, over all restarts. The
	// engine gives it.
	Seq uint64 `json:"seq"`
	// Domain is the part of the machine.
	Domain Domain `json:"domain"`
	// Kind says what happened in one lower-case word: "changed", "mounted".
	Kind string `json:"kind"`
	// Subject is what it happened to: a path, an interface, a package.
	Subject string `json:"subject"`
	// Detail is one sentence part for people.
	Detail string `json:"detail,omitempty"`
	// Attributes is the same for programs.
	Attributes map[string]string `json:"attributes,omitempty"`
	// Source is the listener that saw it.
	Source string `json:"source"`
	// Time is when it was seen, UTC. The engine fills in the present.
	Time time.Time `json:"time"`
	// CatchUp marks what was found by comparing with an earlier state (after a
	// start or an overflow): it happened at some time before Time.
	CatchUp bool `json:"catch_up,omitempty"`
}

// ErrInvalid is the cause of every refusal of an event that could never be
// accepted. Such an event is a defect of its source; it is not counted as
// observed.
var ErrInvalid = errors.New("invalid event")

// normalize checks ev and cuts what is too long.
func (ev *Event) normalize(now time.Time) error {
	switch {
	case !ev.Domain.Valid():
		return fmt.Errorf("%w: unknown domain %q", ErrInvalid, ev.Domain)
	case ev.Kind == "" || len(ev.Kind) > MaxWord:
		return fmt.Errorf("%w: kind of %d bytes", ErrInvalid, len(ev.Kind))
	case len(ev.Source) > MaxWord:
		return fmt.Errorf("%w: source of %d bytes", ErrInvalid, len(ev.Source))
	case len(ev.Attributes) > MaxAttributes:
		return fmt.Errorf("%w: %d attributes", ErrInvalid, len(ev.Attributes))
	}
	ev.Subject = cut(ev.Subject, MaxSubject)
	ev.Detail = cut(ev.Detail, MaxDetail)
	cloned := false
	for name, value := range ev.Attributes {
		if len(name) > MaxWord {
			return fmt.Errorf("%w: attribute name of %d bytes", ErrInvalid, len(name))
		}
		if len(value) > MaxAttribute {
			if !cloned { // the map is the caller's until the event is accepted
				ev.Attributes, cloned = maps.Clone(ev.Attributes), true
			}
			ev.Attributes[name] = cut(value, MaxAttribute)
		}
	}
	if ev.Time.IsZero() {
		ev.Time = now
	}
	ev.Time = ev.Time.UTC()
	return nil
}

// cut shortens s to at most limit bytes, at a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const ellipsis = "…"
	end := limit - len(ellipsis)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}
