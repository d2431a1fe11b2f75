package anna_test

import (
	"os"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

func TestMain(m *testing.M) {
	if os.Getenv("ANNA_TEST_TICKER") == "1" {
		tick()
	}
	status := m.Run()
	annatest.RemoveBuild()
	os.Exit(status)
}

// TestScript tries the command line; the scripts read like a manual.
func TestScript(t *testing.T) { annatest.Script(t, "testdata/script") }
