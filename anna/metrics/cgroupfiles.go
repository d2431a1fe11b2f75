package metrics

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// unlimitedV1 and beyond means "no limit" in v1, which has no word for it: the
// largest signed number, rounded down to a page.
const unlimitedV1 = 1 << 62

// orWhy returns why nothing of a place can be told, else the given reason.
func (p CgroupPlace) orWhy(reason string) string {
	if p.Ours {
		return reason
	}
	if p.Version == 0 {
		return p.Why
	}
	return p.String() + " is not this process's own: " + p.Why
}

// read returns a file of a cgroup that is ours.
func (p CgroupPlace) read(name string) (string, string) {
	if !p.Ours {
		return "", p.orWhy("")
	}
	text, err := p.files.read(filepath.Join(p.dir, name), fileMax)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", p.String() + " has no " + name
	case err != nil:
		return "", "cannot read " + name + ": " + cause(err).Error()
	}
	return strings.TrimSpace(text), ""
}

// number reads a file that holds one number.
func (p CgroupPlace) number(name string) Figure[uint64] {
	text, why := p.read(name)
	if why != "" {
		return Unknown[uint64](why)
	}
	v, err := parseUint(text)
	if err != nil {
		return Unknownf[uint64]("%s is %v", name, err)
	}
	return Known(v)
}

// limit reads a file that holds a number or "max".
func (p CgroupPlace) limit(name string) Figure[uint64] {
	text, why := p.read(name)
	if why == "" && text == "max" {
		why = name + " sets no limit"
	}
	if why != "" {
		return Unknown[uint64](why)
	}
	v, err := parseUint(text)
	if err != nil {
		return Unknownf[uint64]("%s is %v", name, err)
	}
	if v >= unlimitedV1 {
		return Unknown[uint64](name + " sets no limit")
	}
	return Known(v)
}

// entry reads one "key value" line of a flat keyed file.
func (p CgroupPlace) entry(name, key string) Figure[uint64] {
	text, why := p.read(name)
	if why != "" {
		return Unknown[uint64](why)
	}
	value, ok := keyed(text, key+" ")
	if !ok {
		return Unknownf[uint64]("%s has no %s", name, key)
	}
	v, err := parseUint(value)
	if err != nil {
		return Unknownf[uint64]("%s, %s: %v", name, key, err)
	}
	return Known(v)
}

// smallestLimit returns the memory limit that counts: the smallest one from
// the cgroup itself up to the top of what is mounted. v1 also says in
// memory.stat what applies from above the mount.
func (p CgroupPlace) smallestLimit() Figure[uint64] {
	if !p.Ours {
		return Unknown[uint64](p.orWhy(""))
	}
	name := "memory.max"
	if p.Version == 1 {
		name = "memory.limit_in_bytes"
	}
	least := p.limit(name)
	broken := !least.Known && !strings.HasSuffix(least.Reason, "sets no limit")
	if broken && p.dir != p.top {
		return least // an own limit that cannot be read: no claim
	}
	lower := func(f Figure[uint64]) {
		if f.Known && f.Value < unlimitedV1 && (!least.Known || f.Value < least.Value) {
			least = f
		}
	}
	if p.Version == 1 {
		lower(p.entry("memory.stat", "hierarchical_memory_limit"))
	}
	for up := p; up.dir != up.top && len(up.dir) > len(up.top); {
		up.dir = filepath.Dir(up.dir)
		lower(up.limit(name))
	}
	if !least.Known && !broken {
		return Unknownf[uint64]("no limit is set for %s or above it", p)
	}
	return least
}
