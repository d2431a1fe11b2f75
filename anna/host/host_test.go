package host

import (
	"log/slog"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

func newHost() *Host { return New(slog.New(slog.DiscardHandler), config.Default(), []string{"get_x"}) }

// TestResources holds that many questions at once are one measurement, and that
// a later one is measured anew.
func TestResources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost()
		first := h.Resources()
		if first.Process.Resident.Value == 0 || !first.Memory.Current.Known {
			t.Errorf("this process uses no memory: %+v", first)
		}
		time.Sleep(resourcesAge)
		if again := h.Resources(); !again.At.Equal(first.At) {
			t.Errorf("measured again after %s", again.At.Sub(first.At))
		}
		time.Sleep(time.Millisecond)
		if again := h.Resources(); again.At.Equal(first.At) {
			t.Error("an old measurement was given out")
		}
	})
}

// TestHost holds who the host says it is, and that what a reload exchanges may be
// read meanwhile.
func TestHost(t *testing.T) {
	h := newHost()
	if h.PID != os.Getpid() || h.StartTicks == 0 || h.Version.Version == "" {
		t.Errorf("%d, %d, %+v", h.PID, h.StartTicks, h.Version)
	}
	other, err := config.Default().With("health.interval", "2s", "--test")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				h.SetConfig(other)
				if h.Config() != other || h.Store() != nil {
					t.Error("it has another configuration, or a store")
				}
				h.SetStore(nil)
			}
		})
	}
	all.Wait()
}
