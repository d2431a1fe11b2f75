package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// write is the only goroutine that changes the database. It sleeps until
// something waits, and then for as long as that may.
func (s *Store) write() {
	defer close(s.done)
	timer := time.NewTimer(0)
	timer.Stop()
	defer timer.Stop()
	for {
		var flushed chan<- error
		select {
		case <-s.arm:
			if !s.armed.Swap(true) {
				timer.Reset(s.opt.CommitEvery)
			}
			continue
		case <-timer.C:
		case <-s.urgent:
		case flushed = <-s.flushes:
		case ctx := <-s.stop:
			s.finish(ctx)
			return
		}
		s.armed.Store(false) // before the batch is taken: what comes now arms anew
		timer.Stop()
		s.writing(s.opt.Now())
		err := s.commit(context.Background())
		s.writing(time.Time{})
		if flushed != nil {
			flushed <- err
		}
		if err != nil && s.dir != "" { // what waits is tried again
			timer.Reset(s.opt.CommitEvery)
			s.armed.Store(true)
		}
	}
}

// writing notes since when the writer is at the disk; a disk that hangs does
// not give it back.
func (s *Store) writing(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Writing = since
}

// finish is the end of the writer.
func (s *Store) finish(ctx context.Context) {
	s.mu.Lock()
	s.live.closeAll(s.waiting)
	s.closed = true
	s.mu.Unlock()
	_ = s.commit(ctx) // Close tells what is left
	s.detach()
}

// commit writes what waits. On failure it waits again, in front of what came
// since.
func (s *Store) commit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, commitBound)
	defer cancel()
	if s.dir == "" {
		return nil
	}
	if s.db == nil && !s.attach(ctx) {
		return s.why()
	}
	if err := s.db.recheck(ctx); err != nil && damaged(err) {
		if err := s.replace(ctx, err); err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.blame(err)
			return err
		}
	}
	s.mu.Lock()
	b := s.waiting
	maxSize := s.opt.MaxSize
	s.live.closeEnded(s.opt.Now(), b)
	s.inflight, s.waiting = b, newBatch(b.number+1)
	s.mu.Unlock()

	result, err := s.db.commit(ctx, b, s.opt.Now(), maxSize)
	if err != nil && damaged(err) {
		if err = s.replace(ctx, err); err == nil {
			result, err = s.db.commit(ctx, b, s.opt.Now(), maxSize)
		}
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.inflight = nil
	s.stats.GaveUpRows += result.gaveUp
	s.lose(losses{samples: result.late})
	if err == nil {
		s.stats.Commits++
		s.stats.LastCommit = s.opt.Now()
		s.trouble = nil
		return nil
	}
	s.stats.Failed++
	s.waiting.prepend(b)
	s.bound()
	s.blame(err)
	return fmt.Errorf("cannot write the history: %w", err)
}

// blame keeps the trouble, and since when. The caller holds the lock.
func (s *Store) blame(err error) {
	since := s.opt.Now()
	t := troubleOf(err, s.dir, since)
	if s.trouble != nil && s.trouble.Kind == t.Kind {
		t.Since = s.trouble.Since
	}
	s.trouble = &t
}

func (s *Store) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trouble == nil {
		return nil
	}
	return errors.New(s.trouble.Why)
}

// attach brings the database into use and tells whether it is. A damaged one
// is set aside for a new one.
func (s *Store) attach(ctx context.Context) bool {
	if s.dir == "" {
		return false
	}
	err := s.tryAttach(ctx)
	if err != nil && damaged(err) && s.claim != nil {
		err = s.setAside(err)
		if err == nil {
			err = s.tryAttach(ctx)
		}
	}
	if err == nil {
		return true
	}
	if s.claim != nil { // another may use the directory while we cannot
		s.claim.release(!s.claim.dirty)
		s.claim = nil
	}
	s.mu.Lock()
	s.blame(err)
	s.mu.Unlock()
	return false
}

func (s *Store) tryAttach(ctx context.Context) error {
	if s.claim == nil {
		c, err := claimDirectory(s.dir)
		if err != nil {
			return err
		}
		s.claim = c
	}
	fresh, err := s.claim.prepare()
	if err != nil {
		return err
	}
	if err := s.claim.mark(); err != nil {
		return err
	}
	s.mu.Lock()
	maxSize := s.opt.MaxSize
	s.mu.Unlock()
	db, err := openDatabase(ctx, s.claim.path(), s.claim.dirty && !fresh, fresh, maxSize)
	if err != nil {
		return err
	}
	s.claim.dirty = false
	s.mu.Lock()
	s.db, s.trouble = db, nil
	s.mu.Unlock()
	return nil
}

// setAside moves the damaged database away and notes it.
func (s *Store) setAside(damage error) error {
	now := s.opt.Now()
	path, err := s.claim.setAside(now)
	if err != nil {
		return fmt.Errorf("the database is damaged (%w), and %w", damage, err)
	}
	s.claim.dirty = false
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.SetAside++
	if len(s.notes) == keepAside {
		s.notes = s.notes[1:]
	}
	s.notes = append(s.notes, setAsideTrouble(damage, path, now))
	return nil
}

// replace sets aside a database that turned out damaged in use.
func (s *Store) replace(ctx context.Context, damage error) error {
	s.mu.Lock()
	db := s.db
	s.db = nil
	s.mu.Unlock()
	_ = db.close() // what it cannot fold in goes aside with it
	if err := s.setAside(damage); err != nil {
		return err
	}
	return s.tryAttach(ctx)
}

// detach closes the database, for good.
func (s *Store) detach() {
	s.mu.Lock()
	db := s.db
	s.db = nil
	s.mu.Unlock()
	clean := false
	if db != nil {
		clean = db.close() == nil
	}
	if s.claim != nil {
		s.claim.release(clean)
		s.claim = nil
	}
}
