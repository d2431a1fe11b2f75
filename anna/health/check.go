package health

import (
	"fmt"
	"time"
)

// A Check is one row of the table: what is looked at and what it means.
type Check struct {
	ID    string
	Group string
	Title string // of its finding
	Says  string // what is looked at, one sentence
	Warn  string // when it is a warning; "" for never
	Crit  string // when it is critical; "" for never
	Do    string // what to do about it
	// Causes are the checks whose findings explain this one: it is hidden
	// while one of them is raised and at least as bad.
	Causes []string
	// RaiseAtOnce is the level from which a verdict is raised without waiting: what
	// it tells does not pass, or there is no time. OK: always; never: not at any.
	RaiseAtOnce Level
	// ClearAtOnce: its finding is taken back without waiting.
	ClearAtOnce bool
	Assess      func(Snapshot, Thresholds) Verdict
}

// The groups, in the order in which they are shown.
const (
	GroupRequests  = "requests"
	GroupResources = "resources"
	GroupQueue     = "queue"
	GroupState     = "state"
	GroupDaemon    = "daemon"
	GroupStorage   = "storage"
	GroupMachine   = "machine"
)

// never is a RaiseAtOnce: the configured time is always waited for. Unknown stands
// for it, as nothing unknown is ever raised.
const never = Unknown

// raiseAfter is how long a verdict of that rank must hold: nothing, or what is
// configured.
func (c Check) raiseAfter(rank int, configured time.Duration) time.Duration {
	if c.RaiseAtOnce != never && rank >= int(c.RaiseAtOnce) {
		return 0
	}
	return configured
}

// clearAfter is how long it must have been better before the finding goes.
func (c Check) clearAfter(configured time.Duration) time.Duration {
	if c.ClearAtOnce {
		return 0
	}
	return configured
}

