package events

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// KernelOptions are those of NewKernelSource.
type KernelOptions struct {
	// Root is where the installed system is; "" means "/".
	Root string
	// Proc is where procfs is mounted; "" means "/proc".
	Proc string
	// Init is the directory that shows process 1; "" means that of Proc, which a
	// sandbox may hide.
	Init string
	// Modules is where the kernels' modules are; "" means lib/modules of Root,
	// which a sandbox may hide.
	Modules string
	// Release and Version are those of the running kernel (uname -r, -v); ""
	// means to ask it.
	Release, Version string
	// Settle is how long what is installed must be left alone before it is
	// looked at; 0 means one second.
	Settle time.Duration
}

// A KernelSeen is what is remembered of the running kernel ("running"), an
// installed one ("kernel/RELEASE"), the running one's modules ("modules"), the
// reasons to reboot ("reboot"), and of "libc" and "systemd".
type KernelSeen struct {
	Release string `json:"release,omitempty"`
	Build   string `json:"build,omitempty"` // "#1 SMP ..."; "" unknown
	Boot    string `json:"boot,omitempty"`  // of "running": the boot's id
	File    string `json:"file,omitempty"`  // tells one file from the next
	State   string `json:"state,omitempty"`
}

// Words of KernelSeen.State for "modules".
const (
	modulesThere   = "there"
	modulesMissing = "missing"
)

// KernelFacts are what the last look found.
type KernelFacts struct {
	Running string `json:"running"`
	Build   string `json:"build"`
	// Installed are the releases that are installed, oldest first; empty in a
	// container, whose kernel is the host's.
	Installed []string `json:"installed"`
	// RebootNeeded says that another kernel than the running one waits, or that
	// the running one cannot load modules any more, for the Reasons.
	RebootNeeded bool     `json:"reboot_needed"`
	Reasons      []string `json:"reasons,omitempty"`
	// ModulesMissing: the modules of the running kernel were removed.
	ModulesMissing bool `json:"modules_missing"`
	// LibcReplaced and SystemdReplaced are when the C library and systemd were
	// replaced since the machine started; zero: they were not, or it cannot be
	// told. Programs that run keep the old ones until they are started anew.
	LibcReplaced    time.Time `json:"libc_replaced,omitzero"`
	SystemdReplaced time.Time `json:"systemd_replaced,omitzero"`
}

// A KernelSource tells of kernels installed, replaced and removed, of reboots
// and reasons for them, and of a C library or systemd that was replaced under
// the programs that run, by inotify(7) notices.
//
// Only a newer kernel of the same flavour ("amd64", "lts") is a reason to
// reboot: which one the boot loader would take cannot be known.
type KernelSource struct {
	tracker[KernelSeen]
	o KernelOptions

	factsMu sync.Mutex
	facts   KernelFacts
	looked  bool
}

// NewKernelSource makes the source.
func NewKernelSource(o KernelOptions) *KernelSource {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Init == "" {
		o.Init = filepath.Join(o.Proc, "1")
	}
	if o.Modules == "" {
		o.Modules = filepath.Join(o.Root, "lib/modules")
	}
	if o.Settle == 0 {
		o.Settle = time.Second
	}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		if o.Release == "" {
			o.Release = unix.ByteSliceToString(uts.Release[:])
		}
		if o.Version == "" {
			o.Version = unix.ByteSliceToString(uts.Version[:])
		}
	}
	s := &KernelSource{o: o}
	s.init("kernel")
	s.describe = describeKernel
	s.valid = func(key string, _ KernelSeen) error {
		if what, release, _ := strings.Cut(key, "/"); what == "kernel" && release != "" ||
			slices.Contains([]string{"running", "modules", "reboot", "libc", "systemd"}, key) {
			return nil
		}
		return fmt.Errorf("%q is nothing of a kernel", key)
	}
	return s
}

// Facts returns what the last look found; false before the first.
func (s *KernelSource) Facts() (KernelFacts, bool) {
	s.factsMu.Lock()
	defer s.factsMu.Unlock()
	f := s.facts
	f.Installed, f.Reasons = slices.Clone(f.Installed), slices.Clone(f.Reasons)
	return f, s.looked
}

// Run implements [Source].
func (s *KernelSource) Run(ctx context.Context, sink Sink) error {
	return s.guard(func() error { return s.run(ctx, sink) })
}

