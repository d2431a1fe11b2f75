package status

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

func answer() Answer {
	return Answer{
		Level: health.Warning,
		Daemon: Status{
			State: "running", Version: "0.12.7", PID: 4711, Started: time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC), UptimeSec: 3723,
			Socket: "/run/anna/annad.sock", Config: Config{Path: "/etc/anna/config.toml", Missing: true}, Requests: 1234,
			Last: []Change{
				{Domain: "packages", Time: time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC), Kind: "upgraded", Subject: "openssl", Detail: "3.0.1 to 3.0.2", Others: 2, CatchUp: true},
				{Domain: "storage", Time: time.Date(2026, 11, 23, 18, 59, 0, 0, time.UTC), Kind: "turned_readonly", Subject: "/home", Detail: ""},
			},
		},
		Findings: []health.Finding{{ID: "memory", Level: health.Warning, Title: "The daemon's memory grows large", Detail: "64 MB in use", Fix: "sudo systemctl restart annad"}},
	}
}

// TestWire freezes get_status and `anna status --json`.
func TestWire(t *testing.T) {
	text, err := json.MarshalIndent(answer(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	annatest.Golden(t, "testdata/json/status.json", append(text, '\n'))
	var back Answer
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&back); err != nil || !reflect.DeepEqual(answer(), back) {
		t.Errorf("it comes back as %+v (%v)", back, err)
	}
}

func TestScreen(t *testing.T) {
	local := time.Local
	time.Local = time.UTC // the screen shows the reader's own time
	defer func() { time.Local = local }()
	warned, well := answer(), answer()
	well.Level, well.Findings, well.Daemon.Config.Missing = health.OK, nil, false
	for name, a := range map[string]Answer{"warning": warned, "healthy": well} {
		annatest.Screens(t, "testdata/screen/status-"+name+".txt", func(w io.Writer, th ui.Theme) { print(w, th, a) })
	}
}

// TestScreenOfHostileDaemon holds that texts from the socket are shown as data.
func TestScreenOfHostileDaemon(t *testing.T) {
	a := answer()
	annatest.Poison(&a)
	a.Daemon.UptimeSec, a.Daemon.PID = -1<<63, -1
	annatest.Harmless(t, func(w io.Writer) { print(w, ui.Theme{}, a) })
}
