package console

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Peer is who listens on the daemon's socket, as the kernel says.
func (c *Console) Peer() (rpc.Peer, error) {
	ctx, cancel := c.within()
	defer cancel()
	return c.client.Peer(ctx)
}

// Timeout is the command's whole time.
func (c *Console) Timeout() time.Duration { return c.timeout }
