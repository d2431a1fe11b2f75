// Package completion prints what makes a shell complete the words of anna:
// `anna completion bash`.
//
// The scripts are static: they are made from the command tree once and start no
// anna while somebody types, so that they work without a daemon, cost nothing
// and cannot run what stands on the line. One script serves the names anna,
// annactl and annad. The packages hold what these commands print.
//
// All three walk the words before the cursor in the same way as the program
// does (package console): a flag may stand anywhere, "--" ends them, and the
// first argument ends the commands.
//
//	$ anna completion fish > ~/.config/fish/completions/anna.fish
package completion

import "github.com/jjgarcianorway/anna-assistant/anna/applet"

// Row is this capability in the dispatch table.
var Row = applet.Row{
	Name:     "completion",
	Summary:  "words for the Tab key: bash, zsh, fish",
	Commands: commands,
}
