// Package events is anna's queue of what happened on the machine, its
// accounting, its memory across a crash, and the listeners that feed it.
//
// Sources observe, the [Engine] accepts, a [Handler] consumes:
//
//	source -> Engine.Observe -> spool -> composites per domain -> Handler
//	                                  -> history ring -> followers
//
// # Accounting
//
// Every observed event has a sequence number or was dropped, and at any
// moment it is exactly one of
//
//   - pending: accepted, not yet through the handler;
//   - processed: the handler returned for the composite it stands for;
//   - merged: handled too, as one more cause or one more count of a composite
//     that another event stands for (a composite of n events ends as one
//     processed and n-1 merged);
//   - dropped: turned away because the queue was full.
//
// so that observed = processed + merged + pending + dropped. [Engine.Accounting]
// takes all five in one locked step, and the sum holds over restarts and
// kill -9, because the numbers live in the spool beside the events.
//
// # Merging, cool-down, bound
//
// The first event of a quiet domain starts a wait (debounce, 300 ms); what the
// domain brings meanwhile becomes one [Composite], which keeps every cause:
// equal events (kind, subject, source) are one cause with a count, first and
// last time, and the details of the last. After a composite its domain cools
// down (30 s): events are deferred into the next composite, never dropped.
//
// The bound is on distinct causes waiting (4096, and 4 MiB of them), for they
// are what memory holds; one more event of a waiting cause costs a counter and
// always finds room. A new cause that finds none is dropped, counted, and
// [ErrFull] tells its source, which keeps what it last reported as it was,
// waits for [Engine.Room], reads its state again and reports the differences.
//
// # Handlers
//
// Composites are numbered and handled one at a time, in the order of the
// numbers. A handler has a deadline, its panics are caught, and a failure is
// tried once more; after that the composite counts as processed and failed,
// is logged and stays in the history. A handler that ignores its context is
// never run twice at once: the engine waits, goes on accepting, and says so in
// [Status]. After a kill a composite that was being handled is handed over
// again, unchanged, under the same number: a handler that ignores numbers it
// has stored sees each composite once.
//
// # Spool
//
// An event is called accepted once its record is written (not synced) to the
// spool, an append-only file in the state directory: it outlives the process,
// and all but the last second outlive a power cut. See [SpoolStatus] for what
// happens when the disk is full, read-only or in another process's hands.
//
// # Sources
//
// There is one for each domain: [PackagesSource], [ConfigSource],
// [DevicesSource], [NetworkSource], [StorageSource], [KernelSource]. Each sleeps
// until the kernel tells of a change, reads what is there now, and reports in
// what it differs from what it reported last. A [Runner] keeps that over
// restarts, so that what changed while nobody watched is told at the next
// start, marked as catch-up. The record of an accepted event holds what its
// source has reported by it, so that after a kill, whenever it came, nothing is
// told twice and nothing is missed.
package events
