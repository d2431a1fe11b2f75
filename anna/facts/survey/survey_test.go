package survey

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
)

// machine lays files out below a root.
func machine(t testing.TB, files map[string]string) Root {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Root{Dir: dir}
}

// shows holds facts of a branch, as text.
func shows(t *testing.T, branch string, b *facts.Branch, want map[string]string) {
	t.Helper()
	tree := facts.Tree{}.With(branch, b)
	for name, text := range want {
		v := tree.Fact(name, "")
		if got := facts.Write(v, facts.Find(name).Unit); !strings.HasPrefix(got, text) || text == "" && got != "" {
			t.Errorf("%s: got %q, want %q", name, got, text)
		}
	}
}

// TestElsewhere holds that what a sandbox shows elsewhere is read there, and what
// is not shown is not taken from what lies in its place.
func TestElsewhere(t *testing.T) {
	r := machine(t, map[string]string{
		"proc/1/comm": "of the sandbox\n", "sys/firmware/efi/x": "", "sys/devices/system/cpu/online": "0-7\n",
		"shown/proc/1/comm": "systemd\n", "shown/sys/devices/system/cpu/online": "0-1\n", "proc/uptime": "60.0 1.0\n",
	})
	r.Elsewhere = func(path string) string {
		if strings.HasPrefix(path, "/proc/1/") || strings.HasPrefix(path, "/sys/") {
			return r.Dir + "/shown" + path
		}
		return ""
	}
	shows(t, "machine", Machine(r), map[string]string{"machine.init": "systemd", "machine.cpus": "2", "machine.uptime_sec": "1 min", "machine.battery": "no"})
	shows(t, "boot", Boot(r), map[string]string{"boot.efi": "no"})
}

const laptop = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmicrocode\t: 0xa704104\nflags\t\t: fpu sse2\n\nprocessor\t: 1\nvendor_id\t: x\n"

func TestMachine(t *testing.T) {
	r := machine(t, map[string]string{
		"etc/os-release": "NAME=\"Arch Linux\"\nPRETTY_NAME=\"Arch \\\"Linux\\\"\"\nID=arch\n", "proc/cpuinfo": laptop, "proc/1/comm": "systemd\n",
		"proc/uptime": "93784.57 1000.0\n", "sys/devices/system/cpu/online": "0-3,6\n",
		"sys/class/power_supply/BAT0/type": "Battery\n", "sys/class/power_supply/hid/type": "Battery\n", "sys/class/power_supply/hid/scope": "Device\n",
	})
	shows(t, "machine", Machine(r), map[string]string{
		"machine.os": "arch", "machine.os_like": "arch", "machine.os_name": `Arch "Linux"`, "machine.container": "", "machine.cpu_vendor": "amd",
		"machine.microcode": "0xa704104", "machine.virtual": "no", "machine.cpus": "5", "machine.battery": "yes", "machine.uptime_sec": "1 d 2 h", "machine.init": "systemd",
	})
	if err := os.RemoveAll(r.Dir + "/sys/class/power_supply/BAT0"); err != nil {
		t.Fatal(err)
	}
	shows(t, "machine", Machine(r), map[string]string{"machine.battery": "no"}) // that of a mouse feeds no machine
	shows(t, "machine", Machine(machine(t, nil)), map[string]string{
		"machine.os": "unknown (cannot read /etc/os-release: no such file or directory)", "machine.cpu_vendor": "unknown (", "machine.battery": "no", "machine.cpus": "unknown (",
	})
}

