// Package version is the one place that says which anna this is.
//
// scripts/package.sh names the commit and its date with the linker, and the
// version where it is told another:
//
//	go build -ldflags "-X github.com/jjgarcianorway/anna-assistant/anna/version.commit=... -X ...version.date=..." .
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// Number is the version of client and daemon, which are one executable. Nobody
// but the linker sets it.
var Number = "0.12.7-pre"

// Set by the linker; otherwise taken from what the Go tool recorded.
var commit, date string

// An Info is everything a bug report needs to name the build.
type Info struct {
	Version string `json:"version"`
	Commit  string `json:"commit"` // "" when the build does not know
	Date    string `json:"date"`   // of the commit, RFC 3339
	Go      string `json:"go"`
}

// Get returns this executable's build.
func Get() Info {
	info := Info{Version: Number, Commit: commit, Date: date, Go: runtime.Version()}
	if build, ok := debug.ReadBuildInfo(); ok && info.Commit == "" {
		for _, s := range build.Settings {
			switch s.Key {
			case "vcs.revision":
				info.Commit = s.Value
			case "vcs.time":
				info.Date = s.Value
			}
		}
	}
	if len(info.Commit) > 12 {
		info.Commit = info.Commit[:12]
	}
	return info
}

// String is the build in one line: "0.12.7-pre (1a2b3c4d5e6f, 2026-11-23)".
func (i Info) String() string {
	if i.Commit == "" {
		return i.Version
	}
	if day, err := time.Parse(time.RFC3339, i.Date); err == nil {
		return fmt.Sprintf("%s (%s, %s)", i.Version, i.Commit, day.Format(time.DateOnly))
	}
	return fmt.Sprintf("%s (%s)", i.Version, i.Commit)
}
