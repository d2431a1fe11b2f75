package health

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestDashboardPicture takes what scripts/dash-picture.sh draws: the dashboard
// of a real daemon, in a terminal, as text with its styles. The variables that
// the script sets say what of it.
func TestDashboardPicture(t *testing.T) {
	out := os.Getenv("ANNA_TEST_PICTURE")
	if out == "" {
		t.Skip("for scripts/dash-picture.sh")
	}
	set := func(name, otherwise string) string {
		if v := os.Getenv("ANNA_TEST_PICTURE_" + name); v != "" {
			return v
		}
		return otherwise
	}
	var w, h int
	if _, err := fmt.Sscanf(set("SIZE", "100x30"), "%dx%d", &w, &h); err != nil {
		t.Fatal(err)
	}
	open, err := time.ParseDuration(set("OPEN", "1m"))
	if err != nil {
		t.Fatal(err)
	}
	// A daemon at work: files that it watches change, and somebody asks it.
	dir, err := os.MkdirTemp("", "etc-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	var watched []string
	for _, name := range []string{"fstab", "hosts", "resolv.conf"} {
		file := dir + "/" + name
		watched = append(watched, strconv.Quote(file))
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := annatest.Daemon(t, set("CONFIG", "")+fmt.Sprintf("\n[events]\nwatch_files = [%s, %s, %s]\ncooldown = \"2s\"\n", watched[0], watched[1], watched[2]))
	env := []string{"TERM=" + set("TERM", "xterm-256color")}
	if v := set("ENV", ""); v != "" {
		env = append(env, v)
	}
	words := []string{"annactl", "health", "--watch", "--socket", d.Socket}
	if v := set("FLAG", ""); v != "" {
		words = append(words, v)
	}
	x := openTerminal(t, w, h, env, words...)
	x.shows("findings")
	began := time.Now()
	for i := 0; time.Since(began) < open; i++ {
		if i%2 == 0 {
			ask(t, d.Socket, `{"jsonrpc":"2.0","id":1,"method":"list_capabilities"}`)
			ask(t, d.Socket, `{"jsonrpc":"2.0","id":1,"method":"get_config"}`)
		}
		if i%3 == 0 {
			ask(t, d.Socket, `{"jsonrpc":"2.0","id":1,"method":"list_events"}`)
			ask(t, d.Socket, `{"jsonrpc":"2.0","id":1,"method":"get_status"}`)
		}
		if i%10 == 5 {
			name, err := strconv.Unquote(watched[i/10%3])
			if err == nil {
				err = os.WriteFile(name, fmt.Append(nil, i), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
	}
	for _, key := range set("KEYS", "") {
		x.types(string(key))
		time.Sleep(200 * time.Millisecond)
	}
	time.Sleep(2 * time.Second)
	x.mu.Lock()
	text := x.vt.dump(true)
	x.mu.Unlock()
	if err := os.WriteFile(out, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	x.types("q")
	x.ends(0)
}
