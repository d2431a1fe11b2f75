package metrics

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
)

// mountLine is one line of mountinfo, proc_pid_mountinfo(5).
type mountLine struct {
	device       string // major:minor
	root         string // what of the file system is mounted
	point        string // where
	fsType       string
	source       string
	superOptions string
}

// readMounts returns the mounts that a process sees. A line that makes no
// sense is left out, the others stay.
func readMounts(path string) ([]mountLine, error) {
	text, err := ReadFile(path, mountinfoMax)
	if err != nil {
		return nil, err
	}
	var list []mountLine
	for line := range strings.Lines(text) {
		if m, err := parseMountLine(strings.TrimSuffix(line, "\n")); err == nil {
			list = append(list, m)
		}
	}
	return list, nil
}

var errMountLine = errors.New("no line of mountinfo")

// parseMountLine reads "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3
// /dev/root rw". Optional fields end at a lone "-"; space, tab, line break and
// backslash in names are written as octal escapes. An empty source leaves an
// empty field.
func parseMountLine(line string) (mountLine, error) {
	before, after, ok := strings.Cut(line, " - ")
	fields := strings.Split(before, " ")
	rest := strings.Split(after, " ")
	if !ok || len(fields) < 6 || len(rest) < 3 {
		return mountLine{}, errMountLine
	}
	m := mountLine{
		device: fields[2], root: unescapeMount(fields[3]), point: unescapeMount(fields[4]),
		fsType: rest[0], source: unescapeMount(rest[1]), superOptions: rest[2],
	}
	if !filepath.IsAbs(m.point) || m.fsType == "" {
		return mountLine{}, errMountLine
	}
	return m, nil
}

// unescapeMount undoes the kernel's \040 and its like.
func unescapeMount(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(v))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
