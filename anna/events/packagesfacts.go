package events

import (
	"slices"
	"strings"
)

// PackageFacts are the packages that the last look found. They are not to be
// changed.
type PackageFacts struct {
	Managers []string
	// Versions are those of the packages that are there, by name; of two
	// managers, the first one's.
	Versions map[string]string
	// Broken are packages that are neither installed nor gone.
	Broken []string
	// Whole: of one manager (rpm) nothing but that it is there is known.
	Whole bool
}

// Facts returns what the last look found; nil before the first. It is the same
// pointer for as long as nothing changed.
func (s *PackagesSource) Facts() *PackageFacts { return s.facts.Load() }

// publish puts what was reported on show.
func (s *PackagesSource) publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := &PackageFacts{Managers: slices.Clone(s.scope), Versions: make(map[string]string, len(s.reported))}
	slices.Sort(f.Managers)
	for key, p := range s.reported {
		manager, name, _ := strings.Cut(key, "/")
		switch {
		case manager == rpmName:
			f.Whole = true
			continue
		case !p.present():
			continue
		case p.State != "":
			f.Broken = append(f.Broken, name)
		}
		if _, twice := f.Versions[name]; !twice || manager == f.Managers[0] {
			f.Versions[name] = p.Version
		}
	}
	slices.Sort(f.Broken)
	s.facts.Store(f)
}
