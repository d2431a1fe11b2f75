package old

import (
	"strings"

	"github.com/jjgarcianorway/anna-assistant/anna/host"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/rpc"
)

// Advice is one piece of advice as v0.12.6 gave it, under its old id where it
// had one.
type Advice struct {
	ID       string   `json:"id"`
	Level    string   `json:"level"` // info, warn, error
	Category string   `json:"category"`
	Title    string   `json:"title"`
	Reason   string   `json:"reason"`
	Action   string   `json:"action"`
	Explain  *string  `json:"explain"`
	FixCmd   *string  `json:"fix_cmd"`  // null: the action says what to type
	FixRisk  *string  `json:"fix_risk"` // null: not judged
	Refs     []string `json:"refs"`
}

func serveAdvice(h *host.Host, r *rpc.Request) (any, error) {
	standing, set, err := h.Advice(r.Context())
	if err != nil {
		return nil, err
	}
	out := []Advice{}
	for _, a := range standing.Advice {
		if !a.Raised || a.Snooze != nil {
			continue
		}
		one := advice(a)
		if rule := set.Find(a.Rule); rule != nil && rule.About != "" {
			one.Explain = &rule.About
		}
		out = append(out, one)
	}
	return out, nil
}

// oldIDs are what v0.12.6 called rules that it had as well.
var oldIDs = map[string]string{
	"arch_microcode_amd":            "microcode-amd-missing",
	"arch_microcode_intel":          "microcode-intel-missing",
	"arch_power_tools_missing":      "power-management-missing",
	"arch_power_tools_conflict":     "power-management-conflict",
	"arch_zram":                     "zram-recommended",
	"arch_orphans":                  "orphan-packages",
	"btrfs_snapshots_missing":       "btrfs-layout-missing-snapshots",
	"arch_snapshot_hook_missing":    "pacman-autosnap-missing",
	"arch_grub_btrfs_missing":       "grub-btrfs-missing-on-grub",
	"arch_sdboot_snapshots_missing": "sd-boot-snapshots-missing",
	"btrfs_scrub_overdue":           "scrub-overdue",
	"low_space":                     "low-free-space",
	"btrfs_balance_helps":           "balance-required",
}

// categories are by the rule's name, the first prefix that fits.
var categories = []struct{ prefix, category string }{
	{"btrfs_", "storage"},
	{"low_", "storage"},
	{"full", "storage"},
	{"arch_snapshot_", "storage"},
	{"arch_grub_", "storage"},
	{"arch_sdboot_", "storage"},
	{"arch_power_", "power"},
	{"arch_zram", "performance"},
	{"arch_orphans", "maintenance"},
	{"", "system"},
}

var levels = map[policy.Level]string{policy.Info: "info", policy.Warning: "warn", policy.Critical: "error"}

func advice(a policy.Advice) Advice {
	one := Advice{ID: a.ID, Level: levels[a.Level], Title: a.Title, Reason: a.Detail, Action: a.Fix, Refs: append([]string{}, a.Refs...)}
	if id := oldIDs[a.Rule]; id != "" {
		one.ID = id
	}
	for _, c := range categories {
		if strings.HasPrefix(a.Rule, c.prefix) {
			one.Category = c.category
			break
		}
	}
	return one
}
