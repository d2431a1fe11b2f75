package annatest

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A Need is something of the machine that a test cannot do without. Its text
// is the word that ANNA_TEST_REQUIRE takes.
type Need string

// What tests may need. `go test ./...` needs none of them: a test whose need
// is not met skips and says what to do.
const (
	Root    Need = "root"    // the test runs as uid 0
	Btrfs   Need = "btrfs"   // root, loop devices, a kernel with Btrfs and btrfs-progs as oracle
	Netns   Need = "netns"   // root and a kernel that makes network namespaces
	PTY     Need = "pty"     // a pseudo-terminal
	Systemd Need = "systemd" // root and the tools that scripts/systemd-lab boots with
	Oracle  Need = "oracle"  // the programs that answers are compared with
	QEMU    Need = "qemu"    // scripts/systemd-lab with a kernel of its own
)

// needs lists every word, in the order in which `all` means them.
var needs = []Need{Root, Btrfs, Netns, PTY, Systemd, Oracle, QEMU}

// Require skips the test, with a sentence that says what to do, where the
// machine lacks what the test needs. Under ANNA_TEST_REQUIRE (words separated
// by commas, or "all") a skip for a named need is a failure, so that a
// continuous run cannot go green by testing nothing. Programs, where given,
// are looked up on the PATH as part of the need.
func Require(t testing.TB, need Need, programs ...string) {
	t.Helper()
	required, err := requiredNeeds(os.Getenv("ANNA_TEST_REQUIRE"))
	if err != nil {
		t.Fatal(err)
	}
	why := missing(need, programs)
	if why == "" {
		return
	}
	if slices.Contains(required, need) {
		t.Fatalf("ANNA_TEST_REQUIRE names %s, but %s", need, why)
	}
	t.Skipf("needs %s: %s", need, why)
}

func requiredNeeds(env string) ([]Need, error) {
	var list []Need
	for word := range strings.SplitSeq(env, ",") {
		word = strings.TrimSpace(word)
		switch {
		case word == "":
		case word == "all":
			list = append(list, needs...)
		case slices.Contains(needs, Need(word)):
			list = append(list, Need(word))
		default:
			return nil, fmt.Errorf("ANNA_TEST_REQUIRE: unknown word %q (known: %v, all)", word, needs)
		}
	}
	return list, nil
}

// missing says what of a need is not there, as the end of a sentence; "" when
// all of it is.
func missing(need Need, programs []string) string {
	switch need {
	case Root, Netns, Systemd, QEMU:
		if os.Geteuid() != 0 {
			return "it does not run as root: run the tests with sudo"
		}
	case Btrfs:
		if os.Geteuid() != 0 {
			return "it does not run as root: run the tests with sudo"
		}
		known, err := os.ReadFile("/proc/filesystems")
		if err != nil || !strings.Contains(string(known), "\tbtrfs\n") {
			return "the kernel has no Btrfs: run `modprobe btrfs`"
		}
		if _, err := os.Stat("/dev/loop-control"); err != nil {
			return "there are no loop devices: run `modprobe loop`"
		}
		programs = append([]string{"mkfs.btrfs", "btrfs"}, programs...)
	case PTY:
		f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
		if err != nil {
			return "no pseudo-terminal can be opened: mount devpts on /dev/pts"
		}
		f.Close()
	case Oracle:
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			return fmt.Sprintf("%s is not on the PATH: install the package that holds it", p)
		}
	}
	return ""
}
