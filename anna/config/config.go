package config

import (
	"fmt"
	"strings"
)

// Config is a whole, valid configuration. It never changes: sections come out
// as copies, and With makes a new one. It is safe for concurrent use.
type Config struct {
	v       values
	origins map[string]Origin // of what is not a default
	texts   map[string]string // as written, for what is not a default
	sources *Sources
}

// Origin says where the value of a key comes from.
type Origin struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	OldName string `json:"old_name,omitempty"` // the name it was given by, if that is not the key's own
	Flag    string `json:"flag,omitempty"`     // "--socket", where the command line has the last word
}

// IsDefault says that nobody gave the key a value.
func (o Origin) IsDefault() bool { return o.File == "" && o.Flag == "" }

// String is "default", "--socket" or "/etc/anna/config.toml:3".
func (o Origin) String() string {
	switch {
	case o.Flag != "":
		return o.Flag
	case o.File == "":
		return "default"
	case o.OldName != "":
		return fmt.Sprintf("%s:%d (as %s)", o.File, o.Line, o.OldName)
	default:
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	}
}

// defaultConfig is complete once the table has been read.
var defaultConfig = &Config{sources: &Sources{doc: new(document)}}

// Default is the configuration of a machine without a file.
func Default() *Config { return defaultConfig }

// Value is the value of a key as JSON holds it: bool, int, string or []string;
// durations, sizes, percentages and levels are texts. It is nil for a name
// that is no key.
func (c *Config) Value(name string) any {
	k, ok := byName[name]
	if !ok {
		return nil
	}
	return plain(k.get(&c.v))
}

// Text is the value of a key as TOML, the way it was written; "" for a name
// that is no key.
func (c *Config) Text(name string) string {
	k, ok := byName[name]
	if !ok {
		return ""
	}
	if t, ok := c.texts[name]; ok {
		return t
	}
	return k.def
}

// Origin says where the value of a key comes from.
func (c *Config) Origin(name string) Origin { return c.origins[name] }

// Sources are the files it was made of; those of Default are empty.
func (c *Config) Sources() *Sources { return c.sources }

// With returns a configuration in which a flag of the command line has the
// last word on a key. The text is what people type: 5s, not "5s".
func (c *Config) With(name, text, flag string) (*Config, error) {
	k, ok := byName[name]
	if !ok {
		return nil, fmt.Errorf("cannot set %s: there is no such key", quote(name))
	}
	n := textNode(text)
	if !strings.HasPrefix(k.def, `"`) { // numbers, true and false, lists
		parsed, err := parseValue(text)
		if err != nil {
			return nil, fmt.Errorf("cannot use %s %s: allowed is %s", flag, quote(text), k.Allowed)
		}
		n = parsed
	}
	v, m := k.parse(n)
	if m != nil {
		return nil, fmt.Errorf("cannot use %s %s: %s (allowed is %s)", flag, quote(text), m.message, k.Allowed)
	}
	d := c.clone()
	d.put(k, v, format(v), Origin{Flag: flag})
	return d, nil
}

func (c *Config) clone() *Config {
	d := &Config{v: c.v, sources: c.sources, origins: make(map[string]Origin, len(c.origins)+1), texts: make(map[string]string, len(c.texts)+1)}
	for name, o := range c.origins {
		d.origins[name] = o
		d.texts[name] = c.texts[name]
	}
	return d
}

// put gives a key a value while the configuration is being built.
func (c *Config) put(k *key, v any, text string, o Origin) {
	k.set(&c.v, v)
	c.origins[k.Name], c.texts[k.Name] = o, text
}

// Enabled says whether a module is switched on, by its name in [modules]; false
// for a name that is none.
func (m Modules) Enabled(module string) bool {
	k, ok := byName["modules."+module]
	return ok && k.get(&values{modules: m}) == true
}
