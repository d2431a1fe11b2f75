package health

import "time"

// A Reading is a figure, or the reason why there is none.
type Reading[T any] struct {
	Value  T
	Known  bool
	Reason string
}

// Known is a reading that was taken.
func Known[T any](v T) Reading[T] { return Reading[T]{Value: v, Known: true} }

// A Snapshot is all that the checks look at. Its zero value is a daemon of
// which nothing is known.
type Snapshot struct {
	// Private daemons live inside a client and share its process: what that
	// uses is no trouble of a daemon's.
	Private  bool
	Requests Requests
	Memory   Memory
	CPU      CPU
	Tasks    Share // processes and threads of the cgroup
	Files    Share // descriptors
	Queue    Queue
	Handler  Handler
	Spool    Trouble
	Store    Store
	Modules  []Module
	Config   Config
	Socket   Socket
	Self     SelfCheck
	Clock    Clock
	Program  Program
	Previous Previous
	// Filesystems are the machine's.
	Filesystems Reading[[]Filesystem]
	// Scrubs are those of the mounted Btrfs file systems.
	Scrubs Reading[[]Scrub]
}

// Requests are the last requests.
type Requests struct {
	P99     *time.Duration // nil without a request
	Samples int
	// Failed of Answered requests failed by the daemon's own fault; what a
	// client got wrong does not count.
	Failed, Answered int
}

// Memory is what counts as the daemon's, in bytes.
type Memory struct {
	// Used is what is judged: what the kernel cannot take back when the limit
	// is met. Reclaimable comes on top of it, file pages not used lately.
	Used, Reclaimable, Limit Reading[uint64]
	// Growth is how memory went over the last minutes.
	Growth Reading[Growth]
	// Pressure is the share of the last minute in which some task waited for
	// memory (PSI some avg60), in percent.
	Pressure Reading[float64]
	// LimitHits counts how often the limit was met in the last ten minutes,
	// Kills the processes killed for it since the start.
	LimitHits, Kills Reading[uint64]
}

// Growth is a steady rise: what the least use of each third of Over rose by
// from the first to the last; 0 where it did not rise from third to third.
type Growth struct {
	Over time.Duration
	By   uint64
}

// CPU is what the CPU limit does to the daemon.
type CPU struct {
	Withheld Reading[time.Duration] // in the last minute
}

// A Share is how much of a limit is in use.
type Share struct {
	Used, Limit Reading[uint64]
}

// Queue is how the events wait.
type Queue struct {
	// Overdue events wait for nothing but the handler; deferred ones wait as
	// they should, and are in no figure here.
	Overdue int
	// Late is how long the oldest overdue event has waited beyond its time.
	Late time.Duration
	// Dropped counts the events lost in the last hour.
	Dropped uint64
	Limit   int // [events] queue_limit
}

// Handler is what ends an event's way.
type Handler struct {
	Stuck   bool // it ignores its deadline
	Running time.Duration
}

// Trouble is what a part says is wrong with it; the zero value is health.
type Trouble struct {
	What, Why, Fix string
}

// Store is the daemon's memory.
type Store struct {
	Troubles []Trouble
	// Stalled is for how long something has waited without an attempt to write
	// it, beyond the time that the writer may take.
	Stalled time.Duration
}

// A Module is one that is not as it should be.
type Module struct {
	Name, Why, Do string
	Failed        bool // else degraded
	Failures      int  // in the last hour
}

// Config is what the configuration waits for.
type Config struct {
	Path       string
	Rejected   bool
	Problem    string // the first
	Generation uint64 // that holds
	Waiting    []string
}

// Socket is the socket's file, as the daemon sees it.
type Socket struct {
	Path     string
	Missing  bool
	Replaced bool // another file is in its place
	// Wrong says what about mode or owner is; "" when nothing.
	Wrong string
	Err   string // why it could not be looked at
}

// SelfCheck is the daemon's last request to itself.
type SelfCheck struct {
	Runs bool // systemd's watchdog asks for them
	Err  string
}

// Clock is what happened to the time of day.
type Clock struct {
	Jumped time.Duration // the last jump; negative: backwards
	Ago    time.Duration
}

// Program is the daemon's executable.
type Program struct {
	Path    string
	Changed bool // the file on disk is another than the one that runs
	Gone    bool
	Err     string
}

// Previous is how the daemon before this one ended.
type Previous struct {
	Unclean bool
	Level   Level // when it was last heard of
	Story   string
	Ago     time.Duration
}

// Scrub is how it stands with the scrubs of one Btrfs file system.
type Scrub struct {
	Name  string // label, else UUID
	Level Level  // unknown is no trouble
	Text  string
}

// A Filesystem is a Btrfs file system of the machine, as it was at the last two
// looks: what only one of them saw is left out.
type Filesystem struct {
	Name string // its label, else its UUID
	// ForcedReadOnly: the kernel made it so because of an error.
	ForcedReadOnly bool
	Absent         int    // devices that are missing
	Errors         uint64 // of its devices, since they were last reset
	// Short: metadata has less room than is wanted.
	Short    bool
	Headroom int64  // what metadata can still take, in bytes
	Wanted   uint64 // and what is wanted of it
	// Advice is what is known of a balance: none, balance, other, unknown.
	Advice        string
	Moved, Gained uint64
	// Operation is what runs of which there can be only one: "balance",
	// "balance paused", "none"; "" unknown.
	Operation       string
	MetadataPercent float64
}

// Thresholds are where figures become a warning and then critical. Sizes are
// bytes; 0 switches a threshold off.
type Thresholds struct {
	P99Warn, P99Crit       time.Duration
	MemoryWarn, MemoryCrit uint64
	QueueWarn, QueueCrit   int
}

// Thresholds that are not configured. Each stands in docs/HEALTH-CHECKS.md.
const (
	// minSamples is how many requests a window needs before it says anything:
	// below it one slow request is the percentile.
	minSamples = 20

	errorsWarn, errorsCrit     = 5.0, 25.0 // percent
	growthWarn                 = 30 * time.Minute
	growthLeast                = 10.0 // percent of the limit: less is a start, or a cache
	pressureWarn, pressureCrit = 10.0, 40.0
	withheldWarn, withheldCrit = 6 * time.Second, 30 * time.Second // of a minute
	shareWarn, shareCrit       = 80.0, 95.0
	lateWarn, lateCrit         = time.Minute, 5 * time.Minute
	clockLeast                 = 5 * time.Second
	clockAgo                   = 10 * time.Minute
	previousAgo                = time.Hour
)
