package events

import (
	"strings"
	"testing"
)

// A line longer than the reader's buffer arrives in pieces: the later ones must
// not be taken for its beginning.
func TestPackagesLongLines(t *testing.T) {
	// A field fills one whole buffer, so that what follows is a piece of its own.
	full := func(field string) string { return field + strings.Repeat("x", 64<<10-len(field)) }
	for name, rest := range map[string]string{
		"without a colon":         strings.Repeat("y", 100<<10),
		"that looks like a field": "Version: 6.6 6",
		"that looks like another": "V:6.6 6",
	} {
		t.Run(name, func(t *testing.T) {
			p := &dpkgParser{found: map[string]dpkgPackage{}, words: map[string]string{}}
			text := "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n" + full("Depends: ") + rest + "\n\n" + stanza("b", "2", "install ok installed")
			if err := p.parse(strings.NewReader(text)); err != nil {
				t.Errorf("dpkg: %v", err)
			}
			if all := p.packages("all"); len(all) != 2 || all["a"].Version != "1" {
				t.Errorf("dpkg: %v", all)
			}
			all, err := parseInstalled(strings.NewReader("P:a\nV:1\n" + full("D:") + rest + "\n\nP:b\nV:2\n\n"))
			if err != nil || len(all) != 2 || all["a"].Version != "1" {
				t.Errorf("apk: %v, %v", all, err)
			}
		})
	}
}
