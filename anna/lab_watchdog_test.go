package anna_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestWatchdogOnSystemd has the daemon hang in each of the two ways that count,
// under a real systemd: behind its socket, and at it. Each time the watchdog
// ends it, systemd starts it again, and the doctor says what was.
func TestWatchdogOnSystemd(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a watchdog: run it without -short")
	}
	t.Parallel()
	lab := annatest.Lab(t, annatest.Anna(faultyAnna(t)), annatest.File("/etc/anna/config.toml", hasty, 0o644),
		annatest.File("/etc/systemd/system/annad.service.d/hasty.conf", "[Service]\nWatchdogSec=4\nRestartSec=100ms\nEnvironment=ANNA_FAULTS_HANG_TIME=1s\n", 0o644))
	lab.Must("systemctl", "enable", "--now", "annad.socket")
	lab.Must("systemctl", "start", "annad.service")
	// A flood may still be heard of in the findings of the run after it.
	for i, tt := range []struct{ fault, finding, why, found string }{
		{"hang flood", "critical: The event loop hangs (event_loop)", "the event loop has not turned for ", "event_loop critical"},
		{"deaf", "critical: The daemon cannot reach itself (self_check)", "the daemon accepted the connection and stays silent; its findings were: ", "self_check critical"},
	} {
		lab.Write("/var/lib/anna/faults", tt.fault)
		restarts := strconv.Itoa(i + 1)
		for began := time.Now(); lab.Must("systemctl", "show", "-P", "NRestarts", "annad.service") != restarts; time.Sleep(200 * time.Millisecond) {
			if time.Since(began) > 90*time.Second {
				t.Fatalf("%s: no watchdog:\n%s", tt.fault, lab.Journal("annad.service"))
			}
		}
		lab.Must("rm", "-f", "/var/lib/anna/faults")
		out, errs, exit := lab.Run("anna", "doctor", "check", "previous_run", "--timeout", "30s")
		if exit != 3 || !strings.Contains(out, "its self-check had failed, for which systemd's watchdog ends it: ") || !strings.Contains(out, tt.why) || !strings.Contains(out, tt.found) {
			t.Errorf("%s: the doctor does not say that it hung: status %d\n%s%s", tt.fault, exit, out, errs)
		}
		t.Logf("%s:\n%s", tt.fault, out)
		journal := lab.Journal("annad.service")
		if n := strings.Count(journal, "Watchdog timeout"); n != i+1 {
			t.Errorf("%s: %d watchdogs", tt.fault, n)
		}
		told, killed := strings.Index(journal, tt.finding), strings.LastIndex(journal, "Watchdog timeout")
		if told < 0 || told > killed {
			t.Errorf("%s: no %q before the watchdog:\n%s", tt.fault, tt.finding, journal)
		}
	}
	if out, _, exit := lab.Run("anna", "doctor", "check", "systemd"); exit != 0 || !strings.Contains(out, "restarted 2 times") {
		t.Errorf("systemd's opinion: status %d\n%s", exit, out)
	}
}
