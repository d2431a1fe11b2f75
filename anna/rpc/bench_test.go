package rpc

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"path/filepath"
	"testing"
)

// BenchmarkRequest is one request's latency over a real socket, beside the
// floor: a server that sends back each line, written the same way.
func BenchmarkRequest(b *testing.B) {
	const line = `{"jsonrpc":"2.0","id":1,"method":"update"}` + "\n"
	h := start(b, func(s *Server) { s.Observe = nil })
	echo := filepath.Join(socketDir(b), "s")
	l := listenAt(b, echo)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				r := bufio.NewReader(c)
				for {
					line, err := r.ReadSlice('\n')
					if err != nil {
						return
					}
					if _, err := c.Write(line); err != nil {
						return
					}
				}
			}()
		}
	}()
	ask := func(b *testing.B, c net.Conn, r *bufio.Reader) {
		if _, err := io.WriteString(c, line); err != nil {
			b.Fatal(err)
		}
		if _, err := r.ReadSlice('\n'); err != nil {
			b.Fatal(err)
		}
	}
	for _, peer := range []struct{ name, socket string }{{"echo", echo}, {"rpc", h.socket}} {
		b.Run("kept/"+peer.name, func(b *testing.B) {
			c, err := net.Dial("unix", peer.socket)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			r := bufio.NewReader(c)
			b.ReportAllocs()
			for b.Loop() {
				ask(b, c, r)
			}
		})
		b.Run("new/"+peer.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c, err := net.Dial("unix", peer.socket)
				if err != nil {
					b.Fatal(err)
				}
				ask(b, c, bufio.NewReader(c))
				c.Close()
			}
		})
	}
	b.Run("client", func(b *testing.B) {
		c := &Client{Socket: h.socket, Spec: specs}
		b.ReportAllocs()
		for b.Loop() {
			if err := c.Call(context.Background(), "update", nil, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkDecode is reading one request, beside encoding/json into a struct.
func BenchmarkDecode(b *testing.B) {
	line := []byte(`{"jsonrpc":"2.0","id":"7c9e6679","method":"list_events","params":{"since":"2030-01-01T00:00:00Z","domains":["storage","kernel"],"limit":100}}`)
	b.Run("anna", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(line)))
		for b.Loop() {
			decodeLine(line, DefaultLimits)
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(line)))
		for b.Loop() {
			var r struct {
				JSONRPC string          `json:"jsonrpc"`
				ID      json.RawMessage `json:"id"`
				Method  string          `json:"method"`
				Params  json.RawMessage `json:"params"`
			}
			if err := json.Unmarshal(line, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
