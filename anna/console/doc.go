// Package console is the client half's world: the command tree, the streams,
// what the terminal can show, and the one way to call the daemon.
//
// A Command is a row of the tree; help, flags, exit statuses and their checks
// follow from it. Its Run gets a *Console and nothing else:
//
//	func run(c *console.Console) error {
//		var answer wire.Answer
//		if err := c.Call("get_status", nil, &answer); err != nil {
//			return err
//		}
//		return c.Answer(answer, func(w io.Writer) { print(w, c.Theme, answer) })
//	}
//
// How anna speaks: stdout is the answer and stderr is everything else. An
// error is one line that begins with the program's name, then a line with a
// hint. With --json the answer, and the error too, is one JSON object on
// stdout. Colour is for terminals; a level has a shape and a word first.
//
// Flags may stand before and after arguments and before subcommands; "--" ends
// them. Package urfave/cli parses their values, but never sees them where they
// were typed: it would drop a flag behind an argument and give one before a
// subcommand to the wrong command. So words are put in order first (words.go).
package console
