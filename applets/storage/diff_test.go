package storage

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs/diff"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// changesOfADay has every kind and type that looks different.
func changesOfADay() []diff.Change {
	return []diff.Change{
		{Kind: diff.Modified, Path: "etc/fstab", Type: diff.File, SizeBefore: 612, SizeAfter: 655, AllocatedBefore: 4096, AllocatedAfter: 4096, Attributes: []string{"mtime"}, Content: diff.ContentChanged},
		{Kind: diff.Replaced, Path: "etc/passwd", Type: diff.File, SizeBefore: 1650, SizeAfter: 1650, Attributes: []string{"mode", "mtime"}, Content: diff.ContentSame},
		{Kind: diff.Metadata, Path: "etc/shadow", Type: diff.File, SizeBefore: 900, SizeAfter: 900, Attributes: []string{"acl", "mode"}, Content: diff.ContentSame},
		{Kind: diff.TypeChanged, Path: "etc/resolv.conf", Type: diff.Symlink, FromType: diff.File, SizeBefore: 80, SizeAfter: 39},
		{Kind: diff.Added, Path: "usr/lib/libnew.so", Type: diff.File, SizeAfter: 3 << 20, AllocatedAfter: 1 << 20},
		{Kind: diff.Removed, Path: "usr/lib/libold.so", Type: diff.File, SizeBefore: 2 << 20, AllocatedBefore: 2 << 20},
		{Kind: diff.Added, Path: "usr/lib/libnew.so.1", Type: diff.File, SizeAfter: 3 << 20, AllocatedAfter: 1 << 20, LinkAfter: true},
		{Kind: diff.Renamed, Path: "home/lise/photos", FromPath: "home/lise/new folder", Type: diff.Dir},
		{Kind: diff.Renamed, Path: "home/lise/list", FromPath: "list", Type: diff.File, SizeBefore: 10, SizeAfter: 20, Content: diff.ContentChanged},
		{Kind: diff.Identical, Path: "home/lise/disk.img", Type: diff.File, SizeBefore: 1 << 30, SizeAfter: 1 << 30, Content: diff.ContentSame},
		{Kind: diff.Modified, Path: "home/lise/vm.img", Type: diff.File, SizeBefore: 1 << 30, SizeAfter: 1 << 30, Attributes: []string{"mtime"}, Content: diff.ContentUnknown},
		{Kind: diff.Added, Path: "home/lise/a\nb\xff", Type: diff.FIFO},
		{Kind: diff.Added, Path: "var", Type: diff.Dir},
		{Kind: diff.Added, Path: "machines", Type: diff.Subvolume},
		{Kind: diff.Metadata, Path: ".", Type: diff.Dir, Attributes: []string{"mode"}},
		{Kind: diff.Added, Path: "home/lise-old", Type: diff.Dir},
		{Kind: diff.Added, Path: "home/lise-old/x", Type: diff.File, SizeAfter: 1},
	}
}

func reportOf(list []diff.Change) DiffReport {
	r := diff.Report{
		From:   diff.Side{ID: 259, UUID: btrfs.UUID{1}, Generation: 100, ReadOnly: true},
		To:     diff.Side{ID: 256, UUID: btrfs.UUID{2}, Generation: 144},
		Engine: diff.Tree, Related: true, Summary: diff.Summary{Counts: map[diff.Kind]int{}},
	}
	for _, c := range list {
		r.Summary.Counts[c.Kind]++
		r.Summary.SizeDelta += sizeDelta(&c)
	}
	r.Summary.AllocatedDelta = -1 << 20
	return diffReportOf(&r, &btrfs.Subvolumes{List: []btrfs.Subvolume{{ID: 256, Path: "/@"}, {ID: 259, Path: "/@snapshots/1/snapshot"}}})
}

