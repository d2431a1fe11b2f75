package config

// Options are what judging a configuration needs from outside it.
type Options struct {
	// Groups looks up whether a group exists; nil asks no one.
	Groups func(name string) GroupAnswer
	// CheckPolicies judges the rules of all files of policies.d whose TOML is
	// well formed; nil leaves them unjudged.
	CheckPolicies func([]File) []Problem
	// ForeignPolicy says what to write instead of a YAML file; nil says only
	// that it is not read.
	ForeignPolicy func(File) Problem
}

// Load reads and judges the configuration at path with the groups of this
// system. A missing file means the defaults, and the report says so. The
// configuration is nil when the report holds an error.
func Load(path string) (*Config, Report) {
	return Parse(Read(path), Options{Groups: SystemGroups("/")})
}

// Parse judges what was read: every problem of every file at once. The
// configuration is nil when the report holds an error.
func Parse(s *Sources, o Options) (*Config, Report) {
	c, report := build(s, o)
	if !report.OK() {
		return nil, report
	}
	return c, report
}

// Peek understands what it can of the file: a key that is wrong has its
// default. It is for clients, which need the socket and the colour also where
// something else in the file is wrong. Policies are not read.
func Peek(path string) *Config {
	s := &Sources{Path: path}
	if data, err := readFile(path, MaxFileSize); err == nil {
		s.Config = &File{Path: path, Data: data}
	}
	s.decode()
	c, _ := build(s, Options{})
	return c
}

func build(s *Sources, o Options) (*Config, Report) {
	given := min(len(s.doc.settings), len(table))
	b := &builder{
		config:  &Config{v: defaults, sources: s, origins: make(map[string]Origin, given), texts: make(map[string]string, given)},
		sources: s, options: o,
		problems: append([]Problem{}, s.problems...), // never null in JSON
		first:    make(map[string]setting, given),
	}
	if s.Config != nil {
		b.judge()
		if !s.broken && !b.contradicted {
			if err := checkSyntax(s.Config.Data); err != nil {
				b.problems = append(b.problems, s.Config.problem(err))
			}
		}
		b.cross()
	}
	b.problems = append(b.problems, s.judgePolicies(o)...)
	report := Report{Path: s.Path, Missing: s.Missing}
	report.Problems, report.Omitted = listed(b.problems, s.Path)
	if s.Config != nil || len(s.Policies) > 0 {
		report.Digest = s.Digest()
	}
	return b.config, report
}
