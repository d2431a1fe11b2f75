package diagnose

import "fmt"

// Hint is what to do next when more is known than the error's code tells; ""
// when the code's own hint is as good.
func (s State) Hint(code string) string {
	if !s.Systemd {
		return s.hintWithoutSystemd(code)
	}
	u := s.Service
	const start = "sudo systemctl reset-failed annad.service annad.socket; sudo systemctl start annad.socket annad.service"
	switch {
	case u.LoadState == "not-found":
		return "Daemon not installed as a service. Look without it: anna health --standalone"
	case u.LoadState == "masked":
		return "Unmask it: sudo systemctl unmask annad; then: sudo systemctl start annad"
	case u.ActiveState == "failed" && u.ExecMainCode == 1 && u.ExecMainStatus == exitConfig:
		return "See the problems: sudo journalctl -u annad -n 20; correct /etc/anna/config.toml; then: " + start
	case u.noSandbox():
		return "Let it run without what cannot be mounted: sudo install -D /usr/share/anna/container.conf /etc/systemd/system/annad.service.d/container.conf; sudo systemctl daemon-reload; then: " + start
	case s.GaveUp():
		return "See why: sudo journalctl -u annad -n 20; then: " + start
	case s.Active() && code == "ReadTimeout" && u.WatchdogSec > 0:
		return fmt.Sprintf("Daemon not responding. Check logs: sudo journalctl -u annad -n 20 (if it hangs, the watchdog restarts it within %.0f s)", u.WatchdogSec)
	case u.ActiveState == "inactive" && code != "SocketNotFound":
		return "Daemon not running. Start with: sudo systemctl start annad"
	}
	return ""
}

// hintWithoutSystemd is for a daemon that systemd does not keep: somebody
// started it by hand, so there is no unit to restart and no journal to read.
func (s State) hintWithoutSystemd(code string) string {
	stopped := s.Words != nil && s.Words.State == "stopped"
	switch {
	case code == "DaemonCrashed" && stopped:
		return "Daemon was stopped. Start it again the way it was started, or as root: annad"
	case code == "DaemonCrashed" && !s.Booted:
		return "Daemon stopped without removing its socket. See where it logs to why; then start it again: sudo annad"
	case code == "ConnectionRefused" && !s.Booted:
		return "Daemon is not listening yet. If it stays so, end it and start it again: sudo annad"
	}
	return ""
}
