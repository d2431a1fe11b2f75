package storage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

const (
	gib      = 1 << 30
	rootUUID = "7a1f8c3e-5b9d-4f7a-9c2e-0d6b8e4f1a23"
)

// laptop is one disk as most people have it.
func laptop() Show {
	could := Could{Chunks: 181, Bytes: 181 * gib, Raw: 181 * gib}
	dup := Could{Chunks: 90, Bytes: 90 * gib, Raw: 180 * gib, Stranded: gib}
	return Show{
		Filesystems: []Filesystem{{
			UUID: rootUUID, Label: "arch", Problems: []Problem{}, Scrub: &ScrubView{Summary: "scrubbed 12 days ago"},
			Devices: []Device{{
				ID: 1, UUID: "0b7e2d51-3c8f-4e6a-8d19-f2a4c6b80e35", Path: "/dev/nvme0n1p2", Size: 465 * gib, BlockSize: 465 * gib,
				Allocated: 284 * gib, Unallocated: 181 * gib, Writable: true, Errors: &DeviceErrors{},
			}},
			Space: &Space{
				DeviceBytes: 465 * gib, Allocated: 284 * gib, Unallocated: 181 * gib, Used: 255 * gib, Free: 209 * gib, DFFree: pointer(uint64(209 * gib)),
				Types: []TypeSpace{
					{Type: "data", Total: 276 * gib, Used: 248 * gib, UsedPercent: 89.9, Free: 209 * gib, Slack: 28 * gib, Next: "single", Could: could, Profiles: []ProfileSpace{{Profile: "single", Total: 276 * gib, Used: 248 * gib, Could: could}}},
					{Type: "metadata", Total: 4 * gib, Used: 3277 << 20, UsedPercent: 80, Free: 92979 << 20, Slack: 819 << 20, Next: "dup", Could: dup, Profiles: []ProfileSpace{{Profile: "dup", Total: 4 * gib, Used: 3277 << 20, Could: dup}}},
					{Type: "system", Total: 8 << 20, Used: 48 << 10, UsedPercent: 0.6, Slack: 8143 << 10, Next: "dup", Could: dup, Profiles: []ProfileSpace{{Profile: "dup", Total: 8 << 20, Used: 48 << 10, Could: dup}}},
				},
				Reserve: gib / 2, Headroom: &Headroom{Bytes: 92467 << 20, Slack: 819 << 20, Reserve: gib / 2, Allocatable: 90 * gib, Chunks: 90},
				Exact: true, Rooms: []Room{{Device: 1, Bytes: 181 * gib, Holes: 2, Largest: 180 * gib}},
			},
			Format: &Format{NodeSize: 16384, SectorSize: 4096, Checksum: "crc32c", Generation: 184467, Features: []string{"extended_iref", "free_space_tree", "no_holes", "skinny_metadata"}},
			Mounts: []Mount{
				{Point: "/", Root: "/@", Subvolume: 256, Options: []string{"rw", "relatime", "compress=zstd:3", "ssd"}},
				{Point: "/home", Root: "/@home", Subvolume: 257, Options: []string{"rw", "relatime", "compress=zstd:3", "ssd"}},
				{Point: "/mnt/two words", Root: "/", Subvolume: 5, ReadOnly: true, Options: []string{"ro"}, HiddenBy: "tmpfs at /mnt"},
			},
			Compression: []string{"zstd:3"},
			Subvolumes:  &Counts{Total: 14, Snapshots: 9, ReadOnly: 8, Complete: true, Oldest: noon, Newest: noon.AddDate(0, 0, 21)},
			Default:     &Default{ID: 5, Path: "/"},
			Operations:  &Operations{Exclusive: "none", Scrubs: []ScrubProgress{}},
			Quota:       &Quota{}, SeenBy: byClient, Missing: []Missing{},
		}},
		Tools:   []Tool{{Name: "snapper", State: stateSetUp, Subvolumes: []string{"/", "/home"}, Detail: "by timer", Evidence: "/etc/snapper/configs"}},
		Boot:    []Boot{{Name: "systemd-boot", Entries: pointer(7), Snapshots: pointer(5), Evidence: "/boot/loader/entries"}},
		Missing: []Missing{},
	}
}

