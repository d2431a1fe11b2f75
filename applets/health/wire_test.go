package health

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
)

// TestWire freezes get_health_metrics with every field filled, and with
// nothing known: names, order, units and what is null are a contract.
func TestWire(t *testing.T) {
	full := healthy()
	full.Level = health.Warning
	full.Standalone = true
	full.Memory.WorkingSet, full.Memory.Reclaimable = pointer(12.0), pointer(0.34)
	full.Queue = Queue{
		Depth: 60, Rate: 12.5, OldestSec: 95.25, Overdue: 55,
		Accounting: events.Accounting{Observed: 160, Processed: 90, Merged: 8, Pending: 60, Dropped: 2},
	}
	full.Capabilities = capability.Counts{Active: 6, Degraded: 1, Disabled: 2, Failed: 3}
	full.Findings = []health.Finding{fullFinding}
	full.Unknown = map[string]string{"process.x": "why"}
	for i := range full.RPCMethods {
		full.RPCMethods[i].Failed = 5
		full.RPCMethods[i].LatencyMS = full.RPCLatency
	}
	empty := Metrics{Findings: []health.Finding{}, RPCMethods: []Method{}, Unknown: map[string]string{}}
	unfilled(t, "Metrics", reflect.ValueOf(full))
	for name, m := range map[string]Metrics{"full": full, "empty": empty} {
		text, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		annatest.Golden(t, "testdata/json/health-"+name+".json", append(text, '\n'))
		var back Metrics
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&back); err != nil || !reflect.DeepEqual(m, back) {
			t.Errorf("%s comes back as another: %v", name, err)
		}
	}
	// The names that stand in the contract, at the top level.
	var top map[string]any
	text, _ := json.Marshal(full)
	if err := json.Unmarshal(text, &top); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"rpc_latency_ms.avg", "rpc_latency_ms.p95", "rpc_latency_ms.p99", "memory_mb.current", "memory_mb.peak", "memory_mb.limit",
		"queue.depth", "queue.rate", "queue.oldest_sec", "uptime_sec", "capabilities.active", "capabilities.degraded",
	} {
		at, ok := any(top), true
		for name := range strings.SplitSeq(path, ".") {
			object, _ := at.(map[string]any)
			at, ok = object[name]
		}
		if _, number := at.(float64); !ok || !number {
			t.Errorf("%s is %v", path, at)
		}
	}
}

// fullFinding has every field.
var fullFinding = health.Finding{
	ID: "queue", Level: health.Warning, Title: "Events wait", Detail: "60 events wait",
	Evidence: &health.Evidence{Figure: "queue.overdue", Value: 60, Threshold: 50, Unit: "events", Samples: 1},
	Fix:      "annactl events", Since: began, BetterSince: &began, Hides: []string{"queue_age"},
	After:        &health.Mark{Kind: "generation", Number: 4, Time: began, Text: "configuration applied (rpc)"},
	Acknowledged: &health.Ack{Until: began, Level: health.Warning, Who: "root", Note: "known"},
}

var began = time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)

// unfilled reports fields that a golden file would not show in use.
func unfilled(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	switch {
	case v.IsZero():
		t.Errorf("%s is not filled: fill it, so that the golden file shows it", path)
	case v.Kind() == reflect.Struct && v.Type().PkgPath() != "time":
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				unfilled(t, path+"."+f.Name, v.Field(i))
			}
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			unfilled(t, path, v.Index(i))
		}
	}
}
