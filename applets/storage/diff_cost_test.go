package storage

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
)

// TestDiffThereCost holds that many changes, read slowly, cost the daemon no more
// memory than few: it waits for the client.
func TestDiffThereCost(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	if raceEnabled {
		t.Skip("the race detector's memory is not what is measured")
	}
	peak := func(files int) int {
		dir := manyFiles(t, files)
		fs, err := btrfs.Open(dir, btrfs.Roots{})
		if err != nil {
			t.Fatal(err)
		}
		defer fs.Close()
		at, err := os.MkdirTemp("", "anna-") // short enough for a socket
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(at)
		socket := filepath.Join(at, "s")
		c := exec.CommandContext(t.Context(), "/proc/self/exe")
		c.Env = []string{"STORAGE_TEST_DAEMON=" + socket}
		out, err := c.StdoutPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		defer func() { c.Process.Kill(); c.Wait() }()
		bufio.NewReader(out).ReadString('\n')
		nc, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		fmt.Fprintf(nc, `{"jsonrpc":"2.0","id":1,"method":%q,"params":{"uuid":%q,"from":256,"to":257}}`+"\n", methodDiff, fs.FSID)
		r, last := bufio.NewReader(nc), ""
		for i := 0; !strings.Contains(last, `"result"`); i++ {
			if i%50 == 0 { // all buffers are full meanwhile
				time.Sleep(50 * time.Millisecond)
			}
			if last, err = r.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		if !strings.Contains(last, fmt.Sprintf(`"count":%d`, files)) {
			t.Errorf("the answer is %s", last)
		}
		return peakOf(strconv.Itoa(c.Process.Pid))
	}
	few, many := peak(2000), peak(30000)
	t.Logf("the daemon's peak: %d KiB for 2000 changes, %d KiB for 30000", few, many)
	if many > few+12<<10 {
		t.Errorf("the daemon's peak: %d KiB for 2000 changes, %d KiB for 30000", few, many)
	}
}
