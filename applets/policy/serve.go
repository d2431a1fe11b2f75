package policy

import (
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

func serve(h *host.Host, r *rpc.Request) (any, error) {
	var p Params
	if err := r.Decode(&p); err != nil {
		return nil, err
	}
	if len(p.Files) == 0 || len(p.Files) > maxFiles {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot try %d files of rules: 1 to %d", len(p.Files), maxFiles)
	}
	back := time.Duration(p.BackSec) * time.Second
	if p.BackSec < 0 || p.BackSec > int64(maxBack/time.Second) {
		return nil, rpc.Errorf(rpc.InvalidParams, "cannot look back %d s: at most 30 days", p.BackSec)
	}
	files := make([]config.File, len(p.Files))
	for i, f := range p.Files {
		if f.Name == "" || len(f.Name) > maxName {
			return nil, rpc.Errorf(rpc.InvalidParams, "cannot try a file of rules without a name")
		}
		files[i] = config.File{Path: f.Name, Data: []byte(f.Text)}
	}
	return h.TryRules(r.Context(), files, back)
}
