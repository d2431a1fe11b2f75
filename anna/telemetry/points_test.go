package telemetry

import (
	"os"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/metrics"
)

// What is unknown makes no reading: a sample of nothing gives none.
func TestUnknownIsNoReading(t *testing.T) {
	if got := MachinePoints(metrics.MachineSample{}); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if got := OwnPoints(metrics.ProcessSample{}, metrics.Memory{}, metrics.WindowStats{}); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestPointsOfTheLiveMachine(t *testing.T) {
	p := metrics.NewSelf().Sample()
	own := OwnPoints(p, metrics.MemoryOf(p, metrics.NewCgroup("/proc", "/", os.Getpid()).Sample()), metrics.WindowStats{})
	machine := MachinePoints(metrics.NewMachine(metrics.LiveRoots).Sample())
	if len(own) < 5 || len(machine) < 5 {
		t.Fatalf("%d own and %d of the machine", len(own), len(machine))
	}
	seen := map[string]bool{}
	s := open(t, "", Options{Now: then})
	s.ObserveOwn(then(), own...)
	s.Observe(then(), machine...)
	for _, x := range append(own, machine...) {
		if seen[x.Series] || x.Series == "" {
			t.Errorf("the series %q comes twice", x.Series)
		}
		seen[x.Series] = true
	}
	if open := len(s.live.open); open != len(seen) {
		t.Errorf("%d series of %d", open, len(seen))
	}
	if got := s.Recent("annad_resident_bytes"); len(got) != 1 || got[0].Value != float64(p.Resident.Value) {
		t.Errorf("the ring holds %v", got)
	}
}

// A series' name is bounded, and still one thing's alone: what has a longer
// name has no series, for two could share what is cut.
func TestLabelsAreBounded(t *testing.T) {
	long := "/" + strings.Repeat("y", maxLabel-2)
	used := metrics.Known[uint64](1)
	points := MachinePoints(metrics.MachineSample{Mounts: metrics.Known([]metrics.Mount{
		{Point: long + "a", Used: used}, {Point: long + "ab", Used: used}, {Point: long + "ac", Used: used},
	})})
	if len(points) != 1 || points[0].Series != "mount_used_bytes{"+long+"a}" {
		t.Errorf("%v", points)
	}
}
