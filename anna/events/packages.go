package events

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// PackagesOptions are those of NewPackagesSource.
type PackagesOptions struct {
	// Root is the directory that the databases lie under; "" means "/".
	Root string
	// Proc is where locks are looked up (proc_locks(5)); "" means "/proc".
	Proc string
	// Settle is how long a database must be left alone before it is read;
	// 0 means 100 ms.
	Settle time.Duration
	// Stale is how long a lock that may be none is respected while nothing
	// happens: pacman's db.lck, which a killed pacman leaves behind, and one on
	// Btrfs or overlayfs, which may be that of another file. 0 means one minute.
	Stale time.Duration
}

// A Package is what is remembered of a package. Of a database that is only
// watched as a whole (rpm), Version stands for the whole.
type Package struct {
	Version string `json:"version"`
	Arch    string `json:"arch,omitempty"`
	// State is "" for a package that is installed as it should be; otherwise
	// dpkg's word (dpkg(1), "Package states").
	State string `json:"state,omitempty"`
}

// configFiles is the state of a package that is gone but for its
// configuration.
const configFiles = "config-files"

func (p *Package) present() bool { return p != nil && p.State != configFiles }

// A PackagesSource tells of packages installed, upgraded, downgraded, removed
// and purged, by comparing states of the package databases that are here:
// dpkg, pacman, apk; of rpm only that its database changed.
//
// It sleeps until inotify(7) tells that a database changed or that its writer
// let go of it. A database whose writer is at work (it holds the lock) is not
// read: one transaction is told at once, after it.
type PackagesSource struct {
	tracker[Package]
	o     PackagesOptions
	facts atomic.Pointer[PackageFacts]
}

// NewPackagesSource makes the source.
func NewPackagesSource(o PackagesOptions) *PackagesSource {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Settle == 0 {
		o.Settle = 100 * time.Millisecond
	}
	if o.Stale == 0 {
		o.Stale = time.Minute
	}
	o.Root = filepath.Clean(o.Root)
	s := &PackagesSource{o: o}
	s.init("packages")
	s.describe = describePackage
	s.valid = func(key string, _ Package) error {
		if manager, name, ok := strings.Cut(key, "/"); !ok || manager == "" || name == "" {
			return fmt.Errorf("%q is no package", key)
		}
		return nil
	}
	return s
}

// Run implements [Source].
func (s *PackagesSource) Run(ctx context.Context, sink Sink) error {
	return s.guard(func() error { return s.run(ctx, sink) })
}

// describePackage says what happened to one package.
func describePackage(key string, old, now *Package, _ bool) []Event {
	manager, name, _ := strings.Cut(key, "/")
	ev := Event{Domain: Packages, Subject: name, Attributes: map[string]string{"manager": manager}}
	was, is := old.present(), now.present()
	if was {
		ev.Attributes["old_version"] = old.Version
		ev.Attributes["architecture"] = old.Arch
	}
	if is {
		ev.Attributes["new_version"] = now.Version
		ev.Attributes["architecture"] = now.Arch
		if now.State != "" {
			ev.Attributes["state"] = now.State
		}
	}
	switch {
	case manager == rpmName:
		ev.Kind, ev.Detail = "changed", "which packages changed cannot be seen"
		ev.Attributes = map[string]string{"manager": manager}
	case !was && is:
		ev.Kind, ev.Detail = "installed", now.Version
	case was && !is:
		ev.Kind, ev.Detail = "removed", old.Version
		if now != nil {
			ev.Detail += ", its configuration stays"
			ev.Attributes["state"] = now.State
		}
	case !was && now == nil:
		ev.Kind, ev.Detail = "purged", old.Version
		ev.Attributes["old_version"] = old.Version
	case !is: // its configuration alone, before and after
		return nil
	case old.Version != now.Version:
		ev.Kind = "upgraded"
		if compareVersions(manager, old.Version, now.Version) > 0 {
			ev.Kind = "downgraded"
		}
		ev.Detail = old.Version + " -> " + now.Version
	case old.State != now.State && now.State == "":
		ev.Kind, ev.Detail = "configured", now.Version
	case old.State != now.State:
		ev.Kind, ev.Detail = "broken", now.Version
	case old.Arch != now.Arch:
		ev.Kind, ev.Detail = "changed", old.Arch+" -> "+now.Arch
	default:
		return nil
	}
	if is && now.State != "" {
		ev.Detail += ", " + now.State
	}
	return []Event{ev}
}
