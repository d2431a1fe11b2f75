package diagnose

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Story tells in a few words what happened to the daemon; "" when nothing is
// known beyond the error itself.
func (s State) Story(now time.Time) string {
	var parts []string
	if s.Systemd {
		parts = append(parts, s.systemdStory()...)
	}
	if w := s.Words; w != nil && !s.Active() {
		parts = append(parts, w.story(now, s.PID))
	}
	return strings.Join(parts, "; ")
}

func (s State) systemdStory() (parts []string) {
	u := s.Service
	switch {
	case u.LoadState == "not-found":
		return []string{"systemd knows no annad.service"}
	case u.LoadState == "masked":
		return []string{"annad.service is masked"}
	case u.ActiveState == "failed" && u.ExecMainCode == 1 && u.ExecMainStatus == exitConfig:
		parts = append(parts, "its configuration is invalid, so it does not start")
	case u.ActiveState == "failed":
		parts = append(parts, "systemd gave up on it: "+resultWords(u))
	case u.SubState == "auto-restart" && u.NRestarts == 0:
		parts = append(parts, "systemd is about to restart it: "+resultWords(u))
	case u.SubState == "auto-restart" || u.ActiveState == "activating" && u.NRestarts > 0:
		parts = append(parts, "systemd restarted it "+times(u.NRestarts)+because(u))
	case u.ActiveState == "activating":
		parts = append(parts, "systemd is starting it")
	case u.ActiveState == "inactive" && u.Result != "" && u.Result != "success":
		parts = append(parts, "it is stopped: "+resultWords(u))
	case u.ActiveState == "inactive":
		parts = append(parts, "it is stopped")
	case u.ActiveState == "deactivating":
		parts = append(parts, "systemd is stopping it")
	case u.ActiveState == "active":
		text := "systemd says it is active"
		if u.StatusText != "" {
			text += ", status: " + u.StatusText
		}
		parts = append(parts, text)
	}
	if s.Socket.ActiveState == "failed" {
		parts = append(parts, "annad.socket failed too")
	}
	return parts
}

func times(n uint32) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func because(u Unit) string {
	if u.Result == "" || u.Result == "success" {
		return ""
	}
	return ": " + resultWords(u)
}

// resultWords puts systemd's Result= into words.
func resultWords(u Unit) string {
	switch u.Result {
	case "exit-code", "start-limit-hit":
		if u.noSandbox() {
			return "systemd may not mount here, and so cannot make its sandbox"
		}
		if u.Result == "start-limit-hit" {
			return "it failed too often in a short time"
		}
		return fmt.Sprintf("it ended with status %d", u.ExecMainStatus)
	case "signal":
		return signalName(u.ExecMainStatus) + " ended it"
	case "core-dump":
		return "it crashed with " + signalName(u.ExecMainStatus)
	case "watchdog":
		return "it hung and the watchdog ended it"
	case "oom-kill":
		return "the kernel ended it for want of memory"
	case "timeout":
		return "it did not start or stop in time"
	}
	return u.Result
}

func signalName(n int32) string {
	if name := unix.SignalName(unix.Signal(n)); name != "" {
		return name
	}
	return fmt.Sprintf("signal %d", n)
}

// maxMB is more memory than any machine has.
const maxMB = 1 << 30

// plausible reports whether the words hold a figure that is worth showing.
func plausible(mb *float64) bool { return mb != nil && *mb >= 0 && *mb < maxMB }

// shownFindings is how many findings a story names.
const shownFindings = 5

// story tells what the words say; pid is the daemon that runs now, 0 for none.
// Between two daemons the words are still those of the one that ended.
func (w *Words) story(now time.Time, pid int) string {
	var b strings.Builder
	seen := "last seen at an unknown time"
	if !w.At.IsZero() {
		seen = "last seen " + ago(now.Sub(w.At))
	}
	switch {
	case pid == w.PID && pid != 0 && w.State != "stopped":
		fmt.Fprintf(&b, "pid %d runs", pid)
	case pid == w.PID || pid == 0:
		b.WriteString(seen)
	default:
		fmt.Fprintf(&b, "pid %d runs; the daemon before it was %s", pid, seen)
	}
	if plausible(w.MemoryMB) {
		if plausible(w.LimitMB) {
			fmt.Fprintf(&b, ", %.0f of %.0f MB", *w.MemoryMB, *w.LimitMB)
		} else {
			fmt.Fprintf(&b, ", %.0f MB", *w.MemoryMB)
		}
	}
	switch {
	case w.State != "" && w.Reason != "":
		fmt.Fprintf(&b, ", %s on %s", w.State, w.Reason)
	case w.State != "":
		b.WriteString(", " + w.State)
	}
	if w.SelfCheck != "" {
		b.WriteString(", its self-check failed: " + w.SelfCheck)
	}
	if len(w.Findings) > 0 {
		b.WriteString(", with findings: " + strings.Join(w.Findings[:min(len(w.Findings), shownFindings)], ", "))
		if more := len(w.Findings) - shownFindings; more > 0 {
			fmt.Fprintf(&b, " and %d more", more)
		}
	}
	return b.String()
}

func ago(d time.Duration) string {
	switch {
	case d < 0:
		return "at a time that is still to come"
	case d < time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}
