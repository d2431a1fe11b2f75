package anna

import (
	"path"
	"strings"
)

// A Role is which half of the executable runs.
type Role int

// The roles.
const (
	Client Role = iota
	Daemon
)

// The names that mean something. Under any other name the executable is the
// client.
const (
	daemonName = "annad"
	clientName = "annactl"
)

// RoleOf chooses the role from the arguments, as the kernel gives them. Only
// the daemon's own name, or the first word "daemon" under any name but the
// client's, starts a daemon. program is the base name for messages, and words
// are what is left to understand.
func RoleOf(args []string) (role Role, program string, words []string) {
	if len(args) == 0 { // execve(2) with an empty argv
		return Client, "anna", nil
	}
	// A login shell's name begins with a dash.
	program = strings.TrimPrefix(path.Base(args[0]), "-")
	if program == "" || program == "." || program == "/" {
		program = "anna"
	}
	words = args[1:]
	switch {
	case program == daemonName:
		return Daemon, program, words
	case program != clientName && len(words) > 0 && words[0] == "daemon":
		return Daemon, program + " daemon", words[1:]
	}
	return Client, program, words
}
