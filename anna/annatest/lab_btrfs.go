package annatest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// MountBtrfs mounts a disk of the test in the machine, where its programs find
// it as they would a mount of their own. The machine itself may not touch block
// devices: the device is made and the mount is done from outside.
//
// A container shows no /sys/fs/btrfs until ShowBtrfs.
func (m *Machine) MountBtrfs(d *Disk, at string) {
	m.t.Helper()
	device := d.Loops[0].Path
	m.outside(`{ test -b "$1" || mknod "$1" b 7 "$2"; } && mkdir -p "$3" && mount -t btrfs "$1" "$3"`,
		device, strings.TrimPrefix(filepath.Base(device), "loop"), at)
}

// ShowBtrfs lets the machine see /sys/fs/btrfs, as a real one does.
func (m *Machine) ShowBtrfs() {
	m.t.Helper()
	m.outside(`mkdir /run/sysfs && mount -t sysfs sysfs /run/sysfs &&
		mount -o remount,bind,rw /sys && mkdir /sys/fs/btrfs && mount --bind /run/sysfs/fs/btrfs /sys/fs/btrfs`)
}

// outside runs a shell command with the rights of the host in the machine's
// view of the file systems.
func (m *Machine) outside(command string, args ...string) {
	m.t.Helper()
	m.enter([]string{"--mount"}, append([]string{"sh", "-c", command, "sh"}, args...)...)
}

// IP runs ip(8) of the host in the machine's network namespace: it has none of
// its own.
func (m *Machine) IP(args ...string) {
	m.t.Helper()
	m.enter([]string{"--net"}, append([]string{"ip"}, args...)...)
}

// enter runs a command with the rights of the host in some of the machine's
// namespaces.
func (m *Machine) enter(namespaces []string, command ...string) {
	m.t.Helper()
	lab := os.Getenv("LAB")
	if lab == "" {
		lab = "/var/cache/anna-systemd-lab"
	}
	leader, err := os.ReadFile(filepath.Join(lab, "machines", m.name, "leader"))
	if err != nil {
		m.t.Fatalf("cannot find machine %s: %v", m.name, err)
	}
	words := append([]string{"--target", strings.TrimSpace(string(leader))}, namespaces...)
	words = append(append(words, "--"), command...)
	if out, err := exec.Command("nsenter", words...).CombinedOutput(); err != nil {
		m.t.Fatalf("cannot run %q in machine %s: %v\n%s", command, m.name, err, out)
	}
}
