package anna

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
)

// A daemon, on its own or inside a command, serves no table that is half.
func TestDaemonRefusesHalfTable(t *testing.T) {
	half := applet.Table{{Name: "half"}}
	socket := filepath.Join(t.TempDir(), "annad.sock")
	if got := Main([]string{"annad", "--socket", socket, "--state-dir", t.TempDir()}, half); got != console.ExitFailed {
		t.Errorf("annad with half a row ended with %d, want %d", got, console.ExitFailed)
	}
	_, stop, err := standalone(half)(t.Context(), false)
	if err == nil {
		stop()
	}
	if err == nil || !strings.Contains(err.Error(), "cannot use the dispatch table") {
		t.Errorf("a private daemon with half a row: %v", err)
	}
}
