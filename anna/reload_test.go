package anna_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/applets"
)

// reloadText is a configuration for each number.
func reloadText(n int) string {
	return fmt.Sprintf("[health]\nqueue_warn = %d\nrpc_window = %d\n[events]\nhistory = %d\n[modules]\nnetwork = %v\n", 1+n%90, 100+n%2, 500+n%2, n%2 == 0)
}

// replace puts a file there as an editor does.
func replace(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+"~", path); err != nil {
		t.Fatal(err)
	}
}

// TestReloadUnderLoad reloads the real daemon 100 times, each time with another
// configuration, while it answers 100 requests a second. It holds that no
// request and no reload fails; figures are printed beside the roadmap's.
func TestReloadUnderLoad(t *testing.T) {
	reloads, every := 100, 40*time.Millisecond
	if testing.Short() {
		reloads = 20
	}
	d := annatest.Daemon(t, reloadText(0))
	client := &rpc.Client{Socket: d.Socket, Spec: applets.Table.Spec}
	var done atomic.Bool
	var load sync.WaitGroup
	var mu sync.Mutex
	var quick []time.Duration
	methods := []string{"get_health_metrics", "get_status", "get_config", "get_last_reload"}
	for n := range 8 { // each every 80 ms: 100 a second
		load.Go(func() {
			list := askSteadily(t, d.Socket, 80*time.Millisecond, slices.Concat(methods[n%len(methods):], methods[:n%len(methods)]), func(int) bool { return !done.Load() })
			mu.Lock()
			quick = append(quick, list...)
			mu.Unlock()
		})
	}
	var inside, whole []time.Duration
	for n := 1; n <= reloads; n++ {
		replace(t, d.Config, reloadText(n))
		began := time.Now()
		var rec config.Receipt
		if err := client.Call(t.Context(), "reload", nil, &rec); err != nil {
			t.Fatalf("reload %d: %v\n%s", n, err, d.Log())
		}
		whole = append(whole, time.Since(began))
		inside = append(inside, time.Duration(rec.DurationMS*float64(time.Millisecond)))
		if rec.Outcome != config.Applied || rec.ID != int64(n+1) || rec.Generation != uint64(n+1) {
			t.Errorf("reload %d: attempt %d, generation %d, %s", n, rec.ID, rec.Generation, rec.Outcome)
		}
		time.Sleep(time.Until(began.Add(every)))
	}
	done.Store(true)
	load.Wait()
	at := func(list []time.Duration, p int) time.Duration {
		slices.Sort(list)
		return list[(len(list)*p+99)/100-1].Round(time.Microsecond)
	}
	t.Logf("%d reloads during %d requests", reloads, len(quick))
	t.Logf("a reload      p50 %s, p99 %s; inside the daemon p50 %s, p99 %s   (roadmap: p99 < 100ms)",
		at(whole, 50), at(whole, 99), at(inside, 50), at(inside, 99))
	t.Logf("a request     p50 %s, p99 %s meanwhile", at(quick, 50), at(quick, 99))
	t.Logf("resident      peak %.1f MB   (roadmap: < 60 MB)", d.StatusMB("VmHWM"))
}

// BenchmarkReloadCommand is `anna reload` as a user runs it, the process and
// all, beside `anna version --json`, which asks the daemon for next to nothing.
func BenchmarkReloadCommand(b *testing.B) {
	d := annatest.Daemon(b, reloadText(0))
	annactl := filepath.Join(annatest.Build(b), "annactl")
	for _, words := range [][]string{{"version", "--json"}, {"reload"}} {
		b.Run(words[0], func(b *testing.B) {
			for n := 0; b.Loop(); n++ {
				b.StopTimer()
				replace(b, d.Config, reloadText(n))
				b.StartTimer()
				if out, err := exec.Command(annactl, append(words, "--socket", d.Socket)...).CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
			}
		})
	}
}
