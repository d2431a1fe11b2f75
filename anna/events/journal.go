package events

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"math"
	"slices"
)

// The saved state of a source lags behind the events that were accepted. So
// that a kill in between tells nothing twice, an event's record in the spool
// also says what its source has reported by it: both or neither are there.
// These changes are kept until a saved state holds them, and are put over the
// saved state at the next start.

// A change is the part of a source's state that an event moved: the new value
// of a key, as JSON, or its absence.
type change struct {
	key   string
	value json.RawMessage // nil: the key is gone
}

// A changeSink is a Sink that keeps changes; the engine.
type changeSink interface {
	// observeChanges is Observe; changes[i] belong to evs[i].
	observeChanges(evs []Event, changes [][]change) (accepted int, err error)
	// resume returns the changes of a source that its saved state may lack, and
	// keeps what it reports from now on.
	resume(source string) []change
	// lastAccepted is the number of the last accepted event.
	lastAccepted() uint64
	// forget drops the changes up to an event: a saved state holds them.
	forget(source string, upTo uint64)
}

// journalBytes bounds the changes kept of one source. They are the newest of
// each key and vanish ten times a second, so only a source whose state cannot
// be saved comes here; what finds no room may be told twice after a kill.
const journalBytes = 8 << 20

// A journal is the changes of one source, by key.
type journal struct {
	entries map[string]journalEntry
	bytes   int
}

type journalEntry struct {
	seq   uint64 // the event that brought it
	value json.RawMessage
}

const journalOverhead = 96 // of one entry, beside its text

func journalWeight(key string, value json.RawMessage) int {
	return journalOverhead + len(key) + len(value)
}

func (j *journal) put(seq uint64, c change) {
	old, known := j.entries[c.key]
	grown := journalWeight(c.key, c.value)
	if known {
		grown -= journalWeight(c.key, old.value)
	}
	if !known && j.bytes+grown > journalBytes {
		return
	}
	if j.entries == nil {
		j.entries = map[string]journalEntry{}
	}
	j.entries[c.key] = journalEntry{seq, c.value}
	j.bytes += grown
}

func (j *journal) forget(upTo uint64) {
	for key, e := range j.entries {
		if e.seq <= upTo {
			delete(j.entries, key)
			j.bytes -= journalWeight(key, e.value)
		}
	}
}

// note keeps the changes that an event brought.
func (l *ledger) note(source string, seq uint64, changes []change) {
	if len(changes) == 0 {
		return
	}
	j := l.journals[source]
	if j == nil {
		j = &journal{}
		l.journals[source] = j
	}
	for _, c := range changes {
		j.put(seq, c)
	}
}

func (l *ledger) forget(source string, upTo uint64) {
	if j := l.journals[source]; j != nil {
		if j.forget(upTo); len(j.entries) == 0 {
			delete(l.journals, source)
		}
	}
}

func (e *Engine) resume(source string) []change {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.resumed[source] = true
	var list []change
	if j := e.ledger.journals[source]; j != nil {
		for _, key := range slices.Sorted(maps.Keys(j.entries)) {
			list = append(list, change{key, j.entries[key].value})
		}
	}
	return list
}

func (e *Engine) lastAccepted() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ledger.lastSeq
}

// forget does not hurry its record to the disk: put over a state that holds it
// already, a change changes nothing.
func (e *Engine) forget(source string, upTo uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ledger.journals[source] == nil {
		return
	}
	e.ledger.forget(source, upTo)
	if e.spool != nil && !e.closed {
		e.buffer = appendForgetRecord(e.buffer, source, upTo)
		e.unwritten = true
	}
}

func appendChanges(b []byte, changes []change) []byte {
	b = binary.AppendUvarint(b, uint64(len(changes)))
	for _, c := range changes {
		b = appendValue(appendString(b, c.key), c.value)
	}
	return b
}

func appendValue(b []byte, v json.RawMessage) []byte {
	b = appendBool(b, v != nil)
	if v != nil {
		b = appendString(b, string(v))
	}
	return b
}

func (d *decoder) value() json.RawMessage {
	if !d.bool() {
		return nil
	}
	return json.RawMessage(d.string())
}

func (d *decoder) changes() []change {
	n := d.count(2)
	list := make([]change, n)
	for i := range list {
		list[i] = change{d.string(), d.value()}
	}
	return list
}

// appendForgetRecord is the step ledger.forget.
func appendForgetRecord(b []byte, source string, upTo uint64) []byte {
	b, start := begin(b)
	return seal(binary.AppendUvarint(appendString(append(b, recordForget), source), upTo), start)
}

func (l *ledger) applyForget(d *decoder) {
	source, upTo := d.string(), d.uint()
	if d.err == nil {
		l.forget(source, upTo)
	}
}

// appendJournals is the end of a checkpoint.
func appendJournals(b []byte, journals map[string]*journal) []byte {
	b = binary.AppendUvarint(b, uint64(len(journals)))
	for source, j := range journals {
		b = appendString(b, source)
		b = binary.AppendUvarint(b, uint64(len(j.entries)))
		for key, e := range j.entries {
			b = binary.AppendUvarint(appendString(b, key), e.seq)
			b = appendValue(b, e.value)
		}
	}
	return b
}

func (d *decoder) journals() map[string]*journal {
	all := map[string]*journal{}
	for range d.count(2) {
		source, j := d.string(), &journal{}
		for range d.count(3) {
			key, seq := d.string(), d.uint()
			value := d.value()
			if d.err == nil {
				j.put(seq, change{key, value})
			}
		}
		if len(j.entries) > 0 {
			all[source] = j
		}
	}
	return all
}

// allOf is an upTo that forgets everything.
const allOf = math.MaxUint64
