package version

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/version"
)

// TestWire freezes get_version and `anna version --json`.
func TestWire(t *testing.T) {
	info := version.Info{Version: "0.12.7", Commit: "1a2b3c4d5e6f", Date: "2026-11-23T18:00:00Z", Go: "go1.26"}
	daemon := Daemon{Info: info, PID: 4711, StartTicks: 123456, Started: time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC)}
	for name, v := range map[string]any{
		"get_version":       daemon,
		"version":           Answer{Client: info, Daemon: &daemon},
		"version-no-daemon": Answer{Client: info, Error: "cannot connect to annad at /run/anna/annad.sock: there is no socket"},
	} {
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		annatest.Golden(t, "testdata/json/"+name+".json", append(text, '\n'))
		back := reflect.New(reflect.TypeOf(v))
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(back.Interface()); err != nil || !reflect.DeepEqual(v, back.Elem().Interface()) {
			t.Errorf("%s comes back as %+v (%v)", name, back.Elem(), err)
		}
	}
}
