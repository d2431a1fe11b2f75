package rpc

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestBudget holds who may hold how much, and that a user who fills his share
// waits for himself alone.
func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(1600)
		alice, bob, carol, dave, root := Peer{UID: 1}, Peer{UID: 2}, Peer{UID: 3}, Peer{UID: 4}, Peer{UID: 0}
		must := func(p Peer, n int, want bool) {
			t.Helper()
			if got := b.try(p, n); got != want {
				t.Errorf("user %d, %d bytes: %v", p.UID, n, got)
			}
		}
		must(alice, 400, true) // her quarter
		must(alice, 1, false)
		must(bob, 700, true) // more than a quarter, as his only piece
		must(bob, 1, false)
		must(carol, 101, false) // the last quarter is not for users
		must(carol, 100, true)
		must(dave, 1, false)
		must(root, 400, true)
		must(root, 1, false)

		waited := make(chan time.Duration, 1)
		began := time.Now()
		go func() {
			if err := b.take(t.Context(), dave, 150); err != nil {
				t.Error(err)
			}
			waited <- time.Since(began)
		}()
		synctest.Wait()
		if err := b.take(t.Context(), carol, 51); !errors.Is(err, errFull) {
			t.Errorf("more than an eighth waits: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := b.take(ctx, alice, 50); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		b.give(alice, 400) // not yet enough: what root holds counts
		synctest.Wait()
		if len(waited) > 0 {
			t.Error("it did not wait for all it needs")
		}
		b.give(root, 400)
		if got := <-waited; got != time.Second {
			t.Errorf("it waited %s", got)
		}
		b.give(dave, 150)
		b.give(bob, 700)
		b.give(carol, 100)
		b.give(root, 0)
		if b.all != (share{}) || len(b.byUID) != 0 || b.waiters != 0 {
			t.Errorf("something is left: %+v", b)
		}
	})
}

// TestGate lets one in at a time, and does not wait for the slow.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := make(gate, 1)
		began := time.Now()
		leave, err := g.pass(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), gateTime/2)
		defer cancel()
		if _, err := g.pass(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second passed: %v", err)
		}
		next, err := g.pass(t.Context()) // the first is slow
		if err != nil || time.Since(began) != gateTime {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		leave() // it gave its place back before
		if len(g) != 1 {
			t.Error("a place was given back twice")
		}
		next()
		next()
		if len(g) != 0 {
			t.Error("a place was not given back")
		}
	})
}
