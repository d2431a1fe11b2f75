package events

import (
	"path/filepath"
	"testing"

	"github.com/fsnotify/fsnotify"
)

// A directory that went between the walk and its watch, and came back, must be
// watched by the next look.
func TestConfigDirectoryThatGoesBeforeItIsWatched(t *testing.T) {
	notices, err := fsnotify.NewWatcher()
	must(t, err)
	defer notices.Close()
	gone := filepath.Join(t.TempDir(), "gone")
	w := &fileWatch{notices: notices, watched: map[string]bool{}, wanted: map[string]map[string]bool{gone: nil}}
	if w.watch() || w.watched[gone] {
		t.Errorf("a directory that is not there: watched %v", w.watched)
	}
}
