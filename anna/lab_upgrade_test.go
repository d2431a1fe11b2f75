package anna_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestUpgradeOnSystemd moves a machine over that is laid out as v0.12.6 left
// it, and back again by the commands that the script prints.
func TestUpgradeOnSystemd(t *testing.T) {
	script, err := os.ReadFile(filepath.Join(annatest.RepoRoot(t), "scripts/upgrade.sh"))
	if err != nil {
		t.Fatal(err)
	}
	old := map[string]string{
		"/usr/local/bin/annactl":               "#!/bin/sh\necho annactl 0.12.6\n",
		"/usr/local/bin/annad":                 "#!/bin/sh\necho 'I am the old one'\nexec sleep infinity\n",
		"/usr/local/bin/prune.sh":              "#!/bin/sh\necho old\n",
		"/usr/local/bin/autosnap-pre.sh":       "#!/bin/sh\necho old\n",
		"/etc/systemd/system/annad.service":    "[Unit]\nDescription=Anna Assistant Daemon\n[Service]\nUser=anna\nExecStartPre=/bin/rm -f /run/anna/annad.sock\nExecStart=/usr/local/bin/annad\nRestart=on-failure\n[Install]\nWantedBy=multi-user.target\n",
		"/etc/tmpfiles.d/anna.conf":            "d /run/anna 0770 root anna -\n",
		"/etc/anna/config.toml":                "[autonomy]\nlevel = \"low\"\n\n[ui]\nemojis = false\ncolor = false # no colours\n\n[telemetry]\nenabled = false\ncollection_interval_sec = 60\n\n[persona]\nactive = \"dev\"\n\n[logging]\nlevel = \"debug\"\n",
		"/etc/anna/policy.toml":                "[policy]\nversion = \"1\"\n",
		"/etc/anna/modules.yaml":               "version: \"1\"\nmodules:\n  net:\n    state: disabled\n    reason: \"quiet: please\"\n  gpu:\n    state: disabled # none here\n  disk:\n    state: enabled\n",
		"/etc/anna/policies.d/10-low-disk.yml": "when: telemetry.disk_free_pct < 10\nthen: {type: send_alert}\nenabled: true\n",
		"/usr/lib/anna/CAPABILITIES.toml":      "version = \"0.10.1\"\n",
		"/var/lib/anna/telemetry.db":           "the old history\n",
		"/var/lib/anna/alerts.json":            "{}\n",
		"/var/log/anna/annad.log":              "an old line\n",
	}
	payload := []annatest.Payload{
		annatest.Anna(filepath.Join(annatest.Build(t), "anna")),
		annatest.File("/root/upgrade.sh", string(script), 0o755),
		annatest.File("/etc/pacman.d/hooks/90-btrfs-autosnap.hook", "[Action]\nWhen = PreTransaction\nExec = /usr/local/bin/autosnap-pre.sh\n", 0o644),
	}
	for path, text := range old {
		mode := os.FileMode(0o644)
		if strings.HasPrefix(path, "/usr/local/bin/") {
			mode = 0o755
		}
		payload = append(payload, annatest.File(path, text, mode))
	}
	lab := annatest.Lab(t, payload...)
	says := func(text string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in:\n%s", want, text)
			}
		}
	}
	const tree = "cd / && find usr/local/bin etc/systemd/system/annad.service etc/tmpfiles.d etc/anna usr/lib/anna var/lib/anna var/log/anna etc/pacman.d -type f -exec sha256sum {} + | sort -k 2"
	lab.Must("sh", "-c", "chown -R anna:anna /var/lib/anna; chmod 750 /var/lib/anna; systemctl enable --now annad.service")
	before := lab.Must("sh", "-c", tree)

	// As a stranger types it, and as nobody who may.
	plan := lab.Must("/root/upgrade.sh")
	says(plan, "What will be done:", "Nothing was changed", "drop       /usr/local/bin/annad:", "translate  /etc/anna/config.toml", "    dropped  autonomy.level = low", "    kept     ui.color = false", "    gpu was off: nothing", "    net was off: modules.network = false")
	if after := lab.Must("sh", "-c", tree); after != before {
		t.Fatalf("a dry run changed something:\n%s\nwas\n%s", after, before)
	}
	lab.Must("cp", "/root/upgrade.sh", "/usr/bin/upgrade.sh")
	if out, errs, exit := lab.RunAs("alice", "upgrade.sh", "--yes"); exit != 77 {
		t.Errorf("as alice: status %d\n%s%s", exit, out, errs)
	}

	report := lab.Must("/root/upgrade.sh", "--yes", "--backup", "/root/backup.tar.gz")
	says(report, "Backup: /root/backup.tar.gz", "To undo it:", "sudo tar -xzpf /root/backup.tar.gz -C /", "annad 0.12.7-pre")
	if mode := lab.Must("stat", "-c", "%U %a", "/root/backup.tar.gz", "/root/backup.tar.gz.txt"); mode != "root 600\nroot 600" {
		t.Errorf("the backup is readable to others: %s", mode)
	}
	if config := lab.Must("grep", "-v", "^#", "/etc/anna/config.toml"); config != "\n[daemon]\nlog_level = \"debug\"\n\n[ui]\ncolor = false\n\n[modules]\nnetwork = false" {
		t.Errorf("the translated configuration:\n%s", config)
	}
	says(lab.Must("annactl", "capabilities"), "disabled  network")
	says(lab.Must("systemctl", "show", "annad.service", "--property=FragmentPath"), "/usr/lib/systemd/system/annad.service")
	for _, gone := range []string{"/usr/local/bin/annad", "/usr/local/bin/annactl", "/usr/local/bin/prune.sh", "/etc/systemd/system/annad.service", "/etc/tmpfiles.d/anna.conf", "/etc/anna/policy.toml", "/etc/anna/modules.yaml", "/usr/lib/anna"} {
		if _, _, exit := lab.Run("test", "-e", gone); exit == 0 {
			t.Errorf("%s is still there", gone)
		}
	}
	says(lab.Must("sh", "-c", "cat /var/lib/anna/telemetry.db /var/log/anna/annad.log /etc/anna/policies.d/*.v0126 /etc/pacman.d/hooks/*"), "the old history", "an old line", "telemetry.disk_free_pct", "Exec = /usr/lib/anna/btrfs/autosnap-pre.sh")
	if stat := lab.Must("stat", "-c", "%U:%G %a", "/var/lib/anna", "/run/anna"); stat != "anna:anna 700\nanna:anna 750" {
		t.Errorf("directories: %s", stat)
	}

	if again := lab.Must("/root/upgrade.sh", "--yes"); again != "nothing of v0.12.6 is here: nothing to do" {
		t.Errorf("the second time:\n%s", again)
	}

	// Undone, as it says.
	_, undo, _ := strings.Cut(report, "To undo it:\n")
	lab.Must("sh", "-ec", "sudo() { \"$@\"; }\n"+strings.ReplaceAll(undo, "  sudo", "sudo"))
	lab.Must("sh", "-c", "rm -f /var/lib/anna/anna.db* /var/lib/anna/config.json /var/lib/anna/spool* /var/lib/anna/*.lock")
	if left := lab.Must("sh", "-c", "ls /etc/anna/policies.d"); left != "10-low-disk.yml" {
		t.Errorf("after the undo policies.d has %s", left)
	}
	after := lab.Must("sh", "-c", tree)
	for line := range strings.Lines(before) {
		if !strings.Contains(after, strings.TrimSuffix(line, "\n")) {
			t.Errorf("after the undo there is no %s", line)
		}
	}
	says(lab.Journal("annad.service"), "I am the old one")
	if got := lab.Must("/usr/local/bin/annactl"); got != "annactl 0.12.6" {
		t.Errorf("the old client says %s", got)
	}

	// A configuration that is today's already loses nothing, neither by the
	// upgrade nor by its undo.
	const today = "[health]\nqueue_warn = 40"
	config := func() string { t.Helper(); return lab.Must("cat", "/etc/anna/config.toml") }
	for i, c := range []struct{ modules, config, says string }{
		{"modules:\n  gpu:\n    state: disabled\n", today, "gpu was off: nothing"},
		{"modules:\n  net:\n    state: disabled\n", today + "\n\n[modules]\nnetwork = false", "net was off: modules.network = false"},
	} {
		lab.Must("sh", "-ec", `printf '%s\n' "$1" >/etc/anna/config.toml; printf '%s' "$2" >/etc/anna/modules.yaml`, "sh", today, c.modules)
		report := lab.Must("/root/upgrade.sh", "--yes", "--backup", fmt.Sprintf("/root/it's %d.tar.gz", i))
		says(report, c.says)
		if got := config(); got != c.config {
			t.Errorf("%s: the configuration is\n%s", c.modules, got)
		}
		_, undo, _ := strings.Cut(report, "To undo it:\n")
		lab.Must("sh", "-ec", "sudo() { \"$@\"; }\n"+strings.ReplaceAll(undo, "  sudo", "sudo"))
		if got := config(); got != today {
			t.Errorf("%s: after the undo the configuration is\n%s", c.modules, got)
		}
	}
}
