// Package daemon is the life of annad: it reads its configuration, takes or
// makes its socket, answers requests, tells systemd how it does, and stops
// without losing what it was asked.
//
// Start and Stop are the whole of it, so that the same daemon runs under
// systemd, in a terminal, inside a client (--standalone) and in a test:
//
//	d, err := daemon.Start(ctx, daemon.Options{Table: applets.Table, ConfigPath: path})
//	...
//	d.Stop("SIGTERM")
package daemon
