package metrics

// Memory is what counts as this daemon's memory, in bytes.
type Memory struct {
	Current, Peak, Limit Figure[uint64]
	Own                  bool   // the figures are those of the daemon's own cgroup
	Source               string // where they come from, and which shared cgroup was passed over
}

// MemoryOf decides which figures count. Where the cgroup is the daemon's own
// they are the cgroup's, for that is what its limit is held against; it
// includes page cache, so Current may be above the resident size. Elsewhere
// they are the process's own, and there is no limit to speak of.
func MemoryOf(p ProcessSample, c CgroupSample) Memory {
	if c.Memory.Ours && c.Current.Known {
		return Memory{Current: c.Current, Peak: c.Peak, Limit: c.Limit, Own: true, Source: c.Memory.String()}
	}
	m := Memory{Current: p.Resident, Peak: p.ResidentPeak, Source: "process"}
	switch {
	case c.Memory.Version == 0:
		m.Source += " (" + c.Memory.Why + ")"
		m.Limit = Unknown[uint64](c.Memory.Why)
	case !c.Memory.Ours:
		m.Source += " (" + c.Memory.String() + ": " + c.Memory.Why + ")"
		m.Limit = Unknown[uint64](c.Memory.orWhy(""))
	default: // ours, but its memory is not counted: a root cgroup, a controller that is off
		m.Source += " (" + c.Current.Why() + ")"
		m.Limit = Unknown[uint64](c.Current.Why())
	}
	return m
}
