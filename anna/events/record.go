package events

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"
)

// The records of the spool. Each is the step of the ledger that it repeats.
const (
	recordCheckpoint byte = 'C' // the whole ledger; the first of every segment
	recordEvent      byte = 'E' // accept and note
	recordDrop       byte = 'X' // drop
	recordTake       byte = 'T' // take
	recordDone       byte = 'D' // done
	recordForget     byte = 'F' // forget
)

// recordHeader is the length and the checksum (CRC-32C of the payload, RFC
// 3720 appendix B.4), both little-endian.
const recordHeader = 8

// maxRecord bounds a payload: a checkpoint of a full queue with the widest
// settings and a full history stays below it.
const maxRecord = 64 << 20

// castagnoli is made by the first who writes or reads a spool: a client, which
// does neither, is to start at once.
var castagnoli = sync.OnceValue(func() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) })

// begin makes room for a header; seal fills it in when the payload is there.
func begin(b []byte) ([]byte, int) {
	return append(b, make([]byte, recordHeader)...), len(b)
}

func seal(b []byte, start int) []byte {
	payload := b[start+recordHeader:]
	binary.LittleEndian.PutUint32(b[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[start+4:], crc32.Checksum(payload, castagnoli()))
	return b
}

func appendEventRecord(b []byte, ev *Event, changes []change) []byte {
	b, start := begin(b)
	b = appendEvent(append(b, recordEvent), ev)
	return seal(appendChanges(b, changes), start)
}

func appendDropRecord(b []byte, domain int, n uint64) []byte {
	b, start := begin(b)
	return seal(binary.AppendUvarint(append(b, recordDrop, byte(domain)), n), start)
}

func appendTakeRecord(b []byte, domain int, number uint64) []byte {
	b, start := begin(b)
	return seal(binary.AppendUvarint(append(b, recordTake, byte(domain)), number), start)
}

func appendDoneRecord(b []byte, number uint64, failed bool) []byte {
	b, start := begin(b)
	b = binary.AppendUvarint(append(b, recordDone), number)
	return seal(appendBool(b, failed), start)
}

func appendCheckpointRecord(b []byte, l *ledger) []byte {
	b, start := begin(b)
	b = append(b, recordCheckpoint)
	for _, n := range []uint64{l.lastSeq, l.lastNumber, l.observed, l.processed, l.merged, l.failed, l.lost} {
		b = binary.AppendUvarint(b, n)
	}
	for _, n := range l.dropped {
		b = binary.AppendUvarint(b, n)
	}
	b = appendBool(b, l.inflight != nil)
	if l.inflight != nil {
		b = appendComposite(b, l.inflight)
	}
	for i := range l.waiting {
		b = appendBool(b, l.waiting[i].Count > 0)
		if l.waiting[i].Count > 0 {
			b = appendComposite(b, &l.waiting[i].Composite)
		}
	}
	b = binary.AppendUvarint(b, uint64(l.history.count))
	for i := range l.history.count {
		b = appendEvent(b, l.history.at(l.history.first+uint64(i)))
	}
	return seal(appendJournals(b, l.journals), start)
}

// apply repeats one record on l. A record that does not fit the ledger (its
// partner was damaged) changes nothing and is an error.
func (l *ledger) apply(payload []byte) error {
	d := decoder{b: payload}
	switch kind := d.byte(); kind {
	case recordCheckpoint:
		return l.applyCheckpoint(&d)
	case recordEvent:
		ev, changes := d.event(), d.changes()
		if d.err == nil && (ev.Kind == "" || ev.Seq <= l.lastSeq) {
			d.fail("an event out of order")
		}
		if d.err == nil {
			l.accept(&ev)
			l.note(ev.Source, ev.Seq, changes)
		}
	case recordDrop:
		domain, n := d.domain().index(), d.uint()
		if d.err == nil {
			l.drop(domain, n)
		}
	case recordTake:
		domain, number := d.domain().index(), d.uint()
		if d.err == nil && (l.inflight != nil || l.waiting[domain].Count == 0 || number <= l.lastNumber) {
			d.fail("a composite taken out of order")
		}
		if d.err == nil {
			l.take(domain, number)
		}
	case recordDone:
		number, failed := d.uint(), d.bool()
		if d.err == nil && (l.inflight == nil || l.inflight.Number != number) {
			d.fail("a composite done that was not taken")
		}
		if d.err == nil {
			l.done(failed)
		}
	case recordForget:
		l.applyForget(&d)
	default:
		d.fail(fmt.Sprintf("unknown kind %#x", kind))
	}
	return d.err
}

func (l *ledger) applyCheckpoint(d *decoder) error {
	fresh := newLedger(len(l.history.items))
	for _, n := range []*uint64{
		&fresh.lastSeq, &fresh.lastNumber, &fresh.observed, &fresh.processed,
		&fresh.merged, &fresh.failed, &fresh.lost,
	} {
		*n = d.uint()
	}
	for i := range fresh.dropped {
		fresh.dropped[i] = d.uint()
	}
	if d.bool() {
		c := d.composite()
		if d.err == nil && c.Count == 0 {
			d.fail("an empty composite")
		}
		fresh.inflight, fresh.held, fresh.heldSize = &c, len(c.Causes), c.weight()
	}
	for i := range fresh.waiting {
		if !d.bool() {
			continue
		}
		c := d.composite()
		if d.err == nil && (c.Count == 0 || c.Domain.index() != i) {
			d.fail("a composite of another domain")
		}
		g := &fresh.waiting[i]
		g.restore(c)
		fresh.causes += len(c.Causes)
		fresh.bytes += g.bytes
	}
	for range d.count(minEvent) {
		ev := d.event()
		if d.err == nil {
			fresh.history.push(ev.Seq, ev)
		}
	}
	fresh.journals = d.journals()
	if d.err == nil && fresh.observed != fresh.processed+fresh.merged+fresh.pending()+fresh.droppedTotal() {
		d.fail("counts that do not add up")
	}
	if d.err == nil {
		*l = *fresh
	}
	return d.err
}

// minEvent is the fewest bytes that one encoded event takes.
const minEvent = 9
