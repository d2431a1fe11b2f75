package survey

import (
	"path"
	"strconv"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
)

func number[T uint64 | float64](f metrics.Figure[T]) facts.Value {
	if v, ok := f.Get(); ok {
		return facts.Num(v)
	}
	return facts.Unknown(f.Why())
}

// share is a part of a whole in percent.
func share(part, whole metrics.Figure[uint64]) facts.Value {
	p, ok := part.Get()
	if !ok {
		return facts.Unknown(part.Why())
	}
	w, ok := whole.Get()
	switch {
	case !ok:
		return facts.Unknown(whole.Why())
	case w == 0:
		return facts.Unknown("there is none")
	}
	return facts.Num(100 * float64(p) / float64(w))
}

func difference(whole, part metrics.Figure[uint64]) metrics.Figure[uint64] {
	if !whole.Known {
		return whole
	}
	if !part.Known {
		return part
	}
	return metrics.Known(whole.Value - min(part.Value, whole.Value))
}

// Load is how many tasks run or wait.
func Load(s metrics.MachineSample) *facts.Branch {
	b := facts.NewBranch()
	b.Set("load.one", number(s.Load1))
	b.Set("load.five", number(s.Load5))
	b.Set("load.fifteen", number(s.Load15))
	return b
}

// Memory is memory and swap.
func Memory(s metrics.MachineSample) *facts.Branch {
	b := facts.NewBranch()
	b.Set("memory.total_bytes", number(s.MemTotal))
	b.Set("memory.available_bytes", number(s.MemAvailable))
	b.Set("memory.available_percent", share(s.MemAvailable, s.MemTotal))
	b.Set("memory.swap_total_bytes", number(s.SwapTotal))
	b.Set("memory.swap_free_bytes", number(s.SwapFree))
	used := share(difference(s.SwapTotal, s.SwapFree), s.SwapTotal)
	if s.SwapTotal.Known && s.SwapTotal.Value == 0 {
		used = facts.Unknown("there is no swap")
	}
	b.Set("memory.swap_used_percent", used)
	return b
}

// Mounts are the local file systems. full says when one will be full.
func Mounts(s metrics.MachineSample, full func(metrics.Mount) facts.Value) *facts.Branch {
	mounts, ok := s.Mounts.Get()
	if !ok {
		return facts.NoBranch(s.Mounts.Why())
	}
	b := facts.NewBranch()
	for _, m := range mounts {
		point := facts.Str(m.Point)
		if !point.Known() { // a name that nobody can go by
			continue
		}
		o := b.Add(m.Point)
		o.Set("mount.point", point)
		o.Set("mount.type", facts.Str(m.FSType))
		o.Set("mount.source", facts.Str(m.Source))
		o.Set("mount.size_bytes", number(m.Size))
		o.Set("mount.used_bytes", number(m.Used))
		o.Set("mount.available_bytes", number(m.Available))
		used := m.UsedShare()
		used.Value *= 100
		o.Set("mount.used_percent", number(used))
		o.Set("mount.inodes_free", number(m.InodesFree))
		o.Set("mount.inodes_used_percent", share(difference(m.Inodes, m.InodesFree), m.Inodes))
		if !m.Inodes.Known {
			o.Set("mount.inodes_used_percent", facts.Unknown(m.Inodes.Why()))
		}
		o.Set("mount.full_in_sec", full(m))
	}
	return b
}

// Interfaces are the counters of the network.
func Interfaces(s metrics.MachineSample) *facts.Branch {
	list, ok := s.Interfaces.Get()
	if !ok {
		return facts.NoBranch(s.Interfaces.Why())
	}
	b := facts.NewBranch()
	for _, i := range list {
		o := b.Add(i.Name)
		o.Set("interface.name", facts.Str(i.Name))
		o.Set("interface.received_bytes", facts.Num(i.RxBytes))
		o.Set("interface.sent_bytes", facts.Num(i.TxBytes))
		o.Set("interface.errors", facts.Num(i.RxErrors+i.TxErrors))
		o.Set("interface.dropped", facts.Num(i.RxDropped+i.TxDropped))
	}
	return b
}

// Sensors are temperatures, and what their chips say is too hot. Two of one
// name, as of two disks alike, are one: the hotter.
func Sensors(r Root, s metrics.MachineSample) *facts.Branch {
	list, ok := s.Sensors.Get()
	if !ok {
		return facts.NoBranch(s.Sensors.Why())
	}
	limits := sensorLimits(r)
	b := facts.NewBranch()
	for _, one := range list {
		name := one.Chip + "/" + one.Label
		if v := facts.Str(name); !v.Known() {
			continue
		}
		o := b.Add(name)
		if before, had := o.Fact("sensor.celsius").Number(); had && (!one.Celsius.Known || one.Celsius.Value <= before) {
			continue
		}
		o.Set("sensor.name", facts.Str(name))
		o.Set("sensor.celsius", number(one.Celsius))
		l, ok := limits[name]
		if !ok {
			l = limit{facts.Unknown("the chip names none"), facts.Unknown("the chip names none")}
		}
		o.Set("sensor.max_celsius", l.max)
		o.Set("sensor.critical_celsius", l.critical)
	}
	return b
}

type limit struct{ max, critical facts.Value }

// sensorLimits reads temp*_max and temp*_crit (Documentation/hwmon/sysfs-interface)
// by chip and label; of two chips alike, the last.
func sensorLimits(r Root) map[string]limit {
	const dir = "sys/class/hwmon"
	limits := map[string]limit{}
	chips, _ := r.names(dir)
	for _, c := range chips {
		chip, err := r.word(path.Join(dir, c, "name"))
		if err != nil {
			chip = c
		}
		names, _ := r.names(path.Join(dir, c))
		for _, file := range names {
			input, ok := strings.CutSuffix(file, "_input")
			if !ok || !strings.HasPrefix(input, "temp") {
				continue
			}
			label, err := r.word(path.Join(dir, c, input+"_label"))
			if err != nil || label == "" {
				label = input
			}
			limits[chip+"/"+label] = limit{celsius(r, path.Join(dir, c, input+"_max")), celsius(r, path.Join(dir, c, input+"_crit"))}
		}
	}
	return limits
}

// celsius reads a limit. 0 and less, and what no chip can bear, are what chips
// say that have none.
func celsius(r Root, file string) facts.Value {
	text, err := r.word(file)
	if err != nil {
		return facts.Unknown("the chip names none")
	}
	milli, err := strconv.Atoi(text)
	if err != nil || milli <= 0 || milli > 150_000 {
		return facts.Unknown("the chip says " + text + ", which is no limit")
	}
	return facts.Num(float64(milli) / 1000)
}
