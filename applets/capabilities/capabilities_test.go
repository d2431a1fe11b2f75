package capabilities

import (
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/capability"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// sample has a module in every state.
func sample() List {
	since := time.Date(2026, 11, 23, 18, 30, 0, 0, time.UTC)
	reports := []capability.Report{
		{Module: "btrfs", Summary: "measures", State: capability.Degraded, Why: "without CAP_SYS_ADMIN", Do: "sudo anna storage btrfs shows all of it", Since: since, AsInstalled: true},
		{Module: "config", Summary: "watches the files of [events] watch_files", State: capability.Active, Since: since},
		{Module: "network", Summary: "watches links", State: capability.Disabled, Why: "switched off: modules.network = false", Since: since},
		{Module: "storage", Summary: "watches mounts", State: capability.Failed, Why: "no mount table", Do: "it is tried again", Since: since, Failures: 4},
		{Module: "newer", Summary: "of a newer daemon", State: "dreaming\x1b[31m", Since: since},
	}
	return List{Counts: capability.Count(reports), Capabilities: reports}
}

// TestWire freezes what crosses the socket.
func TestWire(t *testing.T) {
	text, err := json.MarshalIndent(sample(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	annatest.Golden(t, "testdata/json/capabilities.json", append(text, '\n'))
}

func TestScreens(t *testing.T) {
	annatest.Screens(t, "testdata/screen/capabilities.txt", func(w io.Writer, th ui.Theme) { print(w, th, sample()) })
}

// TestScreenOfHostileDaemon holds that texts from the socket are shown as data.
func TestScreenOfHostileDaemon(t *testing.T) {
	var l List
	annatest.Poison(&l)
	annatest.Harmless(t, func(w io.Writer) { print(w, ui.Theme{}, l) })
}
