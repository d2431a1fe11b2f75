package nearest

import (
	"fmt"
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	commands := []string{"health", "status", "storage", "version", "help", "memory_warn"}
	for word, want := range map[string]string{
		"helth": "health", "heatlh": "health", "sttaus": "status", "stor": "storage", "memory-wran": "memory_warn",
		"HEALTH": "health", "x": "", "": "", "zzzzz": "", "ver": "version",
		strings.Repeat("health", 20): "",
	} {
		if got := Of(word, commands); got != want {
			t.Errorf("Of(%q) = %q, want %q", word, got, want)
		}
	}
	if got := Of("health", nil); got != "" {
		t.Errorf("Of an empty list = %q", got)
	}
}

func ExampleOf() {
	fmt.Println(Of("relaod", []string{"health", "reload", "status"}))
	// Output: reload
}
