package config

import (
	"bufio"
	"bytes"
	"path/filepath"
	"strings"
)

// GroupAnswer is what a system says about a group.
type GroupAnswer int

const (
	GroupUnknown GroupAnswer = iota // groups come from where we cannot look
	GroupExists
	GroupMissing
)

// SystemGroups looks groups up in the files of the system below root. Where
// nsswitch.conf(5) names other sources as well (sss, ldap ...) a group that is
// not in the files may still exist: the answer is GroupUnknown.
func SystemGroups(root string) func(name string) GroupAnswer {
	return func(name string) GroupAnswer {
		for _, file := range []string{"etc/group", "usr/lib/group"} { // the second: libnss-altfiles
			data, err := readFile(filepath.Join(root, file), 16<<20)
			if err == nil && bytes.Contains(append([]byte("\n"), data...), []byte("\n"+name+":")) {
				return GroupExists
			}
		}
		data, err := readFile(filepath.Join(root, "etc/nsswitch.conf"), MaxFileSize)
		if err != nil {
			return GroupMissing
		}
		lines := bufio.NewScanner(bytes.NewReader(data))
		for lines.Scan() {
			line, _, _ := strings.Cut(lines.Text(), "#")
			sources, ok := strings.CutPrefix(strings.TrimSpace(line), "group:")
			if !ok {
				continue
			}
			for _, source := range strings.Fields(sources) {
				switch {
				case strings.HasPrefix(source, "["), strings.HasSuffix(source, "]"):
				case source != "files" && source != "compat" && source != "altfiles" && source != "systemd":
					return GroupUnknown
				}
			}
		}
		return GroupMissing
	}
}
