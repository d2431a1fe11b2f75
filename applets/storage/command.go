package storage

import (
	"errors"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
)

func commands() []*console.Command {
	show := showCommand("show")
	bare := showCommand("btrfs")
	bare.Sub = []*console.Command{show, treeCommand(), diffCommand(), usageCommand(), balanceCommand(), scrubCommand()}
	return []*console.Command{{
		Name:    "storage",
		Summary: "what lies on the disks: Btrfs file systems, subvolumes, space",
		Sub:     []*console.Command{bare},
	}}
}

func wideFlag() cli.Flag {
	return &cli.BoolFlag{Name: "wide", Aliases: []string{"w"}, Usage: "show every figure"}
}

// showCommand is `storage btrfs show`, and `storage btrfs` alone.
func showCommand(name string) *console.Command {
	c := &console.Command{
		Name:    name,
		Args:    "[PATH]",
		MaxArgs: 1,
		Summary: "Btrfs file systems as a whole: state, devices, space, mounts, snapshots",
		About: `Every mounted Btrfs file system, or the one that holds PATH. What is wrong comes first: forced read-only, a missing device, device errors. Then devices, space by type, what can really still be written, subvolumes, mounts, what runs, and what takes snapshots.

It is read through the kernel's own interface and works without a daemon. Without privilege a few figures are missing, and it says which.`,
		Flags: []cli.Flag{
			wideFlag(),
			&cli.StringFlag{Name: "explain", Usage: "explain a `TOPIC` instead: " + strings.Join(topics, ", ")},
		},
		Examples: []console.Example{
			{Line: "anna storage btrfs", Says: "all of them"},
			{Line: "anna storage btrfs show /home --wide", Says: "one, with every figure"},
			{Line: "anna storage btrfs --explain space", Says: "what the figures mean"},
		},
		Run: runShow,
	}
	if name == "show" {
		c.Examples = slices.Clone(c.Examples)
		c.Examples[0].Line = "anna storage btrfs show"
		c.Examples[2].Line = "anna storage btrfs show --explain space"
	} else {
		c.Summary = "Btrfs: file systems, subvolumes, space"
	}
	return c
}