// printAll runs changes through a sink.
func printAll(t testing.TB, s diffSink, list []diff.Change, r DiffReport) {
	t.Helper()
	for i := range list {
		if err := s.add(&list[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.end(r, len(list)); err != nil {
		t.Fatal(err)
	}
}

// diffForms are the shapes of text.
func diffForms(w io.Writer, th ui.Theme) map[string]diffSink {
	return map[string]diffSink{
		"text":  &textSink{w: w, theme: th},
		"size":  &textSink{w: w, theme: th, bySize: true, wide: true},
		"stat":  &statSink{w: w, theme: th, sums: map[diff.Kind]*diffSum{}},
		"depth": &depthSink{w: w, theme: th, depth: 2, dirs: map[string]*diffSum{}},
		"names": &nameSink{w: w},
	}
}

func TestDiffScreens(t *testing.T) {
	for name := range diffForms(nil, ui.Theme{}) {
		annatest.Screens(t, "testdata/screen/storage-diff-"+name+".txt", func(w io.Writer, th ui.Theme) {
			printAll(t, diffForms(w, th)[name], changesOfADay(), reportOf(changesOfADay()))
		})
	}
	annatest.Screens(t, "testdata/screen/storage-diff-none.txt", func(w io.Writer, th ui.Theme) {
		r := reportOf(nil)
		r.Notes, r.From.Path = []string{"both sides are the same subvolume"}, ""
		printAll(t, diffForms(w, th)["text"], nil, r)
	})
}

// TestDiffDocs puts the screens into the document.
func TestDiffDocs(t *testing.T) {
	for name, command := range map[string]string{"text": "@#1 live", "depth": "@#1 live --depth 2"} {
		var b bytes.Buffer
		printAll(t, diffForms(&b, ui.Theme{})[name], changesOfADay(), reportOf(changesOfADay()))
		annatest.GoldenSection(t, "docs/STORAGE-BTRFS.md", "diff-"+name, []byte("```console\n$ sudo anna storage btrfs diff "+command+"\n"+b.String()+"```\n"))
	}
}

// TestDiffHostile puts what a terminal would act on into every text.
func TestDiffHostile(t *testing.T) {
	const evil = "\x1b[2J\r\nroot # \u009b31m\u202e[red]"
	list := []diff.Change{
		{Kind: diff.Renamed, Path: evil + "/" + evil, FromPath: evil, Type: evil, Attributes: []string{evil}, SizeAfter: math.MaxUint64},
		{Kind: diff.TypeChanged, Path: evil, FromType: evil, Type: evil, SizeBefore: 1 << 63},
		{Kind: evil, Path: evil},
	}
	r := reportOf(list)
	r.From.Path, r.Notes = evil, []string{evil}
	for name := range diffForms(nil, ui.Theme{}) {
		var b bytes.Buffer
		printAll(t, diffForms(&b, ui.Theme{})[name], list, r)
		for _, c := range b.String() {
			if c != '\n' && !unicode.IsPrint(c) {
				t.Fatalf("%s holds %U:\n%q", name, c, b.String())
			}
		}
	}
	var b bytes.Buffer
	printAll(t, &nameSink{w: &b, null: true}, list[:1], r)
	if b.String() != evil+"/"+evil+"\x00" {
		t.Errorf("--null gives %q", b.String())
	}
}

// TestDiffJSON freezes the object and the stream, and holds that names come back.
func TestDiffJSON(t *testing.T) {
	list := changesOfADay()
	for _, tt := range []struct {
		name string
		list []diff.Change
		sink func(*console.Console, *bufio.Writer) diffSink
	}{
		{"object", list, func(c *console.Console, w *bufio.Writer) diffSink { return &objectSink{c: c, out: w} }},
		{"sorted", list, func(c *console.Console, w *bufio.Writer) diffSink {
			return &objectSink{c: c, out: w, hold: true, bySize: true}
		}},
		{"none", nil, func(c *console.Console, w *bufio.Writer) diffSink { return &objectSink{c: c, out: w} }},
		{"stream", list, func(c *console.Console, w *bufio.Writer) diffSink { return &streamSink{c: c, out: w} }},
	} {
		var b bytes.Buffer
		out := bufio.NewWriter(&b)
		c := &console.Console{Out: &b}
		printAll(t, tt.sink(c, out), tt.list, reportOf(tt.list))
		if err := out.Flush(); err != nil || c.Out != io.Writer(&b) {
			t.Fatalf("%v, or the console's stream is lost", err)
		}
		annatest.Golden(t, "testdata/json/storage-diff-"+tt.name+".json", b.Bytes())
		if tt.name == "stream" {
			if n := bytes.Count(b.Bytes(), []byte("\n")); n != len(list)+1 {
				t.Errorf("%d lines", n)
			}
			continue
		}
		var got diffObject
		dec := json.NewDecoder(&b)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&got); err != nil || got.Changes == nil || len(got.Changes) != len(tt.list) || got.To.Path != "/@" {
			t.Errorf("%s: %v, %+v", tt.name, err, got)
		}
		if tt.name == "object" && string(got.Changes[11].PathRaw) != list[11].Path {
			t.Errorf("the bytes of a name are lost: %+v", got.Changes[11])
		}
	}
}

// diffObject is what --json prints.
type diffObject struct {
	DiffReport
	Changes []DiffChange `json:"changes"`
}

// TestDiffBroken ends an object that had begun, so that it can be parsed.
func TestDiffBroken(t *testing.T) {
	var b bytes.Buffer
	s := &objectSink{c: &console.Console{Out: &b}, out: bufio.NewWriter(&b)}
	if err := s.add(&changesOfADay()[0]); err != nil {
		t.Fatal(err)
	}
	err := s.broken(nil, &diffPair{}, io.ErrUnexpectedEOF)
	var got struct {
		diffObject
		Error struct{ Code, Message string }
	}
	if json.Unmarshal(b.Bytes(), &got) != nil || got.Complete || len(got.Changes) != 1 || got.Error.Code != "Failed" || got.Error.Message != "unexpected EOF" || !errors.Is(err, console.Status(1)) {
		t.Errorf("%v, %s", err, b.String())
	}
}

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		yes, no []string
	}{
		{"*.so", []string{"a.so", "usr/lib/a.so", "x.so/below"}, []string{"a.so.1", "so"}},
		{"etc", []string{"etc", "etc/fstab", "usr/etc/x"}, []string{"etcetera", "fetc"}},
		{"/etc", []string{"etc", "etc/fstab"}, []string{"usr/etc/x"}},
		{"etc/", []string{"etc/fstab"}, []string{"fstab"}},
		{"usr/*/a", []string{"usr/lib/a", "usr/lib/a/b"}, []string{"usr/a", "usr/lib/x/a"}},
		{"usr/**/a", []string{"usr/a", "usr/lib/a", "usr/1/2/3/a/b"}, []string{"usr/b", "a", "lib/usr/a"}},
		{"usr/**", []string{"usr/a", "usr/a/b"}, []string{"use"}},
		{"[ab]?", []string{"ax", "d/by"}, []string{"a", "cx"}},
		{"bad\xff", []string{"bad\xff"}, []string{"bad\xfe"}},
	} {
		g, err := newGlob(tt.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range tt.yes {
			if !g.match(name) {
				t.Errorf("%q does not match %q", tt.pattern, name)
			}
		}
		for _, name := range tt.no {
			if g.match(name) {
				t.Errorf("%q matches %q", tt.pattern, name)
			}
		}
	}
	for _, bad := range []string{"", "/", "[", "a/[b"} {
		if _, err := newGlob(bad); err == nil {
			t.Errorf("%q is a pattern", bad)
		}
	}
	g, _ := newGlob(strings.Repeat("**/", 200) + "x") // must not take for ever
	if g.match(strings.Repeat("a/", 200) + "b") {
		t.Error("matches")
	}
}

// FuzzGlob holds that a pattern that is read matches without an end in panic, and
// that what lies below a match matches.
func FuzzGlob(f *testing.F) {
	f.Add("usr/**/a*", "usr/lib/ab/c")
	f.Add("[^a]/**", "b")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		g, err := newGlob(pattern)
		if err == nil && name != "" && g.match(name) && !g.match(name+"/below") {
			t.Errorf("%q matches %q and not below it", pattern, name)
		}
	})
}

