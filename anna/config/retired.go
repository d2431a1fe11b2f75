package config

import "strings"

// What v0.12.6 and the versions before it knew and this one does not use. Such
// a file keeps working; each entry is said once.
type retired struct {
	name    string // a key, or a section with all that stands in it
	message string
}

var retirements = []retired{
	{"autonomy", "the section [autonomy] is no longer used; the daemon observes and advises, it changes nothing"},
	{"ui.emojis", "ui.emojis is no longer used"},
	{"telemetry.enabled", "telemetry.enabled is no longer used; modules.telemetry = false switches it off"},
	{"telemetry.collection_interval_sec", "telemetry.collection_interval_sec is no longer used; telemetry.interval says how often a sample is stored"},
	{"telemetry.local_store", "telemetry.local_store is no longer used; the store is in daemon.state_dir"},
	{"persona", "the section [persona] is no longer used"},
	{"daemon.pid_file", "daemon.pid_file is no longer used"},
	{"daemon.db_path", "daemon.db_path is no longer used; the store is in daemon.state_dir"},
	{"daemon.poll_interval_secs", "daemon.poll_interval_secs is no longer used; the kernel tells when something happens"},
	{"daemon.poll_jitter_secs", "daemon.poll_jitter_secs is no longer used; the kernel tells when something happens"},
	{"shell", "the section [shell] is no longer used; `anna completion` prints completions"},
	{"logging", "the section [logging] is no longer used, but for logging.level; the journal has the log"},
}

// successors maps every old name that is honoured to the key of today.
var successors = map[string]*key{}

func init() {
	for i := range table {
		for _, old := range table[i].OldNames {
			successors[old] = &table[i]
		}
	}
}

// retirement finds what is to be said about a name; nil when there is
// nothing.
func retirement(name string) *retired {
	for i := range retirements {
		r := &retirements[i]
		if rest, ok := strings.CutPrefix(name, r.name); ok && (rest == "" || rest[0] == '.') {
			return r
		}
	}
	return nil
}

// honoured says that some key of the section still counts: then the section
// alone is no reason for a word.
func (r *retired) honoured() bool {
	for old := range successors {
		if strings.HasPrefix(old, r.name+".") {
			return true
		}
	}
	return false
}

func (b *builder) retire(r *retired, at int) {
	if b.retired[r.name] {
		return
	}
	b.retired[r.name] = true
	b.tell(Warning, r.name, at, r.message)
}
