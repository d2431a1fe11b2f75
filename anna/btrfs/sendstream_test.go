package btrfs

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func sendStream(commands ...[]byte) []byte {
	b := append([]byte(sendMagic), 1, 0, 0, 0)
	return append(b, bytes.Join(commands, nil)...)
}

func sendCommand(kind uint16, attrs ...any) []byte {
	var body []byte
	for i := 0; i < len(attrs); i += 2 {
		value, ok := attrs[i+1].(string)
		if !ok {
			value = string(le.AppendUint64(nil, uint64(attrs[i+1].(int))))
		}
		body = le.AppendUint16(body, uint16(attrs[i].(int)))
		body = le.AppendUint16(body, uint16(len(value)))
		body = append(body, value...)
	}
	b := le.AppendUint32(nil, uint32(len(body)))
	b = le.AppendUint16(b, kind)
	return append(append(b, 0, 0, 0, 0), body...)
}

func TestSendReader(t *testing.T) {
	r := NewSendReader(bytes.NewReader(sendStream(
		sendCommand(SendMkfile, sendAttrPath, "o258-7-0", sendAttrIno, 258),
		sendCommand(SendRename, sendAttrPath, "o258-7-0", sendAttrPathTo, "dir/name"),
		sendCommand(SendLink, sendAttrPath, "again", sendAttrPathLink, "dir/name"),
		sendCommand(SendEnd),
	)))
	for _, want := range []SendCommand{
		{Kind: SendMkfile, Ino: 258, Path: []byte("o258-7-0")},
		{Kind: SendRename, Path: []byte("o258-7-0"), To: []byte("dir/name")},
		{Kind: SendLink, Path: []byte("again"), Link: []byte("dir/name")},
	} {
		c, err := r.Next()
		if err != nil || c.Kind != want.Kind || c.Ino != want.Ino || !bytes.Equal(c.Path, want.Path) ||
			!bytes.Equal(c.To, want.To) || !bytes.Equal(c.Link, want.Link) {
			t.Errorf("%+v, %v; want %+v", c, err, want)
		}
	}
	if c, err := r.Next(); !errors.Is(err, io.EOF) || c.Kind != SendEnd {
		t.Errorf("%+v, %v at the end", c, err)
	}
}

// TestSendReaderDamaged: a stream that is cut anywhere does not look complete.
func TestSendReaderDamaged(t *testing.T) {
	whole := sendStream(sendCommand(SendUnlink, sendAttrPath, "a"), sendCommand(SendEnd))
	for n := range whole {
		r := NewSendReader(bytes.NewReader(whole[:n]))
		var err error
		for err == nil {
			_, err = r.Next()
		}
		if errors.Is(err, io.EOF) {
			t.Errorf("cut after %d bytes, it ends well", n)
		}
	}
	if _, err := NewSendReader(bytes.NewReader([]byte("not at all a stream"))).Next(); !errors.Is(err, ErrNotSendStream) {
		t.Error(err)
	}
	huge := sendStream([]byte{0xff, 0xff, 0xff, 0xff, 3, 0, 0, 0, 0, 0})
	if _, err := NewSendReader(bytes.NewReader(huge)).Next(); err == nil {
		t.Error("a command of 4 GiB was read")
	}
}

// FuzzSendStream reads anything as a stream.
func FuzzSendStream(f *testing.F) {
	f.Add(sendStream(sendCommand(SendMkdir, sendAttrPath, "d", sendAttrIno, 300), sendCommand(SendEnd)))
	f.Add(sendStream(sendCommand(SendRename, sendAttrPath, "a", sendAttrPathTo, "b")))
	f.Add([]byte(sendMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewSendReader(bytes.NewReader(b))
		for n := 0; ; n++ {
			c, err := r.Next()
			if err != nil {
				return
			}
			if n > len(b) || len(c.Path)+len(c.To)+len(c.Link) > len(b) {
				t.Fatal("more than there is")
			}
		}
	})
}

// FuzzFileItems decodes anything as what belongs to files.
func FuzzFileItems(f *testing.F) {
	f.Add(make([]byte, 53))
	f.Add(make([]byte, 21))
	f.Add(append(make([]byte, 20), 1))
	f.Add(append(make([]byte, 16), 3, 0, 'a', 'b', 'c'))
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := ParseFileExtent(b); err == nil && len(e.Inline) > len(b) {
			t.Error("inline data longer than the item")
		}
		if r, n, err := ParseInodeExtref(b); err == nil && (n > len(b) || len(r.Name) > n) {
			t.Errorf("%d of %d bytes", n, len(b))
		}
		_, _ = ParseUUIDItem(b)
	})
}

// TestNameHash: hashes that dump-tree shows for known names.
func TestNameHash(t *testing.T) {
	if h := NameHash([]byte("default")); h != 2378154706 {
		t.Errorf("hash of default is %d", h)
	}
}