// troubled is what can be wrong and going on at once.
func troubled() Show {
	s := laptop()
	s.Tools, s.Boot = []Tool{}, []Boot{}
	f := &s.Filesystems[0]
	f.Label, f.ReadOnly, f.ForcedReadOnly = "pool", true, true
	f.Devices[0].Errors = &DeviceErrors{Corruption: 3, Read: 1, Total: 4}
	f.Devices = append(f.Devices,
		Device{ID: 3, Absent: true, Size: 931 * gib, Allocated: 120 * gib, Unallocated: 811 * gib},
		Device{ID: 4, Path: "/dev/sdd", Replacing: true, Writable: true, Size: 931 * gib, Errors: &DeviceErrors{}})
	f.judge()
	place(f.Problems, f.Mounts)
	f.Space.Exact, f.Space.Headroom.Bytes = false, -256<<20
	f.Space.Types[0].Profiles = append(f.Space.Types[0].Profiles, ProfileSpace{Profile: "raid1"})
	f.Subvolumes = &Counts{Total: 3, Pending: 2}
	f.Default = &Default{ID: 300}
	f.Compression = []string{}
	f.Operations = &Operations{
		Exclusive: "device replace", Running: true, Balance: &BalanceProgress{Running: true, Expected: 40, Completed: 7},
		Replace: &ReplaceProgress{State: "started", Percent: 12.5}, Scrubs: []ScrubProgress{{Device: 1, Bytes: 17 * gib, Errors: 1}},
	}
	f.Quota = &Quota{Enabled: true, Mode: "qgroup", Inconsistent: true, Groups: 12}
	f.SeenBy = byDaemon
	f.Missing = []Missing{
		{What: "block groups", Why: "operation not permitted", Need: "CAP_SYS_ADMIN"},
		{What: "scrub progress", Why: "operation not permitted", Need: "CAP_SYS_ADMIN"},
		{What: "label", Why: "no such file", Need: "another try"},
	}
	return s
}

func laptopUsage() Usages {
	f := laptop().Filesystems[0]
	week := -1.5 * gib
	return Usages{Missing: []Missing{}, Filesystems: []Usage{{
		UUID: f.UUID, Label: f.Label, Problems: []Problem{}, Devices: f.Devices, Space: f.Space, SeenBy: byClient, Missing: []Missing{},
		BlockGroups: &BlockGroups{Total: 281, Empty: 1, LeastUsed: []BlockGroup{
			{Start: 298844160, Length: gib, Profile: "data,single", Devices: []uint64{1}},
			{Start: 88046829568, Length: gib, Used: 131 << 20, UsedPercent: 12.8, Profile: "data,single", Devices: []uint64{1}},
			{Start: 30408704, Length: gib, Used: 700 << 20, UsedPercent: 68.4, Profile: "metadata,dup", Devices: []uint64{1, 1}},
		}},
		Trend: &Trend{Since: noon, Samples: 1008, Lines: []TrendLine{
			{Figure: "free", PerDay: week, Last: 209 * gib, LeftSec: pointer(209 / 1.5 * 86400)},
			{Figure: "unallocated", PerDay: -1 << 20, Last: 181 * gib, LeftSec: pointer(181 * 1024 * 86400.0)},
			{Figure: "metadata_headroom", PerDay: 4 << 20, Last: 90 * gib},
		}},
	}}}
}

func laptopTree(lineage bool) Trees {
	list := []Node{
		sub(5, 0, "/", "u5", ""), sub(256, 5, "/@", "u256", ""), sub(257, 5, "/@home", "u257", ""), sub(258, 5, "/@snapshots", "u258", ""),
		sub(259, 258, "/@snapshots/1/snapshot", "u259", "u256"), sub(260, 258, "/@snapshots/2/snapshot", "u260", "u256"),
		sub(261, 256, "/@/var/lib/machines", "u261", ""), sub(262, 5, "/before upgrade", "u262", "1c2d3e4f-0a1b-4c5d-8e9f-a0b1c2d3e4f5"), pendingSub(263, "u263", "u256"),
	}
	mounted := func(i int, point string) {
		list[i].Mounts = []Mount{{Point: point, Root: list[i].Path, Subvolume: list[i].ID, Options: []string{"rw"}}}
	}
	mounted(1, "/")
	mounted(2, "/home")
	mounted(3, "/.snapshots")
	list[0].State, list[7].State = "unreachable", "unreachable"
	list[6].State, list[6].HiddenBy = "hidden by mount", []string{"/var/lib"}
	o := treeOptions{lineage: lineage}
	t := Tree{UUID: rootUUID, Label: "arch", Lineage: lineage, SeenBy: byClient, Counts: countNodes(list, true)}
	t.Roots, t.Pending = buildTree(list, o)
	t.Missing = []Missing{{What: "sizes", Why: "quotas, which count them, are off"}}
	return Trees{Filesystems: []Tree{t}, Missing: []Missing{}}
}

