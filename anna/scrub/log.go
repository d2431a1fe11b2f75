package scrub

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// A Log puts the runs together that the kernel's log tells of.
type Log struct {
	owner map[string]btrfs.UUID
	runs  map[btrfs.UUID][]Run
}

// NewLog makes one that knows nothing.
func NewLog() *Log { return &Log{owner: map[string]btrfs.UUID{}, runs: map[btrfs.UUID][]Run{}} }

// Runs are those of a file system since the log began.
func (l *Log) Runs(id btrfs.UUID) []Run { return l.runs[id] }

// mostLogged bounds what is kept of one file system.
const mostLogged = 64

const firstMount = "first mount of filesystem "

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
		device, outcome, detail, ok := parseLine(line.Text)
		if !ok {
			continue
		}
		id, named := l.owner[line.Device]
		if at, later := mounted[line.Device]; !named && !(later && at > i) {
			id = known(line.Device)
		}
		if id != (btrfs.UUID{}) {
			l.take(id, line.At, device, outcome, detail)
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

func (l *Log) take(id btrfs.UUID, at time.Time, device uint64, outcome, detail string) {
	runs := l.runs[id]
	var r *Run
	if n := len(runs); n > 0 && runs[n-1].Outcome == Running {
		r = &runs[n-1]
	}
	if outcome == Running {
		again := false
		if r != nil {
			for _, d := range r.Devices {
				again = again || d.ID == device // its end is not in the log
			}
		}
		if r == nil || again {
			if again {
				r.Outcome = Unknown
			}
			runs = append(runs, Run{Started: at, Outcome: Running, Source: FromLog})
			runs = runs[max(0, len(runs)-mostLogged):]
			r = &runs[len(runs)-1]
		}
		r.Devices = append(r.Devices, DeviceRun{ID: device, Outcome: Running})
		l.runs[id] = runs
		return
	}
	if r == nil {
		return // its beginning is older than the log
	}
	all := Finished
	for i := range r.Devices {
		if d := &r.Devices[i]; d.ID == device && d.Outcome == Running {
			d.Outcome = outcome
		}
		all = Worse(all, r.Devices[i].Outcome)
	}
	if detail != "" {
		r.Detail = detail
	}
	if all != Running {
		r.Outcome, r.Ended = all, at
		r.Seconds = at.Sub(r.Started).Seconds()
	}
}
