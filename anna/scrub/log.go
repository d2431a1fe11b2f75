package scrub

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A Log knows which file system's scrubs the lines of the kernel's log are about.
type Log struct {
	owner btrfs.LogOwner
	marks map[btrfs.UUID][]Mark
}

// NewLog makes one that knows nothing.
func NewLog() *Log { return &Log{marks: map[btrfs.UUID][]Mark{}} }

// Marks are those of a file system that the log has, in its order.
func (l *Log) Marks(id btrfs.UUID) []Mark { return l.marks[id] }

// mostMarks bounds what is kept of one file system: fewer runs than are stored,
// so that what is read again is known again.
const mostMarks = 256

// Add takes in lines, in order. now finds the file system that a device has at
// the moment, for what the log does not say; the zero UUID for none.
func (l *Log) Add(lines []btrfs.LogLine, now func(device string) btrfs.UUID) {
	ofScrub := func(text string) bool { return strings.HasPrefix(text, scrubSays) }
	for _, line := range l.owner.Own(lines, ofScrub, now) {
		device, outcome, detail, ok := parseLine(line.Text)
		if !ok {
			continue
		}
		marks := append(l.marks[line.FS], Mark{
			Boot: line.Boot, Clock: line.Clock, At: line.At, Early: line.Early, Late: line.Late,
			Device: device, Outcome: outcome, Detail: detail,
		})
		l.marks[line.FS] = marks[max(0, len(marks)-mostMarks):]
	}
}

const scrubSays = "scrub: "

// parseLine understands "scrub: started on devid 1", "scrub: finished on devid 1
// with status: 0" and "scrub: not finished on devid 1 with status: -125"
// (fs/btrfs/scrub.c since Linux 5.2).
func parseLine(text string) (device uint64, outcome, detail string, ok bool) {
	word, found := strings.CutPrefix(text, scrubSays)
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
