package telemetry

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
)

// maxLabel bounds the name of a mount point, an interface or a sensor that
// becomes part of a series' name, in bytes. What has a longer name has no
// series: cut, two could share one. It is what a text of package facts can
// hold, so that every object that facts know has its history.
const maxLabel = 256

// points collects the readings that are known.
type points []Point

func (p *points) count(name string, f metrics.Figure[uint64]) {
	if f.Known {
		*p = append(*p, Point{name, float64(f.Value)})
	}
}

func (p *points) value(name string, f metrics.Figure[float64]) {
	if f.Known {
		*p = append(*p, Point{name, f.Value})
	}
}

func (p *points) duration(name string, d *time.Duration) {
	if d != nil {
		*p = append(*p, Point{name, d.Seconds()})
	}
}

// countOf is count for a figure of one object.
func (p *points) countOf(name, object string, f metrics.Figure[uint64]) {
	if len(object) <= maxLabel {
		p.count(name+"{"+object+"}", f)
	}
}

// valueOf is value for a figure of one object.
func (p *points) valueOf(name, object string, f metrics.Figure[float64]) {
	if len(object) <= maxLabel {
		p.value(name+"{"+object+"}", f)
	}
}

// MachinePoints turns a sample of the machine into readings, what is unknown
// left out. Series are named unit last, with the object in braces:
// mount_used_bytes{/home}. Counters of interfaces count from when those
// appeared.
func MachinePoints(m metrics.MachineSample) []Point {
	var p points
	p.value("load1", m.Load1)
	p.value("load5", m.Load5)
	p.value("load15", m.Load15)
	p.count("memory_total_bytes", m.MemTotal)
	p.count("memory_available_bytes", m.MemAvailable)
	p.count("swap_total_bytes", m.SwapTotal)
	p.count("swap_free_bytes", m.SwapFree)
	if m.Uptime.Known {
		p = append(p, Point{"uptime_seconds", m.Uptime.Value.Seconds()})
	}
	for _, mount := range m.Mounts.Value {
		p.countOf("mount_used_bytes", mount.Point, mount.Used)
		p.countOf("mount_available_bytes", mount.Point, mount.Available)
		p.countOf("mount_inodes_free", mount.Point, mount.InodesFree)
	}
	for _, i := range m.Interfaces.Value {
		for name, v := range map[string]uint64{
			"net_receive_bytes": i.RxBytes, "net_transmit_bytes": i.TxBytes,
			"net_errors": i.RxErrors + i.TxErrors, "net_dropped": i.RxDropped + i.TxDropped,
		} {
			p.countOf(name, i.Name, metrics.Known(v))
		}
	}
	for _, s := range m.Sensors.Value {
		p.valueOf("temperature_celsius", s.Chip+"/"+s.Label, s.Celsius)
	}
	return p
}

// OwnPoints turns the daemon's own figures into readings, what is unknown left
// out.
func OwnPoints(p metrics.ProcessSample, m metrics.Memory, l metrics.WindowStats) []Point {
	var out points
	out.count("annad_memory_bytes", m.Current)
	out.count("annad_memory_peak_bytes", m.Peak)
	out.count("annad_working_set_bytes", m.Working)
	out.count("annad_resident_bytes", p.Resident)
	if p.CPU.Known {
		out = append(out, Point{"annad_cpu_seconds", p.CPU.Value.Seconds()})
	}
	out.count("annad_threads", p.Threads)
	out.count("annad_descriptors", p.Descriptors)
	out.count("annad_voluntary_switches", p.VoluntarySwitches)
	out.duration("annad_rpc_avg_seconds", l.Avg)
	out.duration("annad_rpc_p95_seconds", l.P95)
	out.duration("annad_rpc_p99_seconds", l.P99)
	return out
}
