package btrfs

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// What btrfs-progs says of the same file systems, in its raw forms.

// dumpRoots reads the subvolumes out of the root tree as dump-tree prints it,
// keyed by id. The file system must be synced.
func dumpRoots(t *testing.T, dev string) map[uint64]Subvolume {
	t.Helper()
	out := annatest.Run(t, "btrfs", "inspect-internal", "dump-tree", "-t", "root", dev)
	item := regexp.MustCompile(`^\s*item \d+ key \((\S+) (\S+) (\S+)\)`)
	subvols := map[uint64]Subvolume{}
	var key []string
	var id uint64
	for line := range strings.Lines(out) {
		if m := item.FindStringSubmatch(line); m != nil {
			key = m[1:]
			id = number(strings.Replace(key[0], "FS_TREE", "5", 1))
			continue
		}
		if len(key) == 0 || id != TreeTop && id < FirstFree {
			continue
		}
		v := subvols[id]
		f := strings.Fields(line)
		at := func(word string) string {
			for i := range len(f) - 1 {
				if f[i] == word {
					return f[i+1]
				}
			}
			return ""
		}
		if key[1] == "ROOT_ITEM" && len(f) > 1 {
			v.ID = id
			switch f[0] {
			case "generation":
				v.Generation = number(f[1])
			case "flags":
				v.ReadOnly = strings.Contains(line, "RDONLY")
			case "last_snapshot":
				v.ReadOnly = strings.Contains(line, "RDONLY")
				v.Deleted = number(at("refs")) == 0
			case "refs":
				v.Deleted = number(f[1]) == 0
			case "uuid":
				v.UUID, _ = ParseUUID(f[1])
			case "parent_uuid":
				v.ParentUUID, _ = ParseUUID(f[1])
			case "received_uuid":
				v.ReceivedUUID, _ = ParseUUID(f[1])
			case "ctransid":
				v.CTransid, v.OTransid = number(at("ctransid")), number(at("otransid"))
				v.STransid, v.RTransid = number(at("stransid")), number(at("rtransid"))
			case "otime":
				v.Created = decimalTime(f[1])
			}
		}
		if key[1] == "ROOT_BACKREF" && len(f) > 2 && f[0] == "root" {
			v.Parent = number(strings.Replace(key[2], "FS_TREE", "5", 1))
			v.Dir = number(at("dirid"))
			_, v.Name, _ = strings.Cut(strings.TrimSuffix(line, "\n"), " name ")
		}
		subvols[id] = v
	}
	for id, v := range subvols {
		if v.ID == 0 {
			delete(subvols, id)
		}
	}
	return subvols
}

func number(s string) uint64 {
	n, _ := strconv.ParseUint(s, 10, 64)
	return n
}

func decimalTime(s string) time.Time {
	sec, nsec, _ := strings.Cut(s, ".")
	if number(sec) == 0 && number(nsec) == 0 {
		return time.Time{}
	}
	return time.Unix(int64(number(sec)), int64(number(nsec)))
}

// df reads `btrfs filesystem df -b`: "Data, single: total=1, used=0".
func df(t *testing.T, dir string) map[string][2]uint64 {
	t.Helper()
	m := map[string][2]uint64{}
	re := regexp.MustCompile(`(?m)^(\S+), (\S+): total=(\d+), used=(\d+)`)
	for _, f := range re.FindAllStringSubmatch(annatest.Run(t, "btrfs", "filesystem", "df", "-b", dir), -1) {
		name := strings.ToLower(f[1])
		if name == "data+metadata" {
			name = "mixed"
		}
		m[name+","+strings.ToLower(f[2])] = [2]uint64{number(f[3]), number(f[4])}
	}
	return m
}

// deviceUsage reads `btrfs device usage -b`: per id size, slack, unallocated.
func deviceUsage(t *testing.T, dir string) map[uint64]map[string]uint64 {
	t.Helper()
	m := map[uint64]map[string]uint64{}
	head := regexp.MustCompile(`, ID: (\d+)`)
	var id uint64
	for line := range strings.Lines(annatest.Run(t, "btrfs", "device", "usage", "-b", dir)) {
		if f := head.FindStringSubmatch(line); f != nil {
			id = number(f[1])
			m[id] = map[string]uint64{}
			continue
		}
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && m[id] != nil {
			m[id][name] = number(strings.TrimSpace(value))
		}
	}
	return m
}

// dumpGroups reads block groups with their use: start -> length, used.
func dumpGroups(t *testing.T, dev string, tree string) map[uint64][2]uint64 {
	t.Helper()
	m := map[uint64][2]uint64{}
	re := regexp.MustCompile(`key \((\d+) BLOCK_GROUP_ITEM (\d+)\)[^\n]*\n\s*block group used (\d+)`)
	out := annatest.Run(t, "btrfs", "inspect-internal", "dump-tree", "-t", tree, dev)
	for _, f := range re.FindAllStringSubmatch(out, -1) {
		m[number(f[1])] = [2]uint64{number(f[2]), number(f[3])}
	}
	return m
}

// superField reads one line of dump-super.
func superField(t *testing.T, dev, name string) string {
	t.Helper()
	for line := range strings.Lines(annatest.Run(t, "btrfs", "inspect-internal", "dump-super", "-f", dev)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == name {
			return strings.Join(f[1:], " ")
		}
	}
	t.Fatalf("dump-super of %s has no %s", dev, name)
	return ""
}
