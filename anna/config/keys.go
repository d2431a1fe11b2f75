package config

// Class says when a changed key takes effect.
type Class string

const (
	Live    Class = "live"    // with the reload that brings it
	Restart Class = "restart" // with the next start of the daemon
)

// Key describes one key of the configuration. The texts are written for
// people and are the same everywhere: in the shipped file, in the guide and in
// error messages.
type Key struct {
	Name     string   `json:"name"` // "health.memory_warn"
	Type     string   `json:"type"`
	Default  string   `json:"default"` // as TOML
	Allowed  string   `json:"allowed"`
	Class    Class    `json:"class"`
	Why      string   `json:"why"` // why it is live or needs a restart
	Doc      string   `json:"doc"`
	OldNames []string `json:"old_names,omitempty"`
}

// Section describes one section of the configuration.
type Section struct {
	Name string `json:"name"`
	Doc  string `json:"doc"`
}

var sections = []Section{
	{"daemon", "The daemon itself: where it listens, where it remembers, how it logs."},
	{"access", "Who may do more than look."},
	{"health", "How the daemon judges itself. Percentages are of its memory limit (MemoryMax= of the unit)."},
	{"modules", "What is watched. A module that is switched off costs nothing."},
	{"events", "How what happens on the machine becomes events."},
	{"telemetry", "What the daemon keeps for longer than its own life."},
	{"btrfs", "When Btrfs deserves a word."},
	{"reload", "How a changed configuration takes effect. `anna reload` always works."},
	{"policies", "Rules of your own, one TOML file each, read in the order of their names."},
	{"ui", "How the client writes."},
}

const (
	whyBound   = "the socket is bound once, at the start"
	whyOpen    = "the state is opened once, at the start"
	whyNext    = "read again for the next measurement"
	whyModule  = "only this module starts or stops"
	whyRequest = "holds for the next request"
	whyEvent   = "holds for the next event"
)

