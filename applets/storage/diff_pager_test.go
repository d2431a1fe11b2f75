package storage

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestDiffPager reads on a terminal, with a pager that marks what it shows, one
// that is left at once, and none.
func TestDiffPager(t *testing.T) {
	annatest.Require(t, annatest.Btrfs)
	annatest.Require(t, annatest.PTY)
	dir := dayOfWork(t)
	for _, tt := range []struct {
		pager string
		flags []string
		paged bool
		says  string
	}{
		{"sed 's/^/paged: /'", nil, true, "10 changes: 3 added"},
		{"sed 's/^/paged: /'", []string{"--stat"}, true, "10 changes: 3 added"},
		{"sed 's/^/paged: /'", []string{"--no-pager"}, false, "10 changes: 3 added"},
		{"sed 's/^/paged: /'", []string{"--json"}, false, `"added":3`},
		{"cat", nil, false, "10 changes: 3 added"},
		{"true", nil, false, ""},
	} {
		c := exec.CommandContext(t.Context(), "/proc/self/exe", append([]string{"storage", "btrfs", "diff", dir + ":@home#12", "live", "--no-color"}, tt.flags...)...)
		c.Env = []string{"STORAGE_TEST_PROGRAM=1", "GORACE=atexit_sleep_ms=0", "LANG=C.UTF-8", "PATH=" + os.Getenv("PATH"), "PAGER=" + tt.pager, "TERM=xterm"}
		tty, err := pty.Start(c)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		io.Copy(&out, tty) // ends with EIO when the other side has closed it
		tty.Close()
		if err := c.Wait(); err != nil {
			t.Errorf("%q %v: %v", tt.pager, tt.flags, err)
		}
		if text := out.String(); strings.Contains(text, "paged: ") != tt.paged || !strings.Contains(text, tt.says) {
			t.Errorf("%q %v:\n%s", tt.pager, tt.flags, text)
		}
	}
}

func TestPagerOf(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		none bool
		has  string
	}{
		{map[string]string{"PAGER": "most -x"}, false, "LESS=FRX"},
		{map[string]string{"PAGER": "most", "SUDO_UID": "1000"}, false, "LESSSECURE=1"},
		{map[string]string{"PAGER": ""}, true, ""},
		{map[string]string{"PAGER": "cat"}, true, ""},
		{map[string]string{"PAGER": "less", "TERM": "dumb"}, true, ""},
	} {
		c := pagerOf(func(name string) (string, bool) { v, ok := tt.env[name]; return v, ok })
		if (c == nil) != tt.none || c != nil && (!slices.Contains(c.Env, tt.has) || c.Args[2] != tt.env["PAGER"]) {
			t.Errorf("%v: %v", tt.env, c)
		}
	}
}
