package daemon

import (
	"context"
	"sync"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
)

// wordsInterval is how old the last words of a daemon that was killed can be.
const wordsInterval = 30 * time.Second

// words keeps the daemon's last words beside its socket, for the client that
// finds it dead.
type words struct {
	d  *Daemon
	mu sync.Mutex
	// warned: the directory cannot be written to, and the log says so already.
	warned bool
}

func newWords(d *Daemon) *words { return &words{d: d} }

// leaveWords writes them every wordsInterval, apart from all that may wait for a
// disk.
func (d *Daemon) leaveWords(ctx context.Context) {
	tick := d.rhythm.start(wordsInterval)
	defer tick.stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			tick.turned()
			d.words.write("running", "")
		}
	}
}

func (w *words) write(state, reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.d.host
	said := diagnose.Words{
		Version: h.Version.Version, PID: h.PID, StartTime: h.StartTicks, Started: h.Started,
		At: time.Now(), State: state, Reason: reason,
	}
	// The daemon has no keeper yet while newKeeper makes it, which writes words too.
	if k := w.d.keeper; k != nil {
		if why := k.unfit.Load(); why != nil {
			said.SelfCheck = *why
		}
	}
	now := h.Health.State()
	said.Level = now.Level.String()
	for _, f := range now.Findings {
		if f.Level >= health.Warning {
			said.Findings = append(said.Findings, f.ID+" "+f.Level.String())
		}
	}
	memory := h.Resources().Memory
	said.MemoryMB, said.LimitMB = megabytes(memory.Current), megabytes(memory.Limit)
	if err := diagnose.WriteWords(w.d.Socket, said); err != nil && !w.warned {
		w.warned = true
		w.d.log.Warn("the daemon leaves no last words", "error", err)
	}
}

func megabytes(f metrics.Figure[uint64]) *float64 {
	v, ok := f.Get()
	if !ok {
		return nil
	}
	mb := float64(v) / metrics.MB
	return &mb
}
