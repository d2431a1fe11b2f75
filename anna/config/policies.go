package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/pelletier/go-toml/v2/unstable"
)

// maxEntries bounds how much of a directory is looked at, maxForeign how much
// of a file that is only recognised.
const (
	maxEntries = 4096
	maxForeign = 64 << 10
)

// policyDir is the directory the file names, as far as it can be read; what
// else may be wrong with the file is no reason to look elsewhere.
func (s *Sources) policyDir() (dir string, explicit bool, at int) {
	for _, set := range s.doc.settings {
		if len(set.path) == 2 && set.path[0] == "policies" && set.path[1] == "dir" && set.value.kind == unstable.String {
			if v, m := byName["policies.dir"].parse(set.value); m == nil {
				return v.(string), true, set.value.at
			}
		}
	}
	return defaults.policies.Dir, false, 0
}

// readPolicies reads dir/*.toml in the order of their names. Names that begin
// with a dot are the business of editors.
func (s *Sources) readPolicies(dir string, explicit bool, at int) {
	names, err := listDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if explicit {
			p := Problem{Severity: Warning, File: s.Path, Key: "policies.dir", Message: "policies.dir: there is no directory " + quote(dir)}
			p.locate(s.Config.Data, at)
			s.problems = append(s.problems, p)
		}
		return
	case err != nil:
		s.problems = append(s.problems, unreadable("policies", dir, err))
		return
	}
	total := 0
	for _, name := range names {
		path := filepath.Join(dir, name)
		switch ext := filepath.Ext(name); {
		case strings.HasPrefix(name, "."):
			continue
		case ext == ".yaml" || ext == ".yml":
			// What is not read need not be readable: its name is enough.
			data, _ := readFile(path, maxForeign)
			s.foreign = append(s.foreign, File{Path: path, Data: data})
			continue
		case ext != ".toml":
			continue
		}
		if len(s.Policies) == maxPolicyFiles {
			s.problems = append(s.problems, Problem{Severity: Error, File: dir, Message: fmt.Sprintf("there are more than %d policy files", maxPolicyFiles)})
			break
		}
		data, err := readFile(path, MaxFileSize)
		if err != nil {
			s.problems = append(s.problems, unreadable("policy", path, err))
			continue
		}
		if total += len(data); total > maxPoliciesSize {
			s.problems = append(s.problems, Problem{Severity: Error, File: dir, Message: fmt.Sprintf("the policies together are larger than %s", Size(maxPoliciesSize))})
			break
		}
		s.Policies = append(s.Policies, File{Path: path, Data: data, Sum: sha256.Sum256(data)})
	}
	s.checkPolicies()
}

// judgePolicies asks about the rules of the files whose TOML is well formed,
// and about files that are not read.
func (s *Sources) judgePolicies(o Options) []Problem {
	var list []Problem
	if o.CheckPolicies != nil {
		sound := slices.DeleteFunc(slices.Clone(s.Policies), func(f File) bool {
			return slices.ContainsFunc(s.problems, func(p Problem) bool { return p.File == f.Path })
		})
		list = o.CheckPolicies(sound)
	}
	for _, f := range s.foreign {
		p := Problem{
			Message: "this file is not read: policies are TOML files",
			Hint:    "write its rules as TOML; `anna policy test FILE` tries them",
		}
		if o.ForeignPolicy != nil {
			p = o.ForeignPolicy(f)
		}
		p.Severity, p.File = Warning, f.Path
		list = append(list, p)
	}
	return list
}

// checkPolicies looks at the TOML alone; what a rule means is checked by
// Options.CheckPolicies.
func (s *Sources) checkPolicies() {
	for i := range s.Policies {
		f := &s.Policies[i]
		_, err := readDocument(f.Data)
		if err == nil {
			err = checkSyntax(f.Data)
		}
		if err != nil {
			s.problems = append(s.problems, f.problem(err))
		}
	}
}

// listDir lists a directory in the order of the names. Anything else in its
// place is refused without being waited for.
func listDir(dir string) ([]string, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(maxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(names) > maxEntries {
		return nil, fmt.Errorf("it holds more than %d entries", maxEntries)
	}
	slices.Sort(names)
	return names, nil
}
