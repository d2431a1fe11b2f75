// Package explain tells what an error code means and what to do about it:
// `anna explain SocketNotFound`. The texts are those of the code table, which
// docs/ERRORS.md is made from as well.
//
//	$ anna explain NotBtrfs
//	NotBtrfs
//
//	The path or id does not belong to a mounted Btrfs file system.
//
//	  Name a path on Btrfs; findmnt -t btrfs lists what is mounted
package explain

import "github.com/jjgarcianorway/anna-assistant/anna/applet"

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "explain",
	Summary:  "what an error code or a finding means, and what to do",
	Commands: commands,
}
