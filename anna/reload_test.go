package anna_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
	done := make(chan struct{})
	var load sync.WaitGroup
	var mu sync.Mutex
	var quick []time.Duration
	for n := range 8 {
		load.Go(func() {
			c, err := net.Dial("unix", d.Socket)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			r := bufio.NewReader(c)
			tick := time.NewTicker(80 * time.Millisecond) // 8 of them: 100 a second
			defer tick.Stop()
			methods := []string{"get_health_metrics", "get_status", "get_config", "get_last_reload"}
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				case <-tick.C:
				}
				began := time.Now()
				fmt.Fprintf(c, `{"jsonrpc":"2.0","id":%d,"method":%q}`+"\n", i, methods[(n+i)%len(methods)])
				line, err := r.ReadString('\n')
				if err != nil || !strings.Contains(line, `"result"`) || !strings.HasSuffix(line, fmt.Sprintf("\"id\":%d}\n", i)) {
					t.Errorf("request %d of connection %d: %v, %.300s", i, n, err, line)
					return
				}
				mu.Lock()
				quick = append(quick, time.Since(began))
				mu.Unlock()
			}
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
	close(done)
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
