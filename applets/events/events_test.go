package events

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// sample is a list with every field filled.
func sample() List {
	at := time.Date(2026, 11, 23, 18, 30, 0, 0, time.UTC)
	cause := func(kind, subject, detail string, n uint64) events.Cause {
		return events.Cause{
			Kind: kind, Subject: subject, Source: "storage", Detail: detail, Attributes: map[string]string{"type": "btrfs"},
			Count: n, FirstSeq: 7, LastSeq: 6 + n, FirstTime: at, LastTime: at.Add(time.Second),
		}
	}
	late := cause("changed", "/etc/hosts", "content", 1)
	late.CatchUp = true
	return List{
		Events: []events.Composite{
			{
				Number: 3, Domain: events.Storage, Count: 4, FirstSeq: 7, LastSeq: 10, FirstTime: at, LastTime: at.Add(time.Second),
				Causes: []events.Cause{cause("mounted", "/mnt/backup", "btrfs, rw", 3), cause("read_only", "/home", "", 1)},
				Error:  "the store was full",
			},
			{Number: 4, Domain: events.Config, Count: 1, FirstSeq: 11, LastSeq: 11, FirstTime: at, LastTime: at, Causes: []events.Cause{late}},
		},
		Last: 4, Pending: 2, Accounting: events.Accounting{Observed: 14, Processed: 2, Merged: 3, Pending: 2, Dropped: 7},
	}
}

// TestWire freezes what crosses the socket.
func TestWire(t *testing.T) {
	for name, v := range map[string]any{
		"events-list":   sample(),
		"events-item":   Item{Event: &sample().Events[1]},
		"events-missed": Item{Missed: 12},
	} {
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		annatest.Golden(t, "testdata/json/"+name+".json", append(text, '\n'))
	}
}

func TestScreens(t *testing.T) {
	local := time.Local
	time.Local = time.UTC // a screen shows the reader's own time
	defer func() { time.Local = local }()
	annatest.Screens(t, "testdata/screen/events.txt", func(w io.Writer, th ui.Theme) { printList(w, th, sample()) },
		annatest.Part{Name: "missed", Draw: func(w io.Writer, th ui.Theme) { printItem(w, th, Item{Missed: 12}) }},
		annatest.Part{Name: "nothing", Draw: func(w io.Writer, th ui.Theme) { printList(w, th, List{}) }},
		annatest.Part{Name: "nothing yet", Draw: func(w io.Writer, th ui.Theme) { printList(w, th, List{Pending: 3}) }},
	)
}

// TestScreenOfHostileNames holds that what was mounted or changed is shown as
// data, whatever it is called.
func TestScreenOfHostileNames(t *testing.T) {
	l := sample()
	annatest.Poison(&l)
	annatest.Harmless(t, func(w io.Writer) { printList(w, ui.Theme{}, l) })
}

// TestManyCauses holds that one event does not fill the screen.
func TestManyCauses(t *testing.T) {
	l := sample()
	for range 100 {
		l.Events[0].Causes = append(l.Events[0].Causes, l.Events[0].Causes[0])
	}
	var b strings.Builder
	printList(&b, ui.Theme{}, l)
	if n := strings.Count(b.String(), "\n"); n > maxCauses+5 || !strings.Contains(b.String(), "and 92 more") {
		t.Errorf("%d lines:\n%s", n, b.String())
	}
}
