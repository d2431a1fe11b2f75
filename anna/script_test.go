package anna_test

import (
	"os"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

func TestMain(m *testing.M) {
	status := m.Run()
	annatest.RemoveBuild()
	os.Exit(status)
}

// TestScript tries the command line; the scripts read like a manual.
func TestScript(t *testing.T) { annatest.Script(t, "testdata/script") }