func (s *KernelSource) run(ctx context.Context, sink Sink) error {
	notices, err := newDirWatch()
	if err != nil {
		return err
	}
	defer notices.close()
	defer context.AfterFunc(ctx, notices.interrupt)()
	m := machine{root: s.o.Root, proc: s.o.Proc, init: s.o.Init, modules: s.o.Modules, release: s.o.Release, version: s.o.Version}
	catchUp := true
	for {
		watching := m.watch(notices)
		trouble := watching
		err := s.settle(ctx, sink, catchUp, func() (map[string]KernelSeen, error) {
			s.mu.Lock()
			before := maps.Clone(s.reported)
			s.mu.Unlock()
			seen, facts, err := m.look(before)
			trouble = errors.Join(watching, err)
			s.factsMu.Lock()
			defer s.factsMu.Unlock()
			s.facts, s.looked = facts, true
			s.adopt(seen)
			return seen, nil
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		switch {
		case trouble != nil:
			s.set(SourceDegraded, trouble.Error())
		case s.nothing():
			s.set(SourceAbsent, "no kernel and no C library is installed here: the kernel is the host's")
		default:
			s.set(SourceRunning, "")
		}
		lost, err := notices.settled(ctx, s.o.Settle)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot watch kernels: %w", err)
		}
		if catchUp = lost; lost {
			s.count(overflows, 1)
			s.count(rereads, 1)
		}
	}
}

// adopt keeps what cannot be told for now (procfs may hide it) as it was.
func (s *KernelSource) adopt(seen map[string]KernelSeen) {
	running := seen["running"]
	if old := s.get("running"); old != nil && running.Boot == "" {
		running.Boot = old.Boot
		seen["running"] = running
	}
}

func (s *KernelSource) nothing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	only := maps.Clone(s.reported)
	delete(only, "running")
	delete(only, "reboot")
	return len(only) == 0
}

// settled waits for a notice, and then until nothing came for a while.
func (w *dirWatch) settled(ctx context.Context, settle time.Duration) (lost bool, err error) {
	var deadline, last time.Time
	for {
		_, overflowed, err := w.next(deadline)
		if ctx.Err() != nil {
			return lost, ctx.Err()
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return lost, nil
		}
		if err != nil {
			return lost, err
		}
		lost = lost || overflowed
		if last.IsZero() {
			last = time.Now().Add(settleMost * settle)
		}
		deadline = earlier(time.Now().Add(settle), last)
	}
}

func describeKernel(key string, old, now *KernelSeen, _ bool) []Event {
	event := func(kind, subject, detail string, attributes map[string]string) []Event {
		return []Event{{Domain: Kernel, Kind: kind, Subject: subject, Detail: detail, Attributes: attributes}}
	}
	what, release, _ := strings.Cut(key, "/")
	switch {
	case what == "kernel" && old == nil:
		return event("installed", "linux "+release, now.Build, map[string]string{"release": release, "build": now.Build})
	case what == "kernel" && now == nil:
		return event("removed", "linux "+release, "", map[string]string{"release": release})
	case what == "kernel" && old.Build != "" && now.Build != "" && old.Build != now.Build:
		return event("replaced", "linux "+release, old.Build+" -> "+now.Build,
			map[string]string{"release": release, "build": now.Build, "old_build": old.Build})
	case what == "reboot":
		reasons := func(v *KernelSeen) string {
			if v == nil {
				return ""
			}
			return v.State
		}
		switch {
		case reasons(old) == reasons(now):
			return nil
		case reasons(now) == "":
			return event("reboot_no_longer_needed", "machine", "", nil)
		}
		return event("reboot_needed", "machine", now.State, nil)
	case old == nil || now == nil:
		return nil // looked at for the first time, or not to be seen here
	case what == "running" && old.Boot != now.Boot && now.Boot != "":
		ev := event("booted", "linux "+now.Release, "", map[string]string{
			"release": now.Release, "build": now.Build, "old_release": old.Release,
		})
		if old.Release != now.Release {
			ev[0].Detail = old.Release + " -> " + now.Release
		}
		return ev
	case what == "modules" && old.Release == now.Release && old.State != now.State:
		dir := filepath.Join("/lib/modules", now.Release)
		if now.State == modulesMissing {
			return event("modules_missing", dir, "the running kernel cannot load modules any more", nil)
		}
		return event("modules_back", dir, "", nil)
	case (what == "libc" || what == "systemd") && old.File != now.File:
		return event("replaced", what, "what runs keeps the old one until it is started anew", nil)
	}
	return nil
}
