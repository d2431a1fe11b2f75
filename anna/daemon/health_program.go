package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// A program is the executable that runs and what lies in its place now.
type program struct {
	running unix.Stat_t
	mu      sync.Mutex
	state   health.Program
}

func newProgram() *program {
	p := &program{}
	path, err := os.Executable()
	if err == nil {
		p.state.Path = path
		err = unix.Stat("/proc/self/exe", &p.running)
	}
	if err != nil {
		p.state.Err = fmt.Sprintf("the program that runs is not known: %v", err)
	}
	return p
}

func (p *program) look() {
	if p.running.Ino == 0 {
		return
	}
	var st unix.Stat_t
	err := unix.Stat(p.seen().Path, &st) // which may wait for a disk
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Gone = errors.Is(err, fs.ErrNotExist)
	p.state.Changed = err == nil && (st.Ino != p.running.Ino || st.Dev != p.running.Dev)
	p.state.Err = ""
	if err != nil && !p.state.Gone {
		p.state.Err = fmt.Sprintf("it cannot be looked at: %v", err)
	}
}

// seen is what the last look saw.
func (p *program) seen() health.Program {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}
