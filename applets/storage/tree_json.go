package storage

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"time"
)

// writeTrees writes what encoding/json would, node by node: a machine with
// thousands of snapshots has megabytes of it, and reflecting on each node takes
// longer than reading it from the disk.
func writeTrees(w io.Writer, trees Trees) error {
	out := nodeWriter{w: w}
	out.b = append(out.b, `{"filesystems":[`...)
	for i := range trees.Filesystems {
		if i > 0 {
			out.b = append(out.b, ',')
		}
		if err := out.tree(trees.Filesystems[i]); err != nil {
			return err
		}
	}
	missing, err := encode(trees.Missing)
	if err != nil {
		return err
	}
	out.b = append(append(append(out.b, `],"missing":`...), missing...), "}\n"...)
	out.flush()
	return out.err
}

// nodeChunk is how much is written at once.
const nodeChunk = 32 << 10

// A nodeWriter writes nodes. After an error it writes nothing more.
type nodeWriter struct {
	w   io.Writer
	b   []byte
	err error
}

func (o *nodeWriter) flush() {
	if o.err == nil {
		_, o.err = o.w.Write(o.b)
	}
	o.b = o.b[:0]
}

// tree lets encoding/json write the frame, and puts the nodes into it. What
// marks their place cannot be part of a text, where quotes are escaped.
func (o *nodeWriter) tree(t Tree) error {
	roots, pending := t.Roots, t.Pending
	t.Roots, t.Pending = []*Node{}, []*Node{}
	frame, err := encode(t)
	if err != nil {
		return err
	}
	head, tail, _ := bytes.Cut(frame, []byte(`"roots":[],"pending_deletion":[],`))
	o.b = append(append(o.b, head...), `"roots":`...)
	o.nodes(roots)
	o.b = append(o.b, `,"pending_deletion":`...)
	o.nodes(pending)
	o.b = append(append(o.b, ','), tail...)
	return o.err
}

func (o *nodeWriter) nodes(list []*Node) {
	o.b = append(o.b, '[')
	for i, n := range list {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = n.appendHead(o.b)
		if o.nodes(n.Children); len(o.b) > nodeChunk {
			o.flush()
		}
		o.b = append(o.b, '}')
	}
	o.b = append(o.b, ']')
}

// appendHead appends a node up to its children.
func (n *Node) appendHead(b []byte) []byte {
	b = count(b, `{"id":`, n.ID)
	b = count(b, `,"parent":`, n.Parent)
	b = text(b, `,"path":`, n.Path)
	b = octets(b, `,"path_base64":`, n.PathRaw)
	b = text(b, `,"name":`, n.Name)
	b = octets(b, `,"name_base64":`, n.NameRaw)
	b = choiceOf(b, `,"read_only":`, n.ReadOnly)
	b = choiceOf(b, `,"snapshot":`, n.Snapshot)
	b = choiceOf(b, `,"default":`, n.Default)
	b = text(b, `,"state":`, n.State)
	b = text(b, `,"uuid":`, n.UUID)
	b = text(b, `,"parent_uuid":`, n.ParentUUID)
	b = text(b, `,"received_uuid":`, n.ReceivedUUID)
	b = count(b, `,"generation":`, n.Generation)
	b = count(b, `,"created_generation":`, n.OTransid)
	b = moment(b, `,"created":`, n.Created)
	b = moment(b, `,"received":`, n.Received)
	b = append(b, `,"reach":`...)
	b = n.appendReach(b)
	if len(n.Mounts) == 0 && n.Mounts != nil {
		b = append(b, `,"mounts":[]`...)
	} else {
		b = rare(b, `,"mounts":`, n.Mounts)
	}
	if len(n.HiddenBy) > 0 {
		b = rare(b, `,"hidden_by":`, n.HiddenBy)
	}
	b = amount(b, `,"referenced_bytes":`, n.Referenced)
	b = amount(b, `,"exclusive_bytes":`, n.Exclusive)
	b = amount(b, `,"tree_bytes":`, n.TreeBytes)
	if len(n.Over) > 0 {
		b = rare(b, `,"over_deleted":`, n.Over)
	}
	if n.Folded != 0 {
		b = append(b, `,"folded":`...)
		b = strconv.AppendInt(b, int64(n.Folded), 10)
	}
	return append(b, `,"children":`...)
}

func (n *Node) appendReach(b []byte) []byte {
	if n.Reach == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, r := range n.Reach {
		if i > 0 {
			b = append(b, ',')
		}
		b = text(b, `{"path":`, r.Path)
		b = append(octets(b, `,"path_base64":`, r.PathRaw), '}')
	}
	return append(b, ']')
}

func count(b []byte, key string, n uint64) []byte {
	return strconv.AppendUint(append(b, key...), n, 10)
}

func amount(b []byte, key string, n *uint64) []byte {
	if n == nil {
		return append(append(b, key...), "null"...)
	}
	return count(b, key, *n)
}

func choiceOf(b []byte, key string, yes *bool) []byte {
	if b = append(b, key...); yes == nil {
		return append(b, "null"...)
	}
	return strconv.AppendBool(b, *yes)
}

// text leaves what is not plain ASCII to encoding/json.
func text(b []byte, key, s string) []byte {
	out := append(append(b, key...), '"')
	out = append(append(out, s...), '"')
	if !plain(out[len(out)-1-len(s) : len(out)-1]) {
		return rare(out[:len(b)], key, s)
	}
	return out
}

// plain says that JSON has the text as it is. It looks at eight bytes at a time
// with the usual trick: subtracting one from each, after what is looked for was
// made zero, borrows into a top bit where there was a zero.
func plain(s []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; len(s) >= 8; s = s[8:] {
		w := binary.LittleEndian.Uint64(s)
		quote, slash := w^('"'*ones), w^('\\'*ones)
		if (w|(w+ones)|(w-' '*ones)|(quote-ones)|(slash-ones))&tops != 0 {
			return false
		}
	}
	for _, c := range s {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func octets(b []byte, key string, raw []byte) []byte {
	if len(raw) == 0 {
		return b
	}
	b = append(append(b, key...), '"')
	return append(base64.StdEncoding.AppendEncode(b, raw), '"')
}

func moment(b []byte, key string, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	b = append(append(b, key...), '"')
	return append(t.AppendFormat(b, time.RFC3339Nano), '"')
}

// rare is for what few nodes have, and cannot fail: texts and structures of them.
func rare(b []byte, key string, v any) []byte {
	value, _ := encode(v)
	return append(append(b, key...), value...)
}

// encode is json.Marshal that leaves < > & as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return slices.Clip(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), err
}
