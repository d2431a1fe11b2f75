package events

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// holds that what a parser lets through can be told and saved.
func tellable(t *testing.T, manager string, all map[string]Package) {
	t.Helper()
	for name, p := range all {
		if err := checkPackage(name, &p); err != nil {
			t.Fatal(err)
		}
		for _, ev := range describePackage(manager+"/"+name, nil, &p, false) {
			if err := ev.normalize(time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func FuzzDpkgStatus(f *testing.F) {
	f.Add([]byte(stanza("a", "1", okStatus) + stanza("b", "2:1-1", "deinstall ok config-files")))
	f.Add([]byte("Package: x\r\nVersion: 1\r\nstatus: install reinstreq half-installed\n\n\n\nPackage: x\nStatus: purge ok not-installed"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := &dpkgParser{found: map[string]dpkgPackage{}, words: map[string]string{}}
		if p.parse(bytes.NewReader(data)) == nil {
			tellable(t, "dpkg", p.packages("amd64"))
		}
	})
}

func FuzzApkInstalled(f *testing.F) {
	f.Add([]byte("C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\nF:lib\nR:libc.so\n\nP:b\nV:1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if all, err := parseInstalled(bytes.NewReader(data)); err == nil {
			tellable(t, "apk", all)
		}
	})
}

func FuzzPacmanDesc(f *testing.F) {
	f.Add([]byte("%NAME%\na\n\n%VERSION%\n1-1\n\n%ARCH%\nany\n"), "a-1-1")
	f.Fuzz(func(t *testing.T, data []byte, entry string) {
		desc, err := parseDesc(bytes.NewReader(data))
		name, version, ok := splitPacman(entry)
		if err == nil && len(desc) > 3 || ok && name+"-"+version != entry {
			t.Fatalf("%q, %q", desc, entry)
		}
	})
}

func FuzzLocks(f *testing.F) {
	f.Add([]byte("1: POSIX  ADVISORY  WRITE 12 fe:00:345 0 EOF\n1: -> POSIX ADVISORY WRITE 1 fe:00:345 0 EOF\n"))
	f.Fuzz(func(t *testing.T, data []byte) { _, _ = parseLocks(bytes.NewReader(data)) })
}

func FuzzCompareVersions(f *testing.F) {
	f.Add("1:1.0~rc1-1", "1.0-1")
	f.Add("1.0_alpha1-r0", "1.0a_p2-r1")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, manager := range []string{"dpkg", "pacman", "apk"} {
			there, back := compareVersions(manager, a, b), compareVersions(manager, b, a)
			if manager != "pacman" && there != -back { // vercmp(8) itself is not even
				t.Errorf("%s: %q, %q: %d and %d", manager, a, b, there, back)
			}
			if compareVersions(manager, a, a) != 0 {
				t.Errorf("%s: %q is not itself", manager, a)
			}
		}
	})
}

// bigStatus is like that of a machine with n packages: a kilobyte for each.
func bigStatus(n int) string {
	var b strings.Builder
	filler := strings.Repeat("libsomething-dev (>= 1.2.3), ", 28)
	for i := range n {
		fmt.Fprintf(&b, "Package: package-%d\nStatus: install ok installed\nPriority: optional\nSection: libs\nInstalled-Size: 123\n"+
			"Architecture: amd64\nMulti-Arch: same\nVersion: 1.%d-2\nDepends: %s\nDescription: what it is\n and more of it\n\n", i, i, filler)
	}
	return b.String()
}

// BenchmarkPackages is a change of one package among 5 000: reading,
// comparing, accepting into a spool, and the saved state. The floor is reading
// the file alone.
func BenchmarkPackages(b *testing.B) {
	const n = 5000
	status := bigStatus(n)
	states := []string{status, strings.Replace(status, "Version: 1.77-2", "Version: 1.77-3", 1)}
	b.Run("floor=read", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "status")
		write(b, path, status)
		b.SetBytes(int64(len(status)))
		for b.Loop() {
			if _, err := os.ReadFile(path); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("dpkg/parse", func(b *testing.B) {
		root, put := dpkgRoot(b)
		put(status)
		db := newDpkgDB(filepath.Join(root, "var/lib/dpkg"))
		b.SetBytes(int64(len(status)))
		b.ReportAllocs()
		for b.Loop() {
			if all, err := db.read(nil); err != nil || len(all) != n {
				b.Fatal(len(all), err)
			}
		}
	})
	b.Run("dpkg/change", func(b *testing.B) {
		root, put := dpkgRoot(b)
		put(states[0])
		benchmarkChange(b, root, func(i int) { put(states[(i+1)%2]) })
	})
	b.Run("pacman/change", func(b *testing.B) {
		root := b.TempDir()
		for i := range n {
			pacmanEntry(b, root, fmt.Sprint("package", i), "1-1")
		}
		benchmarkChange(b, root, func(i int) {
			must(b, os.RemoveAll(filepath.Join(root, "var/lib/pacman/local", fmt.Sprintf("package77-%d-1", i+1))))
			pacmanEntry(b, root, "package77", fmt.Sprintf("%d-1", i+2))
		})
	})
	b.Run("apk/change", func(b *testing.B) {
		root := b.TempDir()
		path := filepath.Join(root, "lib/apk/db/installed")
		must(b, os.MkdirAll(filepath.Dir(path), 0o755))
		files := strings.Repeat("R:some-file-in-it.so\na:0:0:755\nZ:Q1xxxxxxxxxxxxxxxxxxxxxxxxxx=\n", 40)
		put := func(i int) {
			var s strings.Builder
			for p := range n {
				version := 1
				if p == 77 {
					version = i
				}
				fmt.Fprintf(&s, "P:package%d\nV:1-r%d\nA:x86_64\n%s\n", p, version, files)
			}
			write(b, path+".new", s.String())
			must(b, os.Rename(path+".new", path))
		}
		put(0)
		benchmarkChange(b, root, func(i int) { put(i + 1) })
	})
}

func benchmarkChange(b *testing.B, root string, change func(i int)) {
	dir := b.TempDir()
	e := newEngine(b, Options{Dir: dir, Settings: fast()})
	s := newPackages(root)
	runner := &Runner{Source: s, Sink: e, State: &StateDir{Path: dir}}
	discard := discardLog()
	runner.load(discard)
	notices, err := newDirWatch()
	must(b, err)
	defer notices.close()
	w := &packageWatch{PackagesSource: s, sink: e, notices: notices, dbs: packageDBs(root), stamps: map[string]string{}, stale: map[string]bool{}}
	must(b, w.look(b.Context(), true))
	runner.save(discard)
	b.ReportAllocs()
	b.ResetTimer()
	var used time.Duration
	for i := range b.N {
		b.StopTimer()
		change(i)
		b.StartTimer()
		before := cpuTime(b)
		must(b, w.look(b.Context(), false))
		runner.save(discard)
		used += cpuTime(b) - before
		if got := e.Status().LastSeq; got != uint64(i+1) {
			b.Fatalf("%d events after %d changes", got, i+1)
		}
	}
	b.ReportMetric(float64(used)/float64(b.N)/1e6, "cpu-ms/op")
}
