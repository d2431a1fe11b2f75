package policy

import (
	"io"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// TestScreenOfHostileDaemon holds that texts from the socket are shown as data.
func TestScreenOfHostileDaemon(t *testing.T) {
	var trial policy.Trial
	annatest.Poison(&trial)
	for _, known := range []float64{0, 1} {
		trial.Rules[0].Past.Known = known
		for _, outcome := range []policy.Outcome{policy.Fires, policy.CannotTell, policy.Silent} {
			trial.Rules[0].Verdicts[0].Outcome = outcome
			annatest.Harmless(t, func(w io.Writer) { printTrial(w, ui.Theme{}, trial) })
		}
	}
}
