package anna_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestDoctorOnSystemd has the doctor of an installed anna find and mend what it
// can, and holds who may do what.
func TestDoctorOnSystemd(t *testing.T) {
	t.Parallel()
	lab := annatest.Lab(t, annatest.Anna(filepath.Join(annatest.Build(t), "anna")))
	doctor := func(lab *annatest.Machine, status int, says []string, words ...string) string {
		t.Helper()
		out, errs, exit := lab.Run(append([]string{"anna", "doctor"}, words...)...)
		for _, text := range says {
			if !strings.Contains(out+errs, text) {
				t.Fatalf("doctor %v does not say %q\n%s%s", words, text, out, errs)
			}
		}
		if exit != status {
			t.Fatalf("doctor %v: status %d, not %d\n%s%s", words, exit, status, out, errs)
		}
		return out
	}
	lab.Must("systemctl", "enable", "--now", "annad.socket")
	lab.Must("systemctl", "start", "annad.service")
	doctor(lab, 0, []string{"annad.service is active, never restarted", "/var/lib/anna is the daemon's alone"})

	// The state directory, with somebody else's mode and owner.
	lab.Must("chmod", "0755", "/var/lib/anna")
	lab.Must("chown", "root:root", "/var/lib/anna")
	doctor(lab, 3, []string{"is open to others (mode 0755)"}, "check", "state_dir")
	doctor(lab, 3, []string{"would give the state directory /var/lib/anna mode 0700"}, "check", "state_dir", "--fix", "--dry-run")
	doctor(lab, 0, []string{"mended: give the state directory"}, "check", "state_dir", "--fix", "--yes")
	if got := lab.Must("stat", "-c", "%a %U %G", "/var/lib/anna"); got != "700 anna root" {
		t.Errorf("the state directory is %s", got)
	}
	// A user's directory in its place is his, and a link is nobody's.
	lab.Must("chgrp", "anna", "/var/lib/anna")
	lab.Must("mv", "/var/lib/anna", "/var/lib/anna.away")
	lab.Must("install", "-d", "-m", "0755", "-o", "alice", "/var/lib/anna")
	doctor(lab, 3, []string{"not mended", "it is left alone"}, "check", "state_dir", "--fix", "--yes")
	lab.Must("rmdir", "/var/lib/anna")
	lab.Must("install", "-d", "-m", "0755", "/srv/victim")
	lab.Must("ln", "-s", "/srv/victim", "/var/lib/anna")
	doctor(lab, 3, []string{"is no directory", "nothing here that anna mends"}, "check", "state_dir", "--fix", "--yes")
	if got := lab.Must("stat", "-c", "%a %U", "/srv/victim"); got != "755 root" {
		t.Errorf("the link's target is %s", got)
	}
	lab.Must("rm", "/var/lib/anna")
	lab.Must("mv", "/var/lib/anna.away", "/var/lib/anna")

	// The socket.
	lab.Must("chmod", "0666", "/run/anna/annad.sock")
	lab.Must("chgrp", "alice", "/run/anna/annad.sock")
	doctor(lab, 3, []string{"is open to everybody"}, "check", "socket")
	doctor(lab, 0, []string{"mended: give the socket"}, "check", "socket", "--fix", "--yes")
	if got := lab.Must("stat", "-c", "%a %U %G", "/run/anna/annad.sock"); got != "660 root anna" {
		t.Errorf("the socket is %s", got)
	}

	// Who may look, who may say that something is known, and who may mend.
	lab.Must("useradd", "--groups", "anna", "bob")
	if out, errs, exit := lab.RunAs("bob", "anna", "doctor"); exit != 0 {
		t.Errorf("a member of the group: status %d\n%s%s", exit, out, errs)
	}
	if out, errs, exit := lab.RunAs("bob", "anna", "doctor", "ack", "memory", "--for", "1h"); exit != 77 || !strings.Contains(errs, "may look but not control") {
		t.Errorf("a member of the group acknowledges: status %d\n%s%s", exit, out, errs)
	}
	if out, errs, exit := lab.RunAs("alice", "anna", "doctor"); exit != 3 || !strings.Contains(out, "alice may not use /run/anna/annad.sock") {
		t.Errorf("a stranger: status %d\n%s%s", exit, out, errs)
	}
	lab.Must("chmod", "0750", "/var/lib/anna")
	if out, errs, exit := lab.RunAs("bob", "anna", "doctor", "check", "state_dir", "--fix", "--yes"); exit != 3 || !strings.Contains(out, "not mended") {
		t.Errorf("a member of the group mends: status %d\n%s%s", exit, out, errs)
	}
	lab.Must("chmod", "0700", "/var/lib/anna")

	// Units that systemd gave up on: killed again and again.
	for began := time.Now(); lab.Must("systemctl", "show", "-P", "ActiveState", "annad.service") != "failed"; {
		lab.Run("systemctl", "kill", "--signal=KILL", "annad.service")
		lab.Run("sh", "-c", "systemctl restart annad.service || systemctl start annad.service")
		if time.Since(began) > time.Minute {
			t.Fatalf("systemd does not give up:\n%s", lab.Must("systemctl", "status", "annad.service"))
		}
	}
	out := doctor(lab, 4, []string{`"level":"critical"`, `"answers":false`, `"code":"`, `"id":"systemd"`}, "--json", "--timeout", "2s")
	if strings.Contains(out, `"error":null`) {
		t.Errorf("no code: %s", out)
	}
	doctor(lab, 4, []string{"systemd gave up on it", "have systemd forget the failure of annad.service and annad.socket, and start them"}, "check", "systemd", "--fix", "--dry-run", "--timeout", "2s")
	if out, errs, exit := lab.RunAs("bob", "anna", "doctor", "check", "systemd", "--fix", "--yes", "--timeout", "5s"); exit != 4 || !strings.Contains(out, "not mended") {
		t.Errorf("a user starts the daemon: status %d\n%s%s", exit, out, errs)
	}
	doctor(lab, 0, []string{"mended: have systemd forget the failure"}, "check", "systemd", "--fix", "--yes")
	if got := lab.Must("systemctl", "is-active", "annad.service", "annad.socket"); got != "active\nactive" {
		t.Errorf("the units are %s", got)
	}
	lab.Must("anna", "health")

	// One that was only stopped is started as well.
	lab.Must("systemctl", "stop", "annad.socket", "annad.service")
	doctor(lab, 4, []string{"annad.service is inactive"}, "check", "systemd", "--timeout", "2s")
	doctor(lab, 0, []string{"mended: "}, "check", "systemd", "--fix", "--yes")
}
