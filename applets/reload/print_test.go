package reload

import (
	"io"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// TestScreenOfHostileDaemon holds that texts from the socket are shown as data.
func TestScreenOfHostileDaemon(t *testing.T) {
	var r config.Receipt
	annatest.Poison(&r)
	for _, r.Outcome = range []config.Outcome{config.Applied, config.Unchanged, config.Rejected, annatest.Evil} {
		annatest.Harmless(t, func(w io.Writer) { print(w, ui.Theme{}, r) })
	}
}
