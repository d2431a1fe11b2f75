package applets

import (
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/applet"
	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

func TestTable(t *testing.T) {
	if err := Table.Check(); err != nil {
		t.Fatal(err)
	}
}

// TestTableRefuses shows that Check refuses what it is there to refuse.
func TestTableRefuses(t *testing.T) {
	serve := func(*host.Host, *rpc.Request) (any, error) { return nil, nil }
	method := applet.Method{Spec: rpc.Spec{Name: "get_x", Summary: "x", Kind: rpc.Quick, Access: rpc.Observe}, Serve: serve}
	half := method
	half.Serve = nil
	misnamed := method
	misnamed.Name = "getX"
	row := applet.Row{Name: "x", Summary: "x", Methods: []applet.Method{method}}
	command := func(c console.Command) applet.Row {
		return applet.Row{Name: "c", Summary: "c", Commands: func() []*console.Command { return []*console.Command{&c} }}
	}
	run := func(*console.Console) error { return nil }
	good := console.Command{Name: "c", Summary: "c", Run: run, Examples: []console.Example{{Line: "c", Says: "c"}}}
	for why, tt := range map[string]struct {
		table applet.Table
		want  string
	}{
		"a row twice":        {applet.Table{row, row}, "stands there twice"},
		"a method twice":     {applet.Table{row, {Name: "y", Summary: "y", Methods: row.Methods}}, `method "get_x" stands there twice`},
		"no name":            {applet.Table{{Summary: "x", Methods: row.Methods}}, "has no name"},
		"no summary":         {applet.Table{{Name: "x", Methods: row.Methods}}, "has no summary"},
		"an empty row":       {applet.Table{{Name: "x", Summary: "x"}}, "neither commands nor methods"},
		"half a method":      {applet.Table{{Name: "x", Summary: "x", Methods: []applet.Method{half}}}, "lacks its"},
		"a misnamed method":  {applet.Table{{Name: "x", Summary: "x", Methods: []applet.Method{misnamed}}}, `the name "getX"`},
		"a command, no help": {applet.Table{command(console.Command{Name: "c", Run: run})}, "no summary"},
		"a call to nobody": {applet.Table{command(console.Command{
			Name: "c", Summary: "c", Run: run, Examples: good.Examples, Calls: []string{"get_nothing"},
		})}, "which no row answers"},
		"unsaid arguments": {applet.Table{command(console.Command{
			Name: "c", Summary: "c", Run: run, Examples: good.Examples, MaxArgs: 1,
		})}, "about its arguments"},
	} {
		err := tt.table.Check()
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Check() = %v, want something about %q", why, err, tt.want)
		}
	}
	if err := (applet.Table{row, command(good)}).Check(); err != nil {
		t.Errorf("a good table: %v", err)
	}
}
