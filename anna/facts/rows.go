package facts

// Kinds are the branches, in the order in which they are shown.
var Kinds = []Kind{
	{"machine", "", "The machine as a whole.", "10 minutes"},
	{"health", "", "The daemon's own health, as `anna health` shows it.", "the sampling interval"},
	{"capability", "", "What the daemon can do here, as `anna capabilities` shows it.", "the sampling interval"},
	{"config", "", "Keys of the configuration that advice goes by.", "the sampling interval"},
	{"load", "", "Tasks that run or wait for a disk.", "the sampling interval"},
	{"memory", "", "Memory and swap.", "the sampling interval"},
	{"pressure", "", "How much of the time tasks waited for a resource (PSI).", "the sampling interval"},
	{"mount", "point", "Local file systems that can fill up, one for each device.", "the sampling interval"},
	{"sensor", "name", "Temperatures of hwmon chips.", "the sampling interval"},
	{"interface", "name", "Network interfaces of the daemon's network namespace.", "the sampling interval"},
	{"time", "", "The system clock.", "1 minute"},
	{"units", "", "Units of systemd.", "1 minute"},
	{"kernel", "", "What runs and what is installed.", "at once, when it changes"},
	{"packages", "", "What is installed.", "at once, when it changes"},
	{"btrfs", "path", "Mounted Btrfs file systems.", "1 minute; snapshots 10 minutes"},
	{"boot", "", "How the machine boots.", "10 minutes"},
	{"pacman", "", "What is particular to pacman.", "10 minutes, or when packages change"},
	{"zram", "", "Compressed swap in memory.", "10 minutes"},
}

const (
	fromMeminfo = "/proc/meminfo"
	fromStatfs  = "statfs(2)"
	fromSysfs   = "/sys/fs/btrfs"
	needsAdmin  = "; needs CAP_SYS_ADMIN"
)

