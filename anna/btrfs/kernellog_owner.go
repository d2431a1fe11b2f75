package btrfs

import (
	"maps"
	"strings"
)

const (
	firstMount  = "first mount of filesystem "
	lastUnmount = "last unmount of filesystem "
)

// A LogOwner knows which file system a line of the kernel's log is about. The
// log names a device alone, which had another file system maybe before it had
// the one that it has now: mounts and unmounts say whose it was. They are left
// out as other lines are, so that a line may be nobody's. The zero one knows
// nothing; it serves one goroutine.
type LogOwner struct {
	mounted map[string]UUID // by device, what was mounted last and is not unmounted
	unsure  map[string]UUID // what it has in truth, as was seen when lines were read
}

// Owned is a line with the file system that it is about.
type Owned struct {
	LogLine
	FS UUID
}

// Own finds the file systems of lines, which go on where those before ended. now
// finds the one that a device has at the moment, for what the log does not say;
// zero for none. Left out are the lines of which nobody can say, and those that
// wanted has no use for.
func (o *LogOwner) Own(lines []LogLine, wanted func(text string) bool, now func(device string) UUID) (out []Owned) {
	if o.mounted == nil {
		o.mounted = map[string]UUID{}
	}
	o.unsure = map[string]UUID{}
	after := changes(lines)
	for i, l := range lines {
		if id, mounts, ok := change(l.Text); ok {
			delete(o.mounted, l.Device)
			if mounts {
				o.mounted[l.Device] = id
			}
			continue
		}
		if !wanted(l.Text) {
			continue
		}
		id := o.mounted[l.Device]
		switch next := after[i]; {
		case next.unmounts && id == UUID{}:
			id = next.id
		case next.unmounts && id != next.id: // in between a mount is left out
			id = UUID{}
		case !next.known:
			id = o.atLast(l.Device, now(l.Device))
		}
		if id != (UUID{}) {
			out = append(out, Owned{l, id})
		}
	}
	maps.Copy(o.mounted, o.unsure)
	return out
}

// atLast is the file system of a device's last lines. One that is not what the
// device has now was replaced by it in between, or before them: the lines that say
// so were left out.
func (o *LogOwner) atLast(device string, now UUID) UUID {
	id := o.mounted[device]
	switch {
	case id == UUID{}:
		return now
	case now == UUID{}, now == id:
		return id
	}
	o.unsure[device] = now
	return UUID{}
}

// A nextChange is what a device does next after a line.
type nextChange struct {
	known    bool // it is mounted or unmounted
	unmounts bool
	id       UUID
}

// changes are, by line, what its device does next.
func changes(lines []LogLine) []nextChange {
	out := make([]nextChange, len(lines))
	next := map[string]nextChange{}
	for i := len(lines) - 1; i >= 0; i-- {
		l := lines[i]
		out[i] = next[l.Device]
		if id, mounts, ok := change(l.Text); ok {
			next[l.Device] = nextChange{true, !mounts, id}
		}
	}
	return out
}

// change understands the line of a mount or an unmount (fs/btrfs/disk-io.c,
// since Linux 6.0).
func change(text string) (id UUID, mounts, ok bool) {
	word, mounts := strings.CutPrefix(text, firstMount)
	if !mounts {
		if word, ok = strings.CutPrefix(text, lastUnmount); !ok {
			return UUID{}, false, false
		}
	}
	id, err := ParseUUID(strings.TrimSpace(word))
	return id, mounts, err == nil
}
