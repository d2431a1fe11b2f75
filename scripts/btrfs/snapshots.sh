# shellcheck shell=sh
# What autosnap-pre.sh, prune.sh and sdboot-gen.sh share: which snapshots are
# theirs, and what must be left alone. Sourced, not run.
#
# A snapshot of theirs is a read-only subvolume that lies directly in the
# snapshot directory and whose whole name is the prefix and a local time,
# pacman-YYYY-MM-DD_HHMMSS. Times of files are no help: the root directory of
# a snapshot has those of its source.
#
# Needs: a POSIX shell, stat and date of GNU or busybox, btrfs-progs.

export LC_ALL=C # bytes, whatever the names hold
name=${0##*/}

# visible TEXT: with what a terminal would obey, or a line would break at, as ?
visible() { printf '%s' "$1" | tr '\000-\037\177' '?'; }
say() { printf '%s\n' "$(visible "$*")"; }
warn() { printf '%s: %s\n' "$name" "$(visible "$*")" >&2; }
die() { # STATUS TEXT
	status=$1
	shift
	warn "$*"
	exit "$status"
}
usage_error() { die 64 "$* (see $name --help)"; }

# number WORD OPTION: a count that the shell can calculate with.
number() {
	case $1 in
	'' | *[!0-9]* | ??????*) usage_error "$2 needs a number from 0 to 99999, not '$1'" ;;
	esac
}

# prefix_ok PREFIX: a prefix is literal, so what looks like a pattern is refused.
prefix_ok() {
	case $1 in
	'') usage_error "--prefix needs text" ;;
	*/*) usage_error "--prefix '$1' has a slash: a snapshot lies directly in the directory" ;;
	*[!!-~]*) usage_error "--prefix '$1' has a blank, or what is not ASCII" ;;
	*'*'* | *'?'* | *'['*) usage_error "--prefix is literal, not a pattern: leave out * ? [" ;;
	esac
}

# digits_of TEXT: YYYYMMDDHHMMSS of "YYYY-MM-DD_HHMMSS"; fails when TEXT is
# nothing like it or no such day or time exists.
digits_of() {
	case $1 in
	[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]_[0-9][0-9][0-9][0-9][0-9][0-9]) ;;
	*) return 1 ;;
	esac
	year=${1%%-*}
	rest=${1#*-}
	month=${rest%%-*}
	rest=${rest#*-}
	day=${rest%%_*}
	clock=${rest#*_}
	hour=${clock%????}
	second=${clock#????}
	minute=${clock#??}
	minute=${minute%??}
	# A leading zero would make a number octal.
	y=$((1$year - 10000)) mo=$((1$month - 100)) d=$((1$day - 100))
	case $mo in
	4 | 6 | 9 | 11) last=30 ;;
	2)
		last=28
		if [ $((y % 4)) -eq 0 ] && { [ $((y % 100)) -ne 0 ] || [ $((y % 400)) -eq 0 ]; }; then last=29; fi
		;;
	*) last=31 ;;
	esac
	[ "$mo" -ge 1 ] && [ "$mo" -le 12 ] && [ "$d" -ge 1 ] && [ "$d" -le "$last" ] || return 1
	[ "$((1$hour - 100))" -le 23 ] && [ "$((1$minute - 100))" -le 59 ] && [ "$((1$second - 100))" -le 60 ] || return 1
	printf '%s\n' "$year$month$day$clock"
}

# is_btrfs DIR
is_btrfs() { [ "$(stat -f -c %t -- "$1" 2>/dev/null)" = 9123683e ]; }

# is_root_of_subvolume PATH: 256 is the inode number of every one's root, and
# no other inode of Btrfs has it.
is_root_of_subvolume() { [ ! -L "$1" ] && [ -d "$1" ] && is_btrfs "$1" && [ "$(stat -c %i -- "$1" 2>/dev/null)" = 256 ]; }

# is_readonly PATH
is_readonly() { [ "$(btrfs property get -ts "$1" ro 2>/dev/null)" = ro=true ]; }

# id_of PATH: the number of the subvolume that holds it.
id_of() { btrfs inspect-internal rootid "$1"; }

# mounts: every mount that a process of this machine sees. A snapshot may be
# mounted in a container alone.
mounts() { cat /proc/[0-9]*/mountinfo 2>/dev/null | sort -u; }

# mount_of DIR: the number of the mount that DIR is seen through. A number, for
# paths stand in mountinfo with escapes, and one may be mounted over another.
mount_of() { [ -d "$1" ] && { sed -n 's/^mnt_id:[[:space:]]*//p' /proc/self/fdinfo/9 9<"$1"; } 2>/dev/null; }

# is_mount_point DIR: something is mounted on DIR, which lies in this directory.
is_mount_point() { mount=$(mount_of "$1") && [ "$mount" != "$(mount_of .)" ]; }

# device_of_mount DIR: the device number of the mount that DIR is seen through.
# All mounts of one Btrfs have the same.
device_of_mount() {
	mount=$(mount_of "$1") || return 1
	awk -v mount="$mount" '$1 == mount { print $3; found = 1 } END { exit !found }' /proc/self/mountinfo
}

# in_use_ids DIR: the numbers of the subvolumes of DIR's file system that are
# mounted, the default or what the machine was started from, each on a line. The
# kernel tells the last two to root alone.
in_use_ids() {
	device=$(device_of_mount "$1") || return 1
	mounts | awk -v device="$device" '
		$3 == device && match($0, /subvolid=[0-9]+/) { print substr($0, RSTART + 9, RLENGTH - 9) }' | sort -u
	[ "$(id -u)" = 0 ] || return 0
	default=$(btrfs subvolume get-default "$1") || return 1
	printf '%s\n' "$default" | cut -d ' ' -f 2
	all=$(btrfs subvolume list "$1") || return 1
	printf '%s\n' "$all" | booted=$(booted) awk '
		BEGIN { n = split(ENVIRON["booted"], flags, ",") }
		{
			for (i = 1; i <= n; i++)
				if (flags[i] == "subvolid=" $2 || flags[i] == "subvol=" $NF || flags[i] == "subvol=/" $NF) print $2
		}'
}

# booted: the mount options of the root as the kernel was told them. What it was
# started from may be seen by no mount: below an overlay, say.
booted() { tr ' ' '\n' </proc/cmdline | sed -n 's/^rootflags=//p' | tail -n 1; }

# enter DIR: makes it the working directory, without following a link at its
# end, and sets dir to its path without links. What is in it is then named
# relative to it, so that nothing above can be exchanged meanwhile.
enter() {
	[ ! -L "$1" ] || die 1 "$1 is a link: name the directory itself"
	cd -P -- "$1" 2>/dev/null || die 1 "cannot enter $1"
	dir=$(pwd -P)
	is_btrfs . || die 1 "$dir is not on Btrfs"
}

# needs COMMAND...
needs() {
	for command; do
		command -v "$command" >/dev/null 2>&1 || die 1 "$command is missing: install it (btrfs is in the package btrfs-progs)"
	done
}
