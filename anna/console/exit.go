package console

import (
	"errors"
	"fmt"

	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Exit statuses: a published contract. Those of failed calls (7, 10 to 15, 77,
// 78) stand in the table of package rpc.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitWarning     = 3
	ExitCritical    = 4
	ExitNoCheck     = 5
	ExitTimeout     = 7
	ExitUsage       = 64
	ExitDenied      = 77
	ExitConfig      = 78
	ExitInterrupted = 130
)

// ExitMeanings says what each status means, for help texts and documents.
// Status 2 has no meaning here, for a crash of the Go runtime ends with it.
var ExitMeanings = map[int]string{
	ExitOK:          "done; the level is ok or unknown",
	ExitFailed:      "failed; the message says why",
	ExitWarning:     "level warning",
	ExitCritical:    "level critical",
	ExitNoCheck:     "no check could run",
	ExitTimeout:     "timed out (ConnectTimeout, ReadTimeout, Timeout)",
	10:              "no daemon (SocketNotFound)",
	11:              "no permission for the socket (SocketPermission)",
	12:              "the daemon is gone (DaemonCrashed)",
	13:              "refused, reset or busy (ConnectionRefused, ConnectionReset, Busy)",
	14:              "the answer makes no sense (InvalidResponse)",
	15:              "the daemon does not know the method (MethodNotFound)",
	ExitUsage:       "wrong usage",
	ExitDenied:      "not authorized (NotAuthorized)",
	ExitConfig:      "invalid configuration (ConfigInvalid)",
	ExitInterrupted: "interrupted",
}

// A Status is an error that only sets the exit status: the answer, already
// printed, says it all.
type Status int

func (s Status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// A UsageError is a command line that cannot be understood: one line and, where
// one is near, what was probably meant.
type UsageError struct {
	Message string
	Hint    string
}

func (e *UsageError) Error() string { return e.Message }

// Usagef makes a usage error that points to the command's help.
func Usagef(hint, format string, args ...any) error {
	return &UsageError{Message: fmt.Sprintf(format, args...), Hint: hint}
}

// A Hinted is an error with a next step: of its own, for what goes wrong in the
// client, or in the place of a failed call's.
type Hinted struct {
	Err  error
	Hint string
	Exit int // 0: the error's own, else ExitFailed
}

func (e *Hinted) Error() string { return e.Err.Error() }

// Unwrap returns the error without its hint.
func (e *Hinted) Unwrap() error { return e.Err }

// errPipe ends a command whose reader has gone ("| head"): quietly.
var errPipe = errors.New("the reader of the output has gone")

// OwnCodes are the codes of errors that have nothing to do with a call. They
// stand beside rpc.Codes in `anna explain`.
var OwnCodes = []rpc.CodeRow{
	{
		Code: "Usage", Exit: ExitUsage, Retry: rpc.RetryNever,
		Message: "the command line is wrong",
		Hint:    "See what a command takes: anna help COMMAND",
		Meaning: "The command line cannot be understood: an unknown command or flag, a value that is missing or wrong, an argument too many. Nothing was done.",
		Steps:   []string{"anna COMMAND --help"},
	},
	{
		Code: "Failed", Exit: ExitFailed, Retry: rpc.RetryNever,
		Message: "the command failed",
		Hint:    "The message says what failed and why",
		Meaning: "Something failed in the client itself, as reading a file or writing the answer. The daemon has no part in it.",
		Steps:   []string{"read the message; with --json it is in .error.message"},
	},
}
