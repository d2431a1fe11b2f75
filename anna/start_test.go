package anna_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestStart holds what every command pays before it begins: what packages
// prepare when the program starts, whether or not the command needs it. Memory
// stands for time here, which a busy machine would blur. What few commands need
// is made by the first that asks (sync.OnceValue).
func TestStart(t *testing.T) {
	c := exec.Command(filepath.Join(annatest.Build(t), "anna"), "--help")
	c.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace bytes.Buffer
	c.Stderr = &trace
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	type share struct{ packages, bytes, allocs int }
	var ours, all share
	var most strings.Builder
	for lines := bufio.NewScanner(&trace); lines.Scan(); {
		var pkg string
		var at, clock float64
		var bytes, allocs int
		if n, _ := fmt.Sscanf(lines.Text(), "init %s @%g ms, %g ms clock, %d bytes, %d allocs", &pkg, &at, &clock, &bytes, &allocs); n != 5 {
			continue
		}
		shares := []*share{&all}
		if strings.HasPrefix(pkg, module) {
			shares = append(shares, &ours)
		}
		for _, s := range shares {
			s.packages++
			s.bytes += bytes
			s.allocs += allocs
		}
		if bytes > 8<<10 {
			fmt.Fprintf(&most, "\n%s: %d bytes, %d allocations", pkg, bytes, allocs)
		}
	}
	t.Logf("all %+v, our own %+v", all, ours)
	if ours.packages < 5 {
		t.Fatalf("the trace tells of %d packages of ours", ours.packages)
	}
	if all.bytes > 360<<10 || all.allocs > 3100 || ours.bytes > 80<<10 || ours.allocs > 500 {
		t.Errorf("before it begins the program prepares %+v, our own packages %+v of that:%s", all, ours, &most)
	}
}
