package events

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// maxCauses is how many causes of one event a screen shows; JSON has them all.
const maxCauses = 10

func printList(w io.Writer, t ui.Theme, l List) {
	if len(l.Events) == 0 {
		io.WriteString(w, "nothing happened")
		if l.Pending > 0 {
			fmt.Fprintf(w, " that is through the queue; %d wait in it", l.Pending)
		}
		io.WriteString(w, "\n")
		return
	}
	for _, e := range l.Events {
		printItem(w, t, Item{Event: &e})
	}
	if l.Pending > 0 {
		fmt.Fprintln(w, t.Paint(ui.Faint, fmt.Sprintf("%d more wait in the queue", l.Pending)))
	}
	if l.Accounting.Dropped > 0 {
		fmt.Fprintf(w, "%d events were dropped since the beginning, because the queue was full\n", l.Accounting.Dropped)
	}
}

// printItem shows an event, one line a cause.
func printItem(w io.Writer, t ui.Theme, item Item) error {
	if item.Missed > 0 {
		_, err := fmt.Fprintf(w, "%s\n", t.Paint(ui.Warn, fmt.Sprintf("%d events were missed: they are stored no longer", item.Missed)))
		return err
	}
	e := item.Event
	if e == nil {
		return nil
	}
	var b strings.Builder
	for i, cause := range e.Causes {
		if i == maxCauses {
			fmt.Fprintf(&b, "%30s... and %d more (--json shows them)\n", "", len(e.Causes)-i)
			break
		}
		fmt.Fprintf(&b, "%s  %-8s  %s\n", cause.LastTime.Local().Format(time.DateTime), ui.Plain(string(e.Domain)), causeText(t, cause))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func causeText(t ui.Theme, c events.Cause) string {
	text := ui.Plain(c.Subject) + " " + ui.Plain(strings.ReplaceAll(c.Kind, "_", " "))
	if c.Detail != "" {
		text += t.Dot() + ui.Plain(c.Detail)
	}
	if c.Count > 1 {
		text += fmt.Sprintf("%s%d times", t.Dot(), c.Count)
	}
	if c.CatchUp {
		text += t.Dot() + t.Paint(ui.Faint, "while annad was down")
	}
	return text
}