func TestSelection(t *testing.T) {
	g, _ := newGlob("/list")
	s := selection{kinds: map[diff.Kind]bool{diff.Renamed: true}, filter: g}
	var got []string
	for _, c := range changesOfADay() {
		if s.has(&c) {
			got = append(got, c.Path)
		}
	}
	if !slices.Equal(got, []string{"home/lise/list"}) { // by where it was
		t.Errorf("selects %q", got)
	}
	if kinds, err := kindsOf("added, type-changed"); err != nil || len(kinds) != 2 || !kinds[diff.TypeChanged] {
		t.Errorf("%v, %v", kinds, err)
	}
	if _, err := kindsOf("aded"); err == nil {
		t.Error("aded is a kind")
	}
}

func TestDiffOrder(t *testing.T) {
	all := changesOfADay()
	var list []*diff.Change
	for i := range all {
		list = append(list, &all[i])
	}
	slices.SortFunc(list, (&heldChanges{}).compare)
	var dirs []string
	for i := range list {
		if d := dirOf(list[i].Path); i == 0 || d != dirs[len(dirs)-1] {
			dirs = append(dirs, d)
		}
	}
	if want := []string{".", "etc", "home", "home/lise", "home/lise-old", "usr/lib"}; !slices.Equal(dirs, want) {
		t.Errorf("directories %q", dirs)
	}
	slices.SortFunc(list, (&heldChanges{bySize: true}).compare)
	if list[0].Path != "usr/lib/libnew.so" || list[1].Path != "usr/lib/libold.so" || list[2].Path != "etc/fstab" {
		t.Errorf("by size: %q, %q, %q", list[0].Path, list[1].Path, list[2].Path)
	}
	for _, tt := range []struct {
		path string
		n    int
		want string
	}{{"a/b/c", 0, "."}, {"a/b/c", 1, "a"}, {"a/b/c", 2, "a/b"}, {"a/b/c", 3, "a/b/c"}, {"a", 2, "a"}, {".", 1, "."}} {
		if got := cutPath(tt.path, tt.n); got != tt.want {
			t.Errorf("cutPath(%q, %d) = %q", tt.path, tt.n, got)
		}
	}
}

