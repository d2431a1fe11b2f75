package doctor

import (
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
	"github.com/jjgarcianorway/anna-assistant/anna/version"
)

func commands() []*console.Command {
	flags := func() []cli.Flag {
		return []cli.Flag{
			&cli.BoolFlag{Name: "list", Usage: "what is checked, and when it is bad"},
			&cli.BoolFlag{Name: "fix", Usage: "mend what anna knows how to mend, after asking"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "with --fix: do not ask"},
			&cli.BoolFlag{Name: "dry-run", Usage: "with --fix: only show what would be done"},
		}
	}
	exits := []int{console.ExitWarning, console.ExitCritical, console.ExitNoCheck}
	return []*console.Command{{
		Name:    "doctor",
		Summary: "every check, what is wrong, and what to do",
		About: `Every check there is: the daemon's about itself, and those that only a client can make, of the socket from outside, permissions, the time an answer takes, systemd's opinion and the state directory. They work, and say more, when the daemon is dead.

The exit status is the worst level; a finding that was acknowledged is shown and does not count.

--fix mends what is compiled in, by a check's name: a stale socket, mode and owner of the socket and the state directory, a unit that failed. It shows its plan and asks; off a terminal it needs --yes.`,
		Flags: flags(),
		Examples: []console.Example{
			{Line: "anna doctor", Says: "everything"},
			{Line: "sudo anna doctor --fix", Says: "and mend what can be mended"},
			{Line: "anna doctor --json | jq '.checks[] | select(.result != \"ok\")'", Says: "for a script"},
		},
		Exits: exits, Calls: []string{methodChecks}, Run: run,
		Sub: []*console.Command{{
			Name: "check", Args: "[NAME...]", MaxArgs: -1, ArgWords: names(),
			Summary: "only the checks named",
			Flags:   flags(),
			Examples: []console.Example{
				{Line: "anna doctor check memory queue", Says: "two of them"},
				{Line: "anna doctor check --list", Says: "their names"},
			},
			Exits: exits, Calls: []string{methodChecks}, Run: run,
		}, {
			Name: "ack", Args: "[ID]", MaxArgs: 1,
			Summary: "say that a finding is known",
			About:   "It stays visible, and is quiet and out of the exit status until the time is over or it gets worse. Saying it again replaces time and note. Without ID, what is known. For root and members of [access] control_group; everybody may look.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "for", Usage: "for how long: a `TIME` as 12h or 7d", Value: "7d"},
				&cli.StringFlag{Name: "note", Usage: "a `TEXT` for who reads it"},
				&cli.BoolFlag{Name: "undo", Usage: "take it back: it counts again"},
			},
			Examples: []console.Example{
				{Line: "sudo anna doctor ack executable --for 7d --note 'restart on Sunday'", Says: "for a week"},
				{Line: "anna doctor ack", Says: "what is known, to whom and until when"},
				{Line: "sudo anna doctor ack executable --undo", Says: "it counts again"},
			},
			Calls: []string{methodAck, methodChecks}, Run: runAck,
		}, preCommand(), postCommand(), {
			Name: "repair", Summary: "the old name of: doctor --fix", Hidden: true,
			Flags: flags(),
			Exits: exits, Calls: []string{methodChecks}, Run: func(c *console.Console) error { return runChecks(c, true) },
		}},
	}}
}

func run(c *console.Console) error { return runChecks(c, c.Bool("fix")) }

// runChecks makes the checks named; mends says that what can be mended is.
func runChecks(c *console.Console, mends bool) error {
	names, err := named(c)
	if err != nil {
		return err
	}
	if c.Bool("list") {
		return list(c, names)
	}
	switch {
	case !mends && (c.Bool("yes") || c.Bool("dry-run")):
		return console.Usagef("as in: anna doctor --fix --dry-run", "--yes and --dry-run belong to --fix")
	case mends && c.Private:
		return console.Usagef("see: "+c.Path()+" --help", "--fix and --standalone exclude each other")
	}
	e := examine(c)
	r := e.report(names)
	if mends {
		if err := mend(c, e, &r); err != nil {
			return err
		}
	}
	if err := c.Answer(r, func(w io.Writer) { print(w, c.Theme, r, c.Verbose) }); err != nil {
		return err
	}
	if status := r.exit(); status != 0 {
		return console.Status(status)
	}
	return nil
}

// exit is the worst level, or that nothing could be checked.
func (r Report) exit() int {
	if !slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Result.Result != health.Unknown }) {
		return console.ExitNoCheck
	}
	return r.Level.Exit()
}

// named are the checks asked for; none means all.
func named(c *console.Console) ([]string, error) {
	var known []string
	for _, check := range table() {
		known = append(known, check.ID)
	}
	for _, name := range c.Args {
		if slices.Contains(known, name) {
			continue
		}
		hint := "list them: " + c.Program() + " doctor --list"
		if near := nearest.Of(name, known); near != "" {
			hint = "did you mean: " + c.Path() + " " + near
		}
		return nil, console.Usagef(hint, "there is no check %q", name)
	}
	return c.Args, nil
}

// table is every check: the daemon's, then the client's.
// names are those of every check.
func names() []string {
	var out []string
	for _, c := range table() {
		out = append(out, c.ID)
	}
	return out
}

func table() []health.Check { return slices.Concat(health.Checks, clientChecks) }

