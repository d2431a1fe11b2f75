// Package applets holds the dispatch table: every capability of anna in one
// list, in the order of the help. Adding one is a folder and a line here.
//
//	os.Exit(anna.Main(os.Args, applets.Table))
package applets

import (
	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/applets/advisor"
	"github.com/jjgarcianorway/anna-assistant/applets/capabilities"
	"github.com/jjgarcianorway/anna-assistant/applets/completion"
	"github.com/jjgarcianorway/anna-assistant/applets/config"
	"github.com/jjgarcianorway/anna-assistant/applets/doctor"
	"github.com/jjgarcianorway/anna-assistant/applets/events"
	"github.com/jjgarcianorway/anna-assistant/applets/explain"
	"github.com/jjgarcianorway/anna-assistant/applets/facts"
	"github.com/jjgarcianorway/anna-assistant/applets/health"
	"github.com/jjgarcianorway/anna-assistant/applets/help"
	"github.com/jjgarcianorway/anna-assistant/applets/old"
	"github.com/jjgarcianorway/anna-assistant/applets/policy"
	"github.com/jjgarcianorway/anna-assistant/applets/reload"
	"github.com/jjgarcianorway/anna-assistant/applets/status"
	"github.com/jjgarcianorway/anna-assistant/applets/storage"
	"github.com/jjgarcianorway/anna-assistant/applets/version"
)

// Table is the shared dispatch table. The order is the help's: what people ask
// first comes first.
var Table = applet.Table{
	status.Row,
	health.Row,
	doctor.Row,
	reload.Row,
	config.Row,
	events.Row,
	storage.Row,
	advisor.Row,
	facts.Row,
	policy.Row,
	capabilities.Row,
	explain.Row,
	version.Row,
	completion.Row,
	help.Row,
	old.Row,
}
