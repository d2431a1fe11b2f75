package health

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
	"github.com/jjgarcianorway/anna-assistant/anna/ui/dash"
	"github.com/jjgarcianorway/anna-assistant/anna/version"
)

// followPause is how long a stream that ended is left alone.
const followPause = time.Second

// The methods of another capability, of which only the names are known here.
const (
	methodListEvents       = "list_events"
	methodFollowEvents     = "follow_events"
	methodListCapabilities = "list_capabilities"
)

// watching marks a request as one that only watches: it is counted apart and
// changes no window that the dashboard shows.
var watching = rpc.Watching{Observer: true}

// capabilitiesAge is how old the list of capabilities may get while their
// counts stay the same.
const capabilitiesAge = 10 * time.Second

// onTerminal reports whether a dashboard can be drawn: on a terminal that says
// its kind, and is not one that only prints.
func onTerminal(c *console.Console) bool {
	kind := os.Getenv("TERM")
	return !c.JSON && c.OutIsTerminal() && kind != "" && kind != "dumb"
}

// dashboard shows the figures until the user leaves. What watches changes none
// of them: its requests are marked.
func dashboard(c *console.Console, interval time.Duration) error {
	var first Metrics
	if err := c.Call(methodMetrics, Params{watching}, &first); err != nil {
		return err
	}
	s := &source{
		model: newModel(version.Number, interval, first),
		client: &rpc.Client{Socket: c.Socket(), Spec: func(method string) (rpc.Spec, bool) {
			if method == methodFollow || method == methodFollowEvents {
				return rpc.Spec{Name: method, Kind: rpc.Stream, Idempotent: true}, true
			}
			return rpc.Spec{}, false
		}},
	}
	began := time.Now()
	s.capabilities(c.Context(), first.Capabilities)
	err := dash.Run(c.Context(), dash.Options{
		Theme: c.Theme, Interval: interval, First: s.model.remembered(s.history(c.Context())), Poll: s.poll,
		Beside: []func(context.Context, func(dash.View), func()){s.followEvents, s.followFindings},
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(c.Out, ui.Plain(s.model.summary(ui.Span(time.Since(began))))+"\n")
	return err
}

// A source asks the daemon. It says nothing on the terminal, which is the
// dashboard's.
type source struct {
	client *rpc.Client
	model  *model
	lost   bool // the last question had no answer

	listed time.Time // when the list of capabilities was asked for
	counts capability.Counts
}

func (s *source) poll(ctx context.Context) (dash.View, error) {
	var m Metrics
	if err := s.client.CallOnce(ctx, methodMetrics, Params{watching}, &m); err != nil {
		s.lost = true
		// There is one line for it, and the socket's path can fill one.
		return nil, errors.New(strings.TrimPrefix(err.Error(), "cannot connect to annad at "+s.client.Socket+": "))
	}
	if s.lost {
		s.lost = false
		s.model.remembered(s.history(ctx))
	}
	s.capabilities(ctx, m.Capabilities)
	return s.model.took(m), nil
}

// capabilities asks for the list of capabilities when their counts changed, and
// else now and then. A daemon that knows no such method leaves the counts.
func (s *source) capabilities(ctx context.Context, counts capability.Counts) {
	if counts == s.counts && time.Since(s.listed) < capabilitiesAge {
		return
	}
	s.listed, s.counts = time.Now(), counts
	var list struct {
		Capabilities []capability.Report `json:"capabilities"`
	}
	if err := s.client.CallOnce(ctx, methodListCapabilities, watching, &list); err != nil {
		list.Capabilities = nil
	}
	s.model.can(list.Capabilities)
}

// history is what the daemon remembers; nothing of one that knows no such
// method.
func (s *source) history(ctx context.Context) History {
	var h History
	p := HistoryParams{Series: []string{seriesLatency, seriesMemory, seriesMemoryAll, seriesQueue}, Watching: watching}
	if err := s.client.CallOnce(ctx, methodHistory, p, &h); err != nil {
		return History{}
	}
	return h
}

// followEvents shows the newest events, then what comes, also across restarts
// of the daemon.
func (s *source) followEvents(ctx context.Context, push func(dash.View), _ func()) {
	var after *uint64
	for ctx.Err() == nil {
		err := s.tail(ctx, &after, push)
		if ctx.Err() != nil {
			return
		}
		if why := "no events: " + reason(err); permanent(err) {
			push(s.model.tailLost(why))
			return
		}
		pause(ctx)
	}
}

// tailParams are what is used here of the parameters of list_events and
// follow_events.
type tailParams struct {
	After *uint64 `json:"after,omitempty"`
	Limit int     `json:"limit,omitempty"`
	rpc.Watching
}

func (s *source) tail(ctx context.Context, after **uint64, push func(dash.View)) error {
	if *after == nil {
		var list struct {
			Events []composite `json:"events"`
			Last   uint64      `json:"last"`
		}
		if err := s.client.CallOnce(ctx, methodListEvents, tailParams{Limit: keptEvents / 4, Watching: watching}, &list); err != nil {
			return err
		}
		for _, e := range list.Events {
			s.model.happened(e.events()...)
		}
		*after = &list.Last
		push(s.model.happened())
	}
	return s.client.Follow(ctx, methodFollowEvents, tailParams{After: *after, Watching: watching}, func(raw json.RawMessage) error {
		var item struct {
			Event  *composite `json:"event"`
			Missed uint64     `json:"missed"`
		}
		if err := json.Unmarshal(raw, &item); err != nil {
			return rpc.Errorf(rpc.InvalidResponse, "cannot read an event: %w", err)
		}
		if item.Missed > 0 {
			s.model.happened(event{id: fmt.Sprintf("missed %d", **after), at: time.Now(), subject: fmt.Sprint(item.Missed), what: "events were missed: they are stored no longer"})
		}
		if item.Event != nil {
			**after = item.Event.Number
			s.model.happened(item.Event.events()...)
		}
		push(s.model.happened())
		return nil
	})
}

// followFindings has the daemon asked anew at once when a finding changes.
func (s *source) followFindings(ctx context.Context, push func(dash.View), ask func()) {
	for ctx.Err() == nil {
		err := s.client.Follow(ctx, methodFollow, watching, func(raw json.RawMessage) error {
			var item Item
			if err := json.Unmarshal(raw, &item); err != nil {
				return rpc.Errorf(rpc.InvalidResponse, "cannot read a finding: %w", err)
			}
			if item.Change != nil {
				push(s.model.changed(*item.Change))
				ask()
			}
			return nil
		})
		if permanent(err) {
			return
		}
		pause(ctx)
	}
}

// permanent reports whether asking again is in vain.
func permanent(err error) bool {
	var e *rpc.Error
	return errors.As(err, &e) && !away(e.Code) && e.Code != rpc.Cancelled
}

func reason(err error) string {
	if err == nil {
		return "the daemon ended them"
	}
	return err.Error()
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(followPause):
	}
}
