package config

// Holding is c as a daemon can have it that started with another configuration:
// the keys that need a restart stay as they were at the start, for what they
// name is bound, open, in use.
func (c *Config) Holding(started *Config) *Config {
	d := c.clone()
	for i := range table {
		k := &table[i]
		if k.Class != Restart {
			continue
		}
		k.set(&d.v, k.get(&started.v))
		if o, given := started.origins[k.Name]; given {
			d.origins[k.Name], d.texts[k.Name] = o, started.texts[k.Name]
			continue
		}
		delete(d.origins, k.Name)
		delete(d.texts, k.Name)
	}
	return d
}

// Waiting lists the keys whose value in c holds only after a restart of a
// daemon that started with another configuration.
func (c *Config) Waiting(started *Config) []Change {
	list := []Change{}
	for _, change := range Diff(started, c) {
		if change.Class == Restart {
			list = append(list, change)
		}
	}
	return list
}