// Checks is the table of what the daemon checks about itself.
var Checks = []Check{
	{
		ID: "rpc_latency", Group: GroupRequests, Title: "Answers are slow",
		Says: "How long the last quick requests took, from the line read to the answer written: the 99th percentile of the window, from 20 requests on.",
		Warn: "above `health.rpc_p99_warn`", Crit: "above `health.rpc_p99_crit`",
		Do:     "Look which method is slow with `annactl health -v`; a busy machine or a CPU limit slows all of them.",
		Causes: []string{"cpu_throttling", "memory_pressure"}, RaiseAtOnce: never, Assess: assessLatency,
	},
	{
		ID: "rpc_errors", Group: GroupRequests, Title: "Requests fail",
		Says: "How many of the last requests failed by the daemon's own fault (Internal, Timeout, Busy); what a client got wrong does not count. From 20 requests on.",
		Warn: fmt.Sprintf("above %g %%", errorsWarn), Crit: fmt.Sprintf("above %g %%", errorsCrit),
		Do:          "The log has each failure under its request id: `sudo journalctl -u annad -n 50`.",
		RaiseAtOnce: never, Assess: assessErrors,
	},
	{
		ID: "self_check", Group: GroupRequests, Title: "The daemon cannot reach itself",
		Says: "The request that the daemon sends through its own socket before it pets systemd's watchdog.",
		Crit: "when the last one failed",
		Do:   "Look at the socket: `anna doctor check socket`. systemd restarts the daemon when this lasts.",
		// The socket is looked at by itself.
		Causes: []string{"socket"}, RaiseAtOnce: Critical, Assess: assessSelf,
	},
	{
		ID: "memory", Group: GroupResources, Title: "The daemon's memory grows large",
		Says: "The working set: where the cgroup is the daemon's, what its limit counts without the file cache that the kernel takes back first (memory.current less inactive_file); else the resident size.",
		Warn: "above `health.memory_warn`", Crit: "above `health.memory_crit`; raised at once, for the kernel kills at the limit",
		Do:          "Restart it with `sudo systemctl restart annad` (nothing is lost), and report what came before.",
		RaiseAtOnce: Critical, Assess: assessMemory,
	},
	{
		ID: "memory_growth", Group: GroupResources, Title: "The daemon's memory grows towards its limit",
		Says: "A steady rise over the last minutes, and the time that is left at that rate. The least use of each third is compared, so that garbage collection does not count.",
		Warn: fmt.Sprintf("when less than %s are left and at least %g %% of the limit were added", minutes(growthWarn), growthLeast),
		Do:   "See what happens on the machine with `annactl events --since 10m`; restart the daemon if it goes on.",
		// A limit that is nearly reached says it better.
		Causes: []string{"memory"}, RaiseAtOnce: never, Assess: assessGrowth,
	},
	{
		ID: "memory_pressure", Group: GroupResources, Title: "The daemon waits for memory",
		Says: "The share of the last minute in which a task of the daemon's cgroup waited for memory (PSI, some avg60; cgroup v2).",
		Warn: fmt.Sprintf("above %g %%", pressureWarn), Crit: fmt.Sprintf("above %g %%", pressureCrit),
		Do:     "Give the unit more memory, or the machine: `systemctl show -P MemoryMax annad`.",
		Causes: []string{"memory"}, RaiseAtOnce: never, Assess: assessPressure,
	},
	{
		ID: "memory_events", Group: GroupResources, Title: "The memory limit was met",
		Says: "How often the cgroup met its memory limit in the last ten minutes, and whether a process was killed for it. Meeting it can be the page cache alone, which is only told.",
		Warn: "when a process was killed",
		Do:   "Raise `MemoryMax=` in a drop-in (`sudo systemctl edit annad`) when it comes again.", Causes: []string{"memory"},
		RaiseAtOnce: OK, ClearAtOnce: true, Assess: assessMemoryEvents,
	},
	{
		ID: "cpu_throttling", Group: GroupResources, Title: "The CPU limit slows the daemon",
		Says: "For how long of the last minute the cgroup's CPU limit took the CPU away.",
		Warn: "above " + withheldWarn.String(), Crit: "above " + withheldCrit.String(),
		Do:          "See what keeps it busy with `annactl events --since 5m`, or raise `CPUQuota=` with `sudo systemctl edit annad`.",
		RaiseAtOnce: never, Assess: assessThrottling,
	},
	{
		ID: "tasks", Group: GroupResources, Title: "The daemon nears its limit of tasks",
		Says: "Processes and threads of the daemon's cgroup against its limit.",
		Warn: fmt.Sprintf("above %g %%", shareWarn), Crit: fmt.Sprintf("above %g %%", shareCrit),
		Do:          "Threads that wait for a slow disk are the usual cause: look at the machine's storage. `TasksMax=` is the limit.",
		RaiseAtOnce: never, Assess: func(s Snapshot, _ Thresholds) Verdict { return assessShare("tasks", s.Tasks, s.Private) },
	},
	{
		ID: "descriptors", Group: GroupResources, Title: "The daemon nears its limit of open files",
		Says: "Open descriptors of the daemon against its limit.",
		Warn: fmt.Sprintf("above %g %%", shareWarn), Crit: fmt.Sprintf("above %g %%", shareCrit),
		Do:          "See who holds connections with `sudo ss -xp | grep annad`. `LimitNOFILE=` is the limit.",
		RaiseAtOnce: never, Assess: func(s Snapshot, _ Thresholds) Verdict { return assessShare("open files", s.Files, s.Private) },
	},
	{
		ID: "queue", Group: GroupQueue, Title: "Events wait to be processed",
		Says: "Events that wait for nothing but the handler. Those that a cool-down defers wait as they should, and do not count.",
		Warn: "above `health.queue_warn`", Crit: "above `health.queue_crit`",
		Do:     "See what happens with `annactl events --since 5m`.",
		Causes: []string{"event_loop", "store_stalled", "cpu_throttling"}, RaiseAtOnce: never, Assess: assessQueue,
	},
	{
		ID: "queue_age", Group: GroupQueue, Title: "An event waits too long",
		Says: "How long the oldest event has waited beyond its time.",
		Warn: "above " + minutes(lateWarn), Crit: "above " + minutes(lateCrit),
		Do:     "The log says whether the handler fails: `sudo journalctl -u annad -n 20`.",
		Causes: []string{"event_loop", "store_stalled", "queue"}, RaiseAtOnce: never, Assess: assessAge,
	},
	{
		ID: "event_loop", Group: GroupQueue, Title: "The event loop hangs",
		Says: "Whether what handles an event came back within its deadline. Until it does, events wait.",
		Crit: "when it is past its deadline",
		Do:   "Restart it with `sudo systemctl restart annad`; events that wait are in the spool and survive. Under systemd the watchdog does it.",
		// A disk that hangs holds up what writes to it.
		Causes: []string{"store_stalled"}, RaiseAtOnce: never, Assess: assessHandler,
	},
	{
		ID: "events_dropped", Group: GroupQueue, Title: "Events were lost",
		Says: "Events that were dropped in the last hour because the queue was full. The count since the beginning stands in `annactl events --json`.",
		Warn: "when there is one",
		Do:   "Raise `events.queue_limit`, or see what floods it with `annactl events --since 1h`.", RaiseAtOnce: OK, ClearAtOnce: true, Assess: assessDropped,
	},
	{
		ID: "spool", Group: GroupState, Title: "Events would not survive a crash",
		Says: "Whether accepted events are written to the spool in the state directory.",
		Warn: "when they are kept in memory only",
		Do:   "Look at the state directory with `sudo anna doctor check state_dir`, and at the disk with `df -h`.", RaiseAtOnce: never, Assess: assessSpool,
	},
	{
		ID: "store", Group: GroupState, Title: "History is in trouble",
		Says: "Whether samples, events and findings can be written to the database in the state directory.",
		Warn: "when they cannot, or a damaged database was set aside",
		Do:   "The detail names cause and next step. The daemon works on from memory and tries again by itself.", Causes: []string{"store_stalled"},
		RaiseAtOnce: never, Assess: assessStore,
	},
	{
		ID: "store_stalled", Group: GroupState, Title: "The disk under the state directory hangs",
		Says: "For how long something waits without the store's writer coming back from the disk.",
		Warn: "when it is late", Crit: "above " + minutes(lateWarn),
		Do:          "Look at the disk and the kernel's log with `sudo dmesg | tail`. Nothing is lost while the daemon lives.",
		RaiseAtOnce: never, Assess: assessStalled,
	},
	{
		ID: "capabilities", Group: GroupDaemon, Title: "A capability is impaired",
		Says: "Modules that are switched on and do not do all that they are for.",
		Warn: "when one is degraded or failed",
		Do:   "See each with its reason and next step: `annactl capabilities`.", RaiseAtOnce: never, Assess: assessModules,
	},
	{
		ID: "config_rejected", Group: GroupDaemon, Title: "The configuration on disk is invalid",
		Says: "Whether the last attempt to load the configuration was rejected, at a reload or at the start.",
		Warn: "until a valid one is loaded",
		Do:   "See every problem with `annactl config validate`, then `sudo annactl reload`.", RaiseAtOnce: OK, ClearAtOnce: true, Assess: assessRejected,
	},
	{
		ID: "config_waiting", Group: GroupDaemon, Title: "A changed key waits for a restart",
		Says: "Keys whose new value holds only after a restart. It is told, and no trouble.",
		Do:   "`sudo systemctl restart annad` when it suits.", RaiseAtOnce: OK, ClearAtOnce: true, Assess: assessWaiting,
	},
	{
		ID: "socket", Group: GroupDaemon, Title: "The socket is not as it should be",
		Says: "The socket's file: there, the one that the daemon listens on, with its mode and owner. The client adds how it answers from outside.",
		Warn: "when mode or owner were changed", Crit: "when it is missing or another file is in its place",
		Do:          "`sudo anna doctor --fix` mends mode and owner; a missing one comes back with `sudo systemctl restart annad.socket annad.service`.",
		RaiseAtOnce: never, Assess: assessSocket,
	},
	{
		ID: "clock", Group: GroupDaemon, Title: "The time of day jumped",
		Says: "The time of day against the time since boot, for ten minutes after a jump of at least " + clockLeast.String() + ". A suspended machine is no jump.",
		Warn: "when it went backwards: history then has two of some moments; forwards it is only told",
		Do:   "See whether the machine keeps its time: `timedatectl timesync-status`.", RaiseAtOnce: OK, ClearAtOnce: true, Assess: assessClock,
	},
	{
		ID: "executable", Group: GroupDaemon, Title: "An older program is running",
		Says: "Whether the executable on disk is the one that runs.",
		Warn: "when another is installed",
		Do:   "`sudo systemctl restart annad`: clients wait meanwhile, nothing is lost.", RaiseAtOnce: never, Assess: assessProgram,
	},
	{
		ID: "previous_run", Group: GroupDaemon, Title: "The daemon before this one ended without a word",
		Says: "How the previous daemon ended, for an hour after the start: killed, crashed, or the machine lost its power.",
		Warn: "when it had a warning or worse; else it is only told",
		Do:   "See how it ended with `sudo journalctl -u annad -n 50`.", RaiseAtOnce: OK, ClearAtOnce: true, Assess: assessPrevious,
	},
	{
		ID: "scrub", Group: GroupStorage, Title: "A Btrfs file system needs a scrub, or one found errors",
		Says: "When each mounted Btrfs file system was last scrubbed to the end, and what the last scrub found, as far as the daemon knows.",
		Warn: "when the last one is older than `btrfs.scrub_max_age`, or it corrected errors", Crit: "when it found errors that cannot be corrected",
		Do:          "Scrub with `sudo anna storage btrfs scrub start PATH`; after errors see what is damaged with `sudo anna storage btrfs scrub damage PATH`.",
		RaiseAtOnce: OK, ClearAtOnce: true, Assess: assessScrub,
	},
	{
		ID: "btrfs", Group: GroupMachine, Title: "A Btrfs file system is damaged",
		Says: "Every mounted Btrfs file system, once a minute: whether the kernel made it read-only, devices that are missing, errors that devices counted. Two looks must agree.",
		Warn: "when a device counted errors since its counts were last reset", Crit: "when it was forced read-only, or a device is missing",
		Do: "See what is wrong and what to do with `anna storage btrfs`.", RaiseAtOnce: never, Assess: assessBtrfs,
	},
	{
		ID: "balance", Group: GroupMachine, Title: "A Btrfs file system is short of room for metadata",
		Says: "How much more metadata each Btrfs file system can take, and whether a balance is paused. How much of metadata is in use is no reason by itself. Two looks, a minute apart, must agree.",
		Warn: "below one chunk, or `btrfs.headroom_warn` where a twentieth of the file system is not less; or when a balance is paused", Crit: "when not even the kernel's reserve fits",
		Do: "See which block groups to balance, or what helps instead, with `sudo anna storage btrfs balance status`.", RaiseAtOnce: never, Assess: assessBalance,
	},
}

// Find returns a row of the table.
func Find(id string) (Check, bool) {
	for _, c := range Checks {
		if c.ID == id {
			return c, true
		}
	}
	return Check{}, false
}
