// Package help shows help by a command's words: `anna help storage btrfs`.
//
//	$ anna help storage btrfs
//	anna storage btrfs: Btrfs: file systems, subvolumes, space
package help

import "github.com/jjgarcianorway/anna-assistant/anna/applet"

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "help",
	Summary:  "help for a command",
	Commands: commands,
}
