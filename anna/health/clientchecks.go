package health

import "time"

// GroupClient is the group of ClientChecks.
const GroupClient = "seen from here"

// Thresholds of what a client measures.
const (
	AnswerWarn = 500 * time.Millisecond
	AnswerCrit = 2 * time.Second
)

// ClientChecks are those that only a client can make: they are not raised by the
// daemon, and have no Assess.
var ClientChecks = []Check{
	{
		ID: "daemon", Group: GroupClient, Title: "The daemon does not answer",
		Says: "Whether a daemon answers on the socket; where none does, what is known about its end.",
		Crit: "when none answers", Do: "Each cause has its own next step: `anna explain CODE`.",
	},
	{
		ID: "response_time", Group: GroupClient, Title: "Answers are slow from here",
		Says: "How long a small request takes from here: the median of five.",
		Warn: "above " + AnswerWarn.String(), Crit: "above " + AnswerCrit.String(),
		Do: "Compare with `anna doctor check rpc_latency`, which the daemon measures: what lies between is the machine's load.",
	},
	{
		ID: "access", Group: GroupClient, Title: "You may not use the socket",
		Says: "Whether this user may connect: the socket's group, and the groups that this session really has.",
		Warn: "when not", Do: "`sudo usermod -aG anna USER`, then log in anew: groups are given at login.",
	},
	{
		ID: "systemd", Group: GroupClient, Title: "systemd is not content with the daemon",
		Says: "systemd's opinion of annad.service and annad.socket, and how often it restarted the daemon.",
		Warn: "after three restarts, or when the daemon is not active", Crit: "when a unit failed",
		Do: "Read why with `sudo journalctl -u annad -n 50`; then `sudo anna doctor check systemd --fix`.",
	},
	{
		ID: "state_dir", Group: GroupClient, Title: "The state directory is not as it should be",
		Says: "Mode and owner of the state directory.",
		Warn: "when others than its owner may enter it, or it is not the daemon's", Do: "`sudo anna doctor check state_dir --fix`.",
	},
	{
		ID: "configuration", Group: GroupClient, Title: "The configuration on disk is invalid",
		Says: "The configuration as it is on disk now, whether or not the daemon has loaded it.",
		Warn: "when it has an error", Do: "See every problem with `anna config validate`.",
	},
	{
		ID: "version", Group: GroupClient, Title: "Daemon and client are of different versions",
		Says: "The daemon's version against this client's. It is told, and no trouble.",
		Do:   "Restart the daemon after an upgrade: `sudo systemctl restart annad`.",
	},
}
