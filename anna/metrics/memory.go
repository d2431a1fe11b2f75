package metrics

// Memory is what counts as this daemon's memory, in bytes.
type Memory struct {
	Current, Peak, Limit Figure[uint64]
	// Working is what of Current cannot be given up: without the file pages
	// that the kernel takes back first when the limit is met (Reclaimable).
	// The kernel kills when this is at the limit.
	Working, Reclaimable Figure[uint64]

	Own    bool   // the figures are those of the daemon's own cgroup
	Source string // where they come from, and which shared cgroup was passed over
}

// MemoryOf decides which figures count. Where the cgroup is the daemon's own
// they are the cgroup's, for that is what its limit is held against; they
// include page cache, so Current may be above the resident size. Elsewhere
// they are the process's own, and there is no limit to speak of.
func MemoryOf(p ProcessSample, c CgroupSample) Memory {
	if c.Memory.Ours && c.Current.Known {
		m := Memory{Current: c.Current, Peak: c.Peak, Limit: c.Limit, Reclaimable: c.Reclaimable, Own: true, Source: c.Memory.String()}
		m.Working = m.Current // where it is not known, nothing is taken for reclaimable
		// The two are read one after the other, and need not fit.
		m.Working.Value -= min(m.Reclaimable.Value, m.Current.Value)
		return m
	}
	m := Memory{Current: p.Resident, Peak: p.ResidentPeak, Working: p.Resident, Source: "process"}
	m.Reclaimable = Unknown[uint64]("the kernel counts it for cgroups")
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
