package events_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/events"
)

func Example() {
	dir, err := os.MkdirTemp("", "events")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	settings := events.DefaultSettings()
	settings.Debounce = time.Millisecond
	engine, err := events.New(events.Options{
		Dir:      dir,
		Settings: settings,
		Handler: events.HandlerFunc(func(_ context.Context, c events.Composite) error {
			for _, cause := range c.Causes {
				fmt.Printf("%s: %s %s, %d times\n", c.Domain, cause.Subject, cause.Kind, cause.Count)
			}
			return nil
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range 3 {
		_, err := engine.Observe(events.Event{Domain: events.Config, Kind: "changed", Subject: "/etc/fstab", Source: "config"})
		if err != nil {
			fmt.Println(err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	stop() // Run drains what is pending
	if err := engine.Run(ctx); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("%+v\n", engine.Accounting())
	engine.Close()
	// Output:
	// config: /etc/fstab changed, 3 times
	// {Observed:3 Processed:1 Merged:2 Pending:0 Dropped:0}
}
