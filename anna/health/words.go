package health

import (
	"fmt"
	"time"
)

// mb is the unit in which memory is configured and told, in bytes.
const mb = 1 << 20

// counted writes a number and what it counts.
func counted[T int | uint64](n T, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func inMB(n uint64) float64 { return float64(n*100/mb) / 100 }

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// InMillis writes how long an answer took, in milliseconds below a second: "µs" is
// not ASCII, and every other latency is in ms as well.
func InMillis(d time.Duration) string {
	switch {
	case d >= time.Second:
		return short(d).String()
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.0f ms", millis(d))
	}
	return fmt.Sprintf("%.2f ms", millis(d))
}

// short rounds a time to what a reader needs.
func short(d time.Duration) time.Duration {
	switch {
	case d >= time.Second:
		return d.Round(100 * time.Millisecond)
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}

// Span writes a length of time with one unit, rounded down: "42 min".
func Span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

// minutes writes a threshold of whole minutes.
func minutes(d time.Duration) string { return fmt.Sprintf("%d min", d/time.Minute) }
