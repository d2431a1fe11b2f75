package config

import (
	"fmt"
)

// cross checks what concerns more than one key, or the machine. It looks only
// at what could be read: a key that is wrong has been told already.
func (b *builder) cross() {
	b.thresholds()
	b.intervals()
	b.groups()
}

// thresholds: a warning comes before the critical level, or never.
func (b *builder) thresholds() {
	for _, pair := range [][2]string{
		{"health.rpc_p99_warn", "health.rpc_p99_crit"},
		{"health.memory_warn", "health.memory_crit"},
		{"health.queue_warn", "health.queue_crit"},
	} {
		warn, crit := byName[pair[0]], byName[pair[1]]
		if !b.given(warn, crit) {
			continue
		}
		x, y := warn.get(&b.config.v), crit.get(&b.config.v)
		if l, ok := x.(Limit); ok {
			h := y.(Limit)
			if (l.Percent != 0) != (h.Percent != 0) {
				b.between(Warning, crit, warn, fmt.Sprintf("%s (%s) and %s (%s) cannot be compared: one is a size, the other a percentage of the limit; give both in the same way", crit.Name, y, warn.Name, x))
				continue
			}
			if l.Percent != 0 {
				x, y = l.Percent, h.Percent
			} else {
				x, y = l.Size, h.Size
			}
		}
		if compare(x, y) >= 0 {
			b.between(Error, crit, warn, fmt.Sprintf("%s (%s) must be above %s (%s)", crit.Name, b.said(crit), warn.Name, b.said(warn)))
		}
	}
	b.never("health.queue_crit", "events.queue_limit", "the queue never gets so long")
	b.never("health.rpc_p99_crit", "daemon.request_timeout", "a request never takes so long")
}

// never warns of a threshold beyond what its quantity can reach.
func (b *builder) never(threshold, bound, why string) {
	t, l := byName[threshold], byName[bound]
	if b.given(t, l) && compare(t.get(&b.config.v), l.get(&b.config.v)) > 0 {
		b.between(Warning, t, l, fmt.Sprintf("%s (%s) is above %s (%s): %s", t.Name, b.said(t), l.Name, b.said(l), why))
	}
}

func (b *builder) intervals() {
	for _, pair := range [][3]string{
		{"telemetry.interval", "health.interval", "nothing new is there to be stored in between"},
		{"events.cooldown", "events.debounce", "it has no effect"},
	} {
		long, short := byName[pair[0]], byName[pair[1]]
		if !b.given(long, short) {
			continue
		}
		if x := long.get(&b.config.v); compare(x, short.get(&b.config.v)) < 0 && format(x) != `"0s"` {
			b.between(Warning, long, short, fmt.Sprintf("%s (%s) is shorter than %s (%s): %s", long.Name, b.said(long), short.Name, b.said(short), pair[2]))
		}
	}
}

// groups: a group that somebody wrote down has to exist. The default group of
// the socket need not: without it the socket is root's alone.
func (b *builder) groups() {
	if b.options.Groups == nil {
		return
	}
	for _, name := range []string{"daemon.socket_group", "access.control_group"} {
		k := byName[name]
		group := k.get(&b.config.v).(string)
		if group == "" || b.config.Origin(name).IsDefault() {
			continue
		}
		at := b.place(k)
		switch b.options.Groups(group) {
		case GroupMissing:
			p := b.report(Error, name, at, fmt.Sprintf("%s: there is no group %s on this system", name, quote(group)))
			p.Allowed, p.Hint = k.Allowed, "create it with: sudo groupadd --system "+shellQuote(group)
		case GroupUnknown:
			b.tell(Warning, name, at, fmt.Sprintf("%s: the group %s is not in /etc/group; whether another source of nsswitch.conf knows it cannot be told here", name, quote(group)))
		}
	}
}

// given says that at least one of the two is in the file and that neither was
// given a value that could not be read.
func (b *builder) given(x, y *key) bool {
	some := false
	for _, k := range []*key{x, y} {
		_, read := b.config.origins[k.Name]
		_, named := b.first[k.Name]
		if named && !read {
			return false
		}
		some = some || read
	}
	return some
}

// between tells a problem between two keys where the first of them that is in
// the file stands.
func (b *builder) between(severity Severity, x, y *key, message string) {
	k := x
	if b.config.Origin(x.Name).IsDefault() {
		k = y
	}
	b.tell(severity, k.Name, b.place(k), message)
}

// place is the offset of the value of a key that is in the file.
func (b *builder) place(k *key) int {
	name := k.Name
	if old := b.config.origins[name].OldName; old != "" {
		name = old
	}
	return b.first[name].value.at
}

// said is a value as it was written, and whether anybody wrote it.
func (b *builder) said(k *key) string {
	text := fmt.Sprint(plain(k.get(&b.config.v)))
	if b.config.Origin(k.Name).IsDefault() {
		return text + ", the default"
	}
	return text
}
