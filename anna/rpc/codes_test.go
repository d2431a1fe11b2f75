package rpc

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestCodes freezes the table: scripts rely on it.
func TestCodes(t *testing.T) {
	var b bytes.Buffer
	names, numbers := map[Code]bool{}, map[int]bool{}
	for _, r := range Codes {
		fmt.Fprintf(&b, "%s number %d exit %d retry: %s\n  cause: %s\n  hint: %s\n  %s\n", r.Code, r.Number, r.Exit, r.Retry, r.Message, r.Hint, r.Meaning)
		for _, s := range r.Steps {
			fmt.Fprintf(&b, "  - %s\n", s)
		}
		if names[r.Code] || r.Number != 0 && numbers[r.Number] {
			t.Errorf("%s or %d is there twice", r.Code, r.Number)
		}
		names[r.Code], numbers[r.Number] = true, true
		if r.Message == "" || r.Hint == "" || r.Meaning == "" || len(r.Steps) == 0 {
			t.Errorf("%s lacks a text", r.Code)
		}
		if r.Exit == 0 || r.Exit == 2 {
			t.Errorf("%s ends with %d", r.Code, r.Exit)
		}
		if got, ok := codeOf(r.Number); r.Number != 0 && (got != r.Code || !ok) {
			t.Errorf("%d is %s, not %s", r.Number, got, r.Code)
		}
		if !r.Code.Known() {
			t.Errorf("%s is not known", r.Code)
		}
	}
	if _, ok := codeOf(0); ok || Code("x").Known() || Code("").Known() {
		t.Error("something unknown is known")
	}
	annatest.Golden(t, "testdata/rpc/codes.golden", b.Bytes())
}

// TestExitStatuses are the published contract.
func TestExitStatuses(t *testing.T) {
	for code, want := range map[Code][2]int{
		SocketNotFound: {10, 0}, SocketPermission: {11, 0}, ConnectionRefused: {13, 0}, DaemonCrashed: {12, 0},
		ConnectionReset: {13, 0}, ConnectTimeout: {7, 0}, ReadTimeout: {7, 0}, InvalidResponse: {14, 0},
		MethodNotFound: {15, -32601}, NotAuthorized: {77, -32002}, ConfigInvalid: {78, -32003}, Busy: {13, -32001},
		Timeout: {7, -32007}, InvalidParams: {1, -32602}, NotBtrfs: {1, -32004}, NotReadOnly: {1, -32005},
		CapabilityMissing: {1, -32006}, Internal: {1, -32603}, Cancelled: {130, -32008},
		ParseError: {1, -32700}, InvalidRequest: {1, -32600},
	} {
		if row := code.Row(); row.Exit != want[0] || row.Number != want[1] {
			t.Errorf("%s: exit %d, number %d", code, row.Exit, row.Number)
		}
	}
}

func TestPublishedSentences(t *testing.T) {
	for code, want := range map[Code]string{
		SocketNotFound: "Daemon not running. Start with: sudo systemctl start annad",
		MethodNotFound: "Command not supported. Upgrade daemon to match annactl version.",
		ReadTimeout:    "Daemon not responding. Check logs: sudo journalctl -u annad -n 20",
	} {
		if got := code.Row().Hint; got != want {
			t.Errorf("%s: %q, not %q", code, got, want)
		}
	}
	if !strings.HasPrefix(SocketPermission.Row().Hint, "Permission denied") || !strings.HasPrefix(ConnectTimeout.Row().Hint, "Daemon is starting or overloaded") {
		t.Error("a hint does not begin as published")
	}
}

// errorsPage is docs/ERRORS.md, from the table of codes.
func errorsPage() []byte {
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
	return b.Bytes()
}

// TestErrorsPage keeps docs/ERRORS.md what the table says.
func TestErrorsPage(t *testing.T) { annatest.Golden(t, "docs/ERRORS.md", errorsPage()) }
