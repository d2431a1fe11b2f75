package daemon

import (
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/events"
)

// A listener is a module that watches one domain.
type listener struct {
	name    string
	summary string
	// settings is what of the configuration the source is made of: when it
	// changes, the source is made anew and goes on where the old one was.
	settings func(*config.Config) string
	open     func(*config.Config, view) (events.Source, error)
}

func (l listener) settingsIn(c *config.Config) string {
	if l.settings == nil {
		return ""
	}
	return l.settings(c)
}

// listeners are the modules that watch, in the order of their domains.
var listeners = []listener{
	{
		name: "config", summary: "watches the files of [events] watch_files",
		settings: func(c *config.Config) string { return strings.Join(c.Events().WatchFiles, "\x00") },
		open: func(c *config.Config, _ view) (events.Source, error) {
			return events.NewConfigSource(events.ConfigOptions{Paths: c.Events().WatchFiles})
		},
	},
	{
		name: "devices", summary: "watches block, network and USB devices come and go",
		open: func(_ *config.Config, v view) (events.Source, error) {
			return events.NewDevicesSource(events.DevicesOptions{
				Sys: v.elsewhere("/sys"), Uevents: v.sockets.uevents, Hidden: v.interfacesHidden(),
			}), nil
		},
	},
	{
		name: "kernel", summary: "compares what runs with what is installed: kernel, modules, libc, systemd",
		open: func(_ *config.Config, v view) (events.Source, error) {
			return events.NewKernelSource(events.KernelOptions{Init: v.init(), Modules: v.elsewhere("/lib/modules")}), nil
		},
	},
	{
		name: "network", summary: "watches links, addresses and default routes",
		open: func(_ *config.Config, v view) (events.Source, error) {
			return events.NewNetworkSource(events.NetworkOptions{
				Notices: v.sockets.notices, Requests: v.sockets.requests, Hidden: v.networkHidden(),
			}), nil
		},
	},
	{
		name: "packages", summary: "watches what is installed, upgraded and removed",
		open: func(*config.Config, view) (events.Source, error) {
			return events.NewPackagesSource(events.PackagesOptions{}), nil
		},
	},
	{
		name: "storage", summary: "watches what is mounted, and how",
		open: func(_ *config.Config, v view) (events.Source, error) {
			return events.NewStorageSource(events.StorageOptions{MountInfo: v.mountInfo()}), nil
		},
	},
}
