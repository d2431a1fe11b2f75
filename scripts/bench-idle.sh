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
finish() {
  if [ -n "$holder" ]; then kill "$holder" 2>/dev/null || true; fi
  rm -rf "$dir"
}
trap finish EXIT
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
  loop=
  if [ "$kind" = btrfs ]; then
    truncate -s 512M "$dir/image"
    mkfs.btrfs -q "$dir/image"
    mkdir "$dir/mnt"
    loop=$(losetup -f --show "$dir/image")
    trap "umount \"$dir/mnt\"; losetup -d \"$loop\"" EXIT
    mount "$loop" "$dir/mnt"
  fi
  "$dir/anna.test" -test.count=1 -test.v -test.run "^TestIdle$"
'
