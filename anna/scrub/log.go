package scrub

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A Log knows which file system's scrubs the lines of the kernel's log are about.
type Log struct {
	owner map[string]btrfs.UUID
	marks map[btrfs.UUID][]Mark
}

// NewLog makes one that knows nothing.
func NewLog() *Log { return &Log{owner: map[string]btrfs.UUID{}, marks: map[btrfs.UUID][]Mark{}} }

// Marks are those of a file system that the log has, in its order.
func (l *Log) Marks(id btrfs.UUID) []Mark { return l.marks[id] }

// mostMarks bounds what is kept of one file system: fewer runs than are stored,
// so that what is read again is known again.
const mostMarks = 256

const (
	firstMount  = "first mount of filesystem "
	lastUnmount = "last unmount of filesystem "
)

// Add takes in lines, in order. known finds the file system of a device whose
// mount the log no longer shows; the zero UUID when it does not know either.
func (l *Log) Add(lines []btrfs.LogLine, known func(device string) btrfs.UUID) {
	// A device that is mounted in the log had, before that, another file system
	// maybe than it has now.
	mounted := map[string]int{}
	for i, line := range lines {
		if strings.HasPrefix(line.Text, firstMount) {
			mounted[line.Device] = i
		}
	}
	for i, line := range lines {
		if word, ok := strings.CutPrefix(line.Text, firstMount); ok {
			if id, err := btrfs.ParseUUID(strings.TrimSpace(word)); err == nil {
				l.owner[line.Device] = id
			}
			continue
		}
		if strings.HasPrefix(line.Text, lastUnmount) {
			delete(l.owner, line.Device)
			continue
		}
		device, outcome, detail, ok := parseLine(line.Text)
		if !ok {
			continue
		}
		id, named := l.owner[line.Device]
		if at, later := mounted[line.Device]; !named && !(later && at > i) {
			id = known(line.Device)
		}
		if id != (btrfs.UUID{}) {
			marks := append(l.marks[id], Mark{
				Boot: line.Boot, Clock: line.Clock, At: line.At, Early: line.Early, Late: line.Late,
				Device: device, Outcome: outcome, Detail: detail,
			})
			l.marks[id] = marks[max(0, len(marks)-mostMarks):]
		}
	}
}

// parseLine understands "scrub: started on devid 1", "scrub: finished on devid 1
// with status: 0" and "scrub: not finished on devid 1 with status: -125"
// (fs/btrfs/scrub.c since Linux 5.2).
func parseLine(text string) (device uint64, outcome, detail string, ok bool) {
	word, found := strings.CutPrefix(text, "scrub: ")
	if !found {
		return 0, "", "", false
	}
	word, rest, found := strings.Cut(word, " on devid ")
	if !found {
		return 0, "", "", false
	}
	number, status, ended := strings.Cut(rest, " with status: ")
	device, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return 0, "", "", false
	}
	if word == "started" && !ended {
		return device, Running, "", true
	}
	code, err := strconv.Atoi(status)
	if err != nil || word != "finished" && word != "not finished" || code > 0 || code < -4095 {
		return 0, "", "", false
	}
	switch {
	case code == 0:
		return device, Finished, "", true
	case code == -int(unix.ECANCELED):
		return device, Cancelled, "", true
	case code == -int(unix.EINTR):
		return device, Interrupted, "", true
	}
	return device, Failed, unix.Errno(-code).Error(), true
}
