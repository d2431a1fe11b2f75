package storage

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

var noon = time.Date(2025, 11, 1, 12, 0, 0, 0, time.UTC)

// sub is a subvolume for a test.
func sub(id, parent uint64, path, uuid, origin string) Node {
	n := Node{
		ID: id, Parent: parent, Path: path, Name: path[strings.LastIndex(path, "/")+1:], ReadOnly: pointer(origin != ""), Snapshot: pointer(origin != ""),
		UUID: uuid, ParentUUID: origin, State: "reachable", Default: pointer(false), Created: noon.Add(time.Duration(id) * time.Hour), Reach: []Reach{}, Mounts: []Mount{},
	}
	return n
}

func pendingSub(id uint64, uuid, origin string) Node {
	n := sub(id, 0, "", uuid, origin)
	n.State = "pending deletion"
	return n
}

func draw(list []Node, o treeOptions, limit int, theme ui.Theme) string {
	t := Tree{UUID: "u", Lineage: o.lineage}
	t.Roots, t.Pending = buildTree(slices.Clone(list), o)
	var b bytes.Buffer
	printTrees(&b, theme, Trees{Filesystems: []Tree{t}}, false, limit)
	_, drawn, _ := strings.Cut(b.String(), "\n") // without the heading
	return drawn
}