// table is the one list of keys. Whatever knows a key knows it from here.
var table = []key{
	{
		Key: Key{Name: "daemon.socket", Class: Restart, Why: whyBound, OldNames: []string{"daemon.socket_path"}, Doc: "The Unix socket the daemon answers on. A socket handed over by systemd wins."},
		def: `"/run/anna/annad.sock"`, kind: socketKind, field: func(v *values) any { return &v.daemon.Socket },
	},
	{
		Key: Key{Name: "daemon.socket_group", Class: Restart, Why: whyBound, Doc: "The group whose members may ask the daemon; empty for root alone. The default counts only where that group exists."},
		def: `"anna"`, kind: groupKind, field: func(v *values) any { return &v.daemon.SocketGroup },
	},
	{
		Key: Key{Name: "daemon.state_dir", Class: Restart, Why: whyOpen, Doc: "The directory of everything the daemon remembers."},
		def: `"/var/lib/anna"`, kind: pathKind, field: func(v *values) any { return &v.daemon.StateDir },
	},
	{
		Key: Key{Name: "daemon.log_level", Class: Live, Why: "holds for the next line", OldNames: []string{"logging.level"}, Doc: "The least important message that is logged."},
		def: `"info"`, kind: levelKind, field: func(v *values) any { return &v.daemon.LogLevel },
	},
	{
		Key: Key{Name: "daemon.max_connections", Class: Live, Why: "holds for the next connection; open ones stay", Doc: "How many clients may be connected at once. One user gets at most a quarter of it."},
		def: `64`, min: `8`, max: `512`, kind: intKind, field: func(v *values) any { return &v.daemon.MaxConnections },
	},
	{
		Key: Key{Name: "daemon.request_timeout", Class: Live, Why: whyRequest, Doc: "How long a quick request may take before the daemon gives it up."},
		def: `"5s"`, min: `"100ms"`, max: `"5m"`, kind: durationKind, field: func(v *values) any { return &v.daemon.RequestTimeout },
	},

	{
		Key: Key{Name: "access.control_group", Class: Live, Why: "holds for the next request; a client counts by the groups it had when it connected", Doc: "The group whose members may reload and change things, as root may; empty for root alone."},
		def: `""`, kind: groupKind, field: func(v *values) any { return &v.access.ControlGroup },
	},

	{
		Key: Key{Name: "health.interval", Class: Live, Why: whyNext, Doc: "How often the daemon measures itself."},
		def: `"1s"`, min: `"200ms"`, max: `"5m"`, kind: durationKind, field: func(v *values) any { return &v.health.Interval },
	},
	{
		Key: Key{Name: "health.rpc_window", Class: Live, Why: "the newest requests of the window are kept", Doc: "Over how many of the last requests latency is judged."},
		def: `100`, min: `20`, max: `10000`, kind: intKind, field: func(v *values) any { return &v.health.RPCWindow },
	},
	{
		Key: Key{Name: "health.rpc_p99_warn", Class: Live, Why: whyNext, Doc: "Latency (99th percentile) above which health is a warning."},
		def: `"100ms"`, min: `"100us"`, max: `"5m"`, kind: durationKind, field: func(v *values) any { return &v.health.RPCP99Warn },
	},
	{
		Key: Key{Name: "health.rpc_p99_crit", Class: Live, Why: whyNext, Doc: "Latency (99th percentile) above which health is critical."},
		def: `"500ms"`, min: `"100us"`, max: `"5m"`, kind: durationKind, field: func(v *values) any { return &v.health.RPCP99Crit },
	},
	{
		Key: Key{Name: "health.memory_warn", Class: Live, Why: whyNext, Doc: "The daemon's memory above which health is a warning."},
		def: `"60MB"`, min: `"1MB"`, max: `"1TB"`, kind: limitKind, field: func(v *values) any { return &v.health.MemoryWarn },
	},
	{
		Key: Key{Name: "health.memory_crit", Class: Live, Why: whyNext, Doc: "The daemon's memory above which health is critical."},
		def: `"70MB"`, min: `"1MB"`, max: `"1TB"`, kind: limitKind, field: func(v *values) any { return &v.health.MemoryCrit },
	},
	{
		Key: Key{Name: "health.queue_warn", Class: Live, Why: whyNext, Doc: "Waiting events above which health is a warning."},
		def: `50`, min: `1`, max: `65536`, kind: intKind, field: func(v *values) any { return &v.health.QueueWarn },
	},
	{
		Key: Key{Name: "health.queue_crit", Class: Live, Why: whyNext, Doc: "Waiting events above which health is critical."},
		def: `100`, min: `1`, max: `65536`, kind: intKind, field: func(v *values) any { return &v.health.QueueCrit },
	},
	{
		Key: Key{Name: "health.raise_after", Class: Live, Why: whyNext, Doc: "How long something must be wrong before it is reported. Critical memory is reported at once."},
		def: `"10s"`, min: `"0s"`, max: `"1h"`, kind: durationKind, field: func(v *values) any { return &v.health.RaiseAfter },
	},
	{
		Key: Key{Name: "health.clear_after", Class: Live, Why: whyNext, Doc: "How long it must be good again before the report is taken back."},
		def: `"60s"`, min: `"0s"`, max: `"1d"`, kind: durationKind, field: func(v *values) any { return &v.health.ClearAfter },
	},

	{
		Key: Key{Name: "modules.packages", Class: Live, Why: whyModule, Doc: "Watch what is installed, upgraded and removed."},
		def: `true`, kind: boolKind, field: func(v *values) any { return &v.modules.Packages },
	},
	{
		Key: Key{Name: "modules.config", Class: Live, Why: whyModule, Doc: "Watch the files of events.watch_files."},
		def: `true`, kind: boolKind, field: func(v *values) any { return &v.modules.Config },
	},
	{
		Key: Key{Name: "modules.devices", Class: Live, Why: whyModule, Doc: "Watch devices come and go."},
		def: `true`, kind: boolKind, field: func(v *values) any { return &v.modules.Devices },
	},
	{
		Key: Key{Name: "modules.network", Class: Live, Why: whyModule, Doc: "Watch links, addresses and routes."},
		def: `true`, kind: boolKind, field: func(v *values) any { return &v.modules.Network },
	},
	{
		Key: Key{Name: "modules.storage", Class: Live, Why: whyModule, Doc: "Watch mounts and file systems."},
		def: `true`, kind: boolKind, field: func(v *values) any { return &v.modules.Storage },
	},
	{
		Key: Key{Name: "modules.kernel", Class: Live, Why: whyModule, Doc: "Watch the kernel's modules and messages."},
		def: `true`, kind: boolKind, field: func(v *values) any { return &v.modules.Kernel },
	},
	{
		Key: Key{Name: "modules.telemetry", Class: Live, Why: whyModule, Doc: "Keep samples and events in the state directory."},
		def: `true`, kind: boolKind, field: func(v *values) any { return &v.modules.Telemetry },
	},
	{
		Key: Key{Name: "modules.btrfs", Class: Live, Why: whyModule, Doc: "Look after Btrfs file systems."},
		def: `true`, kind: boolKind, field: func(v *values) any { return &v.modules.Btrfs },
	},

	{
		Key: Key{Name: "events.debounce", Class: Live, Why: whyEvent, Doc: "How long a source must be quiet before its changes become one event."},
		def: `"300ms"`, min: `"0s"`, max: `"1m"`, kind: durationKind, field: func(v *values) any { return &v.events.Debounce },
	},
	{
		Key: Key{Name: "events.cooldown", Class: Live, Why: whyEvent, Doc: "How long the next event of the same kind is held back. It is deferred, never dropped."},
		def: `"30s"`, min: `"0s"`, max: `"1h"`, kind: durationKind, field: func(v *values) any { return &v.events.Cooldown },
	},
	{
		Key: Key{Name: "events.history", Class: Live, Why: "the newest events are kept", Doc: "How many past events are kept in memory."},
		def: `500`, min: `10`, max: `10000`, kind: intKind, field: func(v *values) any { return &v.events.History },
	},
	{
		Key: Key{Name: "events.queue_limit", Class: Live, Why: "waiting events stay, also above a lower limit", Doc: "How many events may wait. What comes beyond is counted, reported and read again."},
		def: `4096`, min: `64`, max: `65536`, kind: intKind, field: func(v *values) any { return &v.events.QueueLimit },
	},
	{
		Key: Key{Name: "events.watch_files", Class: Live, Why: "watches are added and removed", Doc: "The files that the module config watches. What does not exist yet is watched for."},
		def: `["/etc/fstab", "/etc/crypttab", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/etc/sudoers", "/etc/ssh/sshd_config", "/etc/sysctl.conf", "/etc/default/grub", "/etc/mkinitcpio.conf", "/etc/pacman.conf"]`, kind: pathsKind, field: func(v *values) any { return &v.events.WatchFiles },
	},

	{
		Key: Key{Name: "telemetry.interval", Class: Live, Why: "holds for the next sample", Doc: "How often a sample is stored."},
		def: `"10s"`, min: `"1s"`, max: `"1h"`, kind: durationKind, field: func(v *values) any { return &v.telemetry.Interval },
	},
	{
		Key: Key{Name: "telemetry.max_size", Class: Live, Why: "the oldest entries go at the next tidying", Doc: "How much of the disk the store may take."},
		def: `"64MB"`, min: `"4MB"`, max: `"16GB"`, kind: sizeKind, field: func(v *values) any { return &v.telemetry.MaxSize },
	},

	{
		Key: Key{Name: "btrfs.scrub_max_age", Class: Live, Why: whyNext, Doc: "How old the last scrub may be before one is advised."},
		def: `"30d"`, min: `"1d"`, max: `"3650d"`, kind: durationKind, field: func(v *values) any { return &v.btrfs.ScrubMaxAge },
	},
	{
		Key: Key{Name: "btrfs.metadata_warn", Class: Live, Why: whyNext, Doc: "How full the space for metadata may be before it is a warning."},
		def: `"80%"`, min: `"1%"`, max: `"100%"`, kind: percentKind, field: func(v *values) any { return &v.btrfs.MetadataWarn },
	},
	{
		Key: Key{Name: "btrfs.headroom_warn", Class: Live, Why: whyNext, Doc: "How little unallocated space may be left before it is a warning."},
		def: `"1GiB"`, min: `"0B"`, max: `"1024TB"`, kind: sizeKind, field: func(v *values) any { return &v.btrfs.HeadroomWarn },
	},

	{
		Key: Key{Name: "reload.watch", Class: Live, Why: "the watch starts or stops", Doc: "Reload by itself when a configuration file changes."},
		def: `false`, kind: boolKind, field: func(v *values) any { return &v.reload.Watch },
	},
	{
		Key: Key{Name: "reload.min_interval", Class: Live, Why: "holds for the next change", Doc: "The least time between two reloads that the watch begins."},
		def: `"5s"`, min: `"1s"`, max: `"1h"`, kind: durationKind, field: func(v *values) any { return &v.reload.MinInterval },
	},

	{
		Key: Key{Name: "policies.dir", Class: Live, Why: "the new directory is read by the same reload", Doc: "The directory of the rules."},
		def: `"/etc/anna/policies.d"`, kind: pathKind, field: func(v *values) any { return &v.policies.Dir },
	},

	{
		Key: Key{Name: "ui.color", Class: Live, Why: "read by every command", Doc: "Colours on a terminal. NO_COLOR and --no-color win."},
		def: `true`, kind: boolKind, field: func(v *values) any { return &v.ui.Color },
	},
}
