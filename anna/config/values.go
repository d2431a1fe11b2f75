package config

import (
	"log/slog"
	"slices"
	"time"
)

// values is the typed content of a configuration, one struct per section.
type values struct {
	daemon    Daemon
	access    Access
	health    Health
	modules   Modules
	events    Events
	telemetry Telemetry
	btrfs     Btrfs
	reload    Reload
	policies  Policies
	ui        UI
}

// Daemon is the section [daemon].
type Daemon struct {
	Socket         string
	SocketGroup    string
	StateDir       string
	LogLevel       slog.Level
	MaxConnections int
	RequestTimeout time.Duration
}

// Access is the section [access].
type Access struct {
	ControlGroup string // "" for root alone
}

// Health is the section [health].
type Health struct {
	Interval   time.Duration
	RPCWindow  int // requests
	RPCP99Warn time.Duration
	RPCP99Crit time.Duration
	MemoryWarn Limit
	MemoryCrit Limit
	QueueWarn  int // events
	QueueCrit  int // events
	RaiseAfter time.Duration
	ClearAfter time.Duration
}

// Modules is the section [modules]: what is switched on.
type Modules struct {
	Packages  bool
	Config    bool
	Devices   bool
	Network   bool
	Storage   bool
	Kernel    bool
	Telemetry bool
	Btrfs     bool
}

// Events is the section [events].
type Events struct {
	Debounce   time.Duration
	Cooldown   time.Duration
	History    int // events
	QueueLimit int // events
	WatchFiles []string
}

// Telemetry is the section [telemetry].
type Telemetry struct {
	Interval time.Duration
	MaxSize  Size
}

// Btrfs is the section [btrfs].
type Btrfs struct {
	ScrubMaxAge  time.Duration
	MetadataWarn Percent
	HeadroomWarn Size
}

// Reload is the section [reload].
type Reload struct {
	Watch       bool
	MinInterval time.Duration
}

// Policies is the section [policies].
type Policies struct {
	Dir string
}

// UI is the section [ui], which the client reads.
type UI struct {
	Color bool
}

// Daemon returns a copy of the section [daemon].
func (c *Config) Daemon() Daemon { return c.v.daemon }

// Access returns a copy of the section [access].
func (c *Config) Access() Access { return c.v.access }

// Health returns a copy of the section [health].
func (c *Config) Health() Health { return c.v.health }

// Modules returns a copy of the section [modules].
func (c *Config) Modules() Modules { return c.v.modules }

// Telemetry returns a copy of the section [telemetry].
func (c *Config) Telemetry() Telemetry { return c.v.telemetry }

// Btrfs returns a copy of the section [btrfs].
func (c *Config) Btrfs() Btrfs { return c.v.btrfs }

// Reload returns a copy of the section [reload].
func (c *Config) Reload() Reload { return c.v.reload }

// Policies returns a copy of the section [policies].
func (c *Config) Policies() Policies { return c.v.policies }

// UI returns a copy of the section [ui].
func (c *Config) UI() UI { return c.v.ui }

// Events returns a copy of the section [events]; its list is the caller's.
func (c *Config) Events() Events {
	e := c.v.events
	e.WatchFiles = slices.Clone(e.WatchFiles)
	return e
}
