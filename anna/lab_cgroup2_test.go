package anna_test

import (
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// onCgroup2 has the daemon fall ill in a machine whose kernel limits it by
// cgroup v2. Each part ends with what the test holds: the journal of that run
// of the daemon, and what the doctor says.
const onCgroup2 = `
exec 2>&1
faults=/var/lib/anna/faults
says() { # TEXT: waits until the journal has it
  for i in $(seq 150); do
    journalctl --boot --unit annad.service --output cat | grep -qF "$1" && return
    sleep 1
  done
  echo "the journal never said: $1"
}
part() { echo "== $1"; }
journal() { journalctl --boot --unit annad.service --output cat --no-pager; journalctl --rotate --quiet; journalctl --vacuum-time=1s --quiet; }
systemctl enable --quiet --now annad.socket
systemctl start annad.service

echo busy >$faults
says 'The CPU limit slows the daemon (cpu_throttling): '
part throttled
anna doctor check cpu_throttling memory_pressure memory_events; echo "status $?"
rm $faults
# What the finding advises. Emulated on a busy host, even the idle daemon needs
# more than the shipped limit. A wide one also lets the kernel be quicker than
# the watchdog below: the garbage collector of a throttled daemon takes all that
# it gets.
systemctl set-property --runtime annad.service CPUQuota=200%
for i in $(seq 150); do
  journalctl --boot --unit annad.service --output cat | grep -q '^resolved after .*(cpu_throttling)' && break
  sleep 1
done
part journal-throttled
journal

# A process that is killed beside the daemon, which must go on.
mkdir -p /run/systemd/system/annad.service.d
printf '[Service]\nOOMPolicy=continue\n' >/run/systemd/system/annad.service.d/lab.conf
systemctl daemon-reload
systemctl restart annad.service
sleep 3
sh -c 'echo $$ >/sys/fs/cgroup/system.slice/annad.service/cgroup.procs; exec tail /dev/zero'
says '(memory_events): '
part killed-beside
anna doctor check memory_events; echo "status $?"
part journal-killed-beside
journal

# The leak.
rm /run/systemd/system/annad.service.d/lab.conf
systemctl daemon-reload
systemctl restart annad.service
echo leak >$faults
for i in $(seq 150); do
  [ "$(systemctl show -P NRestarts annad.service)" = 0 ] || break
  sleep 1
done
rm $faults
part leaked
anna doctor check previous_run --timeout 60s; echo "status $?"
part journal-leaked
journal
`

// TestHealthOnCgroup2 is what a container on cgroup v1 cannot show: pressure,
// counts of kills, and the kernel's own word for a kill.
func TestHealthOnCgroup2(t *testing.T) {
	said := annatest.Emulate(t, annatest.Anna(faultyAnna(t)), annatest.File("/etc/anna/config.toml", `
[health]
interval = "500ms"
raise_after = "1s"
clear_after = "2s"
`, 0o644), annatest.File("/root/test.sh", onCgroup2, 0o644))
	t.Log(said)
	part := map[string]string{}
	for text := range strings.SplitSeq("\n"+said, "\n== ") {
		name, rest, _ := strings.Cut(text, "\n")
		part[name] = rest + "\n"
	}
	for _, tt := range []struct {
		part string
		want []string // in this order
	}{
		{"throttled", []string{"● memory_pressure  ", "% of the last minute spent waiting for memory", "● memory_events ", " cpu_throttling ", "of CPU time withheld in the last minute", "status "}},
		{"journal-throttled", []string{"warning: The CPU limit slows the daemon (cpu_throttling): ", "\nresolved after ", ": The CPU limit slows the daemon (cpu_throttling)\n"}},
		{"killed-beside", []string{"▲ memory_events  1 process was killed for the memory limit since the start", "status 3"}},
		{"journal-killed-beside", []string{"warning: The memory limit was met (memory_events): 1 process was killed"}},
		{"leaked", []string{"▲ previous_run  last heard of ", " of 80 MB", "memory critical", "status 3"}},
		{"journal-leaked", []string{
			"warning: The daemon's memory grows large (memory): ", "critical: The daemon's memory grows large (memory): ",
			"Failed with result 'oom-kill'", "The daemon before this one ended without a word (previous_run)",
		}},
	} {
		rest := part[tt.part]
		for _, want := range tt.want {
			_, after, found := strings.Cut(rest, want)
			if !found {
				t.Errorf("%s: no %q, or not in its place", tt.part, want)
				break
			}
			rest = after
		}
	}
	if strings.Contains(said, "the journal never said") {
		t.Error("it never said something")
	}
}
