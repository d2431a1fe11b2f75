package policy

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/config"
)

// The predecessor's rules were YAML of five dialects. They are recognised, line
// by line, so far as to say what to write instead; nothing of them is used.
var (
	yamlWhen  = lazily(`^\s*(?:-\s*)?(?:when|condition)\s*:\s*(.+?)\s*$`)
	yamlThen  = lazily(`(?m)^\s*(?:-\s*)?(?:then|action|type)\s*:\s*(.+?)\s*$`)
	yamlPart  = lazily(`^\s*([A-Za-z_.]+)\s*(<=|>=|==|!=|<|>)\s*([^\s&|]+)\s*$`)
	yamlSpace = lazily(`\s+`)
)

// successors are the facts that mean what a name of the predecessor meant. Those
// that are "" have none.
var successors = map[string]successor{
	"telemetry.disk_free_pct":        {"mount", "100 - mount.used_percent", 100},
	"telemetry.mem_usage":            {"", "100 - memory.available_percent", 100},
	"telemetry.cpu_temp":             {"sensor", "sensor.celsius", 1},
	"telemetry.cpu_usage":            {"", "pressure.cpu_percent", 100},
	"uptime":                         {"", "machine.uptime_sec", 1},
	"telemetry.error_rate":           {},
	"telemetry.event_count":          {},
	"telemetry.last_quickscan_hours": {},
	"time_since_last_quickscan":      {},
	"diagnostics.failures":           {"", "health.warnings + health.criticals", 1},
	"diagnostics.pass_rate":          {},
}

type successor struct {
	each, fact string
	scale      float64 // of a share that was written as 0.9 or 90%
}

// Foreign says what to write instead of a YAML file.
func Foreign(f config.File) config.Problem {
	p := config.Problem{
		Severity: config.Warning, File: f.Path,
		Message: "this file is not read: rules are TOML files",
		Hint:    "write its rules as TOML (docs/POLICIES.md); `anna policy test FILE` tries them",
	}
	name := strings.TrimSuffix(filepath.Base(f.Path), filepath.Ext(f.Path))
	for number, line := range strings.Split(string(f.Data), "\n") {
		line = stripComment(line)
		m := yamlWhen().FindStringSubmatch(line)
		if m == nil {
			continue
		}
		when := strings.Trim(m[1], `"'`)
		p.Line, p.Column = number+1, 1
		p.Text = strings.TrimRight(line, " \r")
		if len(p.Text) > 100 {
			p.Text = p.Text[:100]
		}
		p.Text = strings.ToValidUTF8(p.Text, "?")
		p.Message = "this is a rule of version 0.12.6, and not read: rules are TOML files"
		rule, why := translate(name, when)
		if rule != "" {
			p.Suggestion = rule
			p.Hint = "put it into " + filepath.Join(filepath.Dir(f.Path), name+".toml") + ", try it with `anna policy test`, and delete this file"
		}
		if why != "" {
			p.Message += "; " + why
		}
		break
	}
	if p.Line == 0 && yamlThen().MatchString(string(f.Data)) {
		p.Message = "this looks like a rule of version 0.12.6, and is not read: rules are TOML files"
	}
	return p
}

// stripComment cuts a comment off, as far as that can be told without quotes.
func stripComment(line string) string {
	if i := strings.Index(line, " #"); i >= 0 {
		return line[:i]
	}
	if strings.HasPrefix(line, "#") {
		return ""
	}
	return line
}

// translate writes a condition of the predecessor as a rule; "" where that
// cannot be, and why.
func translate(name, when string) (rule, why string) {
	if when == "always" {
		return "", "\"always\" is no condition any more: what is always so is no advice"
	}
	each := ""
	var parts []string
	for part := range strings.SplitSeq(when, "&&") {
		m := yamlPart().FindStringSubmatch(part)
		if m == nil {
			return "", ""
		}
		s, known := successors[m[1]]
		switch {
		case !known:
			return "", fmt.Sprintf("%s is no fact: see `anna facts`", m[1])
		case s.fact == "":
			return "", fmt.Sprintf("what was %s is not measured any more", m[1])
		}
		if s.each != "" {
			each = s.each
		}
		fact := s.fact
		if strings.Contains(fact, " ") && (m[2] == "==" || m[2] == "!=") {
			fact = "(" + fact + ")"
		}
		parts = append(parts, fact+" "+m[2]+" "+scaled(m[3], s.scale))
	}
	id := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(name), "_"), "_0123456789")
	if !ruleID().MatchString(id) {
		id = "my_rule"
	}
	fields := []string{"[[rule]]", fmt.Sprintf("id = %q", id)}
	if each != "" {
		fields = append(fields, fmt.Sprintf("each = %q", each))
	}
	condition := yamlSpace().ReplaceAllString(strings.Join(parts, " and "), " ")
	fields = append(fields, fmt.Sprintf("when = '%s'", condition), `title = "..."`)
	return strings.Join(fields, "\n"), ""
}

// scaled writes a value: 90% stays 90, and a share of 0.9 becomes 90.
func scaled(value string, scale float64) string {
	if percent, ok := strings.CutSuffix(value, "%"); ok {
		return percent
	}
	var n float64
	if _, err := fmt.Sscanf(value, "%g", &n); err == nil && scale == 100 && n >= 0 && n <= 1 {
		return fmt.Sprintf("%g", n*100)
	}
	return strings.Trim(value, `"'`)
}