// TestTreeOfTheRoadmap draws the example of the roadmap.
func TestTreeOfTheRoadmap(t *testing.T) {
	list := []Node{
		sub(5, 0, "/", "a", ""), sub(256, 5, "/@", "b", ""), sub(257, 5, "/@home", "c", ""), sub(258, 5, "/@snapshots", "d", ""),
		sub(259, 258, "/@snapshots/@-2025-11-01-pre-upgrade", "e", "b"), sub(260, 258, "/@snapshots/@-2025-11-02-backup", "f", "b"),
	}
	for i := range list { // without their times: these are local
		list[i].Created = time.Time{}
	}
	list[1].Mounts = []Mount{{Point: "/", Root: "/@", Subvolume: 256}}
	want := `/
├── @ (rw, root)
├── @home (rw)
└── @snapshots (rw)
    ├── @-2025-11-01-pre-upgrade (ro, snapshot)
    └── @-2025-11-02-backup (ro, snapshot)
`
	if got := draw(list, treeOptions{sort: "path"}, 0, ui.Theme{}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	ascii := strings.NewReplacer("├", "|", "└", "`", "─", "-", "│", "|").Replace(want)
	if got := draw(list, treeOptions{sort: "path"}, 0, ui.Theme{ASCII: true}); got != ascii {
		t.Errorf("got\n%s\nwant\n%s", got, ascii)
	}
	want = `/
@ (rw, root)
├── @snapshots/@-2025-11-01-pre-upgrade (ro, snapshot)
└── @snapshots/@-2025-11-02-backup (ro, snapshot)
@home (rw)
@snapshots (rw)
`
	if got := draw(list, treeOptions{sort: "path", lineage: true}, 0, ui.Theme{}); got != want {
		t.Errorf("lineage: got\n%s\nwant\n%s", got, want)
	}
}

// TestPendingInLineage holds that a line says of a subvolume that it is deleted
// where it stands among those that are not.
func TestPendingInLineage(t *testing.T) {
	list := []Node{pendingSub(256, "b", ""), sub(257, 5, "/snap", "c", "b")}
	for i := range list {
		list[i].Created = time.Time{}
	}
	want := `subvolume 256 (rw) · pending deletion
└── snap (ro, snapshot)
`
	if got := draw(list, treeOptions{sort: "path", lineage: true, deleted: true}, 0, ui.Theme{}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	want = `snap (ro, snapshot)
pending deletion
└── subvolume 256 (rw)
`
	if got := draw(list, treeOptions{sort: "path", deleted: true}, 0, ui.Theme{}); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// shape writes a tree as 5(256(258) 257).
func shape(roots []*Node) string {
	var parts []string
	for _, n := range roots {
		text := fmt.Sprint(n.ID)
		if n.State == stateDeleted {
			text = "gone:" + n.UUID
		}
		if len(n.Over) > 0 {
			text += "!" + strings.Join(n.Over, "!")
		}
		if len(n.Children) > 0 {
			text += "(" + shape(n.Children) + ")"
		}
		if n.Folded > 0 {
			text += fmt.Sprintf("+%d", n.Folded)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

func TestBuildTree(t *testing.T) {
	plain := []Node{sub(5, 0, "/", "a", ""), sub(256, 5, "/b", "b", ""), sub(257, 256, "/b/c", "c", ""), sub(258, 257, "/b/c/d", "d", ""), sub(259, 5, "/a", "e", "")}
	sized := slices.Clone(plain)
	sized[1].Referenced, sized[4].Referenced = pointer(uint64(10)), pointer(uint64(20))
	for name, c := range map[string]struct {
		list    []Node
		o       treeOptions
		roots   string
		pending string
	}{
		"hierarchy":          {plain, treeOptions{}, "5(259 256(257(258)))", ""},
		"by id":              {plain, treeOptions{sort: "id"}, "5(256(257(258)) 259)", ""},
		"by time":            {plain, treeOptions{sort: "created"}, "5(256(257(258)) 259)", ""},
		"by size":            {sized, treeOptions{sort: "size"}, "5(259 256(257(258)))", ""},
		"one level":          {plain, treeOptions{depth: 1}, "5(259 256+2)", ""},
		"two levels":         {plain, treeOptions{depth: 2}, "5(259 256(257+1))", ""},
		"nothing":            {nil, treeOptions{}, "", ""},
		"no parent in sight": {[]Node{sub(300, 299, "/x/y", "x", "")}, treeOptions{}, "300", ""},
		"a ring":             {[]Node{sub(5, 0, "/", "a", ""), sub(256, 257, "/x", "x", ""), sub(257, 256, "/y", "y", "")}, treeOptions{}, "5 256(257)", ""},
		"its own parent":     {[]Node{sub(256, 256, "/x", "x", "")}, treeOptions{}, "256", ""},
		"pending, hidden":    {[]Node{sub(5, 0, "/", "a", ""), pendingSub(256, "x", "")}, treeOptions{}, "5", ""},
		"pending":            {[]Node{sub(5, 0, "/", "a", ""), pendingSub(256, "x", "")}, treeOptions{deleted: true}, "5", "256"},
		"numbers as people do": {
			[]Node{sub(5, 0, "/", "a", ""), sub(256, 5, "/s/10", "b", ""), sub(257, 5, "/s/9", "c", ""), sub(258, 5, "/s/09", "d", "")},
			treeOptions{},
			"5(258 257 256)", "",
		},
		"lineage": {
			[]Node{sub(256, 5, "/a", "a", ""), sub(257, 5, "/b", "b", "a"), sub(258, 5, "/c", "c", "b")},
			treeOptions{lineage: true},
			"256(257(258))", "",
		},
		"lineage over what is pending": {
			[]Node{sub(256, 5, "/a", "a", ""), pendingSub(257, "b", "a"), pendingSub(258, "c", "b"), sub(259, 5, "/d", "d", "c")},
			treeOptions{lineage: true},
			"256(259!c!b)", "",
		},
		"lineage with what is pending": {
			[]Node{sub(256, 5, "/a", "a", ""), pendingSub(257, "b", "a"), sub(259, 5, "/d", "d", "b")},
			treeOptions{lineage: true, deleted: true},
			"256(257(259))", "",
		},
		"lineage of what is gone": {
			[]Node{sub(256, 5, "/a", "a", "x"), sub(257, 5, "/b", "b", "x"), sub(258, 5, "/c", "c", "y")},
			treeOptions{lineage: true, sort: "id"},
			"gone:x(256 257) gone:y(258)", "",
		},
		"lineage over pending to what is gone": {
			[]Node{pendingSub(256, "a", "x"), sub(257, 5, "/b", "b", "a")},
			treeOptions{lineage: true},
			"gone:x(257!a)", "",
		},
		"lineage in a ring":        {[]Node{sub(256, 5, "/a", "a", "b"), sub(257, 5, "/b", "b", "a")}, treeOptions{lineage: true}, "256(257)", ""},
		"a ring of pending":        {[]Node{pendingSub(256, "a", "b"), pendingSub(257, "b", "a"), sub(258, 5, "/c", "c", "a")}, treeOptions{lineage: true}, "258!a!b", ""},
		"no UUID (old, or closed)": {[]Node{sub(256, 5, "/a", "", ""), sub(257, 5, "/b", "", "")}, treeOptions{lineage: true}, "256 257", ""},
	} {
		t.Run(name, func(t *testing.T) {
			roots, pending := buildTree(slices.Clone(c.list), c.o)
			if got := shape(roots); got != c.roots {
				t.Errorf("roots %q, want %q", got, c.roots)
			}
			if got := shape(pending); got != c.pending {
				t.Errorf("pending %q, want %q", got, c.pending)
			}
		})
	}
}

// FuzzBuildTree holds, for lists that make no sense, that each node comes once.
func FuzzBuildTree(f *testing.F) {
	f.Add(uint64(1), 20, true, true)
	f.Add(uint64(2), 300, false, false)
	f.Fuzz(func(t *testing.T, seed uint64, n int, lineage, deleted bool) {
		if n < 0 || n > 500 {
			return
		}
		r := rand.New(rand.NewPCG(seed, 1))
		var list []Node
		want := 0
		for i := range n {
			v := sub(uint64(i), r.Uint64N(uint64(n)+2), fmt.Sprintf("/%d", i), fmt.Sprint(r.IntN(n+1)), fmt.Sprint(r.IntN(n+1)))
			if r.IntN(3) == 0 {
				v.ParentUUID, v.UUID = "", ""
			}
			if r.IntN(4) == 0 {
				v.State = "pending deletion"
			}
			if v.State != "pending deletion" || deleted {
				want++
			}
			list = append(list, v)
		}
		roots, pending := buildTree(list, treeOptions{lineage: lineage, deleted: deleted})
		seen := map[uint64]int{}
		for todo := slices.Concat(roots, pending); len(todo) > 0; {
			v := todo[len(todo)-1]
			todo = append(todo[:len(todo)-1], v.Children...)
			if v.State != stateDeleted {
				seen[v.ID]++
			}
			if len(todo) > 4*n+10 {
				t.Fatal("a node hangs below itself")
			}
		}
		if len(seen) != want {
			t.Fatalf("%d nodes of %d", len(seen), want)
		}
		for id, times := range seen {
			if times != 1 {
				t.Fatalf("node %d comes %d times", id, times)
			}
		}
	})
}

// many are 10 000 subvolumes: snapper's layout, and a nest 1 000 deep.
func many() []Node {
	list := []Node{sub(5, 0, "/", "u5", ""), sub(256, 5, "/@", "u256", "")}
	for i := range 9000 {
		id := uint64(300 + i)
		list = append(list, sub(id, 5, fmt.Sprintf("/.snapshots/%d/snapshot", i), fmt.Sprintf("u%d", id), "u256"))
	}
	path := "/deep"
	parent := uint64(5)
	for i := range 1000 {
		id := uint64(20000 + i)
		list = append(list, sub(id, parent, path, fmt.Sprintf("u%d", id), ""))
		path, parent = path+"/d", id
	}
	return list
}

// TestManySubvolumes holds that ten thousand neither flood a screen nor get
// lost.
func TestManySubvolumes(t *testing.T) {
	list := many()
	for _, lineage := range []bool{false, true} {
		got := draw(list, treeOptions{lineage: lineage}, 100, ui.Theme{})
		if lines := strings.Count(got, "\n"); lines > 300 || len(got) > 300<<10 {
			t.Errorf("lineage %v: %d lines, %d bytes", lineage, lines, len(got))
		}
		if !regexp.MustCompile(`\.\.\. 890\d more`).MatchString(got) || !strings.Contains(got, "--limit 0") || !strings.Contains(got, ".snapshots/8999/snapshot") {
			t.Errorf("lineage %v: what is left out is not said, or not the middle", lineage)
		}
	}
	if got := draw(list, treeOptions{}, 0, ui.Theme{}); !strings.Contains(got, "936 deeper") || strings.Count(got, "\n") < 9000 {
		t.Errorf("all of them: %d lines", strings.Count(got, "\n"))
	}
	roots, _ := buildTree(list, treeOptions{})
	text, err := json.Marshal(Trees{Filesystems: []Tree{{Roots: roots}}})
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte(`"id":`)); n != len(list) {
		t.Errorf("JSON holds %d of %d nodes", n, len(list))
	}
}

func BenchmarkTree10000(b *testing.B) {
	list := many()
	b.ReportAllocs()
	for b.Loop() {
		draw(list, treeOptions{}, 100, ui.Theme{})
	}
}
