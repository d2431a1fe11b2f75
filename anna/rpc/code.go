package rpc

// A Code names one way in which a call can fail. Codes are a contract: scripts
// read them in --json output, people look them up with `anna explain`.
type Code string

// The codes, in the order of docs/ERRORS.md.
const (
	SocketNotFound    Code = "SocketNotFound"
	SocketPermission  Code = "SocketPermission"
	ConnectionRefused Code = "ConnectionRefused"
	DaemonCrashed     Code = "DaemonCrashed"
	ConnectionReset   Code = "ConnectionReset"
	ConnectTimeout    Code = "ConnectTimeout"
	ReadTimeout       Code = "ReadTimeout"
	InvalidResponse   Code = "InvalidResponse"
	MethodNotFound    Code = "MethodNotFound"
	NotAuthorized     Code = "NotAuthorized"
	ConfigInvalid     Code = "ConfigInvalid"
	Busy              Code = "Busy"
	Timeout           Code = "Timeout"
	Cancelled         Code = "Cancelled"
	InvalidParams     Code = "InvalidParams"
	NotBtrfs          Code = "NotBtrfs"
	NotReadOnly       Code = "NotReadOnly"
	CapabilityMissing Code = "CapabilityMissing"
	ParseError        Code = "ParseError"
	InvalidRequest    Code = "InvalidRequest"
	Internal          Code = "Internal"
)

// A Retry says when the client may try again by itself.
type Retry int

const (
	// RetryNever: trying again would end the same way.
	RetryNever Retry = iota
	// RetrySchedule: nothing was asked yet, so the whole schedule applies.
	RetrySchedule
	// RetryIdempotent: the request may have been acted on, so only a method
	// that may be repeated is.
	RetryIdempotent
	// RetryOnce: as RetryIdempotent, once, and not when systemd says that the
	// daemon is active: then it hangs, and waiting longer is no help.
	RetryOnce
)

// String is the rule in words, as the tables of the documents print it.
func (r Retry) String() string {
	switch r {
	case RetrySchedule:
		return "yes"
	case RetryIdempotent:
		return "if the method is idempotent"
	case RetryOnce:
		return "once, if the method is idempotent and systemd does not say active"
	default:
		return "no"
	}
}

// A CodeRow is all that is fixed about a code.
type CodeRow struct {
	Code    Code
	Number  int    // JSON-RPC error number; 0: found by the client, never on the wire
	Exit    int    // exit status of a command that ends with it
	Retry   Retry  // what the client does by itself
	Message string // the cause, as the end of "cannot ...: "
	Hint    string // what to do next
	Meaning string // what happened, for `anna explain` and docs/ERRORS.md
	Steps   []string
}