// screens are the screens whose text is frozen.
var screens = map[string]func(w *bytes.Buffer, t ui.Theme, wide bool){
	"show":         func(w *bytes.Buffer, t ui.Theme, wide bool) { printShow(w, t, laptop(), wide) },
	"show-trouble": func(w *bytes.Buffer, t ui.Theme, wide bool) { printShow(w, t, troubled(), wide) },
	"show-none":    func(w *bytes.Buffer, t ui.Theme, wide bool) { printShow(w, t, Show{}, wide) },
	"usage":        func(w *bytes.Buffer, t ui.Theme, wide bool) { printUsages(w, t, laptopUsage(), wide) },
	"usage-trouble": func(w *bytes.Buffer, t ui.Theme, wide bool) {
		f := troubled().Filesystems[0]
		printUsages(w, t, Usages{Filesystems: []Usage{{UUID: f.UUID, Level: f.Level, Problems: f.Problems, Devices: f.Devices, Space: f.Space, Missing: f.Missing}}}, wide)
	},
	"tree":         func(w *bytes.Buffer, t ui.Theme, wide bool) { printTrees(w, t, laptopTree(false), wide, 100) },
	"tree-lineage": func(w *bytes.Buffer, t ui.Theme, wide bool) { printTrees(w, t, laptopTree(true), wide, 100) },
}

func TestScreens(t *testing.T) {
	for name, print := range screens {
		var b strings.Builder
		for _, style := range []struct {
			name  string
			theme ui.Theme
			wide  bool
		}{{"text", ui.Theme{}, false}, {"ASCII", ui.Theme{ASCII: true}, false}, {"colour", ui.Theme{Colour: true}, false}, {"wide", ui.Theme{}, true}} {
			var out bytes.Buffer
			print(&out, style.theme, style.wide)
			got := out.String()
			if style.theme.ASCII && strings.IndexFunc(got, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
				t.Errorf("%s goes beyond ASCII: %q", name, got)
			}
			for line := range strings.SplitSeq(got, "\n") {
				if strings.TrimRight(line, " ") != line {
					t.Errorf("%s as %s has a line with spaces at its end: %q", name, style.name, line)
				}
			}
			fmt.Fprintf(&b, "# %s\n%s\n", style.name, strings.ReplaceAll(got, "\x1b", "^["))
		}
		annatest.Golden(t, "testdata/screen/storage-"+name+".txt", []byte(b.String()))
	}
}

