package anna_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jjgarcianorway/anna-assistant/anna/annatest"
)

// TestWorldOnSystemd holds that the six sources see the world from inside the
// shipped unit's sandbox, that a package's transaction is told once although
// the daemon is killed in the middle of it, and that what changes while it is
// stopped is told after the start.
func TestWorldOnSystemd(t *testing.T) {
	const build = `#!/bin/sh -e
# build VERSION: a package whose installation takes a second
d=$(mktemp -d)
mkdir -p "$d/DEBIAN" "$d/usr/share/greet"
echo "$1" >"$d/usr/share/greet/version"
printf 'Package: greet\nVersion: %s\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: greets\n' "$1" >"$d/DEBIAN/control"
printf '#!/bin/sh\nsleep 1\n' >"$d/DEBIAN/postinst"
chmod 755 "$d/DEBIAN/postinst"
dpkg-deb --build "$d" "/root/greet-$1.deb"
`
	lab := annatest.Lab(t, annatest.Anna(filepath.Join(annatest.Build(t), "anna")), annatest.File("/root/build", build, 0o755),
		annatest.File("/etc/anna/config.toml", "[events]\ncooldown = \"1s\"\n", 0o644)) // not to wait for it
	lab.Must("sh", "-c", "/root/build 1 && /root/build 2 && /root/build 3")
	lab.Must("systemctl", "enable", "--now", "annad.socket")

	capabilities := lab.Must("annactl", "capabilities")
	for _, source := range []string{"config", "devices", "kernel", "network", "packages", "storage"} {
		if !strings.Contains(capabilities, "active    "+source) {
			t.Errorf("%s is not active:\n%s", source, capabilities)
		}
	}
	// told waits until it was told, and holds that it was not told twice.
	told := func(domain, want string) {
		t.Helper()
		deadline := time.Now().Add(time.Minute)
		for {
			out := lab.Must("annactl", "events", "--domain", domain)
			switch n := strings.Count(out, want); {
			case n == 1:
				return
			case n > 1:
				t.Fatalf("%q is told %d times:\n%s", want, n, out)
			case time.Now().After(deadline):
				t.Fatalf("%q is not told:\n%s", want, out)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}

	lab.Must("sh", "-ec", "mkdir /mnt/stick; mount -t tmpfs stick /mnt/stick; dpkg --install /root/greet-1.deb")
	told("packages", "greet installed · 1")
	told("storage", "/mnt/stick mounted · stick (tmpfs)")

	// The unit's Restart= starts the daemon again; dpkg is still at work then.
	lab.Must("sh", "-ec", "dpkg --install /root/greet-2.deb & sleep 0.3; systemctl kill --signal=KILL annad.service; wait $!")
	told("packages", "greet upgraded · 1 -> 2")

	lab.Must("systemctl", "stop", "annad.socket", "annad.service")
	lab.Must("sh", "-ec", "dpkg --install /root/greet-3.deb; mount -o remount,ro /mnt/stick")
	lab.Must("systemctl", "start", "annad.socket")
	late := " · while annad was down"
	told("packages", "greet upgraded · 2 -> 3"+late)
	told("storage", "/mnt/stick turned read only · rw -> ro"+late)

	t.Run("network and devices", func(t *testing.T) { networkOnSystemd(t, lab.In(t)) })

	status := lab.Must("annactl", "status")
	for _, want := range []string{"packages ", "storage "} {
		if !strings.Contains(status, want) {
			t.Errorf("the status does not say what changed last in %s:\n%s", want, status)
		}
	}
}
