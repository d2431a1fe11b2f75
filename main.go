// Command anna is a Linux machine's quiet, exact assistant: a daemon that
// watches the machine and itself, and a client that answers.
//
//	$ go run . health --standalone
package main

import (
	"os"

	"github.com/jjgarcianorway/anna-assistant/anna"
	"github.com/jjgarcianorway/anna-assistant/applets"
)

func main() { os.Exit(anna.Main(os.Args, applets.Table)) }
