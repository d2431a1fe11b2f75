package daemon

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"

	"github.com/jjgarcianorway/anna-assistant/anna/facts"
	"github.com/jjgarcianorway/anna-assistant/anna/facts/survey"
)

// busTime bounds what systemd may take to answer.
const busTime = 3 * time.Second

// units asks systemd for what failed, over the system's D-Bus: everybody may.
func units(ctx context.Context, root survey.Root) *facts.Branch {
	// sd_booted(3)
	if _, err := os.Lstat(filepath.Join(root.Dir, "run/systemd/system")); err != nil {
		return facts.NoBranch("systemd does not run here")
	}
	ctx, cancel := context.WithTimeout(ctx, busTime)
	defer cancel()
	done := make(chan *facts.Branch, 1)
	go func() { done <- askUnits(ctx) }() // a bus that accepts and stays silent must not keep us
	select {
	case b := <-done:
		return b
	case <-ctx.Done():
		return facts.NoBranch("systemd does not answer")
	}
}

func askUnits(ctx context.Context) *facts.Branch {
	conn, err := dbus.NewSystemConnectionContext(ctx)
	if err != nil {
		return facts.NoBranch("systemd cannot be asked: " + err.Error())
	}
	defer conn.Close()
	b := facts.NewBranch()
	list, err := conn.ListUnitsFilteredContext(ctx, []string{"failed"})
	if err != nil {
		b.Set("units.failed", facts.Unknown("systemd cannot be asked: "+err.Error()))
	} else {
		names := []string{}
		for _, u := range list {
			names = append(names, u.Name)
		}
		slices.Sort(names)
		b.Set("units.failed", facts.Strs(names))
	}
	state, err := conn.SystemStateContext(ctx)
	if err != nil {
		b.Set("units.system_state", facts.Unknown("systemd cannot be asked: "+err.Error()))
		return b
	}
	word, _ := state.Value.Value().(string)
	b.Set("units.system_state", facts.Str(word))
	return b
}
