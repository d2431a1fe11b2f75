package storage

import (
	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
)

// scrubCommand is `storage btrfs scrub`.
func scrubCommand() *console.Command {
	return &console.Command{
		Name:    "scrub",
		Summary: "when it was scrubbed and what was found; start, cancel; damaged files",
		Sub:     []*console.Command{scrubStatusCommand(), scrubHistoryCommand(), scrubStartCommand(), scrubCancelCommand(), scrubDamageCommand()},
	}
}

func scrubStatusCommand() *console.Command {
	return &console.Command{
		Name:    "status",
		Args:    "[PATH]",
		MaxArgs: 1,
		Summary: "the scrub that runs, and the last one",
		About: `For every mounted Btrfs file system, or the one that holds PATH: how far the scrub is that runs, with rate and time left; when the last one was, how long it took, what it read, what errors it found by kind, and who ran it as far as that is known.

It is put together from the kernel, the status file of btrfs-progs, the kernel's log and what the daemon remembers, whoever started the scrub. What is not known is said with the date before which it is not. Without privilege only the daemon's memory can be seen.`,
		Flags: []cli.Flag{wideFlag()},
		Examples: []console.Example{
			{Line: "sudo anna storage btrfs scrub status", Says: "of all of them"},
			{Line: "sudo anna storage btrfs scrub status / --json | jq '.filesystems[].last.errors'", Says: "for a script"},
		},
		Run: runScrubStatus,
	}
}

func scrubHistoryCommand() *console.Command {
	return &console.Command{
		Name:    "history",
		Args:    "[PATH]",
		MaxArgs: 1,
		Summary: "every scrub that is known of",
		About:   "Every scrub of every mounted Btrfs file system, or the one that holds PATH, the newest first. The daemon remembers three years; without one it is what the status file and the kernel's log still have.",
		Flags:   []cli.Flag{&cli.IntFlag{Name: "limit", Usage: "at most `N` of a file system, or all with 0", Value: 20}},
		Examples: []console.Example{
			{Line: "sudo anna storage btrfs scrub history /", Says: "of the file system of /"},
			{Line: "anna storage btrfs scrub history --json", Says: "for a script"},
		},
		Run: runScrubHistory,
	}
}

func scrubStartCommand() *console.Command {
	return &console.Command{
		Name:    "start",
		Args:    "PATH",
		MinArgs: 1,
		MaxArgs: 1,
		Summary: "read everything and compare it with its checksums",
		About: `Starts a scrub of the file system that holds PATH, on all its devices, with idle I/O priority. What has a good second copy is repaired.

Where systemd runs and anna-scrub@.service is installed, that unit does it in the background and this command comes back at once. Otherwise, and with any of the flags, it runs here, with progress on a terminal; Ctrl-C cancels it cleanly and says what was done.

A limit holds for each device and is taken back at the end. With errors that were corrected the exit status is 3, with others 4. It needs root.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "wait", Usage: "run it here and wait for its end"},
			&cli.BoolFlag{Name: "readonly", Usage: "repair nothing"},
			&cli.StringFlag{Name: "limit", Usage: "read at most `RATE` a second from each device, as 50MiB", DefaultText: "none"},
		},
		Examples: []console.Example{
			{Line: "sudo anna storage btrfs scrub start /", Says: "in the background, where systemd runs"},
			{Line: "sudo anna storage btrfs scrub start --wait --limit 100MiB /srv", Says: "here, and not too fast"},
		},
		Exits: []int{console.ExitWarning, console.ExitCritical, console.ExitDenied, console.ExitInterrupted},
		Run:   runScrubStart,
	}
}

func scrubCancelCommand() *console.Command {
	return &console.Command{
		Name:    "cancel",
		Args:    "PATH",
		MinArgs: 1,
		MaxArgs: 1,
		Summary: "end the scrub that runs",
		About:   "Ends the scrub of the file system that holds PATH, whoever started it, and says how far it was. It needs root.",
		Examples: []console.Example{
			{Line: "sudo anna storage btrfs scrub cancel /", Says: "of the file system of /"},
		},
		Exits: []int{console.ExitDenied},
		Run:   runScrubCancel,
	}
}

func scrubDamageCommand() *console.Command {
	return &console.Command{
		Name:    "damage",
		Args:    "PATH",
		MinArgs: 1,
		MaxArgs: 1,
		Summary: "the files that cannot be read, and which snapshot has a good copy",
		About: `Reads the data of the file system that holds PATH, and lists each file of which a part cannot be read, in every subvolume and snapshot, with the snapshots that have a readable copy of it. What files share is read once.

Where the last scrub was watched, by the daemon or by anna itself, only the block groups in which it counted errors are read; otherwise, and with --all, everything. The file that the kernel's log names after a scrub can be another one.

Reading has the kernel repair what has a good second copy. It needs root, because names show that the permissions of directories would hide. The exit status is 4 when there are damaged files.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "read everything, whatever the last scrub found"},
			&cli.BoolFlag{Name: "no-copies", Usage: "do not look for good copies"},
		},
		Examples: []console.Example{
			{Line: "sudo anna storage btrfs scrub damage /", Says: "after a scrub that found errors"},
			{Line: "sudo anna storage btrfs scrub damage / --json | jq -r '.files[].paths[]'", Says: "for a script"},
		},
		Exits: []int{console.ExitCritical, console.ExitDenied, console.ExitInterrupted},
		Run:   runScrubDamage,
	}
}