func TestContainer(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"systemd-nspawn": {"run/systemd/container": "systemd-nspawn\n"},
		"podman":         {"run/.containerenv": "engine=\"podman-5.2\"\n"},
		"docker":         {".dockerenv": ""},
		"lxc":            {"proc/1/environ": "PATH=/bin\x00container=lxc\x00"},
		"":               {"proc/1/environ": "PATH=/bin\x00", "proc/1/cgroup": "0::/init.scope\n"},
	} {
		if got, _ := container(machine(t, files)).Text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestPressure(t *testing.T) {
	r := machine(t, map[string]string{"proc/pressure/memory": "some avg10=0.00 avg60=1.00 avg300=12.50 total=1\nfull avg10=0.00 avg60=0.00 avg300=3.00 total=1\n", "proc/pressure/cpu": "rubbish"})
	shows(t, "pressure", Pressure(r), map[string]string{
		"pressure.memory_percent": "12.5 %", "pressure.memory_full_percent": "3 %", "pressure.cpu_percent": "unknown (/proc/pressure/cpu is strange)",
		"pressure.io_percent": "unknown (the kernel counts no pressure",
	})
}

func TestZram(t *testing.T) {
	r := machine(t, map[string]string{"proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/dev/zram0 partition 4194300 0 100\n/dev/sda3 partition 8388600 0 -2\n"})
	shows(t, "zram", Zram(r), map[string]string{"zram.devices": "1", "zram.size_bytes": "4.00 GiB"})
	if b := Zram(machine(t, nil)); b.Missing() == "" {
		t.Error("without /proc/swaps something is known")
	}
}

func TestBoot(t *testing.T) {
	const mounts = "30 1 0:28 /@ / rw,relatime shared:1 - btrfs /dev/sda2 rw,subvol=/@\n"
	sdboot := machine(t, map[string]string{
		"boot/loader/entries/arch.conf":            "title Arch\noptions root=UUID=x rootflags=subvol=@ rw\n",
		"boot/loader/entries/anna-snapshot-1.conf": "title\tSnapshot\noptions\troot=UUID=x rootflags=subvolid=312 rw\n",
		"boot/loader/entries/README":               "no entry", "proc/self/mountinfo": mounts,
	})
	shows(t, "boot", Boot(sdboot), map[string]string{"boot.loader": "systemd-boot", "boot.entries": "2", "boot.snapshot_entries": "1", "boot.efi": "no", "boot.root_type": "btrfs"})
	grub := machine(t, map[string]string{"boot/grub/grub.cfg": "x", "boot/grub/grub-btrfs.cfg": "submenu 'a' {\n menuentry 'b' {\n", "proc/self/mountinfo": mounts})
	shows(t, "boot", Boot(grub), map[string]string{"boot.loader": "grub", "boot.snapshot_entries": "2", "boot.entries": "unknown ("})
	shows(t, "boot", Boot(machine(t, map[string]string{".dockerenv": ""})), map[string]string{"boot.loader": "", "boot.snapshot_entries": "0"})
}

func desc(name, version, more string) string {
	return "%NAME%\n" + name + "\n\n%VERSION%\n" + version + "\n\n" + more
}

func TestPacman(t *testing.T) {
	const db = "var/lib/pacman/local/"
	r := machine(t, map[string]string{
		db + "ALPM_DB_VERSION":                         "9\n",
		db + "linux-6.9-1/desc":                        desc("linux", "6.9-1", "%DEPENDS%\nkmod>=30\ninitramfs\n\n%OPTDEPENDS%\nwireless-regdb: to set the region\n\n"),
		db + "kmod-33-1/desc":                          desc("kmod", "33-1", "%REASON%\n1\n\n"),
		db + "mkinitcpio-39-1/desc":                    desc("mkinitcpio", "39-1", "%REASON%\n1\n\n%PROVIDES%\ninitramfs\n\n"),
		db + "wireless-regdb-2024-1/desc":              desc("wireless-regdb", "2024-1", "%REASON%\n1\n\n"),
		db + "jansson-2-1/desc":                        desc("jansson", "2-1", "%REASON%\n1\n\n%OPTDEPENDS%\njansson: itself\n\n"),
		db + "vim-9-1/desc":                            desc("vim", "9-1", ""),
		"usr/share/libalpm/hooks/05-snap-pac-pre.hook": "[Trigger]\nOperation = Upgrade\n[Action]\nWhen = PreTransaction\nExec = /usr/share/libalpm/scripts/snap-pac pre\n",
		"usr/share/libalpm/hooks/30-systemd.hook":      "[Action]\nWhen = PostTransaction\nExec = /usr/bin/systemctl\n",
	})
	shows(t, "pacman", Pacman(r), map[string]string{"pacman.orphans": "jansson", "pacman.hooks": "05-snap-pac-pre.hook, 30-systemd.hook", "pacman.snapshot_hook": "yes"})
	// A hook of the same name in /etc that is empty switches it off.
	off := filepath.Join(r.Dir, "etc/pacman.d/hooks/05-snap-pac-pre.hook")
	if err := os.MkdirAll(filepath.Dir(off), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", off); err != nil {
		t.Fatal(err)
	}
	shows(t, "pacman", Pacman(r), map[string]string{"pacman.hooks": "30-systemd.hook", "pacman.snapshot_hook": "no"})
	if b := Pacman(machine(t, nil)); b.Missing() != "pacman is not used here" {
		t.Error(b.Missing())
	}
}

func FuzzDesc(f *testing.F) {
	f.Add(desc("linux", "6.9-1", "%DEPENDS%\nkmod>=30\n\n%OPTDEPENDS%\na: b\n"))
	f.Add("%NAME%\n%VERSION%\n\n%%\n%")
	f.Fuzz(func(t *testing.T, data string) {
		p := parseDesc(data)
		for _, n := range p.needs {
			if strings.ContainsAny(n, "<>=") {
				t.Errorf("%q", n)
			}
		}
		osRelease(data)
		snapshotEntry(data)
		utf16Text(data)
		countRanges(data)
	})
}

// TestSample: what a sample of the machine becomes, unknown figures and all.
func TestSample(t *testing.T) {
	known := metrics.Known[uint64]
	s := metrics.MachineSample{
		Load1: metrics.Known(0.5), MemTotal: known(1 << 30), MemAvailable: known(1 << 28), SwapTotal: known(0), SwapFree: known(0),
		Mounts: metrics.Known([]metrics.Mount{
			{Point: "/", FSType: "ext4", Size: known(1000), Used: known(700), Available: known(200), Inodes: known(100), InodesFree: known(25)},
			{Point: "/dead", FSType: "ext4", Size: metrics.Unknown[uint64]("no answer"), Used: metrics.Unknown[uint64]("no answer"), Available: metrics.Unknown[uint64]("no answer")},
		}),
		Sensors: metrics.Known([]metrics.Sensor{{Chip: "nvme", Label: "Composite", Celsius: metrics.Known(40.0)}, {Chip: "nvme", Label: "Composite", Celsius: metrics.Known(50.0)}}),
	}
	r := machine(t, map[string]string{
		"sys/class/hwmon/hwmon0/name": "nvme\n", "sys/class/hwmon/hwmon0/temp1_input": "40000\n", "sys/class/hwmon/hwmon0/temp1_label": "Composite\n",
		"sys/class/hwmon/hwmon0/temp1_crit": "84850\n", "sys/class/hwmon/hwmon0/temp1_max": "-273150\n",
	})
	never := func(metrics.Mount) facts.Value { return facts.Unknown("it does not grow steadily") }
	tree := facts.Tree{}.With("memory", Memory(s)).With("load", Load(s)).With("mount", Mounts(s, never)).With("sensor", Sensors(r, s)).With("interface", Interfaces(s))
	for _, c := range []struct{ name, key, want string }{
		{"memory.available_percent", "", "25 %"},
		{"memory.swap_used_percent", "", "unknown (there is no swap)"},
		{"load.one", "", "0.5"},
		{"load.five", "", "unknown (not measured)"},
		{"mount.used_percent", "/", "77.8 %"},
		{"mount.inodes_used_percent", "/", "75 %"},
		{"mount.used_percent", "/dead", "unknown (no answer)"},
		{"sensor.celsius", "nvme/Composite", "50 °C"}, // the hotter of two alike
		{"sensor.critical_celsius", "nvme/Composite", "84.8 °C"},
		{"sensor.max_celsius", "nvme/Composite", "unknown (the chip says -273150, which is no limit)"},
		{"interface.errors", "eth0", "unknown (not measured)"},
	} {
		if got := facts.Write(tree.Fact(c.name, c.key), facts.Find(c.name).Unit); got != c.want {
			t.Errorf("%s of %q: got %q, want %q", c.name, c.key, got, c.want)
		}
	}
}

func TestPackages(t *testing.T) {
	tree := facts.Tree{}.With("packages", Packages(&events.PackageFacts{Managers: []string{"dpkg"}, Versions: map[string]string{"bash": "5.2"}, Broken: []string{"x"}}))
	if yes, ok := tree.Named("installed", "bash").Flag(); !yes || !ok {
		t.Error("bash is not installed")
	}
	if yes, ok := tree.Named("installed", "zsh").Flag(); yes || !ok {
		t.Error("zsh is installed, or that is unknown")
	}
	// Of rpm nothing is known but that it is there: not that something is not installed.
	tree = tree.With("packages", Packages(&events.PackageFacts{Managers: []string{"rpm"}, Whole: true}))
	if v := tree.Named("installed", "bash"); v.Known() {
		t.Error("it is known whether bash is installed")
	}
}

// TestLive reads the machine that runs the test: whatever it is, every fact of
// each branch is set, and an unknown one has its reason.
func TestLive(t *testing.T) {
	s := metrics.NewMachine(metrics.LiveRoots).Sample()
	never := func(metrics.Mount) facts.Value { return facts.Unknown("not asked") }
	for name, b := range map[string]*facts.Branch{
		"machine": Machine(Live), "load": Load(s), "memory": Memory(s), "pressure": Pressure(Live), "mount": Mounts(s, never),
		"sensor": Sensors(Live, s), "interface": Interfaces(s), "time": Time(), "boot": Boot(Live), "pacman": Pacman(Live), "zram": Zram(Live),
	} {
		tree := facts.Tree{}.With(name, b)
		keys := []string{""}
		if facts.FindKind(name).Table() {
			keys, _ = tree.Keys(name)
		}
		for _, key := range keys {
			for _, row := range facts.Of(name) {
				v := tree.Fact(row.Name, key)
				if !v.Known() && v.Why() == "it was not looked at" {
					t.Errorf("%s was not set", facts.FactName(row.Name, key))
				}
			}
		}
	}
}
