package applet

import (
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/console"
	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// row is one with all that a row can have.
func row() Row {
	return Row{
		Name: "weather", Summary: "how it is outside",
		Commands: func() []*console.Command {
			return []*console.Command{{
				Name: "weather", Summary: "s", Calls: []string{"get_weather"}, Examples: []console.Example{{Line: "anna weather", Says: "s"}},
				Run: func(*console.Console) error { return nil },
			}}
		},
		Methods: []Method{{
			Spec:  rpc.Spec{Name: "get_weather", Summary: "s", Kind: rpc.Quick, Access: rpc.Observe},
			Serve: func(*host.Host, *rpc.Request) (any, error) { return "rain", nil },
		}},
		Gone: map[string]string{"forecast": "use get_weather"},
	}
}

// TestCheck holds that a table with something wrong in it is refused, with what.
func TestCheck(t *testing.T) {
	if err := (Table{row()}).Check(); err != nil {
		t.Fatalf("a good table: %v", err)
	}
	for want, spoil := range map[string]func(*Row){
		"row 0 has no name":                                        func(r *Row) { r.Name = "" },
		`row "weather" has no summary`:                             func(r *Row) { r.Summary = "" },
		`row "weather" has neither commands nor methods`:           func(r *Row) { r.Commands, r.Methods, r.Gone = nil, nil, nil },
		`has a method with the name "GetWeather"`:                  func(r *Row) { r.Methods[0].Name = "GetWeather" },
		`has a method with the name ""`:                            func(r *Row) { r.Methods[0].Name = "" },
		`method "get_weather" stands there twice`:                  func(r *Row) { r.Methods = append(r.Methods, r.Methods[0]) },
		`method "get_weather" lacks its summary`:                   func(r *Row) { r.Methods[0].Summary = "" },
		`method "get_weather" lacks its summary, kind`:             func(r *Row) { r.Methods[0].Kind = "" },
		`method "get_weather" lacks its summary, kind, access`:     func(r *Row) { r.Methods[0].Access = "" },
		`method "get_weather" lacks its summary, kind, access or `: func(r *Row) { r.Methods[0].Serve = nil },
		`method "get_weather" is answered, and is said to be gone`: func(r *Row) { r.Gone["get_weather"] = "x" },
		`a command calls "get_weather", which no row answers`:      func(r *Row) { r.Methods = nil },
		`command "weather" has no summary`: func(r *Row) {
			r.Commands = func() []*console.Command { return []*console.Command{{Name: "weather"}} }
		},
	} {
		r := row()
		spoil(&r)
		err := Table{r}.Check()
		if err == nil || !strings.HasPrefix(err.Error(), "cannot use the dispatch table: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("Check = %v, want something about %s", err, want)
		}
	}
	other := row()
	other.Commands, other.Methods = nil, nil
	if err := (Table{row(), other}).Check(); err == nil || !strings.Contains(err.Error(), `row "weather" stands there twice`) {
		t.Errorf("a row twice: %v", err)
	}
}

// TestServe holds that a method answers under its own name.
func TestServe(t *testing.T) {
	table := Table{row()}
	methods := table.Serve(nil)
	if len(methods) != 1 || methods[0].Name != "get_weather" {
		t.Fatalf("%+v", methods)
	}
	if got, err := methods[0].Handle(nil); got != "rain" || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if spec, ok := table.Spec("get_weather"); !ok || spec.Kind != rpc.Quick {
		t.Errorf("%+v, %v", spec, ok)
	}
	if _, ok := table.Spec("forecast"); ok || table.Gone()["forecast"] == "" {
		t.Error("a method that is gone is there, or nobody knows of it")
	}
}
