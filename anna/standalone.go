package anna

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/daemon"
)

// standalone returns what runs a private daemon inside a client: the real
// daemon, on a socket in a directory that only this user can enter, for as long
// as the command lasts. It leaves nothing behind.
func standalone(table applet.Table) func(context.Context, bool) (string, func(), error) {
	return func(ctx context.Context, verbose bool) (string, func(), error) {
		fail := func(err error) (string, func(), error) {
			return "", nil, fmt.Errorf("cannot run a private daemon: %w", err)
		}
		if err := table.Check(); err != nil {
			return fail(err)
		}
		dir, err := os.MkdirTemp("", "anna-")
		if err != nil {
			return fail(err)
		}
		level := new(slog.LevelVar)
		log := slog.New(slog.DiscardHandler)
		if verbose {
			log = daemon.NewLog(os.Stderr, level)
		}
		d, err := daemon.Start(context.WithoutCancel(ctx), daemon.Options{
			Table: table, ConfigPath: standaloneConfig(dir, log), Log: log, Level: level, Private: true,
			Overrides: []daemon.Override{
				{Key: "daemon.socket", Value: filepath.Join(dir, "annad.sock"), Flag: "--standalone"},
				{Key: "daemon.state_dir", Value: filepath.Join(dir, "state"), Flag: "--standalone"},
			},
		})
		if err != nil {
			os.RemoveAll(dir)
			return fail(err)
		}
		return d.Socket, func() {
			d.Stop("the command is done")
			os.RemoveAll(dir)
		}, nil
	}
}

// standaloneConfig is the system's configuration where it can be used, for its
// thresholds; a broken or unreadable one must not keep a rescue shell from
// looking.
func standaloneConfig(dir string, log *slog.Logger) string {
	if _, report := config.Load(config.DefaultPath); !report.OK() {
		log.Warn("the configuration is passed over", "problem", report.Err())
		return filepath.Join(dir, "no-config.toml")
	}
	return config.DefaultPath
}
