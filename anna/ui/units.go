package ui

import (
	"fmt"
	"math"
	"time"
)

// MB writes a size in units of 2^20 bytes, as limits are configured.
func MB(mb float64) string {
	switch {
	case mb < 9.95: // what rounds to 10 is written as 10 is
		return fmt.Sprintf("%.1f MB", mb)
	case mb < 10239.5:
		return fmt.Sprintf("%.0f MB", mb)
	}
	return fmt.Sprintf("%.1f GB", mb/1024)
}

// Millis writes a duration given in milliseconds with three digits that count,
// in ASCII.
func Millis(ms float64) string {
	switch {
	case ms > 0 && ms < 0.0005:
		return "<0.001 ms"
	case ms > 0 && ms < 0.0095:
		return fmt.Sprintf("%.3f ms", ms)
	case ms < 9.995:
		return fmt.Sprintf("%.2f ms", ms)
	case ms < 99.95:
		return fmt.Sprintf("%.1f ms", ms)
	case ms < 9999.5:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}

// Span writes a length of time with its two largest units: "3 d 4 h".
func Span(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	for i, u := range units {
		if d < u.size {
			continue
		}
		text := fmt.Sprintf("%d %s", d/u.size, u.name)
		if i+1 < len(units) {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				text += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return text
	}
	return fmt.Sprintf("%d s", int(math.Round(d.Seconds())))
}
