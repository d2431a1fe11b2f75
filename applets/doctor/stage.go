package doctor

import (
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// Statuses of `doctor pre` and `doctor post`, which v0.12.6 published. Other
// commands have other meanings for them.
const (
	exitPreFailed    = 10
	exitPostCritical = 11
	exitPostWarning  = 12
)

// Stage is what `anna doctor pre --json` and `post --json` print.
type Stage struct {
	Stage  string       `json:"stage"`
	Level  health.Level `json:"level"`
	Checks []Check      `json:"checks"`
}

func preCommand() *console.Command {
	return &console.Command{
		Name: "pre", Hidden: true,
		Summary:  "before an installation: has this machine what anna needs?",
		Exits:    []int{exitPreFailed},
		ExitSays: map[int]string{exitPreFailed: "something that an installation needs is missing"},
		Run: func(c *console.Console) error {
			return answerStage(c, "pre", preChecks("/", os.Geteuid()), func(l health.Level) int {
				if l == health.Critical {
					return exitPreFailed
				}
				return 0
			})
		},
	}
}

func postCommand() *console.Command {
	return &console.Command{
		Name: "post", Hidden: true,
		Summary: "after an installation: is everything in its place, and does the daemon answer?",
		Exits:   []int{exitPostCritical, exitPostWarning},
		ExitSays: map[int]string{
			exitPostCritical: "level critical: it does not work", exitPostWarning: "level warning: it works in part",
		},
		Run: func(c *console.Console) error {
			e := examine(c)
			checks := postChecks(filepath.SplitList(os.Getenv("PATH")), e.seen.private)
			for _, k := range e.report(nil).Checks {
				if k.Group == health.GroupClient || k.ID == "socket" {
					checks = append(checks, k)
				}
			}
			return answerStage(c, "post", checks, func(l health.Level) int {
				switch l {
				case health.Critical:
					return exitPostCritical
				case health.Warning:
					return exitPostWarning
				}
				return 0
			})
		},
	}
}

// answerStage prints the checks; exit turns the worst level into a status.
func answerStage(c *console.Console, stage string, checks []Check, exit func(health.Level) int) error {
	s := Stage{Stage: stage, Checks: checks}
	for _, k := range checks {
		if k.Result.Result != health.Unknown {
			s.Level = health.Worst(s.Level, k.Result.Result)
		}
	}
	if err := c.Answer(s, func(w io.Writer) { printStage(w, c.Theme, s) }); err != nil {
		return err
	}
	if status := exit(s.Level); status != 0 {
		return console.Status(status)
	}
	return nil
}

func printStage(w io.Writer, t ui.Theme, s Stage) {
	var rows [][]string
	for _, k := range s.Checks {
		rows = append(rows, lines(t, k)...)
	}
	fmt.Fprintf(w, "%s\n\n%s", t.Level(s.Level), ui.Columns(rows))
}

func stageCheck(group, id, title string, v health.Verdict) Check {
	return Check{Result: health.Result{ID: id, Group: group, Title: title, Result: v.Level, Detail: v.Detail, Evidence: v.Evidence, Fix: v.Fix}}
}

// leastSpace is what v0.12.6 asked for on / and on /var; program and history
// take less than half of it.
const leastSpace = 200 << 20

// preChecks look at the machine below root, as the user uid.
func preChecks(root string, uid int) []Check {
	const group = "before an installation"
	var out []Check
	add := func(id, title string, v health.Verdict) { out = append(out, stageCheck(group, id, title, v)) }

	var name unix.Utsname
	kernel := unknown("the kernel does not say its release")
	if unix.Uname(&name) == nil {
		kernel = well("%s %s", unix.ByteSliceToString(name.Sysname[:]), unix.ByteSliceToString(name.Release[:]))
	}
	add("linux", "This is no Linux", kernel)

	if _, err := os.Stat(filepath.Join(root, "run/systemd/system")); err == nil { // sd_booted(3)
		add("systemd_runs", "systemd is not this machine's init", well("systemd is this machine's init"))
	} else {
		add("systemd_runs", "systemd is not this machine's init", health.Verdict{
			Level: health.Critical, Detail: "systemd is not this machine's init: nothing would start annad",
			Fix: "Run the daemon by hand (annad --help), or any command with --standalone",
		})
	}
	for _, place := range []struct{ id, path string }{{"space_root", "/"}, {"space_var", "/var"}} {
		add(place.id, "Too little space", space(root, place.path))
	}
	units := filepath.Join(root, "etc/systemd/system")
	if info, err := os.Stat(units); err == nil && info.IsDir() {
		add("unit_dir", "There is no place for units", well("/etc/systemd/system is there"))
	} else {
		add("unit_dir", "There is no place for units", health.Verdict{
			Level: health.Critical, Detail: "/etc/systemd/system is no directory: units cannot be enabled", Fix: "Install systemd, or: sudo mkdir -p /etc/systemd/system",
		})
	}
	if uid == 0 {
		add("root", "Not root", well("this is root, who may install"))
	} else {
		add("root", "Not root", well("this is user %d: an installation needs sudo", uid))
	}
	return out
}

func space(root, path string) health.Verdict {
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Join(root, path), &st); err != nil {
		return unknown("%s cannot be measured: %v", path, err)
	}
	free := st.Bavail * uint64(st.Bsize)
	if free < leastSpace {
		return health.Verdict{Level: health.Critical, Detail: fmt.Sprintf("%d MiB free on %s, less than %d", free>>20, path, leastSpace>>20), Fix: "Free some space there first"}
	}
	return well("%d MiB free on %s", free>>20, path)
}

// postChecks look for what an installation puts there; what the daemon needs
// beside that, examine looks at.
func postChecks(path []string, private bool) []Check {
	const group = "after an installation"
	var missing []string
	for _, name := range []string{"anna", "annad", "annactl"} {
		there := func(dir string) bool { return unix.Access(filepath.Join(dir, name), unix.X_OK) == nil }
		if !slices.ContainsFunc(path, there) {
			missing = append(missing, name)
		}
	}
	programs := well("anna, annad and annactl are on the PATH")
	if len(missing) > 0 {
		programs = health.Verdict{Level: health.Warning, Detail: fmt.Sprintf("not on the PATH: %v", missing), Fix: "Install the package, or: sudo scripts/install.sh"}
	}
	account := well("the user anna is there")
	if private {
		account = unknown("a private daemon runs as whoever called it")
	} else if _, err := user.Lookup("anna"); err != nil {
		account = health.Verdict{Level: health.Critical, Detail: "there is no user anna, whom the daemon runs as", Fix: "Make it: sudo systemd-sysusers"}
	}
	unit := health.Verdict{Level: health.Critical, Detail: "systemd finds no annad.service", Fix: "Install the package, or: sudo scripts/install.sh"}
	if private {
		unit = unknown("a private daemon is none of systemd's")
	}
	dirs := []string{"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}
	if i := slices.IndexFunc(dirs, func(dir string) bool { _, err := os.Stat(dir + "/annad.service"); return err == nil }); i >= 0 {
		unit = well("%s/annad.service", dirs[i])
	}
	return []Check{
		stageCheck(group, "programs", "A program is missing", programs),
		stageCheck(group, "user", "The daemon's user is missing", account),
		stageCheck(group, "unit", "The unit is missing", unit),
	}
}