// Rows are the facts, by branch.
var Rows = []Row{
	{Name: "machine.os", Type: Text, Doc: "the distribution: `arch`, `debian`, `fedora`", Source: "ID of os-release(5)", Lasting: true},
	{Name: "machine.os_like", Type: List, Doc: "the distributions that it is made from, itself first", Source: "ID and ID_LIKE of os-release(5)", Lasting: true},
	{Name: "machine.os_name", Type: Text, Doc: "its name for people", Source: "PRETTY_NAME of os-release(5)", Lasting: true},
	{Name: "machine.container", Type: Text, Doc: "the kind of container that anna runs in; empty outside of one", Source: "/run/systemd/container, /.dockerenv, /run/.containerenv, the root of PID 1", Lasting: true},
	{Name: "machine.virtual", Type: Bool, Doc: "the processor says that a hypervisor is below", Source: "flag hypervisor of /proc/cpuinfo", Lasting: true},
	{Name: "machine.cpu_vendor", Type: Text, Doc: "`intel`, `amd`, or the vendor's own word", Source: "vendor_id of /proc/cpuinfo", Lasting: true},
	{Name: "machine.cpus", Type: Number, Doc: "processors that are on", Source: "/sys/devices/system/cpu/online", Lasting: true},
	{Name: "machine.microcode", Type: Text, Doc: "the revision of the microcode that runs", Source: "microcode of /proc/cpuinfo", Lasting: true},
	{Name: "machine.battery", Type: Bool, Doc: "a battery feeds the machine: it is a laptop, or the like", Source: "/sys/class/power_supply, those with scope System", Lasting: true},
	{Name: "machine.uptime_sec", Type: Number, Unit: Seconds, Doc: "since the machine started", Source: "/proc/uptime", Series: "uptime_seconds"},
	{Name: "machine.init", Type: Text, Doc: "the name of process 1", Source: "/proc/1/comm", Lasting: true},

	{Name: "health.level", Type: Text, Doc: "`ok`, `warning` or `critical`; acknowledged findings do not count", Source: "the daemon"},
	{Name: "health.findings", Type: List, Doc: "the findings that are raised", Source: "the daemon"},
	{Name: "health.warnings", Type: Number, Doc: "how many of them are warnings", Source: "the daemon"},
	{Name: "health.criticals", Type: Number, Doc: "how many of them are critical", Source: "the daemon"},
	{Name: "health.uptime_sec", Type: Number, Unit: Seconds, Doc: "since the daemon started", Source: "the daemon"},
	{Name: "health.memory_bytes", Type: Number, Unit: Bytes, Doc: "what the daemon uses", Source: "its cgroup, or /proc/self/status", Series: "annad_memory_bytes"},

	{Name: "capability.active", Type: List, Doc: "modules that do all that they are for", Source: "the daemon"},
	{Name: "capability.degraded", Type: List, Doc: "modules that do part of it", Source: "the daemon"},
	{Name: "capability.disabled", Type: List, Doc: "modules that are off, or have nothing to do here", Source: "the daemon"},
	{Name: "capability.failed", Type: List, Doc: "modules that do nothing", Source: "the daemon"},

	{Name: "config.scrub_max_age_sec", Type: Number, Unit: Seconds, Doc: "`btrfs.scrub_max_age`", Source: "config.toml", Lasting: true},
	{Name: "config.headroom_warn_bytes", Type: Number, Unit: Bytes, Doc: "`btrfs.headroom_warn`", Source: "config.toml", Lasting: true},
	{Name: "config.metadata_warn_percent", Type: Number, Unit: Percent, Doc: "`btrfs.metadata_warn`", Source: "config.toml", Lasting: true},

	{Name: "load.one", Type: Number, Doc: "averaged over 1 minute", Source: "/proc/loadavg", Series: "load1"},
	{Name: "load.five", Type: Number, Doc: "averaged over 5 minutes", Source: "/proc/loadavg", Series: "load5"},
	{Name: "load.fifteen", Type: Number, Doc: "averaged over 15 minutes", Source: "/proc/loadavg", Series: "load15"},

	{Name: "memory.total_bytes", Type: Number, Unit: Bytes, Doc: "MemTotal", Source: fromMeminfo, Series: "memory_total_bytes"},
	{Name: "memory.available_bytes", Type: Number, Unit: Bytes, Doc: "MemAvailable: what programs can get without swapping", Source: fromMeminfo, Series: "memory_available_bytes"},
	{Name: "memory.available_percent", Type: Number, Unit: Percent, Doc: "available of total", Source: fromMeminfo},
	{Name: "memory.swap_total_bytes", Type: Number, Unit: Bytes, Doc: "SwapTotal; 0 without swap", Source: fromMeminfo, Series: "swap_total_bytes"},
	{Name: "memory.swap_free_bytes", Type: Number, Unit: Bytes, Doc: "SwapFree", Source: fromMeminfo, Series: "swap_free_bytes"},
	{Name: "memory.swap_used_percent", Type: Number, Unit: Percent, Doc: "used of swap; unknown without swap", Source: fromMeminfo},

	{Name: "pressure.memory_percent", Type: Number, Unit: Percent, Doc: "of the last 5 minutes in which some task waited for memory", Source: "some avg300 of /proc/pressure/memory", Series: "pressure_memory_percent"},
	{Name: "pressure.memory_full_percent", Type: Number, Unit: Percent, Doc: "of the last 5 minutes in which all tasks waited for memory", Source: "full avg300 of /proc/pressure/memory", Series: "pressure_memory_full_percent"},
	{Name: "pressure.cpu_percent", Type: Number, Unit: Percent, Doc: "of the last 5 minutes in which some task waited for a processor", Source: "some avg300 of /proc/pressure/cpu", Series: "pressure_cpu_percent"},
	{Name: "pressure.io_percent", Type: Number, Unit: Percent, Doc: "of the last 5 minutes in which some task waited for a disk", Source: "some avg300 of /proc/pressure/io", Series: "pressure_io_percent"},

	{Name: "mount.point", Type: Text, Doc: "where it is mounted", Source: "/proc/self/mountinfo", Lasting: true},
	{Name: "mount.type", Type: Text, Doc: "`btrfs`, `ext4`, `tmpfs`", Source: "/proc/self/mountinfo", Lasting: true},
	{Name: "mount.source", Type: Text, Doc: "the device", Source: "/proc/self/mountinfo", Lasting: true},
	{Name: "mount.size_bytes", Type: Number, Unit: Bytes, Doc: "its size", Source: fromStatfs, Lasting: true},
	{Name: "mount.used_bytes", Type: Number, Unit: Bytes, Doc: "what is in use", Source: fromStatfs, Series: "mount_used_bytes{%s}", Label: "mount.point"},
	{Name: "mount.available_bytes", Type: Number, Unit: Bytes, Doc: "what ordinary users can still write", Source: fromStatfs, Series: "mount_available_bytes{%s}", Label: "mount.point"},
	{Name: "mount.used_percent", Type: Number, Unit: Percent, Doc: "how full it is, as df counts", Source: fromStatfs},
	{Name: "mount.inodes_free", Type: Number, Doc: "files that can still be made; unknown where there is no fixed number, as on Btrfs", Source: fromStatfs, Series: "mount_inodes_free{%s}", Label: "mount.point"},
	{Name: "mount.inodes_used_percent", Type: Number, Unit: Percent, Doc: "of the inodes; unknown where there is no fixed number, as on Btrfs", Source: fromStatfs},
	{Name: "mount.full_in_sec", Type: Number, Unit: Seconds, Doc: "until it is full at the rate of the last 6 hours; unknown where it does not grow steadily, or is not known for an hour yet", Source: "the stored samples of mount.used_bytes"},

	{Name: "sensor.name", Type: Text, Doc: "chip and label: `coretemp/Package id 0`", Source: "/sys/class/hwmon", Lasting: true},
	{Name: "sensor.celsius", Type: Number, Unit: Celsius, Doc: "the temperature", Source: "/sys/class/hwmon, temp*_input", Series: "temperature_celsius{%s}", Label: "sensor.name"},
	{Name: "sensor.max_celsius", Type: Number, Unit: Celsius, Doc: "what the chip names as its highest good temperature", Source: "/sys/class/hwmon, temp*_max", Lasting: true},
	{Name: "sensor.critical_celsius", Type: Number, Unit: Celsius, Doc: "what the chip names as critical", Source: "/sys/class/hwmon, temp*_crit", Lasting: true},

	{Name: "interface.name", Type: Text, Doc: "its name", Source: "/proc/net/dev", Lasting: true},
	{Name: "interface.received_bytes", Type: Number, Unit: Bytes, Doc: "since it appeared", Source: "/proc/net/dev", Series: "net_receive_bytes{%s}", Label: "interface.name", Counter: true},
	{Name: "interface.sent_bytes", Type: Number, Unit: Bytes, Doc: "since it appeared", Source: "/proc/net/dev", Series: "net_transmit_bytes{%s}", Label: "interface.name", Counter: true},
	{Name: "interface.errors", Type: Number, Doc: "of receiving and sending, since it appeared", Source: "/proc/net/dev", Series: "net_errors{%s}", Label: "interface.name", Counter: true},
	{Name: "interface.dropped", Type: Number, Doc: "packets dropped either way, since it appeared", Source: "/proc/net/dev", Series: "net_dropped{%s}", Label: "interface.name", Counter: true},

	{Name: "time.synchronised", Type: Bool, Doc: "the kernel says that something keeps the clock right", Source: "STA_UNSYNC of adjtimex(2)"},
	{Name: "time.error_bound_sec", Type: Number, Unit: Seconds, Doc: "how wrong the clock may be at most, while it is synchronised", Source: "maxerror of adjtimex(2)"},

	{Name: "units.failed", Type: List, Doc: "units that failed", Source: "systemd, over D-Bus"},
	{Name: "units.system_state", Type: Text, Doc: "`running`, `degraded`, `starting`", Source: "systemd, over D-Bus"},

	{Name: "kernel.running", Type: Text, Doc: "the release that runs", Source: "uname(2)"},
	{Name: "kernel.installed", Type: List, Doc: "releases that are installed, oldest first; empty in a container", Source: "/lib/modules, /boot"},
	{Name: "kernel.reboot_needed", Type: Bool, Doc: "another kernel waits, the running one lost its modules, or a package asked for it", Source: "/lib/modules, /boot, /run/reboot-required"},
	{Name: "kernel.reboot_reasons", Type: List, Doc: "why", Source: "likewise"},
	{Name: "kernel.modules_missing", Type: Bool, Doc: "the modules of the running kernel are gone: what is plugged in now may not work", Source: "/lib/modules"},
	{Name: "kernel.libc_replaced", Type: Bool, Doc: "the C library was replaced since the machine started: programs that run have the old one", Source: "the file's times"},
	{Name: "kernel.systemd_replaced", Type: Bool, Doc: "systemd was replaced and not executed anew", Source: "the file's times"},

	{Name: "packages.managers", Type: List, Doc: "whose databases are here: `dpkg`, `pacman`, `apk`, `rpm`", Source: "the package databases"},
	{Name: "packages.count", Type: Number, Doc: "packages that are installed; unknown with rpm", Source: "the package databases"},
	{Name: "packages.broken", Type: List, Doc: "packages that are neither installed nor gone", Source: "the package databases"},

	{Name: "btrfs.path", Type: Text, Doc: "a mount point, that of the top where there is one", Source: "/proc/self/mountinfo", Lasting: true},
	{Name: "btrfs.system", Type: Bool, Doc: "the system's / is on it", Source: "/proc/self/mountinfo", Lasting: true},
	{Name: "btrfs.id", Type: Text, Doc: "the UUID", Source: "FS_INFO", Lasting: true},
	{Name: "btrfs.label", Type: Text, Doc: "the label; empty without one", Source: fromSysfs, Lasting: true},
	{Name: "btrfs.size_bytes", Type: Number, Unit: Bytes, Doc: "raw bytes of the devices that are there and can be written", Source: "DEV_INFO", Lasting: true},
	{Name: "btrfs.allocated_bytes", Type: Number, Unit: Bytes, Doc: "raw bytes in chunks", Source: "DEV_INFO", Series: "btrfs_allocated_bytes{%s}", Label: "btrfs.id"},
	{Name: "btrfs.unallocated_bytes", Type: Number, Unit: Bytes, Doc: "raw bytes in no chunk yet", Source: "DEV_INFO", Series: "btrfs_unallocated_bytes{%s}", Label: "btrfs.id"},
	{Name: "btrfs.data_free_bytes", Type: Number, Unit: Bytes, Doc: "data that can still be written, by the allocator's own rules", Source: "SPACE_INFO", Series: "btrfs_free_bytes{%s}", Label: "btrfs.id"},
	{Name: "btrfs.data_total_bytes", Type: Number, Unit: Bytes, Doc: "in chunks of data", Source: "SPACE_INFO"},
	{Name: "btrfs.data_used_bytes", Type: Number, Unit: Bytes, Doc: "used of them", Source: "SPACE_INFO"},
	{Name: "btrfs.metadata_total_bytes", Type: Number, Unit: Bytes, Doc: "in chunks of metadata", Source: "SPACE_INFO"},
	{Name: "btrfs.metadata_used_percent", Type: Number, Unit: Percent, Doc: "used of them; it says little by itself, see headroom_bytes", Source: "SPACE_INFO"},
	{Name: "btrfs.headroom_bytes", Type: Number, Unit: Bytes, Doc: "metadata that can still be written before the file system is full; below 0 when the reserve no longer fits", Source: "SPACE_INFO, DEV_INFO", Series: "btrfs_metadata_headroom_bytes{%s}", Label: "btrfs.id"},
	{Name: "btrfs.data_profiles", Type: List, Doc: "of data chunks: `single`, `raid1`", Source: "SPACE_INFO", Lasting: true},
	{Name: "btrfs.metadata_profiles", Type: List, Doc: "of metadata chunks", Source: "SPACE_INFO", Lasting: true},
	{Name: "btrfs.mixed_profiles", Type: Bool, Doc: "a type has chunks in more than one profile: a conversion is unfinished", Source: "SPACE_INFO"},
	{Name: "btrfs.devices", Type: Number, Doc: "devices, missing ones included", Source: "DEV_INFO", Lasting: true},
	{Name: "btrfs.devices_missing", Type: Number, Doc: "devices that are not there", Source: "DEV_INFO"},
	{Name: "btrfs.degraded", Type: Bool, Doc: "a device is missing", Source: "DEV_INFO"},
	{Name: "btrfs.device_errors", Type: Number, Doc: "over all devices, since they were last reset", Source: "GET_DEV_STATS", Series: "btrfs_device_errors{%s}", Label: "btrfs.id", Counter: true},
	{Name: "btrfs.read_only", Type: Bool, Doc: "nobody can write", Source: "/proc/self/mountinfo"},
	{Name: "btrfs.forced_read_only", Type: Bool, Doc: "the kernel made it so, because of an error", Source: "START_SYNC on a read-only file system"},
	{Name: "btrfs.operation", Type: Text, Doc: "what runs and excludes others: `balance`, `device remove`; empty for none", Source: fromSysfs + ", exclusive_operation"},
	{Name: "btrfs.scrub_age_sec", Type: Number, Unit: Seconds, Doc: "since the last scrub that anna saw came to its end", Source: "the stored operations"},
	{Name: "btrfs.scrub_due", Type: Bool, Doc: "no scrub came to its end within `btrfs.scrub_max_age`, for certain; unknown where scrubs of others cannot be seen, or are not watched for long enough", Source: "the stored operations"},
	{Name: "btrfs.scrub_errors", Type: Number, Doc: "that the last scrub found", Source: "the stored operations"},
	{Name: "btrfs.scrub_uncorrectable", Type: Number, Doc: "that the last scrub could not mend", Source: "the stored operations"},
	{Name: "btrfs.subvolumes", Type: Number, Doc: "subvolumes and snapshots, the top left out", Source: "the root tree" + needsAdmin},
	{Name: "btrfs.snapshots", Type: Number, Doc: "snapshots", Source: "the root tree" + needsAdmin},
	{Name: "btrfs.newest_snapshot_age_sec", Type: Number, Unit: Seconds, Doc: "since the newest snapshot was made; unknown without one", Source: "the root tree" + needsAdmin},
	{Name: "btrfs.deleting", Type: Number, Doc: "deleted subvolumes whose space is still being freed", Source: "the root tree" + needsAdmin},
	{Name: "btrfs.quota", Type: Text, Doc: "`off`, `qgroup` or `squota`", Source: fromSysfs + ", qgroups"},
	{Name: "btrfs.quota_groups", Type: Number, Doc: "quota groups; 0 without quotas", Source: fromSysfs + ", qgroups"},
	{Name: "btrfs.quota_inconsistent", Type: Bool, Doc: "the figures of the quotas are wrong until a rescan is done", Source: fromSysfs + ", qgroups"},

	{Name: "boot.loader", Type: Text, Doc: "`systemd-boot`, `grub`, `other`; empty in a container", Source: "the files of the loaders, /sys/firmware/efi/efivars/LoaderInfo-*", Lasting: true},
	{Name: "boot.entries", Type: Number, Doc: "entries of systemd-boot", Source: "loader/entries on the boot partition; root alone may read it on many machines"},
	{Name: "boot.snapshot_entries", Type: Number, Doc: "boot entries that start a snapshot", Source: "loader/entries, grub/grub-btrfs.cfg"},
	{Name: "boot.efi", Type: Bool, Doc: "the machine was started by UEFI", Source: "/sys/firmware/efi", Lasting: true},
	{Name: "boot.root_type", Type: Text, Doc: "the type of the file system at /", Source: "/proc/self/mountinfo", Lasting: true},

	{Name: "pacman.orphans", Type: List, Doc: "packages that came as dependencies and that none needs, not even optionally", Source: "/var/lib/pacman/local"},
	{Name: "pacman.hooks", Type: List, Doc: "hooks that are in force", Source: "/usr/share/libalpm/hooks, /etc/pacman.d/hooks"},
	{Name: "pacman.snapshot_hook", Type: Bool, Doc: "a hook takes a snapshot before packages change", Source: "the Exec lines of the hooks"},

	{Name: "zram.devices", Type: Number, Doc: "zram devices that serve as swap", Source: "/proc/swaps"},
	{Name: "zram.size_bytes", Type: Number, Unit: Bytes, Doc: "their size", Source: "/proc/swaps"},
}

// Funcs are the facts that take a name.
var Funcs = []Func{
	{"installed", "package", Bool, "packages", "whether a package is installed"},
	{"version", "package", Text, "packages", "its version; unknown when it is not installed"},
	{"finding", "check", Bool, "health", "whether the daemon's finding is raised"},
	{"state", "module", Text, "capability", "of a module: `active`, `degraded`, `disabled`, `failed`"},
}

// Windows are the facts about a time, up to 30 days back. The fact must be one
// with a history.
var Windows = []Window{
	{"avg", "the mean over the time"},
	{"highest", "the highest reading of the time"},
	{"lowest", "the lowest reading of the time"},
	{"rate", "by how much it changed per second over the time; what a counter lost by starting anew does not count"},
}
