package old

// goneCommands are commands of v0.12.6 that are not here, with what to use in
// their place.
var goneCommands = []struct{ name, instead string }{
	{"collect", "use: anna facts (--json), which has load, memory, mounts, temperatures and network as they are now"},
	{"classify", "use: anna facts machine; what a machine is used for is not guessed"},
	{"radar", "use: anna doctor for what is wrong, anna health for the daemon's own figures"},
	{"hw", "use: anna facts machine; a list of the hardware is not kept: lspci, lsusb, lsblk"},
	{"sensors", "use: anna facts sensor; also: anna facts load, anna facts memory"},
	{"net", "use: anna facts interface"},
	{"disk", "use: anna facts mount; of Btrfs: anna storage btrfs usage"},
	{"top", "processes are not listed; use: ps aux --sort=-%cpu, or top"},
	{"export", "use: anna facts --json, anna health --json and anna events --json, each one JSON object"},
}

// goneMethods are methods of v0.12.6 that nothing answers.
var goneMethods = map[string]string{
	"sensors":            "use: get_facts",
	"net":                "use: get_facts",
	"disk":               "use: get_facts",
	"top":                "processes are not listed",
	"watch":              "use: follow_events",
	"export":             "use: get_facts, get_health_metrics, list_events",
	"collect":            "use: get_facts",
	"classify":           "use: get_facts; what a machine is used for is not guessed",
	"radar":              "use: list_checks",
	"radar_show":         "use: list_checks",
	"hardware_profile":   "use: get_facts; a list of the hardware is not kept",
	"package_inventory":  "use: get_facts, list_events",
	"Telemetry.Snapshot": "use: get_facts",
	"Telemetry.History":  "use: get_health_history",
	"Telemetry.Trends":   "use: get_health_history",
	"Health.Summary":     "use: get_health_metrics",
	"Persona.Scores":     "what a machine is used for is not guessed",
}
