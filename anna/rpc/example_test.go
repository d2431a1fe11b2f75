package rpc_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// A server with one method, and a client that calls it.
func Example() {
	dir, err := os.MkdirTemp("", "rpc")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "s")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		fmt.Println(err)
		return
	}
	greet := rpc.Method{
		Spec: rpc.Spec{Name: "greet", Kind: rpc.Quick, Access: rpc.Observe, Idempotent: true},
		Handle: func(r *rpc.Request) (any, error) {
			var p struct {
				Name string `json:"name"`
			}
			if err := r.Decode(&p); err != nil {
				return nil, err
			}
			return "hello " + p.Name, nil
		},
	}
	server := rpc.NewServer(slog.Default(), os.Geteuid(), greet)
	served := make(chan error)
	go func() { served <- server.Serve(listener) }()

	client := &rpc.Client{Socket: socket}
	var text string
	err = client.Call(context.Background(), "greet", map[string]string{"name": "anna"}, &text)
	fmt.Println(text, err)
	err = client.Call(context.Background(), "greet", map[string]string{"nmae": "anna"}, &text)
	fmt.Println(err)

	listener.Close()
	<-served
	server.Stop(context.Background())
	// Output:
	// hello anna <nil>
	// cannot read the parameters of greet: unknown field "nmae"
}
