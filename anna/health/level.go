package health

import "fmt"

// A Level says how bad something is. The zero Level is OK; levels are ordered,
// so that the worst of several is their maximum.
type Level int

// The levels. Unknown stands below Warning: what could not be checked is no
// trouble by itself, and it is not health either.
const (
	OK Level = iota
	Unknown
	Warning
	Critical
)

var levelNames = [...]string{"ok", "unknown", "warning", "critical"}

// String is the level's word, as JSON and screens show it.
func (l Level) String() string {
	if l < OK || l > Critical {
		return fmt.Sprintf("Level(%d)", int(l))
	}
	return levelNames[l]
}

// MarshalText writes the level's word.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a level's word.
func (l *Level) UnmarshalText(text []byte) error {
	for i, name := range levelNames {
		if name == string(text) {
			*l = Level(i)
			return nil
		}
	}
	return fmt.Errorf("cannot read the level %q: it is none of %v", text, levelNames)
}

// Exit is the exit status that tells the level to a script: 0 for ok and for
// unknown, 3 for warning, 4 for critical.
func (l Level) Exit() int {
	switch l {
	case Warning:
		return 3
	case Critical:
		return 4
	}
	return 0
}

// Worst returns the worst of the levels; OK when there are none.
func Worst(levels ...Level) Level {
	worst := OK
	for _, l := range levels {
		worst = max(worst, l)
	}
	return worst
}
