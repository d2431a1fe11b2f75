// Package storage shows what lies on the machine's disks: `anna storage btrfs`
// and the methods behind it.
//
// What a command shows is looked up by the client itself, with the caller's own
// rights: it opens the paths, reads the mounts and walks the subvolumes that the
// caller can reach. The daemon is asked only for what it sees and the caller
// does not: figures that need CAP_SYS_ADMIN, the whole tree of subvolumes for
// those who may control it, and how space went over time. It gets the UUID of a
// file system and never a path.
//
// TREE_SEARCH, by which a privileged process finds subvolumes, asks nobody's
// permission to read a directory. So the daemon hands names of subvolumes to
// control callers alone; observers get figures and counts.
//
//	$ anna storage btrfs tree
//	/
//	├── @ (rw, root)
//	├── @home (rw)
//	└── @snapshots (ro)
package storage

import (
	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
)

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "storage",
	Summary:  "what lies on the disks: Btrfs file systems, subvolumes, space",
	Commands: commands,
	Methods:  methods(newServer(btrfs.Roots{})),
}

const (
	methodList       = "list_filesystems"
	methodGet        = "get_filesystem"
	methodSpace      = "get_space"
	methodTrend      = "get_space_trend"
	methodSubvolumes = "stream_subvolumes"
)

// methods are the daemon's. All work before they answer: a device that hangs
// must not count as a daemon that does.
func methods(s *server) []applet.Method {
	return []applet.Method{
		{
			Spec: rpc.Spec{
				Name: methodList, Summary: "the Btrfs file systems that the daemon sees, and what it may do with them",
				Kind: rpc.Long, Access: rpc.Observe, Idempotent: true,
			},
			Result: List{}, Serve: s.list,
		},
		{
			Spec: rpc.Spec{
				Name: methodGet, Summary: "state, devices, space and operations of one file system",
				Kind: rpc.Long, Access: rpc.Observe, Idempotent: true,
			},
			Params: Params{}, Result: Filesystem{}, Serve: s.get,
		},
		{
			Spec: rpc.Spec{
				Name: methodSpace, Summary: "space of one file system, with its least used block groups",
				Kind: rpc.Long, Access: rpc.Observe, Idempotent: true,
			},
			Params: Params{}, Result: Usage{}, Serve: s.space,
		},
		{
			Spec: rpc.Spec{
				Name: methodTrend, Summary: "how the space of one file system went over time",
				Kind: rpc.Long, Access: rpc.Observe, Idempotent: true,
			},
			Params: Params{}, Result: Trend{}, Serve: s.trend,
		},
		{
			Spec: rpc.Spec{
				Name: methodBalance, Summary: "the running and the last balance of one file system, and whether one would help",
				Kind: rpc.Long, Access: rpc.Observe, Idempotent: true,
			},
			Params: Params{}, Result: Balance{}, Serve: s.balance,
		},
		{
			Spec: rpc.Spec{
				Name: methodSubvolumes, Summary: "every subvolume of one file system by id, some in each item, with its path inside it",
				Kind: rpc.Stream, Access: rpc.Control, Idempotent: true,
			},
			Params: Params{}, Result: SubvolumesItem{}, Serve: s.subvolumes,
		},
		{
			Spec: rpc.Spec{
				Name: methodDiff, Summary: "what differs between two subvolumes of one file system, by their ids: changes as they are found",
				Kind: rpc.Stream, Access: rpc.Control, Idempotent: true,
			},
			Params: DiffParams{}, Result: DiffItem{}, Serve: s.diff,
		},
		{
			Spec: rpc.Spec{
				Name: methodScrubs, Summary: "the scrubs of one file system that the daemon knows of",
				Kind: rpc.Quick, Access: rpc.Observe, Idempotent: true,
			},
			Params: Params{}, Result: scrub.State{}, Serve: s.scrubs,
		},
		{
			Spec: rpc.Spec{
				Name: methodRecord, Summary: "a scrub that the caller ran or saw, for the daemon to remember",
				Kind: rpc.Long, Access: rpc.Control, Idempotent: true,
			},
			Params: RecordParams{}, Result: Recorded{}, Serve: s.record,
		},
	}
}
