package rpc

import "time"

// Limits bound what clients can cost the daemon: what they
// let it hold is less than 10 MB, and within 20 MB with its garbage where the
// process has a memory limit (debug.SetMemoryLimit). Zero fields take the default.
type Limits struct {
	Connections int           // open connections
	PerUID      int           // of them by one user, root apart
	Reserved    int           // of them kept for root and the daemon itself
	Unanswered  int           // requests of one connection that are being worked on
	Line        int           // bytes of one request line
	Batch       int           // requests in one batch
	Depth       int           // nesting of one request line
	Lines       int           // bytes of request lines held, over all connections
	Answers     int           // bytes of memory for answers not yet written, over all connections
	Idle        time.Duration // silence between two requests
	LineTime    time.Duration // from a line's first byte to its last
	Write       time.Duration // one answer's way into the socket
	QuickTime   time.Duration // a quick method's time
	// What does not count yet: every ordinary request and answer is smaller.
	freeLineBytes   int
	freeAnswerBytes int
}

// DefaultLimits are the limits that docs/RPC.md publishes.
var DefaultLimits = Limits{
	Connections: 64,
	PerUID:      16,
	Reserved:    4,
	Unanswered:  16,
	Line:        1 << 20,
	Batch:       64,
	Depth:       64,
	Lines:       2 << 20,
	Answers:     8 << 20,
	Idle:        5 * time.Minute,
	LineTime:    10 * time.Second,
	Write:       5 * time.Second,
	QuickTime:   5 * time.Second,

	freeLineBytes:   4 << 10,
	freeAnswerBytes: 4 << 10,
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits
	for _, f := range []struct{ have, def *int }{
		{&l.Connections, &d.Connections},
		{&l.PerUID, &d.PerUID},
		{&l.Reserved, &d.Reserved},
		{&l.Unanswered, &d.Unanswered},
		{&l.Line, &d.Line},
		{&l.Batch, &d.Batch},
		{&l.Depth, &d.Depth},
		{&l.Lines, &d.Lines},
		{&l.Answers, &d.Answers},
		{&l.freeLineBytes, &d.freeLineBytes},
		{&l.freeAnswerBytes, &d.freeAnswerBytes},
	} {
		if *f.have == 0 {
			*f.have = *f.def
		}
	}
	for _, f := range []struct{ have, def *time.Duration }{
		{&l.Idle, &d.Idle}, {&l.LineTime, &d.LineTime}, {&l.Write, &d.Write}, {&l.QuickTime, &d.QuickTime},
	} {
		if *f.have == 0 {
			*f.have = *f.def
		}
	}
	return l
}