// listed is a check as --list --json shows it.
type listed struct {
	ID       string `json:"id"`
	Group    string `json:"group"`
	Says     string `json:"says"`
	Warning  string `json:"warning,omitempty"`
	Critical string `json:"critical,omitempty"`
	Do       string `json:"do"`
}

func list(c *console.Console, names []string) error {
	rows := []listed{}
	for _, k := range table() {
		if len(names) == 0 || slices.Contains(names, k.ID) {
			rows = append(rows, listed{k.ID, k.Group, k.Says, k.Warn, k.Crit, k.Do})
		}
	}
	return c.Answer(struct {
		Checks []listed `json:"checks"`
	}{rows}, func(w io.Writer) { printList(w, c.Theme, rows) })
}

// An exam is what was seen: the daemon's own checks and this client's.
type exam struct {
	daemon Daemon
	checks []Check
	state  diagnose.State
	failed *rpc.Error
	seen   sight
}

// examine looks at everything.
func examine(c *console.Console) *exam {
	e := &exam{daemon: Daemon{Socket: c.Socket()}, seen: sight{socket: c.Socket(), private: c.Private}}
	var answer Checks
	err := c.Call(methodChecks, nil, &answer)
	if !errors.As(err, &e.failed) && err != nil {
		e.failed = rpc.Errorf(rpc.Internal, "%w", err)
	}
	e.state = e.seen.systemd(c.Context())
	if e.failed != nil {
		e.daemon.Error = &Failure{e.failed.Code, e.failed.Message, e.failed.Hint}
		e.daemon.LastWords = e.state.Words
		why := "the daemon does not answer (" + string(e.failed.Code) + ")"
		for _, k := range health.Checks {
			e.checks = append(e.checks, Check{Result: health.Result{ID: k.ID, Group: k.Group, Title: k.Title, Result: health.Unknown, Detail: why}})
		}
	} else {
		e.daemon.Answers, e.daemon.Version = true, answer.Version
		c.SawVersion(answer.Version, version.Number)
		e.checks = answer.Checks
		e.seen.took = took(c)
	}
	e.seen.peer, _ = c.Peer()
	for _, k := range clientChecks {
		v := clientAssess[k.ID](e)
		e.checks = append(e.checks, Check{Result: health.Result{
			ID: k.ID, Group: k.Group, Title: k.Title, Result: v.Level, Detail: v.Detail, Evidence: v.Evidence, Fix: v.Fix,
		}})
	}
	e.mergeSocket()
	return e
}

// took is how long an answer takes, seen from here: the median of five.
func took(c *console.Console) []time.Duration {
	var all []time.Duration
	for range 5 {
		began := time.Now()
		if c.CallOnce("get_version", nil, nil) != nil {
			break
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all
}

// report sums up the checks named.
func (e *exam) report(names []string) Report {
	r := Report{Standalone: e.seen.private, Daemon: e.daemon, Checks: []Check{}}
	for _, k := range e.checks {
		if len(names) > 0 && !slices.Contains(names, k.ID) {
			continue
		}
		r.Checks = append(r.Checks, k)
		if k.Acknowledged == nil {
			r.Level = health.Worst(r.Level, k.Result.Result)
		}
	}
	if r.Level == health.Unknown { // it is told check by check
		r.Level = health.OK
		if !slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Result.Result != health.Unknown }) {
			r.Level = health.Unknown
		}
	}
	// A daemon that is dead is critical whatever was asked.
	if e.failed != nil && e.failed.Code != rpc.SocketPermission {
		r.Level = health.Critical
	}
	return r
}

func runAck(c *console.Console) error {
	if len(c.Args) == 0 {
		return listKnown(c)
	}
	undo := c.Bool("undo")
	length, err := config.ParseDuration(c.String("for"))
	if undo || c.String("for") == "0" {
		length, err = 0, nil
	}
	switch {
	case err != nil:
		return console.Usagef("as in: --for 12h, --for 7d", "flag --for: %s", err)
	case undo && (c.IsSet("for") || c.IsSet("note")):
		return console.Usagef("as in: anna doctor ack ID --undo", "--undo and --for or --note exclude each other")
	}
	id := strings.TrimSpace(c.Args[0])
	if _, ok := health.Find(id); !ok {
		return console.Usagef("see the findings there are: "+c.Program()+" doctor", "there is no finding called %q", id)
	}
	var a Acked
	// A part of a second is a time as well, and 0 takes the word back.
	seconds := int64((length + time.Second - 1) / time.Second)
	if err := c.Call(methodAck, AckParams{ID: id, ForSec: seconds, Note: c.String("note")}, &a); err != nil {
		return err
	}
	return c.Answer(a, func(w io.Writer) { printAck(w, a) })
}

// known is what `anna doctor ack --json` prints.
type known struct {
	Acknowledged []health.Acknowledgement `json:"acknowledged"`
}

func listKnown(c *console.Console) error {
	for _, flag := range []string{"for", "note", "undo"} {
		if c.IsSet(flag) {
			return console.Usagef("as in: anna doctor ack ID --for 7d", "--%s needs the ID of a finding", flag)
		}
	}
	var answer Checks
	if err := c.Call(methodChecks, nil, &answer); err != nil {
		return err
	}
	c.SawVersion(answer.Version, version.Number)
	list := known{append([]health.Acknowledgement{}, answer.Known...)}
	return c.Answer(list, func(w io.Writer) { printKnown(w, list.Acknowledged) })
}
