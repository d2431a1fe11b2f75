#!/bin/bash
# What the daemon costs while nobody asks it anything and nothing happens:
# TestIdle in its long form, with mounts, processes and a network of its own, so
# that what others do on the machine is no event to it. Notices of devices do not
# reach a network namespace that belongs to a user namespace. As root.
# Usage: scripts/bench-idle.sh [btrfs]: with a Btrfs file system mounted, or none
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
  echo "bench-idle.sh: namespaces and mounts take root" >&2
  exit 1
fi
dir=$(mktemp -d /tmp/bench-idle.XXXXXX)
holder=
worker=
finish() {
  # With unshare goes all that it started, and with that the mount and its loop
  # device. It ends by no other signal while it waits.
  if [ -n "$worker" ]; then
    kill -KILL "$worker" 2>/dev/null || true
    wait "$worker" || true
  fi
  if [ -n "$holder" ]; then kill "$holder" 2>/dev/null || true; fi
  rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
CGO_ENABLED=0 go test -c -o "$dir/anna.test" ./anna

unshare --user --map-root-user --net sleep infinity &
holder=$!
until [ "$(readlink "/proc/$holder/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
export dir kind=${1:-}
cd anna
# shellcheck disable=SC2016 # for the shell inside
ANNA_TEST_LONG=1 nsenter --net="/proc/$holder/ns/net" \
  unshare --mount --pid --fork --kill-child --mount-proc --propagation private bash -c '
  set -eu
  ip link set lo up
  umount -a -l -t btrfs || true
  if [ -d /var/lib/btrfs ]; then mount -t tmpfs none /var/lib/btrfs; fi
  if [ "$kind" = btrfs ]; then
    truncate -s 512M "$dir/image"
    mkfs.btrfs -q "$dir/image"
    mkdir "$dir/mnt"
    mount -o loop "$dir/image" "$dir/mnt" # the loop device goes with its last mount
  fi
  "$dir/anna.test" -test.count=1 -test.v -test.run "^TestIdle$"
' &
worker=$!
wait "$worker" # a signal ends this at once, and not a command in the foreground
