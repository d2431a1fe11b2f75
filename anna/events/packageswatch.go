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
	"time"

	"golang.org/x/sys/unix"
)

// A packageWatch is one run of a PackagesSource.
type packageWatch struct {
	*PackagesSource
	sink    Sink
	notices *dirWatch
	dbs     []packageDB
	stamps  map[string]string // of what was read last, by manager
	stale   map[string]bool   // locks that are not believed any more
	waiting time.Time         // since when a writer is waited for without a notice
	busy    bool
}

// busyCheck is how often a writer at work is looked at although the kernel
// would tell: a lock seen in /proc/locks may be that of another file.
const busyCheck = 10 * time.Second

func (s *PackagesSource) run(ctx context.Context, sink Sink) error {
	notices, err := newDirWatch()
	if err != nil {
		return err
	}
	defer notices.close()
	defer context.AfterFunc(ctx, notices.interrupt)()
	w := &packageWatch{
		PackagesSource: s, sink: sink, notices: notices, dbs: packageDBs(s.o.Root),
		stamps: map[string]string{}, stale: map[string]bool{},
	}
	catchUp := true
	for {
		err := w.look(ctx, catchUp)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		lost, err := w.wait(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot watch the package databases: %w", err)
		}
		if catchUp = lost; lost {
			s.count(overflows, 1)
			s.count(rereads, 1)
		}
	}
}

// look reads the databases that changed and nobody is writing to, and reports.
func (w *packageWatch) look(ctx context.Context, catchUp bool) error {
	var watching error
	for _, db := range w.dbs { // before they are read: no gap
		watching = errors.Join(watching, db.watch(w.notices))
	}
	for {
		read, found, err := w.read()
		trouble := errors.Join(watching, err)
		if found == 0 && trouble == nil {
			w.set(SourceAbsent, "no package database is here (dpkg, pacman, apk or rpm)")
		}
		late := catchUp
		for manager := range read { // the first time in this run, whenever that is
			late = late || w.stamps[manager] == ""
		}
		err = w.report(read, late)
		if err == nil {
			for manager, r := range read {
				w.stamps[manager] = r.stamp
			}
			if len(read) > 0 || w.facts.Load() == nil {
				w.publish()
			}
			if found > 0 || trouble != nil {
				w.judge(trouble)
			}
			return nil
		}
		if !errors.Is(err, ErrFull) {
			return err
		}
		if err := w.waitRoom(ctx, w.sink); err != nil {
			return err
		}
		catchUp = true
	}
}

func (w *packageWatch) judge(trouble error) {
	_, onlyRPM := w.stamps[rpmName]
	switch {
	case trouble != nil:
		w.set(SourceDegraded, trouble.Error())
	case onlyRPM:
		w.set(SourceDegraded, "rpm: its database is watched as a whole: that packages changed is seen, not which")
	default:
		w.set(SourceRunning, "")
	}
}

// databaseRead is what one database holds.
type databaseRead struct {
	stamp    string
	packages map[string]Package
}

// read returns what changed. A database in trouble is left as it was reported.
func (w *packageWatch) read() (read map[string]databaseRead, found int, trouble error) {
	read = map[string]databaseRead{}
	locked, err := lockedFiles(w.o.Proc)
	if err != nil {
		trouble = fmt.Errorf("a transaction may be told in parts: %w", err)
	}
	w.busy = false
	for _, db := range w.dbs {
		stamp := db.stamp()
		if stamp == "" {
			if w.known(db.name()) > 0 {
				trouble = errors.Join(trouble, fmt.Errorf("the database of %s, which was here, is gone", db.name()))
			}
			delete(w.stamps, db.name())
			continue
		}
		if db.name() == rpmName && found > 0 {
			continue
		}
		found++
		if stamp == w.stamps[db.name()] || w.locked(db, locked) {
			continue
		}
		packages, err := db.read(func(name string) *Package { return w.get(db.name() + "/" + name) })
		if known := w.known(db.name()); err == nil && len(packages) == 0 && known > emptied {
			err = fmt.Errorf("it is empty, where %d packages were", known)
		}
		if err != nil {
			trouble = errors.Join(trouble, fmt.Errorf("cannot read the database of %s: %w", db.name(), err))
			continue
		}
		if locked, err = lockedFiles(w.o.Proc); err == nil && w.locked(db, locked) {
			continue // somebody began to write it meanwhile
		}
		read[db.name()] = databaseRead{stamp, packages}
	}
	return read, found, trouble
}

