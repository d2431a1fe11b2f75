package metrics

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Stall says how long tasks waited for a resource: percent of the last 10, 60
// and 300 seconds, and microseconds in all.
type Stall struct {
	Avg10, Avg60, Avg300 float64
	TotalUsec            uint64
}

// Pressure is the kernel's pressure stall information (PSI): Some, when at
// least one task waited, Full, when all did. Linux before 5.13 has no Full for
// the CPU.
type Pressure struct {
	Some Stall
	Full Figure[Stall]
}

// pressure reads a *.pressure file. A kernel started without psi=1 may have
// none, or answer EOPNOTSUPP.
func (p CgroupPlace) pressure(name string) Figure[Pressure] {
	if p.Version == 0 {
		return Unknown[Pressure]("pressure is counted by cgroup v2 only: " + p.Why)
	}
	text, why := p.read(name)
	if why != "" {
		return Unknown[Pressure](why)
	}
	v, err := parsePressure(text)
	if err != nil {
		return Unknownf[Pressure]("%s: %v", name, err)
	}
	return Known(v)
}

var errPressure = errors.New("not a pressure file")

// parsePressure reads "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" and the
// like for full (Documentation/accounting/psi.rst). Keys it does not know are
// left alone.
func parsePressure(text string) (Pressure, error) {
	p := Pressure{Full: Unknown[Stall]("the kernel gives no full stall")}
	some := false
	for line := range strings.Lines(text) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if kind != "some" && kind != "full" {
			continue
		}
		s, err := parseStall(rest)
		if err != nil {
			return Pressure{}, err
		}
		if kind == "some" {
			p.Some, some = s, true
		} else {
			p.Full = Known(s)
		}
	}
	if !some {
		return Pressure{}, errPressure
	}
	return p, nil
}

func parseStall(text string) (Stall, error) {
	var s Stall
	var found int
	for pair := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(pair, "=")
		var into *float64
		switch key {
		case "avg10":
			into = &s.Avg10
		case "avg60":
			into = &s.Avg60
		case "avg300":
			into = &s.Avg300
		case "total":
			v, err := parseUint(value)
			if err != nil {
				return Stall{}, err
			}
			s.TotalUsec = v
			found++
			continue
		default:
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(v) || v < 0 || v > 100.01 {
			return Stall{}, errors.New("not a percentage: " + quote(value))
		}
		*into = v
		found++
	}
	if found < 4 {
		return Stall{}, errPressure
	}
	return s, nil
}
