package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// FuzzDecodeLine compares what the scanner makes of a line with what
// encoding/json does.
func FuzzDecodeLine(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","method":"subtract","params":[42,23],"id":1}`, `[{"jsonrpc":"2.0","method":"a"},{"id":"\"}"}]`,
		`{"jsonrpc":"2.0", "id" : 1.5e3 , "method":"m\u0065", "x":{"y":[{"z":"]"}]}}`, `[]`, `[1,[2],"3"]`, `{`, `{"id":`, "\xff", `{"":{}}`,
		`{"jsonrpc":"2.0","method":"a","params":null,"id":{"x":1}}`, strings.Repeat("[", 70),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		calls, batch := decodeLine(line, DefaultLimits)
		if len(calls) == 0 || len(calls) > DefaultLimits.Batch || !batch && len(calls) != 1 {
			t.Fatalf("%d calls, batch %v", len(calls), batch)
		}
		var list []json.RawMessage
		if batch {
			if err := json.Unmarshal(line, &list); err != nil || len(list) != len(calls) {
				t.Fatalf("a batch of %d, %v, gave %d calls", len(list), err, len(calls))
			}
		} else {
			list = []json.RawMessage{line}
		}
		for i, c := range calls {
			if c.bad != nil {
				if answer := encodeError(c.id, c.bad); !json.Valid(answer) || c.id == nil {
					t.Errorf("the refusal %q", answer)
				}
				continue
			}
			var members map[string]json.RawMessage
			if err := json.Unmarshal(list[i], &members); err != nil {
				t.Fatalf("%q was taken: %v", list[i], err)
			}
			var method string
			if err := json.Unmarshal(members["method"], &method); err != nil || method != c.method {
				t.Errorf("method %q, not %q, %v", c.method, method, err)
			}
			if !bytes.Equal(members["id"], c.id) || !bytes.Equal(members["params"], c.params) {
				t.Errorf("id %s, not %s; params %s, not %s", c.id, members["id"], c.params, members["params"])
			}
		}
	})
}

// FuzzAnswer reads what a hostile server may write.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"jsonrpc":"2.0","result":null,"id":1}` + "\n", `{"jsonrpc":"2.0","error":{"code":-32001,"message":"m","data":{"code":"Busy"}},"id":null}` + "\n",
		`{"jsonrpc":"2.0","method":"m","params":{"id":1,"item":{}}}` + "\n", `{"jsonrpc":"2.0","error":{},"id":1}` + "\n", "\n", "x",
		`{"jsonrpc":"2.0","error":{"code":1,"message":"\u001b[2J","data":7},"id":1}` + "\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		a := newAnswers(bytes.NewReader(text), request{spec: Spec{Name: "m"}, id: 1})
		for {
			r, err := a.next()
			if err != nil {
				var e *Error
				if !errors.As(err, &e) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("%v", err)
				}
				return
			}
			if r.item != nil {
				continue
			}
			var e *Error
			if err := r.err(); err != nil && (!errors.As(err, &e) || e.Message == "" || e.Hint == "" || e.Exit() == 0 || strings.ContainsRune(e.Message+e.Hint, '\x1b')) {
				t.Errorf("%#v", err)
			}
		}
	})
}
