package events

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// errCodec is the cause of every failure to decode a record whose checksum was
// right: another version wrote it, or somebody forged it.
var errCodec = errors.New("malformed record")

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.AppendVarint(b, t.UnixNano())
}

func appendAttributes(b []byte, attributes map[string]string) []byte {
	b = binary.AppendUvarint(b, uint64(len(attributes)))
	for k, v := range attributes {
		b = appendString(appendString(b, k), v)
	}
	return b
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendEvent(b []byte, ev *Event) []byte {
	b = binary.AppendUvarint(b, ev.Seq)
	b = append(b, byte(ev.Domain.index()))
	b = appendBool(b, ev.CatchUp)
	b = appendTime(b, ev.Time)
	b = appendString(b, ev.Kind)
	b = appendString(b, ev.Subject)
	b = appendString(b, ev.Source)
	b = appendString(b, ev.Detail)
	return appendAttributes(b, ev.Attributes)
}

func appendComposite(b []byte, c *Composite) []byte {
	b = binary.AppendUvarint(b, c.Number)
	b = append(b, byte(c.Domain.index()))
	b = binary.AppendUvarint(b, uint64(len(c.Causes)))
	for i := range c.Causes {
		cause := &c.Causes[i]
		b = appendString(b, cause.Kind)
		b = appendString(b, cause.Subject)
		b = appendString(b, cause.Source)
		b = appendBool(b, cause.CatchUp)
		b = appendString(b, cause.Detail)
		b = appendAttributes(b, cause.Attributes)
		b = binary.AppendUvarint(b, cause.Count)
		b = binary.AppendUvarint(b, cause.FirstSeq)
		b = binary.AppendUvarint(b, cause.LastSeq)
		b = appendTime(b, cause.FirstTime)
		b = appendTime(b, cause.LastTime)
	}
	return b
}

// A decoder reads what the append functions wrote. After the first error it
// returns zero values; every count is held
// against the bytes that are left, so that what it allocates stays in proportion
// to its input.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", errCodec, what)
	}
	d.b = nil
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail("it ends early")
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) uint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("bad number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads the length of a list whose items take at least size bytes each.
func (d *decoder) count(size int) int {
	v := d.uint()
	if v > uint64(len(d.b)/size) {
		d.fail("a list longer than the record")
		return 0
	}
	return int(v)
}

func (d *decoder) string() string {
	n := d.count(1)
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *decoder) bool() bool {
	v := d.byte()
	if v > 1 {
		d.fail("bad flag")
	}
	return v == 1
}

func (d *decoder) time() time.Time {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail("bad time")
		return time.Time{}
	}
	d.b = d.b[n:]
	return time.Unix(0, v).UTC()
}

func (d *decoder) domain() Domain {
	i := d.byte()
	if int(i) >= domainCount {
		d.fail("unknown domain")
		return domains[0]
	}
	return domains[i]
}

func (d *decoder) attributes() map[string]string {
	n := d.count(2)
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n)
	for range n {
		k := d.string()
		m[k] = d.string()
	}
	return m
}

func (d *decoder) event() Event {
	return Event{
		Seq: d.uint(), Domain: d.domain(), CatchUp: d.bool(), Time: d.time(), Kind: d.string(),
		Subject: d.string(), Source: d.string(), Detail: d.string(), Attributes: d.attributes(),
	}
}

// minCause is the fewest bytes that one encoded cause takes.
const minCause = 11

// composite works out the sums from the causes instead of trusting them twice.
func (d *decoder) composite() Composite {
	c := Composite{Number: d.uint(), Domain: d.domain()}
	n := d.count(minCause)
	if n > 0 {
		c.Causes = make([]Cause, n)
	}
	seen := make(map[causeKey]bool, n)
	for i := range c.Causes {
		cause := &c.Causes[i]
		*cause = Cause{
			Kind: d.string(), Subject: d.string(), Source: d.string(), CatchUp: d.bool(),
			Detail: d.string(), Attributes: d.attributes(), Count: d.uint(),
			FirstSeq: d.uint(), LastSeq: d.uint(), FirstTime: d.time(), LastTime: d.time(),
		}
		switch {
		case d.err != nil:
			return Composite{}
		case cause.Count == 0 || seen[cause.key()] || c.Count > math.MaxUint64-cause.Count:
			d.fail("a cause that cannot be")
			return Composite{}
		}
		seen[cause.key()] = true
		if c.Count == 0 {
			c.FirstSeq, c.FirstTime = cause.FirstSeq, cause.FirstTime
		}
		c.Count += cause.Count
		if cause.LastSeq >= c.LastSeq {
			c.LastSeq, c.LastTime = cause.LastSeq, cause.LastTime
		}
	}
	return c
}
