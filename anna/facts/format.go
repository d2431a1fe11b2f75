package facts

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Write is a value for people, in the unit of its fact: "12.5 GiB", "3 d 4 h",
// "93 %", "a, b", or "unknown (why)".
func Write(v Value, unit Unit) string {
	switch v.Type() {
	case Bool:
		if yes, _ := v.Flag(); yes {
			return "yes"
		}
		return "no"
	case Text:
		s, _ := v.Text()
		return s
	case List:
		list, _ := v.List()
		if len(list) == 0 {
			return "none"
		}
		return strings.Join(list, ", ")
	case Number:
		n, _ := v.Number()
		return WriteNumber(n, unit)
	}
	return "unknown (" + v.Why() + ")"
}

// WriteNumber writes a number in its unit.
func WriteNumber(n float64, unit Unit) string {
	switch unit {
	case Bytes:
		return size(n)
	case Seconds:
		return span(n)
	case Percent:
		return digits(n) + " %"
	case Celsius:
		return digits(n) + " °C"
	}
	return digits(n)
}

// digits writes what counts of a number: one decimal below 100, none of a whole
// number.
func digits(n float64) string {
	switch {
	case n == math.Trunc(n) && math.Abs(n) < 1e15:
		return strconv.FormatFloat(n, 'f', 0, 64)
	case math.Abs(n) < 0.1:
		// Two digits, whatever zeros stand before them: 0.000032, never 3.2e-05.
		rounded, _ := strconv.ParseFloat(strconv.FormatFloat(n, 'g', 2, 64), 64)
		return strconv.FormatFloat(rounded, 'f', -1, 64)
	case math.Abs(n) < 100:
		return strconv.FormatFloat(n, 'f', 1, 64)
	}
	return strconv.FormatFloat(n, 'f', 0, 64)
}

func size(n float64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	i := 0
	for n >= 1023.5 && i < len(units)-1 {
		n /= 1024
		i++
	}
	switch {
	case i == 0 || n >= 99.95:
		return fmt.Sprintf("%s%.0f %s", sign, n, units[i])
	case n >= 9.995:
		return fmt.Sprintf("%s%.1f %s", sign, n, units[i])
	}
	return fmt.Sprintf("%s%.2f %s", sign, n, units[i])
}

func span(sec float64) string {
	sign := ""
	if sec < 0 {
		sign, sec = "-", -sec
	}
	units := []struct {
		size float64
		name string
	}{{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}}
	for i, u := range units {
		if sec < u.size {
			continue
		}
		text := fmt.Sprintf("%s%.0f %s", sign, math.Floor(sec/u.size), u.name)
		if i+1 < len(units) && sec/u.size < 10 {
			if rest := math.Floor(math.Mod(sec, u.size) / units[i+1].size); rest > 0 {
				text += fmt.Sprintf(" %.0f %s", rest, units[i+1].name)
			}
		}
		return text
	}
	return sign + digits(sec) + " s"
}