// TestDocs puts the screens into the documents.
func TestDocs(t *testing.T) {
	section := func(doc, name, command, screen string, wide bool) {
		t.Helper()
		var out bytes.Buffer
		screens[screen](&out, ui.Theme{}, wide)
		annatest.GoldenSection(t, "docs/"+doc, name, []byte("```console\n$ "+command+"\n"+out.String()+"```\n"))
	}
	section("STORAGE-BTRFS.md", "show", "anna storage btrfs", "show", false)
	section("STORAGE-BTRFS.md", "show-trouble", "anna storage btrfs show /srv", "show-trouble", false)
	section("STORAGE-BTRFS.md", "usage", "anna storage btrfs usage /", "usage", false)
	section("STORAGE-TREE.md", "tree", "anna storage btrfs tree", "tree", false)
	section("STORAGE-TREE.md", "lineage", "anna storage btrfs tree --lineage", "tree-lineage", false)
	var explained bytes.Buffer
	for _, topic := range topics {
		s := laptop()
		s.Explain = explain(topic, s)
		fmt.Fprintf(&explained, "```console\n$ anna storage btrfs --explain %s\n", topic)
		printShow(&explained, ui.Theme{}, s, false)
		explained.WriteString("```\n\n")
	}
	annatest.GoldenSection(t, "docs/STORAGE-BTRFS.md", "topics", explained.Bytes())
	text, err := json.MarshalIndent(laptopTree(false).Filesystems[0].Roots[0].Children[1], "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	annatest.GoldenSection(t, "docs/STORAGE-TREE.md", "node", []byte("```json\n"+string(text)+"\n```\n"))
}

// TestWire freezes what crosses the socket and what scripts read.
func TestWire(t *testing.T) {
	subs := SubvolumesItem{Subvolumes: []Node{sub(256, 5, "/@", "u256", "u1")}}
	odd := sub(257, 5, "/\xff", "u257", "")
	odd.PathRaw, odd.NameRaw = raw(odd.Path), raw(odd.Name)
	odd.Reach = []Reach{{Path: "/mnt/\xff", PathRaw: raw("/mnt/\xff")}}
	subs.Subvolumes = append(subs.Subvolumes, odd)
	for name, v := range map[string]any{
		"show": laptop(), "show-trouble": troubled(), "show-none": Show{Filesystems: []Filesystem{}, Tools: []Tool{}, Boot: []Boot{}, Missing: []Missing{}},
		"usage": laptopUsage(), "tree": laptopTree(false), "tree-lineage": laptopTree(true), "stream_subvolumes": subs,
		"stream_subvolumes-end": SubvolumesEnd{UUID: rootUUID, Default: 5, Count: 2, Missing: []Missing{}},
		"list_filesystems":      List{Privileged: true, Filesystems: []Listed{{UUID: rootUUID, Label: "arch", Device: "0:24"}}},
	} {
		text, err := json.MarshalIndent(v, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		annatest.Golden(t, "testdata/json/storage-"+name+".json", append(text, '\n'))
		back := reflect.New(reflect.TypeOf(v))
		if err := json.Unmarshal(text, back.Interface()); err != nil {
			t.Errorf("%s does not come back: %v", name, err)
		}
		again, err := json.MarshalIndent(back.Elem().Interface(), "", "\t")
		text = bytes.ReplaceAll(text, []byte(`\ufffd`), []byte("\ufffd")) // what was no UTF-8 stays so
		if err != nil || !bytes.Equal(text, again) {
			t.Errorf("%s comes back as another", name)
		}
	}
	text, err := json.Marshal(subs)
	if err != nil {
		t.Fatal(err)
	}
	var back SubvolumesItem
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	for i := range back.Subvolumes {
		back.Subvolumes[i].restored()
	}
	if back.Subvolumes[1].Path != odd.Path || back.Subvolumes[1].Name != odd.Name || back.Subvolumes[1].Reach[0].Path != odd.Reach[0].Path {
		t.Errorf("bytes are lost on the way: %+v", back.Subvolumes[1])
	}
}

// TestScreensOfHostileDaemon fills every text with what a terminal would act on,
// and every figure with nonsense.
func TestScreensOfHostileDaemon(t *testing.T) {
	const evil = "\x1b[2J\r\nroot # \u009b31m\u202e\x00[red]"
	show, usage, tree := troubled(), laptopUsage(), laptopTree(true)
	for _, v := range []any{&show, &usage, &tree} {
		texts := 0
		spoil(reflect.ValueOf(v).Elem(), evil, &texts, 0)
		if texts < 20 {
			t.Fatalf("only %d texts were found in %T", texts, v)
		}
	}
	for _, wide := range []bool{false, true} {
		var b bytes.Buffer
		printShow(&b, ui.Theme{}, show, wide)
		printUsages(&b, ui.Theme{}, usage, wide)
		printTrees(&b, ui.Theme{}, tree, wide, 0)
		for _, r := range b.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("a screen holds %U:\n%q", r, b.String())
			}
		}
	}
}

func spoil(v reflect.Value, text string, texts *int, depth int) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(text)
			*texts++
		}
	case reflect.Uint64, reflect.Uint32:
		if v.CanSet() {
			v.SetUint(math.MaxUint32)
		}
	case reflect.Int, reflect.Int64:
		if v.CanSet() && v.Type() != reflect.TypeFor[health.Level]() {
			v.SetInt(math.MinInt64)
		}
	case reflect.Float64:
		if v.CanSet() {
			v.SetFloat(math.Inf(-1))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			spoil(v.Elem(), text, texts, depth+1)
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i), text, texts, depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			spoil(v.Field(i), text, texts, depth+1)
		}
	}
}
