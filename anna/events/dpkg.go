package events

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// A dpkgDB is /var/lib/dpkg: the status file, the journal of a run that did
// not end (updates/, dpkg(1)), and the one-stanza files of images without dpkg
// (status.d/).
type dpkgDB struct{ dir string }

func newDpkgDB(dir string) *dpkgDB { return &dpkgDB{dir} }

func (d *dpkgDB) name() string { return "dpkg" }

func (d *dpkgDB) path(name string) string { return filepath.Join(d.dir, name) }

// watch leaves updates/ alone: dpkg writes it all the time while it works, and
// what a killed run left there is looked at when the lock is let go.
func (d *dpkgDB) watch(w *dirWatch) error {
	err := w.watch(d.dir, "status", "status.d", "lock", "lock-frontend")
	if isDir(d.path("status.d")) {
		err = errors.Join(err, w.watch(d.path("status.d")))
	}
	return err
}

func (d *dpkgDB) locks() ([]string, bool) {
	return []string{d.path("lock-frontend"), d.path("lock")}, false
}

func (d *dpkgDB) stamp() string {
	status, images := stampOf(d.path("status")), stampOf(d.path("status.d"))
	if status == "" && images == "" {
		return ""
	}
	return strings.Join([]string{status, images, stampOf(d.path("updates"))}, " ")
}

func (d *dpkgDB) read(func(string) *Package) (map[string]Package, error) {
	p := &dpkgParser{found: map[string]dpkgPackage{}, words: map[string]string{}}
	err := p.file(d.path("status"))
	if errors.Is(err, os.ErrNotExist) && isDir(d.path("status.d")) {
		err = nil
	}
	for _, name := range numbered(d.path("updates")) {
		if err == nil {
			err = p.file(name)
		}
	}
	for _, name := range images(d.path("status.d")) {
		if err == nil {
			err = p.file(name)
		}
	}
	if err != nil {
		return nil, err
	}
	return p.packages(d.nativeArch(p)), nil
}

