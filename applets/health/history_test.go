package health

import (
	"bufio"
	"encoding/json"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// ask sends a daemon one line and returns its answer.
func ask(t *testing.T, socket, line string) (result json.RawMessage, code string) {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(line + "\n")); err != nil {
		t.Fatal(err)
	}
	text, err := bufio.NewReader(c).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Result json.RawMessage `json:"result"`
		Error  struct {
			Data struct {
				Code string `json:"code"`
			} `json:"data"`
		} `json:"error"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Result, answer.Error.Data.Code
}

// TestHistory asks a real daemon for what it remembers of itself.
func TestHistory(t *testing.T) {
	d := annatest.Daemon(t, "[health]\ninterval = \"200ms\"\n")
	var h History
	for deadline := time.Now().Add(20 * time.Second); len(h.Series["queue_depth"]) < 3; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing is remembered: %v", h)
		}
		result, code := ask(t, d.Socket, `{"jsonrpc":"2.0","id":1,"method":"get_health_history"}`)
		if code != "" {
			t.Fatal(code)
		}
		if err := json.Unmarshal(result, &h); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range historySeries {
		list := h.Series[name]
		latency := strings.HasPrefix(name, "annad_rpc_") // not before there were requests
		if len(list) == 0 && !latency {
			t.Errorf("nothing is remembered of %s: the daemon calls it otherwise", name)
		}
		if !slices.IsSortedFunc(list, func(a, b Reading) int { return a.time().Compare(b.time()) }) {
			t.Errorf("%s is out of order", name)
		}
		for _, r := range list {
			if age := h.At.Sub(r.time()); age < -time.Second || age > 5*time.Minute {
				t.Errorf("a reading of %s is %v old", name, age)
			}
		}
	}
	if mb := h.Series["annad_memory_bytes"][0][1] / (1 << 20); mb < 1 || mb > 1000 {
		t.Errorf("the daemon had %v MB", mb)
	}
	var one History
	result, _ := ask(t, d.Socket, `{"jsonrpc":"2.0","id":1,"method":"get_health_history","params":{"series":["queue_depth"],"observer":true}}`)
	if err := json.Unmarshal(result, &one); err != nil || len(one.Series) != 1 {
		t.Errorf("one series: %s, %v", result, err)
	}
	for _, params := range []string{`{"series":["load1"]}`, `{"series":["` + strings.Repeat(`queue_depth","`, 50) + `queue_depth"]}`, `{"serie":[]}`} {
		if _, code := ask(t, d.Socket, `{"jsonrpc":"2.0","id":1,"method":"get_health_history","params":`+params+`}`); code != "InvalidParams" {
			t.Errorf("%.60s: %q", params, code)
		}
	}
}

// TestHistoryWire freezes get_health_history.
func TestHistoryWire(t *testing.T) {
	h := History{At: began, Series: map[string][]Reading{"annad_memory_bytes": {{1764000000.125, 12345678}}, "annad_rpc_p99_seconds": {}}}
	text, err := json.MarshalIndent(h, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	annatest.Golden(t, "testdata/json/health-history.json", append(text, '\n'))
	if got := h.Series["annad_memory_bytes"][0].time().UnixMilli(); got != 1764000000125 {
		t.Errorf("read at %d", got)
	}
}
