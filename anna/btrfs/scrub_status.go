package btrfs

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ScrubStatusDir is where btrfs-progs keep the status of the last scrub that
// they ran, a file for each file system (cmds/scrub.c, SCRUB_DATA_FILE). anna
// writes the same files, so that both tell the same.
const ScrubStatusDir = "/var/lib/btrfs"

// ScrubStatusPath is the file of a file system in a directory, ScrubStatusDir
// for "".
func ScrubStatusPath(dir string, id UUID) string {
	return filepath.Join(cmp.Or(dir, ScrubStatusDir), "scrub.status."+id.String())
}

// A ScrubStatus is what such a file says of one device.
type ScrubStatus struct {
	Progress ScrubProgress // of the whole run, also over a resume
	// Started is zero in a file that was written when the scrub was about to
	// start, and until some seconds later. Resumed is zero for one that never
	// was. Both have whole seconds.
	Started, Resumed time.Time
	Duration         time.Duration
	// Finished and not Canceled: to the end. Neither: it runs, or was
	// interrupted.
	Canceled, Finished bool
}

const (
	scrubStatusHead = "scrub status:1"
	maxScrubStatus  = 1 << 20 // a device takes about 400 bytes
)

// scrubFields are the counts of a status file, in its order.
func scrubFields(p *ScrubProgress) []struct {
	name  string
	value *uint64
} {
	return []struct {
		name  string
		value *uint64
	}{
		{"data_extents_scrubbed", &p.DataExtents},
		{"tree_extents_scrubbed", &p.TreeExtents},
		{"data_bytes_scrubbed", &p.DataBytes},
		{"tree_bytes_scrubbed", &p.TreeBytes},
		{"read_errors", &p.ReadErrors},
		{"csum_errors", &p.ChecksumErrors},
		{"verify_errors", &p.VerifyErrors},
		{"no_csum", &p.NoChecksum},
		{"csum_discards", &p.ChecksumDiscards},
		{"super_errors", &p.SuperErrors},
		{"malloc_errors", &p.MallocErrors},
		{"uncorrectable_errors", &p.Uncorrectable},
		{"corrected_errors", &p.Corrected},
		{"last_physical", &p.LastPhysical},
	}
}

// ParseScrubStatus reads the devices of a file system from a status file. What
// it does not know, it leaves out; a line that makes no sense is an error.
func ParseScrubStatus(b []byte, id UUID) ([]ScrubStatus, error) {
	head, rest, _ := bytes.Cut(b, []byte("\n"))
	if string(head) != scrubStatusHead {
		return nil, fmt.Errorf("cannot read scrub status: it begins with %.40q", head)
	}
	var out []ScrubStatus
	for line := range strings.Lines(string(rest)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			continue
		}
		name, fields, _ := strings.Cut(line, "|")
		fsid, device, found := strings.Cut(name, ":")
		got, err := ParseUUID(fsid)
		if err != nil || !found {
			return nil, fmt.Errorf("cannot read scrub status: line %.60q", line)
		}
		if got != id {
			continue
		}
		n, err := strconv.ParseUint(device, 10, 64)
		if err != nil || n == 0 {
			return nil, fmt.Errorf("cannot read scrub status: device %.40q", device)
		}
		s, err := parseScrubDevice(n, fields)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, errors.New("cannot read scrub status: no device of this file system is in it")
	}
	return out, nil
}

func parseScrubDevice(device uint64, fields string) (ScrubStatus, error) {
	s := ScrubStatus{Progress: ScrubProgress{Device: device}}
	var started, resumed, duration, canceled, finished uint64
	known := map[string]*uint64{
		"t_start": &started, "t_resumed": &resumed, "duration": &duration, "canceled": &canceled, "finished": &finished,
	}
	for _, f := range scrubFields(&s.Progress) {
		known[f.name] = f.value
	}
	for field := range strings.SplitSeq(fields, "|") {
		name, value, found := strings.Cut(field, ":")
		if !found {
			return s, fmt.Errorf("cannot read scrub status: field %.40q", field)
		}
		into := known[name]
		if into == nil {
			continue
		}
		var err error
		if *into, err = strconv.ParseUint(value, 10, 64); err != nil {
			return s, fmt.Errorf("cannot read scrub status: field %.40q", field)
		}
	}
	const most = 1 << 40 // seconds: beyond it is no time but damage
	if started > most || resumed > most || duration > most/1000 {
		return s, errors.New("cannot read scrub status: a time that is none")
	}
	s.Started, s.Resumed, s.Duration = unixTime(started), unixTime(resumed), time.Duration(min(duration, 1<<33))*time.Second
	s.Canceled, s.Finished = canceled != 0, finished != 0
	return s, nil
}

// FormatScrubStatus writes what ParseScrubStatus reads, as btrfs-progs do.
func FormatScrubStatus(id UUID, devices []ScrubStatus) []byte {
	var b bytes.Buffer
	b.WriteString(scrubStatusHead + "\n")
	for _, d := range devices {
		fmt.Fprintf(&b, "%s:%d", id, d.Progress.Device)
		for _, f := range scrubFields(&d.Progress) {
			fmt.Fprintf(&b, "|%s:%d", f.name, *f.value)
		}
		seconds := func(t time.Time) int64 {
			if t.IsZero() {
				return 0
			}
			return t.Unix()
		}
		flag := map[bool]int{true: 1}
		fmt.Fprintf(&b, "|t_start:%d|t_resumed:%d|duration:%d|canceled:%d|finished:%d\n",
			seconds(d.Started), seconds(d.Resumed), int64(d.Duration/time.Second), flag[d.Canceled], flag[d.Finished])
	}
	return b.Bytes()
}

// A ScrubStatusFile is a status file as it was read.
type ScrubStatusFile struct {
	Devices  []ScrubStatus
	Modified time.Time
}

// ReadScrubStatus reads the status file of a file system in a directory,
// ScrubStatusDir for "". Only root may: with the error of another it still says
// when the file was written, where the directory can be entered.
func ReadScrubStatus(dir string, id UUID) (ScrubStatusFile, error) {
	path := ScrubStatusPath(dir, id)
	var out ScrubStatusFile
	info, err := os.Lstat(path)
	if err != nil {
		return out, fmt.Errorf("cannot read scrub status: %w", err)
	}
	out.Modified = info.ModTime()
	if !info.Mode().IsRegular() || info.Size() > maxScrubStatus {
		return out, fmt.Errorf("cannot read scrub status: %s is no such file", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return out, fmt.Errorf("cannot read scrub status: %w", err)
	}
	out.Devices, err = ParseScrubStatus(b, id)
	return out, err
}

// WriteScrubStatus replaces the status file, so that who reads it has the old
// or the new one whole. It makes the directory where it is not there.
func WriteScrubStatus(dir string, id UUID, devices []ScrubStatus) error {
	path := ScrubStatusPath(dir, id)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("cannot write scrub status: %w", err)
	}
	next := path + "_tmp" // the name that btrfs-progs use: one scrub at a time
	_ = os.Remove(next)
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("cannot write scrub status: %w", err)
	}
	_, err = f.Write(FormatScrubStatus(id, devices))
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return fmt.Errorf("cannot write scrub status: %w", err)
	}
	return nil
}