// TestSides finds subvolumes by name, snapper's number and as live.
func TestSides(t *testing.T) {
	u := func(n byte) btrfs.UUID { return btrfs.UUID{n} }
	p := &diffPair{subs: &btrfs.Subvolumes{List: []btrfs.Subvolume{
		{ID: 5, Path: "/"},
		{ID: 256, Path: "/@home", UUID: u(1)},
		{ID: 257, Path: "/@", UUID: u(2)},
		{ID: 258, Path: "/@snapshots/12/snapshot", UUID: u(3), ParentUUID: u(2), ReadOnly: true},
		{ID: 259, Path: "/@home/.snapshots/12/snapshot", UUID: u(4), ParentUUID: u(1), ReadOnly: true},
		{ID: 260, Path: "/of a snapshot", UUID: u(5), ParentUUID: u(4), ReadOnly: true},
		{ID: 261, Path: "/orphan", UUID: u(6), ParentUUID: u(99), ReadOnly: true},
		{ID: 262, Path: "/two/13/snapshot", UUID: u(7), ParentUUID: u(2)},
		{ID: 263, Path: "/three/13/snapshot", UUID: u(8), ParentUUID: u(2)},
		{ID: 264, Path: "/ring", UUID: u(9), ParentUUID: u(9), ReadOnly: true},
		{ID: 265, Path: "/gone", Deleted: true},
	}}}
	for _, tt := range []struct {
		name, snap string
		want       uint64 // 0: none
	}{
		{"/@home", "", 256},
		{"/", "", 5},
		{"/@", "12", 258},
		{"/@home", "12", 259},
		{"/@", "13", 0},
		{"/@", "1", 0},
		{"/@", "2", 0},
		{"/none", "", 0},
		{"/gone", "", 0},
		{"/@snapshots", "12", 0},
	} {
		id, err := p.idOf(sideName{word: "w", name: tt.name, snap: tt.snap})
		if id != tt.want || (err == nil) != (tt.want != 0) {
			t.Errorf("%s#%s: %d, %v", tt.name, tt.snap, id, err)
		}
	}
	for id, want := range map[uint64]uint64{258: 257, 259: 256, 260: 256, 261: 0, 256: 0, 264: 0, 999: 0} {
		if got, err := p.live(id, "w"); got != want || (err == nil) != (want != 0) {
			t.Errorf("live of %d: %d, %v", id, got, err)
		}
	}
}

func BenchmarkDiffText(b *testing.B) {
	var list []diff.Change
	for i := range 10_000 {
		list = append(list, diff.Change{Kind: diff.Modified, Path: fmt.Sprintf("usr/share/d%d/file%d", i%97, i), Type: diff.File, SizeBefore: 1, SizeAfter: uint64(i)})
	}
	r := reportOf(list)
	for b.Loop() {
		printAll(b, &textSink{w: io.Discard}, slices.Clone(list), r)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/change")
}
