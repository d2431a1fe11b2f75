#!/bin/sh
# prune.sh: deletes old snapshots that autosnap-pre.sh took.
set -u
here=$(CDPATH="" cd -- "$(dirname -- "$0")" && pwd) || exit 1
# shellcheck source=scripts/btrfs/snapshots.sh
. "$here/snapshots.sh"

help() {
	cat <<EOT
Delete old snapshots that were taken before package transactions.

  $name [--dry-run] [--keep N] [--days N] [--prefix P] [--dir DIR]
  $name --all --yes [--dry-run] [--prefix P] [--dir DIR]

A snapshot is deleted only when both hold: its name says that it is older than
--days, and it is not among the newest --keep. Looked at are read-only
subvolumes directly in DIR whose whole name is P and a time
(pacman-2026-11-01_093000). The default, a booted and a mounted one are never
deleted, whatever is asked for; neither is what a link or a mount leads to.

  --keep N     how many of the newest stay, whatever their age; default 10
  --days N     how many days every one stays; default 30
  --prefix P   what names begin with, literally; default pacman-
  --dir DIR    where they are; default /.snapshots
  --all        every one of them, whatever --keep and --days say; needs --yes
  --yes        do not ask for the --yes that --all needs
  --dry-run    say what would be deleted, delete nothing

Exit status: 0 done, also when there was nothing to do · 1 something could not
be deleted, the rest was · 64 wrong usage · 77 not root

Examples:
  $name --dry-run
  sudo $name --keep 5 --days 14
EOT
}

keep=10 days=30 prefix=pacman- dir=/.snapshots all=no yes=no dry=no
while [ $# -gt 0 ]; do
	case $1 in
	--keep | --days | --prefix | --dir)
		[ $# -ge 2 ] || usage_error "$1 needs a value"
		case $1 in
		--keep) number "$2" "$1" && keep=$2 ;;
		--days) number "$2" "$1" && days=$2 ;;
		--prefix) prefix_ok "$2" && prefix=$2 ;;
		--dir) dir=$2 ;;
		esac
		shift
		;;
	--all) all=yes ;;
	--yes) yes=yes ;;
	--dry-run | -n) dry=yes ;;
	--help | -h)
		help
		exit 0
		;;
	*) usage_error "unknown word '$1'" ;;
	esac
	shift
done
if [ $all = yes ] && [ $yes = no ] && [ $dry = no ]; then
	usage_error "--all deletes every snapshot that begins with $prefix: add --yes when that is meant, or --dry-run to see them"
fi
needs btrfs stat date awk
if [ ! -e "$dir" ] && [ ! -L "$dir" ]; then
	say "$dir does not exist: no snapshots, nothing to delete"
	exit 0
fi
[ $dry = yes ] || [ "$(id -u)" = 0 ] || die 77 "only root deletes snapshots: sudo $name, or --dry-run"
enter "$dir"

in_use=$(in_use_ids .) || die 1 "cannot tell which subvolumes of $dir are mounted, booted or the default"
[ "$(id -u)" = 0 ] || warn "root alone sees which subvolume is booted or the default: less may be deleted than is said here"

# The candidates, newest first: "DIGITS NAME". Names are plain from here on:
# the prefix was given by the caller, the rest are digits, - and _.
unparsable=0 others=0 candidates=
for path in ./"$prefix"*; do
	[ -e "$path" ] || [ -L "$path" ] || continue
	entry=${path#./}
	if ! digits=$(digits_of "${entry#"$prefix"}"); then
		warn "kept $entry: no time that can be read after $prefix"
		unparsable=$((unparsable + 1))
	elif [ -L "$path" ]; then
		warn "kept $entry: a link"
		others=$((others + 1))
	elif is_mount_point "./$entry"; then
		warn "kept $entry: something is mounted on it"
		others=$((others + 1))
	elif ! is_root_of_subvolume "$path"; then
		warn "kept $entry: no subvolume"
		others=$((others + 1))
	elif ! is_readonly "$path"; then
		warn "kept $entry: not read-only, somebody may work in it"
		others=$((others + 1))
	else
		candidates="$candidates$digits $entry
"
	fi
done

limit=$(date -d "@$(($(date +%s) - days * 86400))" +%Y%m%d%H%M%S) || die 1 "date cannot calculate what is $days days ago"
sorted=$(printf '%s' "$candidates" | sort -r)
found=0 deleted=0 failed=0 protected=0
while read -r digits entry; do
	[ -n "$entry" ] || continue
	found=$((found + 1))
	if [ $all = no ]; then
		[ "$found" -gt "$keep" ] || continue
		[ "$digits" -lt "$limit" ] || continue
	fi
	if ! id=$(id_of "./$entry"); then
		warn "cannot read the number of $entry"
		failed=$((failed + 1))
		continue
	fi
	if printf '%s\n' "$in_use" | grep -qx "$id"; then
		warn "kept $entry: it is mounted, booted or the default"
		protected=$((protected + 1))
		continue
	fi
	if [ $dry = yes ]; then
		say "would delete $entry"
		deleted=$((deleted + 1))
	elif error=$(btrfs subvolume delete "./$entry" 2>&1); then
		say "deleted $entry"
		deleted=$((deleted + 1))
	else
		warn "cannot delete $entry: $error"
		failed=$((failed + 1))
	fi
done <<EOT
$sorted
EOT

verb=deleted
[ $dry = no ] || verb="would be deleted"
say "$found snapshots in $dir: $deleted $verb, $((found - deleted - failed)) kept ($protected of them in use), $failed failed; left alone: $unparsable without a time, $others of another kind"
[ "$failed" -eq 0 ]
