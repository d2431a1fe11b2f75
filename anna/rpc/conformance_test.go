package rpc

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/google/go-cmp/cmp"
)

// bare reads answers without data members, which JSON-RPC leaves to the server,
// and without message texts, which are ours.
func bare(t *testing.T, line string, ours bool) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(line), &v); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	strip := func(v any) {
		m, _ := v.(map[string]any)
		if e, ok := m["error"].(map[string]any); ok {
			if ours && (e["message"] == "" || e["data"] == nil) {
				t.Errorf("an error without message or data: %s", line)
			}
			delete(e, "data")
			delete(e, "message")
		}
	}
	strip(v)
	if list, ok := v.([]any); ok {
		for _, v := range list {
			strip(v)
		}
	}
	return v
}

// TestSpecification holds the examples of https://www.jsonrpc.org/specification
// (sections 7 and 4 to 6), and what it leaves open. A request that wants no
// answer is followed by one that does: nothing may come in between.
func TestSpecification(t *testing.T) {
	failure := func(code int, id string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","error":{"code":%d},"id":%s}`, code, id)
	}
	answer := func(result, id string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","result":%s,"id":%s}`, result, id)
	}
	deep := func(n int) string {
		return `{"jsonrpc":"2.0","method":"update","params":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + `,"id":1}`
	}
	batch := func(n int) string {
		return "[" + strings.TrimSuffix(strings.Repeat(`{"jsonrpc":"2.0","method":"update"},`, n), ",") + "]"
	}
	tests := []struct{ name, in, want string }{
		// The page's own examples.
		{"by position", `{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}`, answer("19", "1")},
		{"by position, turned", `{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}`, answer("-19", "2")},
		{"by name", `{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}`, answer("19", "3")},
		{"by name, turned", `{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}`, answer("19", "4")},
		{"notification", `{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}`, ""},
		{"notification of an unknown method", `{"jsonrpc": "2.0", "method": "foobar"}`, ""},
		{"unknown method", `{"jsonrpc": "2.0", "method": "foobar", "id": "1"}`, failure(-32601, `"1"`)},
		{"no JSON", `{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]`, failure(-32700, "null")},
		{"no request", `{"jsonrpc": "2.0", "method": 1, "params": "bar"}`, failure(-32600, "null")},
		{"batch, no JSON", `[ {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method" ]`, failure(-32700, "null")},
		{"empty batch", `[]`, failure(-32600, "null")},
		{"batch of one wrong", `[1]`, "[" + failure(-32600, "null") + "]"},
		{"batch of wrong ones", `[1,2,3]`, "[" + failure(-32600, "null") + "," + failure(-32600, "null") + "," + failure(-32600, "null") + "]"},
		{
			"batch", `[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method": "update", "params": [7]},
			{"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"}, {"foo": "boo"},
			{"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"}, {"jsonrpc": "2.0", "method": "get_data", "id": "9"}]`,
			"[" + answer("7", `"1"`) + "," + answer("19", `"2"`) + "," + failure(-32600, "null") + "," + failure(-32601, `"5"`) + "," + answer(`["hello",5]`, `"9"`) + "]",
		},
		{"batch of notifications", `[{"jsonrpc": "2.0", "method": "update", "params": [1]}, {"jsonrpc": "2.0", "method": "update", "params": [7]}]`, ""},
		// What the page says outside its examples.
		{"id string", `{"jsonrpc":"2.0","method":"update","id":"ü\"\u0000"}`, answer("null", `"ü\"\u0000"`)},
		{"id null", `{"jsonrpc":"2.0","method":"update","id":null}`, answer("null", "null")},
		{"id fraction", `{"jsonrpc":"2.0","method":"update","id":1.5e-3}`, answer("null", "1.5e-3")},
		{"id boolean", `{"jsonrpc":"2.0","method":"update","id":true}`, failure(-32600, "null")},
		{"id object", `{"jsonrpc":"2.0","method":"update","id":{}}`, failure(-32600, "null")},
		{"id huge", `{"jsonrpc":"2.0","method":"update","id":"` + strings.Repeat("9", 1025) + `"}`, failure(-32600, "null")},
		{"version missing", `{"method":"update","id":1}`, failure(-32600, "1")},
		{"version 1", `{"jsonrpc":"1.0","method":"update","id":1}`, failure(-32600, "1")},
		{"version a number", `{"jsonrpc":2.0,"method":"update","id":1}`, failure(-32600, "1")},
		{"method missing", `{"jsonrpc":"2.0","id":1}`, failure(-32600, "1")},
		{"method null", `{"jsonrpc":"2.0","method":null,"id":1}`, failure(-32600, "1")},
		{"params a string", `{"jsonrpc":"2.0","method":"update","params":"x","id":1}`, failure(-32600, "1")},
		{"params null", `{"jsonrpc":"2.0","method":"update","params":null,"id":1}`, failure(-32600, "1")},
		{"params wrong", `{"jsonrpc":"2.0","method":"subtract","params":{"minuend":"x"},"id":1}`, failure(-32602, "1")},
		{"params unknown", `{"jsonrpc":"2.0","method":"subtract","params":{"minuende":1},"id":1}`, failure(-32602, "1")},
		{"params by position, not taken", `{"jsonrpc":"2.0","method":"subtract","params":[1],"id":1}`, failure(-32602, "1")},
		{"params by position, none", `{"jsonrpc":"2.0","method":"subtract","params":[ ],"id":1}`, answer("0", "1")},
		{"member twice", `{"jsonrpc":"2.0","method":"update","method":"control","id":1}`, failure(-32600, "1")},
		{"id twice", `{"jsonrpc":"2.0","method":"update","id":1,"id":2}`, failure(-32600, "null")},
		{"other case", `{"jsonrpc":"2.0","Method":"update","id":1}`, failure(-32600, "1")},
		{"other case of id", `{"jsonrpc":"2.0","method":"update","ID":1}`, ""},
		{"escaped member", `{"jsonrpc":"2.0","m\u0065thod":"upd\u0061te","\u0069d":1}`, answer("null", "1")},
		{"unknown members", `{"jsonrpc":"2.0","x":{"id":[7]},"method":"update","id":1,"y":"}]"}`, answer("null", "1")},
		{"not UTF-8", "{\"jsonrpc\":\"2.0\",\"method\":\"update\",\"id\":\"\xff\"}", failure(-32700, "null")},
		{"no object", `"hello"`, failure(-32600, "null")},
		{"two values", `{"jsonrpc":"2.0","method":"update","id":1} {}`, failure(-32700, "null")},
		{"64 deep", deep(64), answer("null", "1")},
		{"65 deep", deep(65), failure(-32700, "null")},
		{"brackets in a text", `{"jsonrpc":"2.0","method":"update","id":"` + strings.Repeat("[{", 99) + `"}`, answer("null", `"`+strings.Repeat("[{", 99)+`"`)},
		{"batch of 64", batch(64), ""},
		{"batch of 65", batch(65), failure(-32600, "null")},
		{"stream in a batch", `[{"jsonrpc":"2.0","method":"count","id":1}]`, "[" + failure(-32600, "1") + "]"},
		{"stream as a notification", `{"jsonrpc":"2.0","method":"count"}`, ""},
		{"cancel nothing", `{"jsonrpc":"2.0","method":"cancel_request","params":{"id":77}}`, ""},
		{"cancel nothing, asked", `{"jsonrpc":"2.0","method":"cancel_request","params":{"id":77},"id":1}`, answer("true", "1")},
		{"cancel without id", `{"jsonrpc":"2.0","method":"cancel_request","id":1}`, failure(-32602, "1")},
		{"cancel in a batch", `[{"jsonrpc":"2.0","method":"cancel_request","params":{"id":77}}]`, ""},
	}
	h := start(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := h.dial(t)
			c.put(strings.Join(strings.FieldsFunc(test.in, func(r rune) bool { return r == '\n' }), " "))
			if test.want == "" {
				test.want = answer("null", `"next"`)
				c.put(`{"jsonrpc":"2.0","method":"update","id":"next"}`)
			}
			if diff := cmp.Diff(bare(t, test.want, false), bare(t, c.get(), true)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestCancelRequest(t *testing.T) {
	h := start(t)
	c := h.dial(t)
	c.put(`{"jsonrpc":"2.0","method":"wait","id":"a"}`)
	c.put(`{"jsonrpc":"2.0","method":"wait","id":"b"}`)
	eventually(t, "two calls run", func() bool { return len(runningIn(h)) == 2 })
	c.put(`{"jsonrpc":"2.0","method":"cancel_request","params":{"id":"b"}}`)
	if got := c.get(); !strings.Contains(got, `"code":"Cancelled"`) || !strings.HasSuffix(got, `"id":"b"}`) {
		t.Errorf("cancelled: %s", got)
	}
	if got := runningIn(h); len(got) != 1 {
		t.Errorf("still running: %v", got)
	}
}

// runningIn names the calls that run in a server.
func runningIn(h *harness) (names []string) {
	h.each(func(c *conn) { names = append(names, c.methods()...) })
	return names
}

// TestPeer lets another implementation of JSON-RPC speak to the server.
func TestPeer(t *testing.T) {
	h := start(t)
	conn := h.dial(t)
	peer := jrpc2.NewClient(channel.Line(conn.UnixConn, conn.UnixConn), nil)
	defer peer.Close()
	ctx := t.Context()
	var n float64
	if err := peer.CallResult(ctx, "subtract", []int{42, 23}, &n); err != nil || n != 19 {
		t.Errorf("subtract: %v, %v", n, err)
	}
	if _, err := peer.Call(ctx, "nothing", nil); jrpc2.ErrorCode(err) != jrpc2.MethodNotFound {
		t.Errorf("unknown method: %v", err)
	}
	if _, err := peer.Call(ctx, "subtract", map[string]any{"x": 1}); jrpc2.ErrorCode(err) != jrpc2.InvalidParams {
		t.Errorf("unknown parameter: %v", err)
	}
	if err := peer.Notify(ctx, "update", []int{1}); err != nil {
		t.Error(err)
	}
	got, err := peer.Batch(ctx, []jrpc2.Spec{
		{Method: "sum", Params: []int{1, 2}}, {Method: "update", Notify: true}, {Method: "nothing"}, {Method: "get_data"},
	})
	if err != nil || len(got) != 3 || got[0].ResultString() != "3" || got[1].Error() == nil || got[2].ResultString() != `["hello",5]` {
		t.Errorf("batch: %v, %v", got, err)
	}
	many := make(chan error, 100)
	for i := range cap(many) {
		go func() {
			var n float64
			err := peer.CallResult(context.Background(), "sum", []int{i, 1}, &n)
			if err == nil && n != float64(i+1) {
				err = fmt.Errorf("%d + 1 = %v", i, n)
			}
			many <- err
		}()
	}
	for range cap(many) {
		if err := <-many; err != nil {
			t.Error(err)
		}
	}
}
