package btrfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestKernelLogIsNotPolled holds that a line in the kernel's log wakes nobody:
// the runtime's poller does not know the file.
func TestKernelLogIsNotPolled(t *testing.T) {
	k, err := OpenKernelLog("")
	if err != nil {
		t.Skipf("the kernel's log is not readable: %v", err)
	}
	defer k.Close()
	r, w, err := os.Pipe() // which the poller does know
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	conn, err := r.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Control(func(fd uintptr) {
		if !polled(t, int(fd)) {
			t.Error("the pipe is not polled: this test sees nothing")
		}
	}); err != nil {
		t.Fatal(err)
	}
	if polled(t, k.f.fd) {
		t.Error("the kernel's log is polled")
	}
}

// polled says whether an epoll instance of this process watches a file
// (proc_pid_fdinfo(5)).
func polled(t *testing.T, fd int) bool {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if to, _ := os.Readlink(link); to != "anon_inode:[eventpoll]" {
			continue
		}
		info, err := os.ReadFile("/proc/self/fdinfo/" + filepath.Base(link))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(info)) {
			var n int
			if _, err := fmt.Sscanf(line, "tfd: %d", &n); err == nil && n == fd {
				return true
			}
		}
	}
	return false
}
