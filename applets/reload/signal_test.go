package reload

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// TestCheck holds who is signalled: the process that the daemon says it is, and
// the kernel too, and nobody where anything disagrees.
func TestCheck(t *testing.T) {
	root := t.TempDir()
	stat := func(pid, ticks int) {
		dir := filepath.Join(root, strconv.Itoa(pid))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		text := strconv.Itoa(pid) + " (annad) S" + strings.Repeat(" 0", 18) + " " + strconv.Itoa(ticks) + " 0 0\n"
		if err := os.WriteFile(filepath.Join(dir, "stat"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stat(1, 1)
	stat(700, 5000)
	for name, tt := range map[string]struct {
		said  daemon
		peer  rpc.Peer
		owner int
		want  string
	}{
		"the owner":             {daemon{700, 5000}, rpc.Peer{PID: 700, UID: 990}, 990, ""},
		"root":                  {daemon{700, 5000}, rpc.Peer{PID: 700, UID: 0}, 990, ""},
		"behind root's socket":  {daemon{700, 5000}, rpc.Peer{PID: 700, UID: 990}, 0, ""},
		"somebody else":         {daemon{700, 5000}, rpc.Peer{PID: 700, UID: 1000}, 990, "runs as user 1000"},
		"pid 1":                 {daemon{1, 1}, rpc.Peer{PID: 1}, 0, "neither may be 1"},
		"pid 1 listens":         {daemon{700, 5000}, rpc.Peer{PID: 1}, 0, "neither may be 1"},
		"it says pid 1":         {daemon{1, 1}, rpc.Peer{PID: 700}, 0, "neither may be 1"},
		"it says a group":       {daemon{-700, 5000}, rpc.Peer{PID: 700}, 0, "neither may be 1"},
		"it says all":           {daemon{-1, 5000}, rpc.Peer{PID: -1}, 0, "neither may be 1"},
		"another listens":       {daemon{700, 5000}, rpc.Peer{PID: 701}, 0, "process 701 listens"},
		"it began another time": {daemon{700, 4999}, rpc.Peer{PID: 700}, 0, "did not begin"},
		"it does not know when": {daemon{700, 0}, rpc.Peer{PID: 700}, 0, "did not begin"},
		"there is no such":      {daemon{702, 5000}, rpc.Peer{PID: 702}, 0, "there is no process 702"},
		"of another namespace":  {daemon{700, 5000}, rpc.Peer{PID: 0}, 0, "neither may be 1"},
	} {
		err := check(tt.said, tt.peer, tt.owner, root)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, not %q", name, err, tt.want)
		}
	}
}