// nativeArch is what `dpkg --print-architecture` would say: that of dpkg
// itself, else the first line of the list of architectures, else this
// program's own.
func (d *dpkgDB) nativeArch(p *dpkgParser) string {
	for _, found := range p.found {
		if found.name == "dpkg" && found.present() {
			return found.Arch
		}
	}
	if f, err := os.Open(d.path("arch")); err == nil {
		defer f.Close()
		line, _ := bufio.NewReader(io.LimitReader(f, maxPackageWord)).ReadString('\n')
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	if arch, known := debianArchs[runtime.GOARCH]; known {
		return arch
	}
	return runtime.GOARCH
}

// debianArchs are those that Debian and Go name differently.
var debianArchs = map[string]string{"386": "i386", "arm": "armhf", "ppc64le": "ppc64el", "mips64le": "mips64el", "mipsle": "mipsel"}

// numbered lists the journal of dpkg in its order: names of digits alone.
func numbered(dir string) []string {
	return listed(dir, func(name string) bool { return strings.Trim(name, "0123456789") == "" })
}

// images lists the stanzas of status.d, beside which lie lists of checksums.
func images(dir string) []string {
	return listed(dir, func(name string) bool {
		return !strings.HasSuffix(name, ".md5sums") && !strings.HasPrefix(name, ".")
	})
}

func listed(dir string, take func(string) bool) []string {
	f, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer f.Close()
	names, _ := f.Readdirnames(maxPackages)
	names = slices.DeleteFunc(names, func(name string) bool { return !take(name) })
	slices.Sort(names)
	for i := range names {
		names[i] = filepath.Join(dir, names[i])
	}
	return names
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// A dpkgParser reads stanzas of the format of deb-control(5) and keeps four
// fields of each. A later stanza about a package is the newer one.
type dpkgParser struct {
	found map[string]dpkgPackage // by name:arch
	words map[string]string      // architectures and states, held once
}

type dpkgPackage struct {
	Package
	name string
}

func (p *dpkgParser) file(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := p.parse(f); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (p *dpkgParser) parse(r io.Reader) error {
	lines := bufio.NewReaderSize(io.LimitReader(r, maxDatabase), 64<<10)
	var now dpkgStanza
	for number := 1; ; number++ {
		line, err := readLine(lines)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		end := err != nil
		bad := now.line(p, line)
		if bad == nil && (len(line) == 0 || end) {
			bad = now.end(p)
			now = dpkgStanza{}
		}
		if bad != nil {
			return fmt.Errorf("line %d: %w", number, bad)
		}
		if end {
			return nil
		}
	}
}

type dpkgStanza struct {
	dpkgPackage
	status string
	any    bool
}

func (s *dpkgStanza) line(p *dpkgParser, line []byte) error {
	if len(line) == 0 || line[0] == ' ' || line[0] == '\t' {
		return nil
	}
	s.any = true
	field, value, ok := bytes.Cut(line, []byte{':'})
	if !ok {
		return fmt.Errorf("no field: %.40q", line)
	}
	switch len(field) {
	case len("Package"): // Version is as long
		if bytes.EqualFold(field, []byte("Package")) {
			s.name = string(bytes.TrimSpace(value))
		} else if bytes.EqualFold(field, []byte("Version")) {
			s.Version = string(bytes.TrimSpace(value))
		}
	case len("Status"):
		if bytes.EqualFold(field, []byte("Status")) {
			s.status = p.word(bytes.TrimSpace(value))
		}
	case len("Architecture"):
		if bytes.EqualFold(field, []byte("Architecture")) {
			s.Arch = p.word(bytes.TrimSpace(value))
		}
	}
	return nil
}

// word returns one string for equal bytes.
func (p *dpkgParser) word(b []byte) string {
	if w, known := p.words[string(b)]; known {
		return w
	}
	w := string(b)
	if len(p.words) < 1000 {
		p.words[w] = w
	}
	return w
}

func (s *dpkgStanza) end(p *dpkgParser) error {
	if !s.any {
		return nil
	}
	if s.name == "" {
		return errors.New("a stanza without a package")
	}
	state, err := dpkgState(s.status)
	if err != nil {
		return fmt.Errorf("package %.80q: %w", s.name, err)
	}
	s.State = state
	key := s.name + ":" + s.Arch
	if state == notInstalled {
		delete(p.found, key)
		return nil
	}
	if err := checkPackage(s.name, &s.Package); err != nil {
		return err
	}
	p.found[key] = s.dpkgPackage
	if len(p.found) > maxPackages {
		return errTooMany
	}
	return nil
}

const notInstalled = "not-installed"

// dpkgState reads "want flag state" (dpkg(1)); where there is no such field
// (status.d) the package is installed.
func dpkgState(status string) (string, error) {
	if status == "" {
		return "", nil
	}
	words := strings.Fields(status)
	if len(words) != 3 {
		return "", fmt.Errorf("malformed status %.80q", status)
	}
	switch state := words[2]; state {
	case "installed", "triggers-awaited", "triggers-pending":
		if words[1] == "reinstreq" {
			return "reinst-required", nil
		}
		return "", nil
	case notInstalled, configFiles, "half-installed", "unpacked", "half-configured":
		return state, nil
	default:
		return "", fmt.Errorf("unknown state %.40q", state)
	}
}

// packages names them as dpkg does: with the architecture where it is a
// foreign one.
func (p *dpkgParser) packages(native string) map[string]Package {
	all := make(map[string]Package, len(p.found))
	for key, found := range p.found {
		name := found.name
		if found.Arch != native && found.Arch != "all" && found.Arch != "" {
			name = key
		}
		if other, twice := all[name]; twice && other.present() && !found.present() {
			continue // the leftovers of the other architecture
		}
		all[name] = found.Package
	}
	return all
}
