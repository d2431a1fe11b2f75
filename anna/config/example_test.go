package config_test

import (
	"fmt"
	"os"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

// Every problem is told at once, with its place.
func Example() {
	sources := config.FromBytes("config.toml", []byte(`[health]
interval = 5
memory_war = "60MB"
`), nil)
	_, report := config.Parse(sources, config.Options{})
	_ = report.Write(os.Stdout)
	// Output:
	// config.toml:2:12: health.interval: cannot be the number 5: it must be a duration in quotes
	//   2 | interval = 5
	//     |            ^
	//   allowed: a duration from "200ms" to "5m"
	//   did you mean "5s"?
	//
	// config.toml:3:1: there is no key memory_war in the section [health]
	//   3 | memory_war = "60MB"
	//     | ^
	//   allowed: interval, rpc_window, rpc_p99_warn, rpc_p99_crit, memory_warn, memory_crit, queue_warn, queue_crit, raise_after, clear_after
	//   did you mean memory_warn?
}

// A reload asks what is different and what has to wait for a restart.
func ExampleDiff() {
	running := config.Default()
	onDisk, _ := config.Parse(config.FromBytes("config.toml", []byte("health.interval = \"2s\"\ndaemon.socket = \"/run/a.sock\"\n"), nil), config.Options{})
	for _, c := range config.Diff(running, onDisk) {
		fmt.Printf("%s: %s -> %s (%s: %s), from %s\n", c.Key, c.Before, c.After, c.Class, c.Why, onDisk.Origin(c.Key))
	}
	// Output:
	// daemon.socket: "/run/anna/annad.sock" -> "/run/a.sock" (restart: the socket is bound once, at the start), from config.toml:2
	// health.interval: "1s" -> "2s" (live: read again for the next measurement), from config.toml:1
}