func treeCommand() *console.Command {
	return &console.Command{
		Name:    "tree",
		Args:    "[PATH]",
		MaxArgs: 1,
		Summary: "the subvolumes and snapshots as a tree",
		About: `Every subvolume of every mounted Btrfs file system, or of the one that holds PATH: as they lie in each other, or with --lineage by what is a snapshot of what. Each with ro or rw, where it is mounted, when a snapshot was taken and, where quotas count it, how large it is.

Names that could be mistaken are quoted as a shell reads them.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "lineage", Usage: "draw by ancestry: what is a snapshot of what"},
			&cli.BoolFlag{Name: "deleted", Usage: "show what is deleted and not freed yet"},
			&cli.IntFlag{Name: "depth", Usage: "at most `N` levels below the top", DefaultText: "all"},
			&cli.StringFlag{Name: "sort", Usage: "order by `KEY`: " + strings.Join(treeSorts, ", "), Value: "path"},
			&cli.IntFlag{Name: "limit", Usage: "draw at most `N` of one directory, or all with 0", Value: 100},
			wideFlag(),
		},
		Examples: []console.Example{
			{Line: "anna storage btrfs tree", Says: "the hierarchy"},
			{Line: "anna storage btrfs tree / --lineage --sort created", Says: "who descends from whom"},
			{Line: "anna storage btrfs tree --json | jq '.. | .path? // empty'", Says: "every path, for a script"},
		},
		Run: runTree,
	}
}

func diffCommand() *console.Command {
	return &console.Command{
		Name:    "diff",
		Args:    "A B",
		MinArgs: 2,
		MaxArgs: 2,
		Summary: "what differs between two subvolumes or snapshots",
		About: `Every file and directory that was added, removed, modified, replaced or renamed from A to B, grouped by directory, with sizes. Both may be in use; nothing is created and no file is read.

A and B are each a path that is a subvolume (/home, /.snapshots/12/snapshot), FS:SUBVOLUME with a path of the file system and a subvolume's path in it or its id (/:@home, /mnt:257), a snapshot that snapper took (@home#12, /home#12), or "live" for what the other one is a snapshot of.

The kinds are ` + strings.Join(kindWords(), ", ") + `. The other way round, from B to A, the same comes out inverted.

It needs root, because names show that the permissions of directories would hide. Members of [access] control_group can have a daemon that has CAP_SYS_ADMIN do it.

With --content it is one file, as a unified diff, read with your own rights.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "content", Usage: "how the text of one file differs: its `PATH` inside the subvolumes"},
			&cli.BoolFlag{Name: "stat", Usage: "counts and sizes by kind alone"},
			&cli.BoolFlag{Name: "name-only", Usage: "paths alone, one a line"},
			&cli.BoolFlag{Name: "null", Aliases: []string{"z"}, Usage: "with --name-only: paths as they are, each ended by a NUL byte"},
			&cli.IntFlag{Name: "depth", Usage: "sum up by directory, at most `N` levels down", DefaultText: "no"},
			&cli.StringFlag{Name: "filter", Usage: "only names that the `GLOB` matches, or paths if it has a slash; ** is any depth"},
			&cli.StringFlag{Name: "only", Usage: "only these `KINDS`, separated by commas"},
			&cli.StringFlag{Name: "sort", Usage: "order by `KEY`: " + strings.Join(diffSorts, ", ") + "; size puts the largest differences first", DefaultText: "path"},
			&cli.StringFlag{Name: "engine", Usage: "the `WAY` to look: " + strings.Join(diffEngines, ", "), Value: "auto"},
			&cli.BoolFlag{Name: "retry", Usage: "look again where a side changed meanwhile, until it holds still"},
			&cli.BoolFlag{Name: "no-pager", Usage: "do not show it in $PAGER on a terminal"},
			&cli.BoolFlag{Name: "stream", Usage: "with --json: one change a line as it is found, the summary last"},
		},
		Examples: []console.Example{
			{Line: "sudo anna storage btrfs diff @home#12 live", Says: "what happened since snapshot 12"},
			{Line: "sudo anna storage btrfs diff /snap / --depth 2 --sort size", Says: "where it grew most"},
			{Line: "sudo anna storage btrfs diff @#11 @#12 --filter /etc --only added", Says: "a part of it"},
			{Line: "sudo anna storage btrfs diff @#11 live --content etc/fstab", Says: "what was changed in a file"},
			{Line: "sudo anna storage btrfs diff /:256 /:257 --json --stream", Says: "for a script"},
		},
		Exits: []int{console.ExitDenied},
		Run:   runDiff,
	}
}

func usageCommand() *console.Command {
	return &console.Command{
		Name:    "usage",
		Args:    "[PATH]",
		MaxArgs: 1,
		Summary: "space in full: what each profile can still get, headroom, trend",
		About: `How much can still be written, and why: what each profile has and could get on these devices, the headroom of metadata as a sum, the trend of the last week and the time left, and which block groups are least used.

The trend needs a daemon that has watched for a day. Block groups need root, or a daemon with the privilege to see them.`,
		Flags: []cli.Flag{wideFlag()},
		Examples: []console.Example{
			{Line: "anna storage btrfs usage /", Says: "the file system of /"},
			{Line: "anna storage btrfs usage --json | jq '.filesystems[].space.metadata_headroom.bytes'", Says: "for a script"},
		},
		Run: runUsage,
	}
}

func newViewer(c *console.Console) *viewer {
	return &viewer{ctx: c.Context(), roots: btrfs.Roots{}, call: c.CallOnce, stream: c.CallEach, privileged: privileged()}
}

// pathOf is the path that was given, "" for none.
func pathOf(c *console.Console) (string, error) {
	if len(c.Args) == 0 {
		return "", nil
	}
	if c.Args[0] == "" { // an unset variable of a script: not everything
		return "", console.Usagef("see: "+c.Path()+" --help", "the path is empty")
	}
	return c.Args[0], nil
}

