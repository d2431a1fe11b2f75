package daemon

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/journal"

	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc/diagnose"
)

// The message ids of transitions (systemd.journal-fields(7), MESSAGE_ID):
// journalctl MESSAGE_ID=... finds every one. A level that changes is raised
// again.
const (
	messageRaised   = "5f1d2ce1a64c4c6e9a3c9c8a7f0e51b2"
	messageResolved = "c02a8f6ee09f4a3f8a52d9d6b3177d4e"
)

// An alarm writes transitions to the log: with fields of their own where it is
// the journal, as a line elsewhere.
type alarm struct {
	log     *slog.Logger
	journal bool
}

func newAlarm(d *Daemon) alarm {
	return alarm{log: d.log, journal: !d.opts.Private && isJournal(os.Stderr, os.Getenv("JOURNAL_STREAM")) && journal.Enabled()}
}

func (a alarm) tell(c health.Change) {
	f := c.Finding
	message, level := transition(c)
	if a.journal {
		fields := map[string]string{
			"MESSAGE_ID": messageRaised, "ANNA_FINDING": f.ID, "ANNA_LEVEL": f.Level.String(), "ANNA_TRANSITION": c.Kind,
			"ANNA_DETAIL": f.Detail, "ANNA_FIX": f.Fix, "ANNA_SINCE": f.Since.UTC().Format(time.RFC3339Nano),
			"SYSLOG_IDENTIFIER": "annad",
		}
		if c.Kind == health.Acknowledged {
			delete(fields, "MESSAGE_ID") // it is neither
		}
		if c.Kind == health.Resolved || c.Kind == health.Hidden {
			fields["MESSAGE_ID"] = messageResolved
			fields["ANNA_LASTED_SEC"] = strconv.FormatFloat(c.LastedSec, 'f', 0, 64)
		}
		if e := f.Evidence; e != nil {
			fields["ANNA_FIGURE"], fields["ANNA_UNIT"] = e.Figure, e.Unit
			fields["ANNA_VALUE"] = strconv.FormatFloat(e.Value, 'g', -1, 64)
			fields["ANNA_THRESHOLD"] = strconv.FormatFloat(e.Threshold, 'g', -1, 64)
		}
		if f.After != nil {
			fields["ANNA_AFTER"] = fmt.Sprintf("%s %d", f.After.Kind, f.After.Number)
		}
		if err := journal.Send(message, journalPriority(level), fields); err == nil {
			return
		}
	}
	a.log.Log(context.Background(), level, message, "finding", f.ID)
}

// transition puts a change into words.
func transition(c health.Change) (string, slog.Level) {
	f := c.Finding
	switch c.Kind {
	case health.Resolved:
		return fmt.Sprintf("resolved after %s: %s (%s)", health.Span(time.Duration(c.LastedSec*float64(time.Second))), f.Title, f.ID), slog.LevelInfo
	case health.Hidden:
		return fmt.Sprintf("no finding of its own any more: %s (%s)", f.Title, f.ID), slog.LevelInfo
	case health.Acknowledged:
		a := f.Acknowledged
		text := fmt.Sprintf("known until %s, says %s: %s (%s)", a.Until.Local().Format(time.DateTime), a.Who, f.Title, f.ID)
		if a.Note != "" {
			text += ": " + a.Note
		}
		return text, slog.LevelInfo
	}
	level := slog.LevelInfo
	switch f.Level {
	case health.Warning:
		level = slog.LevelWarn
	case health.Critical:
		level = slog.LevelError
	}
	word := f.Level.String()
	if f.Level == health.OK {
		word = "notice"
	}
	text := fmt.Sprintf("%s: %s (%s): %s", word, f.Title, f.ID, f.Detail)
	if f.Fix != "" {
		text += ". " + f.Fix
	}
	return text, level
}

func journalPriority(l slog.Level) journal.Priority {
	switch {
	case l >= slog.LevelError:
		return journal.PriErr
	case l >= slog.LevelWarn:
		return journal.PriWarning
	}
	return journal.PriInfo
}

// healthText is the level and the findings behind it, for one line; "" when all
// is well.
func healthText(s health.State) string {
	if s.Level < health.Warning {
		return ""
	}
	var ids []string
	for _, f := range s.Findings {
		if f.Acknowledged == nil && f.Level >= health.Warning {
			ids = append(ids, f.ID)
		}
	}
	return s.Level.String() + ": " + strings.Join(ids, ", ")
}

// previousID is the check that tells of the daemon before.
const previousID = "previous_run"

// previousRun tells how the daemon before this one ended, from the words and
// the findings that it left, and closes those: they ended with it.
func (k *keeper) previousRun(ctx context.Context) health.Previous {
	d := k.d
	ctx, cancel := context.WithTimeout(ctx, stateTime)
	defer cancel()
	open, err := d.store().Findings(ctx, time.Now(), 0)
	if err != nil {
		d.log.Warn("the stored findings cannot be read", "error", err)
	}
	words, err := diagnose.ReadWords(d.Socket)
	clean := err == nil && words.State == "stopped"
	var p health.Previous
	var had []string
	ended := time.Now()
	if err == nil && !clean {
		ended = words.At
		p.Unclean = true
		p.Story = "last heard of " + words.At.Local().Format(time.DateTime)
		if words.MemoryMB != nil && words.LimitMB != nil {
			p.Story += fmt.Sprintf(" with %.0f of %.0f MB", *words.MemoryMB, *words.LimitMB)
		} else if words.MemoryMB != nil {
			p.Story += fmt.Sprintf(" with %.0f MB", *words.MemoryMB)
		}
		if !slices.Equal(words.Findings, []string{previousID + " warning"}) {
			_ = p.Level.UnmarshalText([]byte(cmp.Or(words.Level, "ok")))
		}
		if words.SelfCheck != "" {
			p.Level = health.Critical
			p.Story += "; its self-check had failed, for which systemd's watchdog ends it: " + words.SelfCheck
		}
	}
	for _, f := range open {
		if strings.HasPrefix(f.ID, advicePrefix) {
			continue // about the machine: it outlives the daemon
		}
		var level health.Level
		if f.ID != previousID { // what it said of the one before it is no news
			if level.UnmarshalText([]byte(f.Level)) == nil {
				p.Level = max(p.Level, level)
			}
			had = append(had, f.ID+" "+f.Level)
		}
		f.Cleared = ended
		if f.Cleared.Before(f.Raised) {
			f.Cleared = f.Raised
		}
		d.store().SaveFinding(f)
	}
	if len(had) > 0 && err != nil {
		p.Unclean, p.Story = true, "it left findings and no last words" // a machine that went down
	}
	if !p.Unclean {
		return health.Previous{}
	}
	if len(had) > 0 {
		p.Story += "; its findings were: " + strings.Join(had, ", ")
	}
	return p
}
