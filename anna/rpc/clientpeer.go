package rpc

import (
	"context"
	"fmt"
	"net"
)

// Peer connects and returns who listens on the socket, as the kernel says: the
// process that last called listen(2) on it.
func (c *Client) Peer(ctx context.Context) (Peer, error) {
	nc, err := c.connect(ctx)
	if err != nil {
		return Peer{}, err
	}
	defer nc.Close()
	uc, ok := nc.(*net.UnixConn)
	if !ok {
		return Peer{}, fmt.Errorf("cannot tell who listens: %T is no Unix socket", nc)
	}
	return PeerOf(uc)
}
