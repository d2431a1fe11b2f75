package advisor

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
	"github.com/jjgarcianorway/anna-assistant/anna/health"
	"github.com/jjgarcianorway/anna-assistant/anna/policy"
	"github.com/jjgarcianorway/anna-assistant/anna/ui"
)

// standing has advice of every kind.
func standing() policy.Standing {
	at := time.Date(2026, 11, 23, 18, 30, 0, 0, time.UTC)
	return policy.Standing{
		At: at,
		Advice: []policy.Advice{
			{
				ID: "low_space:/home", Rule: "low_space", Object: "/home", Level: policy.Warning, Title: "/home is 91 % full", Detail: "9 GiB are left",
				Fix: "See what takes it:\ndu -xh --max-depth=1 /home | sort -h", Since: at, Raised: true, Saw: []policy.Saw{{Fact: "mount[/home].used_percent", Text: "91 %"}},
			},
			{
				ID: "hot:cpu", Rule: "hot", Object: "cpu", Level: policy.Critical, Title: "cpu is hot", Since: at, Raised: true,
				Snooze: &health.Ack{Until: at.Add(24 * time.Hour), Who: "lise", Note: "a fan is ordered"},
			},
			{ID: "btrfs_snapshots_many:/", Rule: "btrfs_snapshots_many", Object: "/", Level: policy.Info, Title: "/ has 5000 snapshots", Since: at, Hold: 3600},
			{ID: "low_space:/srv", Rule: "low_space", Object: "/srv", Level: policy.Warning, Title: "/srv is 92 % full", Since: at, Hold: 600},
		},
		Unsure: []policy.Unsure{
			{ID: "failed_units", Rule: "failed_units", Unknown: "units.failed", Why: "systemd does not run here"},
			{ID: "hot:gpu", Rule: "hot", Unknown: "sensor[gpu].celsius", Why: "it does not say"},
		},
		Silent: []string{"full", "low_inodes", "reboot_needed"}, Off: []string{"arch_zram"}, Rules: 8,
	}
}

func TestScreens(t *testing.T) {
	local := time.Local
	time.Local = time.UTC // the screen shows the reader's own time
	defer func() { time.Local = local }()
	young := standing()
	young.Advice, young.Unsure = young.Advice[2:3], nil
	for name, draw := range map[string]func(io.Writer, ui.Theme){
		"advice":  func(w io.Writer, th ui.Theme) { printStanding(w, th, standing(), false, "anna") },
		"all":     func(w io.Writer, th ui.Theme) { printStanding(w, th, standing(), true, "anna") },
		"nothing": func(w io.Writer, th ui.Theme) { printStanding(w, th, young, false, "anna") },
	} {
		annatest.Screens(t, "testdata/screen/advisor-"+name+".txt", draw)
	}
}

// TestTallyCountsEachRuleOnce holds that the counts below the advice are of
// rules, each in one of them, and that only what is advised is said to be.
func TestTallyCountsEachRuleOnce(t *testing.T) {
	var b bytes.Buffer
	printStanding(&b, ui.Theme{}, standing(), false, "anna")
	if want := "8 rules: 2 advise, 1 not for long yet, 3 find nothing, 1 cannot tell, 1 disabled"; !strings.Contains(b.String(), want) {
		t.Errorf("no %q in\n%s", want, b.String())
	}
}

// TestScreenOfHostileDaemon holds that texts from the socket are shown as data.
func TestScreenOfHostileDaemon(t *testing.T) {
	var s policy.Standing
	var e Explained
	annatest.Poison(&s)
	annatest.Poison(&e)
	snoozed, raised := s.Advice[0], s.Advice[0]
	snoozed.Raised, raised.Raised, raised.Snooze = true, true, nil
	s.Advice = append(s.Advice, snoozed, raised)
	annatest.Harmless(t, func(w io.Writer) { printStanding(w, ui.Theme{}, s, true, "anna") })
	for _, outcome := range []policy.Outcome{policy.Fires, policy.CannotTell, policy.Silent} {
		e.Objects[0].Outcome = outcome
		annatest.Harmless(t, func(w io.Writer) { printExplained(w, ui.Theme{}, e) })
	}
}
