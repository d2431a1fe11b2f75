// Package daemon is the life of annad: it reads its configuration, takes or
// makes its socket, answers requests, tells systemd how it does, and stops
// without losing what it was asked.
//
// Start and Stop are the whole of it, so that the same daemon runs under
// systemd ([Run]), in a terminal, inside a client (--standalone) and in a test:
//
//	d, err := daemon.Start(ctx, daemon.Options{Table: applets.Table, ConfigPath: path, Log: log})
//	...
//	d.Stop("SIGTERM")
//
// Where to find what, beginning with Start in daemon.go:
//
//   - the process: run.go (signals, watchdog), notify.go, log.go, words.go (for
//     clients that find it dead);
//   - the sockets that it makes or is handed, and what the sandbox hides:
//     socket.go, inherit.go, view.go;
//   - when it wakes: beat.go (every second, from memory), rhythm.go (what may wait
//     for a disk), sample.go (what is done to each);
//   - the configuration: first.go (of the start), reload.go (a transaction),
//     parts.go (who follows), ledger.go (what a start must know), watch.go;
//   - the queue and the store: state.go;
//   - the modules: listeners.go, modules.go, capabilities.go; those of Btrfs are
//     btrfs*.go, balances.go, scrub.go and mounts.go;
//   - findings about itself: health.go (the keeper) and health_*.go;
//   - advice about the machine: policy*.go (the advisor) and facts*.go.
package daemon