// choice refuses a flag's word that is none of the list.
func choice(flag, word string, list []string) error {
	if slices.Contains(list, word) {
		return nil
	}
	hint := "there are: " + strings.Join(list, ", ")
	if near := nearest.Of(word, list); near != "" {
		hint = "did you mean: --" + flag + " " + near
	}
	return console.Usagef(hint, "flag --%s does not know %q", flag, word)
}

func runShow(c *console.Console) error {
	path, err := pathOf(c)
	if err != nil {
		return err
	}
	topic := c.String("explain")
	if c.IsSet("explain") {
		if err := choice("explain", topic, topics); err != nil {
			return err
		}
	}
	v := newViewer(c)
	found, err := v.find(path)
	if err != nil {
		return err
	}
	s := Show{Filesystems: []Filesystem{}, Tools: findTools("/"), Boot: findBoot("/"), Missing: []Missing{}}
	all, _, err := btrfs.ReadMounts(mountinfo)
	if err != nil {
		g := gaps(s.Missing)
		g.fail("what hides mounts", err)
		s.Missing = g.list()
	}
	for _, m := range found {
		s.Filesystems = append(s.Filesystems, v.show(m, all))
	}
	if topic != "" {
		s.Explain = explain(topic, s)
	}
	return answer(c, s, func(w io.Writer) { printShow(w, c.Theme, s, c.Bool("wide")) })
}

const mountinfo = "/proc/self/mountinfo"

// treeGC lets the heap grow to 16 MiB before the first collection.
const treeGC = 400

func runTree(c *console.Console) error {
	path, err := pathOf(c)
	if err != nil {
		return err
	}
	o := treeOptions{lineage: c.Bool("lineage"), deleted: c.Bool("deleted"), depth: c.Int("depth"), sort: c.String("sort")}
	if err := choice("sort", o.sort, treeSorts); err != nil {
		return err
	}
	for _, flag := range []string{"depth", "limit"} {
		if c.Int(flag) < 0 {
			return console.Usagef("see: "+c.Path()+" --help", "flag --%s needs a number from 0 on", flag)
		}
	}
	v := newViewer(c)
	found, err := v.find(path)
	if err != nil {
		return err
	}
	// What thousands of subvolumes take is in use until the end: to look for
	// garbage meanwhile costs time and finds little.
	defer debug.SetGCPercent(debug.SetGCPercent(treeGC))
	trees := Trees{Filesystems: []Tree{}, Missing: []Missing{}}
	var failed error
	for _, m := range found {
		tree, err := v.tree(m, o)
		failed = errors.Join(failed, err)
		trees.Filesystems = append(trees.Filesystems, tree)
	}
	if path != "" && failed != nil { // of one file system nothing can be said
		return failed
	}
	if c.JSON && c.Context().Err() == nil {
		return c.StreamJSON(func(w io.Writer) error { return writeTrees(w, trees) })
	}
	return answer(c, trees, func(w io.Writer) { printTrees(w, c.Theme, trees, c.Bool("wide"), c.Int("limit")) })
}

func runUsage(c *console.Console) error {
	path, err := pathOf(c)
	if err != nil {
		return err
	}
	v := newViewer(c)
	found, err := v.find(path)
	if err != nil {
		return err
	}
	u := Usages{Filesystems: []Usage{}, Missing: []Missing{}}
	for _, m := range found {
		u.Filesystems = append(u.Filesystems, v.usage(m))
	}
	return answer(c, u, func(w io.Writer) { printUsages(w, c.Theme, u, c.Bool("wide")) })
}

// answer prints, unless the user has interrupted the looking: half an answer
// would look like a whole one.
func answer(c *console.Console, value any, text func(io.Writer)) error {
	if err := c.Context().Err(); err != nil {
		return err
	}
	return c.Answer(value, text)
}
