package anna

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/daemon"
)

// overrides are the flags that set a key over the configuration file.
var overrides = []daemon.Override{
	{Key: "daemon.socket", Flag: "socket"},
	{Key: "daemon.state_dir", Flag: "state-dir"},
	{Key: "daemon.log_level", Flag: "log-level"},
}

// daemonCommand is the whole command line of annad.
func daemonCommand(table applet.Table) *console.Command {
	return &console.Command{
		Summary: "run the daemon in the foreground",
		About: `It watches this machine and itself and answers on a Unix socket until SIGTERM or SIGINT. Under systemd it says when it is ready and keeps the watchdog quiet; in a terminal it just runs.

A flag has the last word over the configuration file. A missing file means the defaults.`,
		Server: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "read the configuration from `FILE`", Value: config.DefaultPath},
			&cli.StringFlag{Name: "socket", Usage: "listen on the socket `PATH`"},
			&cli.StringFlag{Name: "state-dir", Usage: "keep state in `DIR`"},
			&cli.StringFlag{Name: "log-level", Usage: "log from `LEVEL` on: debug, info, warn, error"},
		},
		Examples: []console.Example{
			{Line: "sudo systemctl start annad", Says: "the usual way"},
			{Line: "annad --socket $XDG_RUNTIME_DIR/anna/annad.sock --state-dir ~/.local/state/anna", Says: "by hand, as yourself"},
		},
		Exits: []int{console.ExitConfig},
		Run: func(c *console.Console) error {
			if err := table.Check(); err != nil {
				return err
			}
			level := new(slog.LevelVar)
			// Absolute, for clients are told it and stand elsewhere.
			path, err := filepath.Abs(c.String("config"))
			if err != nil {
				return fmt.Errorf("cannot find the configuration: %w", err)
			}
			opts := daemon.Options{
				Table: table, ConfigPath: path,
				Log: daemon.NewLog(os.Stderr, level), Level: level,
			}
			for _, o := range overrides {
				if c.IsSet(o.Flag) {
					o.Value = c.String(o.Flag)
					o.Flag = "--" + o.Flag
					if _, err := config.Default().With(o.Key, o.Value, o.Flag); err != nil {
						return console.Usagef("see: "+c.Path()+" --help", "%s", err)
					}
					opts.Overrides = append(opts.Overrides, o)
				}
			}
			return daemon.Run(opts)
		},
	}
}
