// Package anna is the program: it chooses between the daemon and the client by
// the name it was called by, and hands over.
//
// The core below this package knows no applet by name; the capabilities come
// in as a table:
//
//	func main() { os.Exit(anna.Main(os.Args, applets.Table)) }
package anna

import (
	"os"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
)

// Main runs the program and returns its exit status.
func Main(args []string, table applet.Table) int {
	role, program, words := RoleOf(args)
	w := &console.World{
		Program: program, In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv,
		ConfigPath: config.DefaultPath, Specs: table.Spec, Standalone: standalone(table),
		Daemon: daemonCommand(table),
	}
	if role == Daemon {
		return console.MainOf(w, w.Daemon, words)
	}
	if program == clientName && len(words) > 0 && words[0] == "daemon" {
		return console.Refuse(w, "annactl is the client and starts no daemon", "use: annad, or: sudo systemctl start annad")
	}
	w.Tree = table.Commands()
	return console.Main(w, words)
}