// emptied is from how many packages on a database that is suddenly empty is
// taken for damaged (a file of no length is what a power cut leaves) and not
// for emptied.
const emptied = 20

// locked says whether a writer is at work on db.
func (w *packageWatch) locked(db packageDB, locks lockSet) bool {
	paths, byExisting := db.locks()
	for _, path := range paths {
		id, there := fileIDOf(path)
		if !there {
			delete(w.stale, path)
			continue
		}
		held, sure := true, false
		if !byExisting {
			held, sure = locks.holds(id)
		}
		if held && (sure || !w.stale[path]) {
			w.busy = true
			return true
		}
	}
	return false
}

// known counts what was reported of a manager.
func (w *packageWatch) known(manager string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key := range w.reported {
		if strings.HasPrefix(key, manager+"/") {
			n++
		}
	}
	return n
}

// report tells the differences. What is read of a manager for the first time
// is taken as it is: that it is looked at does not make it installed.
func (w *packageWatch) report(read map[string]databaseRead, catchUp bool) error {
	if len(read) == 0 {
		return nil
	}
	w.mu.Lock()
	current := map[string]Package{}
	if !w.begun {
		w.reported, w.begun = map[string]Package{}, true
	}
	for key, p := range w.reported {
		manager, _, _ := strings.Cut(key, "/")
		if _, again := read[manager]; !again {
			current[key] = p
		}
	}
	for _, manager := range slices.Sorted(maps.Keys(read)) {
		known := slices.Contains(w.scope, manager)
		if !known {
			maps.DeleteFunc(w.reported, func(key string, _ Package) bool { return strings.HasPrefix(key, manager+"/") })
			w.scope = append(w.scope, manager)
			w.signal()
		}
		for name, p := range read[manager].packages {
			key := manager + "/" + name
			current[key] = p
			if !known {
				w.reported[key] = p
			}
		}
	}
	w.mu.Unlock()
	return w.all(w.sink, current, catchUp)
}

// wait returns when something happened and was left alone for a while.
func (w *packageWatch) wait(ctx context.Context) (lost bool, err error) {
	w.waiting = time.Now()
	var first time.Time
	for {
		var deadline time.Time
		switch {
		case !first.IsZero():
			deadline = earlier(time.Now().Add(w.o.Settle), first.Add(settleMost*w.o.Settle))
		case w.busy:
			deadline = time.Now().Add(min(busyCheck, w.o.Stale))
		}
		notices, overflowed, err := w.notices.next(deadline)
		if ctx.Err() != nil {
			return lost, ctx.Err()
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			if first.IsZero() && time.Since(w.waiting) >= w.o.Stale {
				w.giveUp()
			}
			return lost, nil
		}
		if err != nil {
			return lost, err
		}
		lost = lost || overflowed
		if first.IsZero() {
			first = time.Now()
		}
		for _, n := range notices {
			w.noticed(n)
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// noticed judges a lock anew. When the owner of one that is only a file closed
// it and the file stays, the owner was killed.
func (w *packageWatch) noticed(n dirNotice) {
	path := filepath.Join(n.dir, n.name)
	delete(w.stale, path)
	for _, db := range w.dbs {
		if paths, byExisting := db.locks(); byExisting && n.mask&unix.IN_CLOSE_WRITE != 0 && slices.Contains(paths, path) {
			w.stale[path] = true
		}
	}
}

// giveUp stops believing every lock that is not sure to be one.
func (w *packageWatch) giveUp() {
	for _, db := range w.dbs {
		paths, _ := db.locks()
		for _, path := range paths {
			w.stale[path] = true
		}
	}
}
