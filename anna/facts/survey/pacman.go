package survey

import (
	"bufio"
	"slices"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// Pacman is what pacman's database says of dependencies, and which hooks are in
// force.
func Pacman(r Root) *facts.Branch {
	const local = "var/lib/pacman/local"
	if !r.exists(local) {
		return facts.NoBranch("pacman is not used here")
	}
	b := facts.NewBranch()
	names, err := r.names(local)
	if err != nil {
		b.Set("pacman.orphans", unread("/var/lib/pacman/local", err))
	} else {
		b.Set("pacman.orphans", orphans(r, local, names))
	}
	hooks, files, err := hooksOf(r)
	if err != nil {
		why := unread("the hooks", err)
		b.Set("pacman.hooks", why)
		b.Set("pacman.snapshot_hook", why)
		return b
	}
	b.Set("pacman.hooks", facts.Strs(hooks))
	b.Set("pacman.snapshot_hook", snapshotHook(files))
	return b
}

// An installedPackage is what desc says of one package.
type installedPackage struct {
	name      string
	dependent bool // it came as a dependency
	provides  []string
	needs     []string // depends and optdepends
}

// orphans are the packages that came as dependencies and that no other names,
// not even as an optional one: what `pacman -Qdt` lists.
func orphans(r Root, local string, entries []string) facts.Value {
	needed := map[string]bool{}
	var list []installedPackage
	for _, entry := range entries {
		if entry == "ALPM_DB_VERSION" || strings.HasPrefix(entry, ".") {
			continue
		}
		data, err := r.read(local + "/" + entry + "/desc")
		if err != nil {
			return unread("/var/lib/pacman/local/"+entry+"/desc", err)
		}
		p := parseDesc(data)
		if p.name == "" {
			return facts.Unknown("/var/lib/pacman/local/" + entry + "/desc names no package")
		}
		for _, n := range p.needs {
			if n != p.name {
				needed[n] = true
			}
		}
		list = append(list, p)
	}
	out := []string{}
	for _, p := range list {
		if p.dependent && !needed[p.name] && !slices.ContainsFunc(p.provides, func(s string) bool { return needed[s] }) {
			out = append(out, p.name)
		}
	}
	slices.Sort(out)
	return facts.Strs(out)
}

// parseDesc reads the sections of a desc file that matter here.
func parseDesc(data string) installedPackage {
	var p installedPackage
	lines := bufio.NewScanner(strings.NewReader(data))
	lines.Buffer(nil, most)
	section := ""
	for lines.Scan() {
		line := lines.Text()
		switch {
		case line == "":
			section = ""
			continue
		case section == "" && strings.HasPrefix(line, "%") && strings.HasSuffix(line, "%"):
			section = strings.Trim(line, "%")
			continue
		}
		switch section {
		case "NAME":
			p.name = line
		case "REASON":
			p.dependent = line == "1"
		case "PROVIDES":
			p.provides = append(p.provides, bareName(line))
		case "DEPENDS":
			p.needs = append(p.needs, bareName(line))
		case "OPTDEPENDS":
			name, _, _ := strings.Cut(line, ":")
			p.needs = append(p.needs, bareName(name))
		}
	}
	return p
}

// bareName cuts the version off "glibc>=2.38" and "libfoo.so=1-64".
func bareName(s string) string {
	if i := strings.IndexAny(s, "<>="); i >= 0 {
		s = s[:i]
	}
	return strings.TrimSpace(s)
}

// hooksOf lists the hooks in force: one in /etc hides one of the same name, and
// one that is a link to /dev/null, or empty, is switched off (alpm-hooks(5)).
func hooksOf(r Root) (names []string, files map[string]string, err error) {
	files = map[string]string{}
	for _, dir := range []string{"usr/share/libalpm/hooks", "etc/pacman.d/hooks"} {
		list, err := r.names(dir)
		if err != nil {
			return nil, nil, err
		}
		for _, name := range list {
			if !strings.HasSuffix(name, ".hook") {
				continue
			}
			data, err := r.read(dir + "/" + name)
			if err != nil {
				return nil, nil, err
			}
			files[name] = data
		}
	}
	names = []string{}
	for name, data := range files {
		if strings.TrimSpace(data) == "" {
			delete(files, name)
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, files, nil
}

// snapshotHook says whether a hook that runs before a transaction takes a
// snapshot: by what it runs.
func snapshotHook(files map[string]string) facts.Value {
	for _, data := range files {
		before, takes := false, false
		for line := range strings.Lines(data) {
			key, value, _ := strings.Cut(line, "=")
			key, value = strings.TrimSpace(key), strings.TrimSpace(value)
			switch key {
			case "When":
				before = before || value == "PreTransaction"
			case "Exec":
				for _, word := range []string{"snap-pac", "snapper", "timeshift", "autosnap", "btrfs subvolume snapshot"} {
					takes = takes || strings.Contains(value, word)
				}
			}
		}
		if before && takes {
			return facts.Flag(true)
		}
	}
	return facts.Flag(false)
}
