#!/bin/sh
# scrub.sh: scrubs one Btrfs file system or all, when it does not disturb.
set -u
name=$(basename -- "$0")
anna=${ANNA:-anna}

help() {
	cat <<EOT
Scrub Btrfs file systems with low priority, one after the other.

  $name [--dry-run] [--on-battery] [--readonly] [--limit RATE] [PATH...]

Each PATH names the file system that holds it; none means every mounted one.
One is left alone while a balance, a replace or another scrub runs on it, and
all are while the machine runs on battery. A scrub has idle I/O priority; an
interrupted one is cancelled cleanly.

  --on-battery   also on battery
  --readonly     repair nothing
  --limit RATE   at most so much a second from each device, as 50MiB
  --dry-run      say what would be done, do nothing
  --help         this text

Exit status: 0 done, also when there was nothing to do · 1 a scrub failed · 3
errors were found and corrected · 4 errors that cannot be corrected · 64 wrong
usage · 77 not root · 130 interrupted. The worst of all counts.

Examples:
  $name --dry-run
  sudo $name /
  sudo $name --limit 100MiB
EOT
}

# Text from elsewhere reaches a terminal without control characters.
visible() { printf '%s' "$1" | tr '[:cntrl:]' '?'; }
say() { printf '%s: %s\n' "$name" "$(visible "$1")"; }
warn() { say "$1" >&2; }
usage_error() {
	warn "$1"
	warn "see: $name --help"
	exit 64
}

dry=no battery=no readonly=no limit=
while [ $# -gt 0 ]; do
	case $1 in
	--dry-run | -n) dry=yes ;;
	--on-battery) battery=yes ;;
	--readonly) readonly=yes ;;
	--limit)
		[ $# -ge 2 ] || usage_error "$1 needs a value"
		limit=$2
		shift
		;;
	--help | -h)
		help
		exit 0
		;;
	--)
		shift
		break
		;;
	-*) usage_error "unknown word '$1'" ;;
	*) break ;;
	esac
	shift
done
for word in "$@"; do
	[ -n "$word" ] || usage_error "a path is empty"
done
for program in "$anna" jq; do
	command -v "$program" >/dev/null 2>&1 || {
		warn "cannot find $program: install it"
		exit 1
	}
done
[ $dry = yes ] || [ "$(id -u)" = 0 ] || {
	warn "only root scrubs: sudo $name, or --dry-run"
	exit 77
}

# on_battery: a battery of the machine discharges, and no mains are online. A
# mouse has a battery, too: its scope is the device.
supplies=${SUPPLIES:-/sys/class/power_supply}
on_battery() {
	discharges=no
	for supply in "$supplies"/*; do
		[ -r "$supply/type" ] || continue
		case $(cat "$supply/type") in
		Mains | USB*)
			if [ -r "$supply/online" ] && [ "$(cat "$supply/online")" = 1 ]; then return 1; fi
			;;
		Battery)
			[ -r "$supply/scope" ] && [ "$(cat "$supply/scope")" = Device ] && continue
			if [ -r "$supply/status" ] && [ "$(cat "$supply/status")" = Discharging ]; then discharges=yes; fi
			;;
		esac
	done
	[ $discharges = yes ]
}

if [ $battery = no ] && on_battery; then
	say "on battery: nothing is scrubbed (--on-battery does it all the same)"
	exit 0
fi

# shown is what is to be looked at, a file system a line: UUID, what runs, and
# whether it can be written.
shown() {
	told=$("$anna" storage btrfs show --json "$@") || {
		warn "$(printf '%s' "$told" | jq -r '.error.message // "cannot list the Btrfs file systems"')"
		return 1
	}
	printf '%s' "$told" | jq -r '.filesystems[] |
		[.uuid,
		 (if .operations == null then "unknown"
		  elif (.operations.scrubs | length) > 0 then "a scrub"
		  elif .operations.exclusive != "none" and .operations.exclusive != "" then .operations.exclusive
		  else "none" end),
		 (if .forced_read_only then "forced" else "ok" end)] | @tsv'
}

list=
if [ $# -eq 0 ]; then
	list=$(shown) || exit 1
else
	for path in "$@"; do
		one=$(shown -- "$path") || exit 1
		list="$list$one
"
	done
fi

# worse: 130 ends all; else 4, 1, 3, 0.
worst=0
count() {
	case $1 in
	0) ;;
	4) worst=4 ;;
	3) [ $worst -ne 0 ] || worst=3 ;;
	*) [ $worst -eq 4 ] || worst=1 ;;
	esac
}

set -- --wait
[ $readonly = no ] || set -- "$@" --readonly
[ -z "$limit" ] || set -- "$@" --limit "$limit"
tab=$(printf '\t')
done_with=
while IFS=$tab read -r uuid runs state; do
	[ -n "$uuid" ] || continue
	case $done_with in *" $uuid "*) continue ;; esac
	done_with="$done_with $uuid "
	if [ "$state" = forced ]; then
		warn "$uuid: left alone, the kernel made it read-only because of an error"
		count 1
	elif [ "$runs" != none ]; then
		say "$uuid: left alone, $runs runs"
	elif [ $dry = yes ]; then
		say "would run: $anna storage btrfs scrub start $* $uuid"
	else
		say "$uuid: scrubbing"
		status=0
		"$anna" storage btrfs scrub start "$@" "$uuid" </dev/null || status=$?
		if [ $status -eq 130 ] || [ $status -eq 64 ]; then
			exit $status
		fi
		count $status
	fi
done <<EOT
$list
EOT
[ -n "$done_with" ] || say "no Btrfs file system is mounted"
exit $worst
