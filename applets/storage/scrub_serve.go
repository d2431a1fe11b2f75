package storage

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/btrfs"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/scrub"
)

const (
	methodScrubs = "list_scrubs"
	methodRecord = "record_scrub"
)

func errNoScrubs() error {
	return rpc.Errorf(rpc.CapabilityMissing, "cannot tell of scrubs: switched off: modules.btrfs = false")
}

// scrubs answers from memory.
func (s *server) scrubs(h *host.Host, r *rpc.Request) (any, error) {
	var p Params
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	id, err := btrfs.ParseUUID(p.UUID)
	if err != nil {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot tell of scrubs: %w", err)
	}
	known := h.Scrubs()
	if known == nil {
		return nil, errNoScrubs()
	}
	state, ok := known.State(id)
	if !ok {
		return nil, rpc.Errorf(rpc.NotBtrfs, "cannot tell of scrubs of file system %s: no Btrfs file system with this UUID is mounted where the daemon looks", id)
	}
	if state.Runs == nil {
		state.Runs = []scrub.Run{}
	}
	return state, nil
}

// record takes in a scrub that the caller ran or saw.
func (s *server) record(h *host.Host, r *rpc.Request) (any, error) {
	var p RecordParams
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	id, err := btrfs.ParseUUID(p.UUID)
	if err != nil {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot record a scrub: %w", err)
	}
	known := h.Scrubs()
	if known == nil {
		return nil, errNoScrubs()
	}
	if err := p.Run.Check(time.Now()); err != nil {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot record a scrub: %w", err)
	}
	if _, ok := known.State(id); !ok { // what is not mounted fills no store
		fs, err := s.open(r.Context(), p.UUID)
		if err != nil {
			return nil, err
		}
		fs.Close()
	}
	p.Run.PID = 0
	if p.Run.Outcome == scrub.Running && p.Run.Source == scrub.FromRunner {
		p.Run.PID = r.Peer.PID
	}
	known.Record(r.Context(), id, p.Run)
	return Recorded{}, nil
}
