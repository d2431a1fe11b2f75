package config

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes. People write it as "70MB" or "1GiB"; K, KB and
// KiB alike are 2^10, M, MB and MiB 2^20, and so on, as systemd reads
// MemoryMax=80M.
type Size int64

// The units of a Size.
const (
	KB Size = 1 << 10
	MB Size = 1 << 20
	GB Size = 1 << 30
	TB Size = 1 << 40
)

// Percent is a share of a whole, above 0 and up to 100. People write "85%".
type Percent float64

// Limit is a threshold: a Size, or a Percent of whatever the measured thing is
// limited to. Exactly one of the two is not zero, unless the size is 0.
type Limit struct {
	Size    Size
	Percent Percent
}

// Of resolves the limit against the bound of the measured thing. Without a
// known bound (ok false, or 0) a percentage means nothing, and known is false.
func (l Limit) Of(bound Size, ok bool) (size Size, known bool) {
	if l.Percent == 0 {
		return l.Size, true
	}
	if !ok || bound <= 0 {
		return 0, false
	}
	return Size(float64(bound) * float64(l.Percent) / 100), true
}

// String writes the size in the largest unit that divides it.
func (s Size) String() string {
	for _, u := range []struct {
		size Size
		name string
	}{{TB, "TB"}, {GB, "GB"}, {MB, "MB"}, {KB, "KB"}} {
		if s >= u.size && s%u.size == 0 {
			return strconv.FormatInt(int64(s/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}

// String writes the percentage as people do: "85%".
func (p Percent) String() string {
	return strconv.FormatFloat(float64(p), 'f', -1, 64) + "%"
}

// String writes whichever of the two the limit is.
func (l Limit) String() string {
	if l.Percent != 0 {
		return l.Percent.String()
	}
	return l.Size.String()
}

// day is what the "d" of a duration means: 24 hours, whatever the clocks do.
const day = 24 * time.Hour

// ParseDuration reads a duration as Go writes it, with days in front where
// there are any: "300ms", "5m", "30d", "1d12h". It is never negative.
func ParseDuration(s string) (time.Duration, error) {
	days, rest, has := strings.Cut(s, "d")
	var d time.Duration
	if has {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !plainNumber(days) || n*float64(day) >= math.MaxInt64 {
			return 0, fmt.Errorf("cannot read %s as a duration", quote(s))
		}
		d = time.Duration(n * float64(day))
	} else {
		rest = s
	}
	if rest != "" || !has {
		r, err := time.ParseDuration(rest)
		switch {
		case plainNumber(rest) && r == 0:
			return 0, fmt.Errorf("%s has no unit", quote(s))
		case err != nil:
			return 0, fmt.Errorf("cannot read %s as a duration", quote(s))
		case r < 0:
			return 0, fmt.Errorf("%s is negative", quote(s))
		case d > math.MaxInt64-r:
			return 0, fmt.Errorf("%s is too long", quote(s))
		}
		d += r
	}
	return d, nil
}

// formatDuration writes what ParseDuration reads, without idle zeros: "5m",
// not "5m0s", and "30d", not "720h0m0s".
func formatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	days, rest := d/day, d%day
	s := ""
	if days > 0 {
		s = strconv.FormatInt(int64(days), 10) + "d"
	}
	if rest != 0 {
		t := rest.String()
		if strings.HasSuffix(t, "m0s") {
			t = strings.TrimSuffix(t, "0s")
		}
		if strings.HasSuffix(t, "h0m") {
			t = strings.TrimSuffix(t, "0m")
		}
		s += t
	}
	return s
}

// ParseSize reads "70MB", "1GiB", "1.5G" or "512B". Only 0 goes without a
// unit: for bytes and for megabytes alike people leave it out.
func ParseSize(s string) (Size, error) {
	end := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	number, unit := s, ""
	if end >= 0 {
		number, unit = s[:end], strings.TrimLeft(s[end:], " ")
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !plainNumber(number) {
		return 0, fmt.Errorf("cannot read %s as a size", quote(s))
	}
	var factor Size
	switch strings.ToLower(unit) {
	case "":
		if n != 0 {
			return 0, fmt.Errorf("%s has no unit", quote(s))
		}
	case "b":
		factor = 1
	case "k", "kb", "kib":
		factor = KB
	case "m", "mb", "mib":
		factor = MB
	case "g", "gb", "gib":
		factor = GB
	case "t", "tb", "tib":
		factor = TB
	default:
		return 0, fmt.Errorf("cannot read %s as a size", quote(s))
	}
	bytes := math.Round(n * float64(factor))
	if bytes > math.MaxInt64/2 {
		return 0, fmt.Errorf("%s is too large", quote(s))
	}
	return Size(bytes), nil
}

// parsePercent reads "85%".
func parsePercent(s string) (Percent, error) {
	number, ok := strings.CutSuffix(s, "%")
	number = strings.TrimRight(number, " ")
	n, err := strconv.ParseFloat(number, 64)
	switch {
	case !ok || err != nil || !plainNumber(number):
		return 0, fmt.Errorf("cannot read %s as a percentage", quote(s))
	case n <= 0 || n > 100:
		return 0, fmt.Errorf("%s is not above 0%% and up to 100%%", quote(s))
	}
	return Percent(n), nil
}

// parseLimit reads a size or, where there is a percent sign, a percentage.
func parseLimit(s string) (Limit, error) {
	if strings.HasSuffix(s, "%") {
		p, err := parsePercent(s)
		return Limit{Percent: p}, err
	}
	size, err := ParseSize(s)
	return Limit{Size: size}, err
}

// parseLevel reads debug, info, warn or error, in lower case.
func parseLevel(s string) (slog.Level, error) {
	for _, l := range levels {
		if s == formatLevel(l) {
			return l, nil
		}
	}
	return 0, fmt.Errorf("%s is not a log level", quote(s))
}

var levels = []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}

func formatLevel(l slog.Level) string { return strings.ToLower(l.String()) }

// plainNumber keeps what strconv also takes (1e9, 0x10, inf, _) out of units.
func plainNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789.") == ""
}
