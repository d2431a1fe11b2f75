package dash

import (
	"sync"
	"time"

	"github.com/gdamore/tcell/v2"
)

// A keyboard is a terminal that can be told to hear nothing more. A screen that
// is finished while keys come faster than they are handled would wait for ever:
// tcell's reader hands them to a goroutine that has ended already.
type keyboard struct {
	tcell.Tty

	mu      sync.Mutex
	change  sync.Cond
	started bool // somebody reads, or will
	reading bool // he is in Read, and so holds nothing that he has read
	deaf    bool
}

func newKeyboard(tty tcell.Tty) *keyboard {
	k := &keyboard{Tty: tty}
	k.change.L = &k.mu
	return k
}

func (k *keyboard) set(f func()) {
	k.mu.Lock()
	f()
	k.mu.Unlock()
	k.change.Broadcast()
}

// Start takes the terminal; a reader comes.
func (k *keyboard) Start() error {
	k.set(func() { k.started, k.deaf = true, false })
	return k.Tty.Start()
}

// Read reads what is typed; nothing, soon, where nothing is to be heard.
func (k *keyboard) Read(p []byte) (n int, err error) {
	var deaf bool
	k.set(func() { k.reading, deaf = true, k.deaf })
	if deaf {
		time.Sleep(time.Millisecond)
	} else {
		n, err = k.Tty.Read(p)
	}
	k.set(func() {
		k.reading = false
		if k.deaf {
			n = 0
		}
		if err != nil {
			k.started = false // the reader ends with it
		}
	})
	return n, err
}

// silence has nothing heard from now on, until Start. It returns when what was
// heard has been handed on.
func (k *keyboard) silence() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.deaf = true
	for k.started && !k.reading {
		k.change.Wait()
	}
	k.started = false
}
