package metrics

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Class says how a request counts.
type Class uint8

// Quick requests count in the window of their method and in the one over all.
// Long ones (they read a whole disk) and streams (until their first line)
// count in their method's window only. Self are the daemon's own requests and
// the dashboard's: counted, in no window, so that watching does not change
// what is watched.
const (
	Quick Class = iota
	Long
	Stream
	Self
)

// String returns the word of a class.
func (c Class) String() string {
	switch c {
	case Quick:
		return "quick"
	case Long:
		return "long"
	case Stream:
		return "stream"
	case Self:
		return "self"
	}
	return "unknown"
}

// UnknownMethod is the name under which requests for methods that do not exist
// are counted: what a client invents must not grow the daemon.
const UnknownMethod = "(unknown)"

// Latency records every request of an RPC server. The methods are fixed at the
// start; Record looks one up without a lock and does not allocate.
type Latency struct {
	methods map[string]*method // never changed after NewLatency
	names   []string           // sorted

	quick *Window // over all quick methods

	mu   sync.Mutex
	life *hdrhistogram.Histogram // microseconds, quick methods, since the start
}

type method struct {
	window                 *Window
	requests, errors, self atomic.Uint64
}

// The histogram covers 1 microsecond to 1 hour; what lies outside counts as
// the nearest bound.
const lifeMax = int64(time.Hour / time.Microsecond)

// NewLatency returns a recorder for the named methods, with windows of the
// given size.
func NewLatency(window int, methods []string) *Latency {
	l := &Latency{
		methods: make(map[string]*method, len(methods)+1),
		quick:   NewWindow(window),
		life:    hdrhistogram.New(1, lifeMax, 2),
	}
	for _, name := range append([]string{UnknownMethod}, methods...) {
		if l.methods[name] == nil {
			name = strings.Clone(name)
			l.methods[name] = &method{window: NewWindow(window)}
			l.names = append(l.names, name)
		}
	}
	slices.Sort(l.names)
	return l
}

// Record counts one request: read to written, failed ones too.
func (l *Latency) Record(name string, class Class, took time.Duration, failed bool) {
	m := l.methods[name]
	if m == nil {
		m = l.methods[UnknownMethod]
	}
	if class == Self {
		m.self.Add(1)
		return
	}
	m.requests.Add(1)
	if failed {
		m.errors.Add(1)
	}
	m.window.Record(took, failed)
	if class != Quick {
		return
	}
	l.quick.Record(took, failed)
	us := min(max(int64(took.Round(time.Microsecond)/time.Microsecond), 1), lifeMax)
	l.mu.Lock()
	_ = l.life.RecordValue(us) // within its bounds by the line above
	l.mu.Unlock()
}

// SetWindow changes the size of every window and keeps what fits.
func (l *Latency) SetWindow(size int) {
	l.quick.Resize(size)
	for _, m := range l.methods {
		m.window.Resize(size)
	}
}

// Overall returns the window over all quick methods: what the p99 finding
// looks at.
func (l *Latency) Overall() WindowStats { return l.quick.Stats() }

// MethodStats says how one method did.
type MethodStats struct {
	Name     string
	Requests uint64 // since the start, without Self
	Errors   uint64 // of those
	Self     uint64 // the daemon's own and the dashboard's
	Window   WindowStats
}

// LifeStats sums up the quick requests since the start, from a histogram of
// two significant digits. The durations are nil without a request.
type LifeStats struct {
	Count                          int64
	Mean, P50, P95, P99, P999, Max *time.Duration
}

// LatencyStats is the recorder's state at one moment.
type LatencyStats struct {
	Quick   WindowStats   // over all quick methods
	Life    LifeStats     // the same since the start
	Methods []MethodStats // those ever asked for, by name

	Requests, Errors, Self uint64 // over all methods and classes, since the start
}

// Snapshot returns plain data that the recorder does not touch again. Figures
// of different methods may be a request apart.
func (l *Latency) Snapshot() LatencyStats {
	s := LatencyStats{Quick: l.quick.Stats(), Life: l.lifeStats()}
	for _, name := range l.names {
		m := l.methods[name]
		ms := MethodStats{Name: name, Errors: m.errors.Load(), Requests: m.requests.Load(), Self: m.self.Load()}
		if ms.Requests+ms.Self == 0 {
			continue
		}
		ms.Window = m.window.Stats()
		s.Requests += ms.Requests
		s.Errors += ms.Errors
		s.Self += ms.Self
		s.Methods = append(s.Methods, ms)
	}
	return s
}

func (l *Latency) lifeStats() LifeStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := LifeStats{Count: l.life.TotalCount()}
	if s.Count == 0 {
		return s
	}
	us := func(v int64) *time.Duration { d := time.Duration(v) * time.Microsecond; return &d }
	mean := time.Duration(l.life.Mean() * float64(time.Microsecond)).Round(time.Microsecond)
	s.Mean = &mean
	s.P50 = us(l.life.ValueAtQuantile(50))
	s.P95 = us(l.life.ValueAtQuantile(95))
	s.P99 = us(l.life.ValueAtQuantile(99))
	s.P999 = us(l.life.ValueAtQuantile(99.9))
	s.Max = us(l.life.Max())
	return s
}
