package events

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/nearest"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// reconnectPause is how often a follower looks for a daemon that went away.
const reconnectPause = 500 * time.Millisecond

func commands() []*console.Command {
	return []*console.Command{{
		Name:    "events",
		Summary: "what happened on the machine",
		About: `What the daemon noticed, the newest last: files of the configuration, mounts, the network. What a domain brings within a moment is one event with its causes.

With --follow it goes on showing what comes until Ctrl-C, also across a restart of the daemon, without a gap and without anything twice.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on with what comes, until Ctrl-C"},
			&cli.StringFlag{Name: "since", Usage: "only what happened in the last `TIME`, as 1h or 2d"},
			&cli.StringFlag{Name: "domain", Usage: "only one `DOMAIN`: packages, config, devices, network, storage, kernel"},
			&cli.IntFlag{Name: "limit", Aliases: []string{"l"}, Usage: "at most `N` of them, the newest", Value: 50},
		},
		Examples: []console.Example{
			{Line: "annactl events --since 1h", Says: "the last hour"},
			{Line: "annactl events --follow --domain storage", Says: "mounts, as they happen"},
			{Line: "annactl events --follow --json | jq .event", Says: "for a script, one object a line"},
		},
		Calls: []string{methodList, methodFollow},
		Run:   run,
	}}
}

func run(c *console.Console) error {
	p, err := params(c)
	if err != nil {
		return err
	}
	var list List
	if err := c.Call(methodList, p, &list); err != nil {
		return err
	}
	if !c.Bool("follow") {
		return c.Answer(list, func(w io.Writer) { printList(w, c.Theme, list) })
	}
	f := &follower{console: c, domain: p.Domain}
	for _, e := range list.Events {
		if err := f.show(Item{Event: &e}); err != nil {
			return err
		}
	}
	f.after = max(f.after, list.Last) // also those that were not asked for
	return f.run()
}

func params(c *console.Console) (ListParams, error) {
	p := ListParams{Domain: c.String("domain"), Limit: c.Int("limit")}
	if p.Limit < 1 || p.Limit > MaxList {
		return p, console.Usagef("see: "+c.Path()+" --help", "flag --limit needs a number from 1 to %d", MaxList)
	}
	if p.Domain != "" && !events.Domain(p.Domain).Valid() {
		var names []string
		for _, d := range events.Domains() {
			names = append(names, string(d))
		}
		hint := "there are: " + strings.Join(names, ", ")
		if near := nearest.Of(p.Domain, names); near != "" {
			hint = "did you mean: --domain " + near
		}
		return p, console.Usagef(hint, "there is no domain %q", p.Domain)
	}
	if since := c.String("since"); since != "" {
		age, err := config.ParseDuration(since)
		if err != nil {
			return p, console.Usagef("as in: --since 1h, --since 2d", "flag --since: %s", err)
		}
		p.Since = time.Now().Add(-age)
	}
	return p, nil
}

// A follower shows events as they come, and goes on where it was after the
// daemon came back.
type follower struct {
	console *console.Console
	domain  string
	after   uint64 // number of the last event shown
	lost    bool   // the daemon is away, and that was said
}

func (f *follower) run() error {
	c := f.console
	for {
		err := c.Follow(methodFollow, FollowParams{After: &f.after, Domain: f.domain}, f.receive)
		if left := c.Context().Err() != nil; left {
			return nil // Ctrl-C is how one leaves
		}
		switch {
		case !comesBack(err):
			return err
		case !f.lost:
			f.lost = true
			c.Say("the daemon went away; waiting for it")
		}
		select {
		case <-c.Context().Done():
			return nil
		case <-time.After(reconnectPause):
		}
	}
}

// comesBack reports whether waiting for the daemon makes sense.
func comesBack(err error) bool {
	var e *rpc.Error
	if err == nil {
		return true
	}
	return errors.As(err, &e) && slices.Contains([]rpc.Code{
		rpc.SocketNotFound, rpc.ConnectionRefused, rpc.DaemonCrashed, rpc.ConnectionReset, rpc.ConnectTimeout, rpc.Busy, rpc.Cancelled,
	}, e.Code)
}

func (f *follower) receive(raw json.RawMessage) error {
	if f.lost {
		f.lost = false
		f.console.Say("the daemon is back")
	}
	var item Item
	if err := json.Unmarshal(raw, &item); err != nil {
		return rpc.Errorf(rpc.InvalidResponse, "cannot read an event: %w", err)
	}
	return f.show(item)
}

func (f *follower) show(item Item) error {
	if item.Event != nil {
		f.after = item.Event.Number // smaller than before where the numbers began anew
	}
	if f.console.JSON {
		return f.console.PrintJSON(item)
	}
	return printItem(f.console.Out, f.console.Theme, item)
}
