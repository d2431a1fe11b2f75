// Package telemetry keeps what must outlast a moment: the daemon's own figures
// second by second for five minutes, and in one SQLite database (anna.db)
// samples, events, findings, configuration receipts, scrubs and balances,
// acknowledgements and the saved states of event sources.
//
// Callers never wait for the disk. What they hand in is kept in memory at
// once, where queries see it, and one writer goroutine commits it: once a
// minute, or at once for findings and receipts. The writer sleeps while there
// is nothing to write.
//
// A store always works. Where the database cannot be used (damaged, locked,
// read-only, a full disk, somebody else's directory) it runs in memory, says so
// (Store.Trouble) and tries again at the next commit; nothing that is still in
// memory is lost by that. Memory and file are bounded, and what had to be
// given up for the bound is counted (Store.Stats).
//
// The file is plain SQLite in WAL mode and may be read with sqlite3(1) while
// the daemon runs. Times are microseconds since the epoch, sample times
// seconds. The predecessor's telemetry.db is never touched.
package telemetry
