package anna_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestAccessOnSystemd looks at the installed daemon as an outsider, as a member
// of the group, as a member of the control group and as root: each sees and
// causes what docs/SECURITY.md says, and nothing more.
func TestAccessOnSystemd(t *testing.T) {
	// speak sends lines over the socket and prints the answers to all of them;
	// with "hold" it opens connections and keeps them.
	const speak = `#!/usr/bin/perl
use IO::Socket::UNIX;
my ($what, $n) = @ARGV;
my $open = sub { IO::Socket::UNIX->new(Peer => "/run/anna/annad.sock") or die "connect: $!\n" };
if ($what eq "hold") {
	my @held = map { $open->() } 1 .. $n;
	$| = 1; print "held\n"; sleep 300;
}
my ($bad, $answers) = 0, 0;
for (1 .. $n) {
	my $s = $open->();
	print $s "no request at all\n";
	$s->flush; $s->shutdown(1);
	$answers++ while <$s>;
}
print "$answers\n";
`
	lab := annatest.Lab(t, annatest.Anna(filepath.Join(annatest.Build(t), "anna")), annatest.File("/usr/bin/speak", speak, 0o755),
		annatest.File("/etc/anna/config.toml", "[access]\ncontrol_group = \"wardens\"\n", 0o644))
	lab.Must("sh", "-ec", "groupadd wardens; useradd --groups anna member; useradd --groups anna,wardens warden")
	lab.Must("systemctl", "enable", "--now", "annad.socket", "annad.service")
	as := func(user string, status int, words ...string) string {
		t.Helper()
		out, errs, exit := lab.RunAs(user, words...)
		if exit != status {
			t.Errorf("%s, %q: status %d, not %d\n%s%s", user, words, exit, status, out, errs)
		}
		return out + errs
	}
	says := func(text, want string) {
		t.Helper()
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}

	// The outsider: not a connection, not a name of a file.
	says(as("alice", 11, "annactl", "health"), "permission denied")
	says(as("alice", 111, "sh", "-c", "speak say 1 || exit 111"), "connect: Permission denied")
	for _, path := range []string{"/run/anna/annad.sock", "/run/anna/last.json", "/var/lib/anna/anna.db", "/var/lib/anna/config.json"} {
		as("alice", 1, "test", "-e", path)
	}
	for _, dir := range []string{"/run/anna", "/var/lib/anna", "/etc/anna", "/etc/anna/policies.d"} {
		as("alice", 111, "sh", "-c", "ln -s /etc/passwd "+dir+"/link 2>/dev/null || exit 111")
	}

	// The member: sees, and changes nothing.
	for _, words := range [][]string{{"health"}, {"events"}, {"capabilities"}, {"config", "show"}, {"doctor", "check", "rpc_latency", "queue"}} {
		as("member", 0, append([]string{"annactl"}, words...)...)
	}
	for _, words := range [][]string{{"reload"}, {"doctor", "ack", "memory", "--for", "1h"}, {"config", "history", "--show", "1"}} {
		says(as("member", 77, append([]string{"annactl"}, words...)...), "may look but not control")
	}
	for _, path := range []string{"/run/anna", "/var/lib/anna"} {
		as("member", 111, "sh", "-c", "touch "+path+"/file 2>/dev/null || exit 111")
	}

	// Members' connections end at 16 each; another member and root are served.
	lab.Must("systemd-run", "--quiet", "--unit=holder", "--uid=member", "speak", "hold", "16")
	lab.Must("sh", "-ec", "for i in $(seq 100); do journalctl --quiet --output=cat --unit holder | grep -q held && exit; sleep 0.1; done; exit 1")
	says(as("member", 13, "annactl", "health"), "has 16 connections already")
	as("warden", 0, "annactl", "health")
	as("root", 0, "annactl", "health")
	lab.Must("systemctl", "stop", "holder")
	as("member", 0, "annactl", "health")

	// What a member sends is not written down line by line: nothing fills a disk.
	lines := func() int { return strings.Count(lab.Journal("annad.service"), "\n") }
	before, size := lines(), lab.Must("sh", "-c", "du -sk /var/lib/anna | cut -f 1")
	says(as("member", 0, "speak", "say", "500"), "500")
	if grown := lines() - before; grown > 20 {
		t.Errorf("500 bad lines put %d lines into the journal", grown)
	}
	if now := lab.Must("sh", "-c", "du -sk /var/lib/anna | cut -f 1"); len(now) > len(size) {
		t.Errorf("500 bad lines let the state grow from %s to %s KiB", size, now)
	}

	// The warden and root: everything.
	for _, user := range []string{"warden", "root"} {
		as(user, 0, "annactl", "reload")
		as(user, 0, "annactl", "config", "history", "--show", "1")
	}
	// The files are as they were made.
	if mode := lab.Must("stat", "-c", "%U:%G %a", "/run/anna", "/run/anna/annad.sock", "/var/lib/anna", "/var/lib/anna/anna.db"); mode != "anna:anna 750\nroot:anna 660\nanna:anna 700\nanna:anna 600" {
		t.Errorf("modes: %s", mode)
	}
}
