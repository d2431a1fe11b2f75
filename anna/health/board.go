package health

import "sync"

// keptChanges is how many changes a board remembers for followers that were
// away for a moment.
const keptChanges = 64

// A Board is where the newest state hangs, for any number of readers, and where
// followers wait for changes.
type Board struct {
	mu      sync.Mutex
	state   State
	changes []Change
	last    uint64
	more    chan struct{}
}

// NewBoard returns a board on which nothing is wrong.
func NewBoard() *Board {
	return &Board{state: State{Findings: []Finding{}, Checks: []Result{}}, more: make(chan struct{})}
}

// Post hangs up a state and what changed to it.
func (b *Board) Post(s State, changes []Change) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = s
	if len(changes) == 0 {
		return
	}
	b.changes = append(b.changes, changes...)
	b.changes = b.changes[max(0, len(b.changes)-keptChanges):]
	b.last = changes[len(changes)-1].Number
	close(b.more)
	b.more = make(chan struct{})
}

// State is the newest state. Its parts are not to be changed.
func (b *Board) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// Since returns the changes after a number, the number of the newest, and what
// is closed when there are more.
func (b *Board) Since(number uint64) (changes []Change, last uint64, more <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.changes {
		if c.Number > number {
			changes = append(changes, c)
		}
	}
	return changes, b.last, b.more
}
