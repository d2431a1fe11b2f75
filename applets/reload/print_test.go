package reload

import (
	"bytes"
	"io"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// TestGuideReceipt puts a receipt into the guide, as it is printed.
func TestGuideReceipt(t *testing.T) {
	memory, before, after := 14.1, 0.41, 0.4
	var b bytes.Buffer
	print(&b, ui.Theme{}, config.Receipt{
		Outcome: config.Applied, Generation: 2, DurationMS: 1.2, Path: "/etc/anna/config.toml",
		Changes: []config.Change{
			{Key: "health.queue_warn", Before: "50", After: "60", Class: config.Live},
			{Key: "modules.network", Before: "true", After: "false", Class: config.Live},
			{Key: "daemon.socket_group", Before: `"anna"`, After: `"ops"`, Class: config.Restart},
		},
		Waiting: []config.Change{{Key: "daemon.socket_group"}},
		Before:  &config.Vitals{Level: "ok", MemoryMB: &memory, RPCP99MS: &before, Modules: 8},
		After:   &config.Vitals{Level: "ok", MemoryMB: &memory, RPCP99MS: &after, Modules: 7},
	})
	annatest.GoldenSection(t, "docs/DYNAMIC-RELOAD.md", "receipt", []byte("```console\n$ sudo annactl reload\n"+b.String()+"```\n"))
}

// TestScreenOfHostileDaemon holds that texts from the socket are shown as data.
func TestScreenOfHostileDaemon(t *testing.T) {
	var r config.Receipt
	annatest.Poison(&r)
	for _, r.Outcome = range []config.Outcome{config.Applied, config.Unchanged, config.Rejected, annatest.Evil} {
		annatest.Harmless(t, func(w io.Writer) { print(w, ui.Theme{}, r) })
	}
}