// Codes is the one table of codes: wire, retries, exit statuses, texts,
// docs/ERRORS.md and `anna explain` are read from it.
var Codes = []CodeRow{
	{
		Code: SocketNotFound, Exit: 10, Retry: RetryNever,
		Message: "no socket there",
		Hint:    "Daemon not running. Start with: sudo systemctl start annad",
		Meaning: "There is no socket at the path, so no daemon has been started with it. The client fails at once, unless systemd says that the daemon is being started: then it waits.",
		Steps: []string{
			"sudo systemctl start annad        # now",
			"sudo systemctl enable --now annad.socket   # and at every boot",
			"anna health --standalone          # or look without a daemon",
			"anna health --socket PATH         # when the daemon listens elsewhere",
		},
	},
	{
		Code: SocketPermission, Exit: 11, Retry: RetryNever,
		Message: "permission denied",
		Hint:    "Permission denied. Join the group: sudo usermod -aG anna $USER (then log in again), or use sudo",
		Meaning: "The kernel refused to let this user reach the socket. Whether a daemon runs behind it cannot be seen from outside its directory.",
		Steps: []string{
			"sudo usermod -aG anna $USER       # then log out and in again",
			"sudo anna health                  # or once as root",
			"id -nG                            # shows the groups of this session",
		},
	},
	{
		Code: ConnectionRefused, Exit: 13, Retry: RetrySchedule,
		Message: "connection refused",
		Hint:    "Daemon is not listening yet. If it stays so: sudo systemctl restart annad",
		Meaning: "The socket file is there and nobody accepts on it: the daemon is between a stop and a start. The client tries the whole schedule; if it stays refused and no daemon runs, the answer is DaemonCrashed.",
		Steps: []string{
			"systemctl status annad.socket annad.service",
			"sudo systemctl restart annad",
		},
	},
	{
		Code: DaemonCrashed, Exit: 12, Retry: RetryNever,
		Message: "the daemon is gone",
		Hint:    "Daemon stopped without removing its socket. See why: sudo journalctl -u annad -n 20; then: sudo systemctl restart annad",
		Meaning: "Connections are still refused after the whole schedule, no daemon process runs and systemd is not starting one: it was killed or it crashed.",
		Steps: []string{
			"sudo journalctl -u annad -n 20    # what it said last",
			"sudo systemctl restart annad",
		},
	},
	{
		Code: ConnectionReset, Exit: 13, Retry: RetryIdempotent,
		Message: "the connection closed before an answer",
		Hint:    "Daemon went away while it answered. Try again; if it repeats: sudo journalctl -u annad -n 20",
		Meaning: "The connection was accepted and then closed before an answer: the daemon stopped, crashed or was restarted in between. A request that was written is repeated only when its method is idempotent.",
		Steps: []string{
			"try the command again",
			"sudo journalctl -u annad -n 20",
		},
	},
	{
		Code: ConnectTimeout, Exit: 7, Retry: RetrySchedule,
		Message: "the daemon accepts no connection",
		Hint:    "Daemon is starting or overloaded. Wait a moment, then look: systemctl status annad",
		Meaning: "The queue of waiting connections is full, or nothing was accepted within the time limit: the daemon is starting or overloaded.",
		Steps: []string{
			"systemctl status annad",
			"anna health --timeout 30s         # wait longer",
		},
	},
	{
		Code: ReadTimeout, Exit: 7, Retry: RetryOnce,
		Message: "no answer in time",
		Hint:    "Daemon not responding. Check logs: sudo journalctl -u annad -n 20",
		Meaning: "The daemon accepted the connection and did not answer within the time limit: it is busy or it hangs. Where systemd watches it, its watchdog restarts a daemon that hangs.",
		Steps: []string{
			"sudo journalctl -u annad -n 20",
			"systemctl status annad            # does the watchdog act?",
			"anna health --timeout 30s         # wait longer",
		},
	},
	{
		Code: InvalidResponse, Exit: 14, Retry: RetryNever,
		Message: "the answer makes no sense",
		Hint:    "Something else answers on this socket, or the daemon is of another version. Compare: anna version",
		Meaning: "What came back is no JSON-RPC 2.0 answer to the request: malformed, too long, or with another id.",
		Steps: []string{
			"anna version                      # client and daemon",
			"sudo ss -xlp                      # who listens on the socket",
		},
	},
	{
		Code: MethodNotFound, Number: -32601, Exit: 15, Retry: RetryNever,
		Message: "the daemon does not know the method",
		Hint:    "Command not supported. Upgrade daemon to match annactl version.",
		Meaning: "The daemon answered that it does not know what was asked: it is older than the client.",
		Steps: []string{
			"anna version                      # client and daemon",
			"sudo systemctl restart annad      # after an upgrade that did not restart it",
		},
	},
	{
		Code: NotAuthorized, Number: -32002, Exit: 77, Retry: RetryNever,
		Message: "not authorized",
		Hint:    "Only root and members of [access] control_group may do this. Use sudo",
		Meaning: "The caller may look but not act: the method is for root and for members of the configured control group.",
		Steps: []string{
			"sudo anna ...                     # the same command as root",
			"anna config show                  # [access] control_group names the group",
		},
	},
	{
		Code: ConfigInvalid, Number: -32003, Exit: 78, Retry: RetryNever,
		Message: "the configuration is invalid",
		Hint:    "Correct the lines named, then run the command again",
		Meaning: "The configuration on disk was rejected; every problem is listed with its place. The running configuration stays as it was.",
		Steps: []string{
			"anna config validate              # where the client has that command",
		},
	},
	{
		Code: Busy, Number: -32001, Exit: 13, Retry: RetrySchedule,
		Message: "the daemon is busy",
		Hint:    "A limit is reached: close other clients of this user, or try again in a moment",
		Meaning: "A limit of the daemon is reached (connections, connections of this user, unanswered requests), and it said so instead of waiting.",
		Steps: []string{
			"try the command again",
			"sudo ss -xp | grep annad          # who holds connections",
		},
	},
	{
		Code: Timeout, Number: -32007, Exit: 7, Retry: RetryNever,
		Message: "the daemon gave up in time",
		Hint:    "Daemon not responding. Check logs: sudo journalctl -u annad -n 20",
		Meaning: "The daemon stopped working on the request when its own time limit ([daemon] request_timeout) was over. What the client sees by itself has names of its own: ConnectTimeout when nothing accepts the connection, ReadTimeout when a connection brings no answer.",
		Steps: []string{
			"sudo journalctl -u annad -n 20",
			"anna explain ConnectTimeout; anna explain ReadTimeout",
		},
	},
	{
		Code: Cancelled, Number: -32008, Exit: 130, Retry: RetryNever,
		Message: "cancelled",
		Hint:    "Nothing more was done; run the command again when you like",
		Meaning: "The request was cancelled before it was done, by Ctrl-C or because the daemon stops.",
		Steps:   []string{"run the command again"},
	},
	{
		Code: InvalidParams, Number: -32602, Exit: 1, Retry: RetryNever,
		Message: "the parameters are wrong",
		Hint:    "Check the command's arguments: --help shows examples",
		Meaning: "The daemon understood the method but not its parameters; the message names the one that is wrong.",
		Steps:   []string{"anna COMMAND --help"},
	},
	{
		Code: NotBtrfs, Number: -32004, Exit: 1, Retry: RetryNever,
		Message: "not a Btrfs file system",
		Hint:    "Name a path on Btrfs; findmnt -t btrfs lists what is mounted",
		Meaning: "The path or id does not belong to a mounted Btrfs file system.",
		Steps:   []string{"findmnt -t btrfs"},
	},
	{
		Code: NotReadOnly, Number: -32005, Exit: 1, Retry: RetryNever,
		Message: "the subvolume is writable",
		Hint:    "Use a read-only snapshot: btrfs subvolume snapshot -r SOURCE TARGET",
		Meaning: "The operation needs a read-only subvolume, and this one can change while it is read.",
		Steps:   []string{"btrfs subvolume snapshot -r SOURCE TARGET"},
	},
	{
		Code: CapabilityMissing, Number: -32006, Exit: 1, Retry: RetryNever,
		Message: "the daemon lacks what this needs",
		Hint:    "Run the command with sudo: the client then does it itself",
		Meaning: "What was asked needs a privilege, a kernel feature or a device that the daemon does not have on this machine.",
		Steps:   []string{"sudo anna ...                     # the same command as root"},
	},
	{
		Code: ParseError, Number: -32700, Exit: 1, Retry: RetryNever,
		Message: "the request is not JSON",
		Hint:    "Send one JSON object or batch per line; docs/RPC.md has examples",
		Meaning: "The line that the daemon read is not JSON, is longer than 1 MiB or is nested deeper than 64 levels.",
		Steps:   []string{"see docs/RPC.md"},
	},
	{
		Code: InvalidRequest, Number: -32600, Exit: 1, Retry: RetryNever,
		Message: "the request is no JSON-RPC 2.0 request",
		Hint:    "A request has \"jsonrpc\":\"2.0\", a method and an id; docs/RPC.md has examples",
		Meaning: "The line is JSON, but not a request as JSON-RPC 2.0 describes it, or a batch of more than 64.",
		Steps:   []string{"see docs/RPC.md"},
	},
	{
		Code: Internal, Number: -32603, Exit: 1, Retry: RetryNever,
		Message: "the daemon failed",
		Hint:    "This is a defect. The log has the details under the request id: sudo journalctl -u annad -n 20",
		Meaning: "The daemon met a condition it was not written for. It lives on; its log holds the details under the request id that the message shows.",
		Steps: []string{
			"sudo journalctl -u annad -n 20",
			"report it, with the request id and the lines of the log",
		},
	},
}

// Row returns the table's row for a code, that of Internal for a code which
// this version does not know.
func (c Code) Row() CodeRow {
	for _, row := range Codes {
		if row.Code == c {
			return row
		}
	}
	return Internal.Row()
}

// Known reports whether the code has a row in the table.
func (c Code) Known() bool {
	return c == Internal || c.Row().Code != Internal
}

// codeOf returns the code that has the JSON-RPC number; ok is false where the
// table has none.
func codeOf(number int) (code Code, ok bool) {
	for _, row := range Codes {
		if row.Number == number && number != 0 {
			return row.Code, true
		}
	}
	return Internal, false
}
