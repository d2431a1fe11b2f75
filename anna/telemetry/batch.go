package telemetry

import (
	"maps"
	"slices"
)

// A batch is what waits for a commit.
type batch struct {
	number int64 // ascending; the database knows the last one that it took

	events  []Event
	samples []sampleRow
	records map[string]record // the last of each key

	durable bool  // something in it must outlast a power cut
	bytes   int64 // about what all that takes in memory
}

// sampleRow is one row of the samples table, by the name of its series.
type sampleRow struct {
	series string
	Sample
}

// record is a row that replaces the one of the same key.
type record struct {
	key   string // table/key
	sql   string
	args  []any
	value any // what queries see: Finding, Generation ...
	size  int64
}

const rowBytes = 112 // what a row takes beside its strings

func newBatch(number int64) *batch { return &batch{number: number, records: map[string]record{}} }

func (b *batch) rows() int { return len(b.events) + len(b.samples) + len(b.records) }

func (e Event) size() int64 { return rowBytes + int64(len(e.Domain)+len(e.Data)) }

func (b *batch) addEvent(e Event) {
	b.events = append(b.events, e)
	b.bytes += e.size()
}

func (b *batch) addSample(r sampleRow) {
	b.samples = append(b.samples, r)
	b.bytes += rowBytes // the name is shared with the series
}

func (b *batch) put(r record) {
	b.bytes += r.size - b.records[r.key].size
	b.records[r.key] = r
}

// prepend puts the content of an older batch, whose commit failed, back in
// front.
func (b *batch) prepend(old *batch) {
	b.events = append(old.events, b.events...)
	b.samples = append(old.samples, b.samples...)
	for key, r := range old.records {
		if _, newer := b.records[key]; newer {
			old.bytes -= r.size
			continue
		}
		b.records[key] = r
	}
	b.bytes += old.bytes
	b.durable = b.durable || old.durable
}

type losses struct{ samples, events, records uint64 }

// trim gives up rows until the batch takes no more than most bytes, and some
// more, so that not every row that follows has to trim again.
func (b *batch) trim(most int64) losses {
	var lost losses
	if b.bytes <= most {
		return lost
	}
	goal := most - most/8
	n := 0
	for ; n < len(b.samples) && b.bytes > goal; n++ {
		b.bytes -= rowBytes
	}
	b.samples, lost.samples = slices.Delete(b.samples, 0, n), uint64(n)
	n = 0
	for ; n < len(b.events) && b.bytes > goal; n++ {
		b.bytes -= b.events[n].size()
	}
	b.events, lost.events = slices.Delete(b.events, 0, n), uint64(n)
	for _, key := range slices.Sorted(maps.Keys(b.records)) {
		if b.bytes <= goal {
			break
		}
		b.bytes -= b.records[key].size
		delete(b.records, key)
		lost.records++
	}
	return lost
}
