package rpc

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// WriteErrorsPage writes docs/ERRORS.md from the table of codes.
func WriteErrorsPage(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString(`# Error codes

Every failed command names one of these codes: in text as a message and a hint
on standard error, with ` + "`--json`" + ` as ` + "`{\"error\":{\"code\":...,\"message\":...,\"hint\":...,\"retryable\":...,\"exit\":...}}`" + `.
` + "`anna explain CODE`" + ` prints the same text as this page, which is written from
the table in anna/rpc/code.go.

The client tries again by itself where the table says so: after 100, 200 and
400 ms, at most three times, and never beyond the command's ` + "`--timeout`" + `. A
request that reached the daemon is repeated only if its method is idempotent.

| code | JSON-RPC number | exit status | tried again |
|---|---|---|---|
`)
	for _, r := range Codes {
		number := "-"
		if r.Number != 0 {
			number = fmt.Sprint(r.Number)
		}
		fmt.Fprintf(&b, "| [%s](#%s) | %s | %d | %s |\n", r.Code, strings.ToLower(string(r.Code)), number, r.Exit, r.Retry)
	}
	for _, r := range Codes {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n> %s\n\n```\n%s\n```\n", r.Code, r.Meaning, r.Hint, strings.Join(r.Steps, "\n"))
	}
	_, err := w.Write(b.Bytes())
	return err
}
