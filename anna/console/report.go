package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// errorJSON is an error as --json prints it.
type errorJSON struct {
	Error struct {
		Code      string           `json:"code"`
		Message   string           `json:"message"`
		Hint      string           `json:"hint"`
		Retryable bool             `json:"retryable"`
		Exit      int              `json:"exit"`
		RequestID string           `json:"request_id,omitempty"`
		Problems  []config.Problem `json:"problems,omitempty"`
		Details   json.RawMessage  `json:"details,omitempty"`
	} `json:"error"`
}

// report says what went wrong and turns it into the exit status.
func report(w *World, err error, asJSON bool) int {
	var out errorJSON
	e := &out.Error
	var (
		status  Status
		usage   *UsageError
		call    *rpc.Error
		hinted  *Hinted
		invalid *config.InvalidError
	)
	switch {
	case err == nil, errors.Is(err, errPipe):
		return ExitOK
	case errors.As(err, &status):
		return int(status)
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	case errors.As(err, &usage):
		e.Code, e.Hint, e.Exit = "Usage", usage.Hint, ExitUsage
	case errors.As(err, &call):
		e.Code, e.Hint, e.Retryable, e.Exit = string(call.Code), call.Hint, call.Retryable, call.Exit()
		e.RequestID, e.Details = call.RequestID, call.Details
	case errors.As(err, &invalid):
		e.Code, e.Hint, e.Exit = string(rpc.ConfigInvalid), rpc.ConfigInvalid.Row().Hint, ExitConfig
		e.Problems = invalid.Report.Problems
	default:
		e.Code, e.Exit = "Failed", ExitFailed
	}
	e.Message = err.Error() // with what was said around it
	if errors.As(err, &hinted) {
		e.Hint, e.Exit = cmp.Or(hinted.Hint, e.Hint), cmp.Or(hinted.Exit, e.Exit)
	}
	if asJSON {
		if err := writeJSON(&pipeWriter{w.Out}, out); err != nil && !errors.Is(err, errPipe) {
			fmt.Fprintf(w.Err, "%s: %s\n", w.Program, ui.Plain(err.Error()))
		}
		return e.Exit
	}
	if invalid != nil {
		invalid.Report.Write(w.Err)
	}
	fmt.Fprintf(w.Err, "%s: %s\n", w.Program, ui.Plain(e.Message))
	if e.Hint != "" {
		fmt.Fprintf(w.Err, "hint: %s\n", ui.Plain(e.Hint))
	}
	return e.Exit
}

// Refuse prints a usage error and returns its status.
func Refuse(w *World, message, hint string) int {
	return report(w, Usagef(hint, "%s", message), false)
}
