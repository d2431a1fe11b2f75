#!/bin/sh
# autosnap-pre.sh: a read-only snapshot of the root before a package
# transaction; what the pacman hook beside it runs.
set -u
here=$(CDPATH="" cd -- "$(dirname -- "$0")" && pwd) || exit 1
# shellcheck source=scripts/btrfs/snapshots.sh
. "$here/snapshots.sh"

help() {
	cat <<EOT
Take a read-only snapshot of the root before a package transaction, then delete
old ones as prune.sh does.

  $name [--dry-run] [--root DIR] [--dir DIR] [--prefix P] [--keep N] [--days N]

  --root DIR    what is taken; default /
  --dir DIR     where the snapshots are; default /.snapshots, made when missing
  --prefix P    what names begin with; default pacman-
  --keep N, --days N   as prune.sh has them
  --dry-run     say what would be done, do nothing

Where there is nothing to take (the root is not Btrfs or no subvolume of its
own, btrfs-progs are missing, or this is a chroot) it says so and ends with 0:
a package transaction does not fail for it.

Exit status: 0 taken, or nothing to take · 1 it could not be taken · 64 wrong
usage · 77 not root

The hook: install 90-btrfs-autosnap.hook in /etc/pacman.d/hooks. It lets the
transaction go on when no snapshot could be taken; AbortOnFail in it stops it.
EOT
}

root=/ dir=/.snapshots prefix=pacman- dry=no keep='' days=''
while [ $# -gt 0 ]; do
	case $1 in
	--root | --dir | --prefix | --keep | --days)
		[ $# -ge 2 ] || usage_error "$1 needs a value"
		case $1 in
		--root) root=$2 ;;
		--dir) dir=$2 ;;
		--prefix) prefix_ok "$2" && prefix=$2 ;;
		--keep) number "$2" "$1" && keep=$2 ;;
		--days) number "$2" "$1" && days=$2 ;;
		esac
		shift
		;;
	--dry-run | -n) dry=yes ;;
	--help | -h)
		help
		exit 0
		;;
	*) usage_error "unknown word '$1'" ;;
	esac
	shift
done

# nothing TEXT: there is nothing to take, and that is no failure.
nothing() {
	say "$name: no snapshot: $*"
	exit 0
}
is_btrfs "$root" || nothing "$root is not on Btrfs"
is_root_of_subvolume "$root" || nothing "$root is no subvolume of its own"
for command in btrfs awk; do
	command -v "$command" >/dev/null 2>&1 || nothing "$command is missing (btrfs is in the package btrfs-progs)"
done
if [ "$root" = / ] && [ -e /proc/1/root/. ] && [ "$(stat -c %d:%i / 2>/dev/null)" != "$(stat -L -c %d:%i /proc/1/root/. 2>/dev/null)" ]; then
	nothing "this is a chroot, not the machine's root"
fi
[ $dry = yes ] || [ "$(id -u)" = 0 ] || die 77 "only root takes snapshots: sudo $name, or --dry-run"

if [ ! -e "$dir" ] && [ ! -L "$dir" ]; then
	if [ $dry = yes ]; then
		say "would make the directory $dir"
		say "would take $dir/$prefix$(date +%Y-%m-%d_%H%M%S) of $root"
		exit 0
	fi
	# Nobody but root: a snapshot keeps old files with their permissions.
	mkdir -m 0700 -- "$dir" || die 1 "cannot make the directory $dir"
fi
source=$(cd -P -- "$root" 2>/dev/null && pwd -P) || die 1 "cannot enter $root"
enter "$dir"
device=$(device_of_mount "$source") || die 1 "cannot tell where $root is mounted"
[ "$device" = "$(device_of_mount .)" ] || die 1 "$dir is on another file system than $root: a snapshot cannot be taken there"

# A name is taken when two transactions follow within a second.
tries=0
while :; do
	snapshot=$prefix$(date +%Y-%m-%d_%H%M%S)
	[ -e "./$snapshot" ] || [ -L "./$snapshot" ] || break
	tries=$((tries + 1))
	[ $tries -lt 5 ] || die 1 "$dir/$snapshot exists, and so do those of the seconds before"
	sleep 1
done
if [ $dry = yes ]; then
	say "would take $dir/$snapshot of $root"
	exit 0
fi
error=$(btrfs subvolume snapshot -r "$source" "./$snapshot" 2>&1) || die 1 "cannot take $dir/$snapshot of $root: $error"
say "$name: took $dir/$snapshot of $root"

# What is old goes; that it could not go is no reason to stop a transaction.
set -- --dir "$dir" --prefix "$prefix"
[ -z "$keep" ] || set -- "$@" --keep "$keep"
[ -z "$days" ] || set -- "$@" --days "$days"
"$here/prune.sh" "$@" || warn "took the snapshot, but could not delete every old one"
