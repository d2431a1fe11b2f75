package config

import (
	"io"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// TestScreensOfHostileDaemon holds that texts from the socket are shown as data.
func TestScreensOfHostileDaemon(t *testing.T) {
	var e Effective
	var d Difference
	var h History
	annatest.Poison(&e)
	annatest.Poison(&d)
	annatest.Poison(&h)
	annatest.Harmless(t, func(w io.Writer) { printEffective(w, ui.Theme{}, e, true) })
	annatest.Harmless(t, func(w io.Writer) { printDiff(w, ui.Theme{}, d) })
	for _, h.Receipts[0].Outcome = range []config.Outcome{config.Applied, config.Rejected, annatest.Evil} {
		annatest.Harmless(t, func(w io.Writer) { printHistory(w, ui.Theme{}, h) })
	}
}
