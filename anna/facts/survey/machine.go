package survey

import (
	"errors"
	"io/fs"
	"runtime"
	"strconv"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
)

// Machine is what the machine is: the distribution, the processor, whether a
// battery feeds it, whether this is a container.
func Machine(r Root) *facts.Branch {
	b := facts.NewBranch()
	release(r, b)
	b.Set("machine.container", container(r))
	comm, err := r.word("proc/1/comm")
	b.Set("machine.init", text("/proc/1/comm", comm, err))
	processor(r, b)
	b.Set("machine.battery", battery(r))
	up, err := r.word("proc/uptime")
	first, _, _ := strings.Cut(up, " ")
	sec, perr := strconv.ParseFloat(first, 64)
	switch {
	case err != nil:
		b.Set("machine.uptime_sec", unread("/proc/uptime", err))
	case perr != nil:
		b.Set("machine.uptime_sec", facts.Unknown("/proc/uptime holds no time"))
	default:
		b.Set("machine.uptime_sec", facts.Num(sec))
	}
	return b
}

// release reads os-release(5).
func release(r Root, b *facts.Branch) {
	data, err := r.read("etc/os-release")
	if errors.Is(err, fs.ErrNotExist) {
		data, err = r.read("usr/lib/os-release")
	}
	if err != nil {
		for _, name := range []string{"machine.os", "machine.os_like", "machine.os_name"} {
			b.Set(name, unread("/etc/os-release", err))
		}
		return
	}
	fields := osRelease(data)
	id := fields["ID"]
	if id == "" {
		id = "linux" // os-release(5)
	}
	b.Set("machine.os", facts.Str(id))
	b.Set("machine.os_like", facts.Strs(append([]string{id}, strings.Fields(fields["ID_LIKE"])...)))
	b.Set("machine.os_name", facts.Str(fields["PRETTY_NAME"]))
}

// osRelease reads NAME=value lines with the quotes of a shell.
func osRelease(data string) map[string]string {
	fields := map[string]string{}
	for line := range strings.Lines(data) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok || strings.HasPrefix(name, "#") {
			continue
		}
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
			quote := value[0]
			value = value[1 : n-1]
			if quote == '"' {
				value = strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\$`, `$`, "\\`", "`").Replace(value)
			}
		}
		fields[name] = value
	}
	return fields
}

// container names the kind of container that this is; "" outside of one.
// systemd and podman say so in files that everybody can read.
func container(r Root) facts.Value {
	if kind, err := r.word("run/systemd/container"); err == nil && kind != "" {
		return facts.Str(kind)
	}
	if data, err := r.read("run/.containerenv"); err == nil {
		kind := "podman"
		for line := range strings.Lines(data) {
			if engine, ok := strings.CutPrefix(line, "engine="); ok {
				kind, _, _ = strings.Cut(strings.Trim(strings.TrimSpace(engine), `"`), "-")
			}
		}
		return facts.Str(kind)
	}
	if r.exists(".dockerenv") {
		return facts.Str("docker")
	}
	if env, err := r.read("proc/1/environ"); err == nil {
		for pair := range strings.SplitSeq(env, "\x00") {
			if kind, ok := strings.CutPrefix(pair, "container="); ok && kind != "" {
				return facts.Str(kind)
			}
		}
	}
	if data, err := r.read("proc/1/cgroup"); err == nil {
		for _, kind := range []string{"docker", "kubepods", "lxc", "libpod"} {
			if strings.Contains(data, "/"+kind) {
				return facts.Str(kind)
			}
		}
	}
	return facts.Str("")
}

// processor reads what /proc/cpuinfo says of the first processor, and how many
// are on.
func processor(r Root, b *facts.Branch) {
	data, err := r.read("proc/cpuinfo")
	if err != nil {
		for _, name := range []string{"machine.cpu_vendor", "machine.microcode", "machine.virtual"} {
			b.Set(name, unread("/proc/cpuinfo", err))
		}
	} else {
		fields := map[string]string{}
		for line := range strings.Lines(data) {
			name, value, ok := strings.Cut(line, ":")
			if strings.TrimSpace(line) == "" && len(fields) > 0 {
				break
			}
			if ok {
				fields[strings.TrimSpace(name)] = strings.TrimSpace(value)
			}
		}
		vendor, known := fields["vendor_id"]
		vendors := map[string]string{"GenuineIntel": "intel", "AuthenticAMD": "amd"}
		if short, ok := vendors[vendor]; ok {
			vendor = short
		}
		b.Set("machine.cpu_vendor", orUnknown(vendor, known, "/proc/cpuinfo names no vendor on "+runtime.GOARCH))
		microcode, known := fields["microcode"]
		b.Set("machine.microcode", orUnknown(microcode, known, "/proc/cpuinfo names no microcode here"))
		if flags, ok := fields["flags"]; ok {
			b.Set("machine.virtual", facts.Flag(strings.Contains(" "+flags+" ", " hypervisor ")))
		} else {
			b.Set("machine.virtual", facts.Unknown("/proc/cpuinfo has no flags on "+runtime.GOARCH))
		}
	}
	online, err := r.word("sys/devices/system/cpu/online")
	if err != nil {
		b.Set("machine.cpus", unread("/sys/devices/system/cpu/online", err))
		return
	}
	b.Set("machine.cpus", countRanges(online))
}

func orUnknown(s string, known bool, why string) facts.Value {
	if !known || s == "" {
		return facts.Unknown(why)
	}
	return facts.Str(s)
}

// countRanges counts "0-3,7".
func countRanges(s string) facts.Value {
	count := 0
	for part := range strings.SplitSeq(s, ",") {
		first, last, ranged := strings.Cut(part, "-")
		if !ranged {
			last = first
		}
		lo, err1 := strconv.Atoi(first)
		hi, err2 := strconv.Atoi(last)
		if err1 != nil || err2 != nil || hi < lo || hi > 1<<16 {
			return facts.Unknown("the list of processors is strange")
		}
		count += hi - lo + 1
	}
	return facts.Num(count)
}

// battery says whether a battery feeds the machine. Those of mice and
// headsets have the scope Device.
func battery(r Root) facts.Value {
	const dir = "sys/class/power_supply"
	names, err := r.names(dir)
	if err != nil {
		return unread("/sys/class/power_supply", err)
	}
	for _, name := range names {
		kind, _ := r.word(dir + "/" + name + "/type")
		scope, _ := r.word(dir + "/" + name + "/scope")
		if kind == "Battery" && scope != "Device" {
			return facts.Flag(true)
		}
	}
	return facts.Flag(false)
}
