#!/bin/sh
# sdboot-gen.sh: boot-loader entries (systemd-boot, BLS type 1) that start the
# newest snapshots.
set -u
here=$(CDPATH="" cd -- "$(dirname -- "$0")" && pwd) || exit 1
# shellcheck source=scripts/btrfs/snapshots.sh
. "$here/snapshots.sh"

help() {
	cat <<EOT
Write a systemd-boot entry for each of the newest snapshots, and remove the
entries of snapshots that are gone.

  $name [--dry-run] [--limit N] [--template FILE] [--entries DIR] [--dir DIR] [--prefix P]
  $name --clean [--dry-run] [--entries DIR]

An entry is the template with another title and with rootflags=subvolid=N and
ro among its options; everything else, also other rootflags, stays. Only files
that this program wrote are replaced or removed: they are called
anna-snapshot-TIME.conf and say so in their first line.

  --limit N        for how many of the newest snapshots; default 5
  --template FILE  the entry to copy; default: the one that started this
                   machine, else the only one there is
  --entries DIR    default: loader/entries in /boot, /efi or /boot/efi
  --dir DIR        where the snapshots are; default /.snapshots
  --prefix P       what their names begin with; default pacman-
  --clean          remove every entry of ours
  --dry-run        say what would be written and removed, do neither

A snapshot holds the modules of the kernel of its time, the entry starts the
kernel of today: where a snapshot lacks the modules of the running kernel, it is
said, and its entry's title says it too.

Exit status: 0 done, also when there was nothing to do · 1 an entry could not
be written or removed, the rest was · 64 wrong usage · 77 not root

Examples:
  $name --dry-run
  sudo $name --limit 3
EOT
}

mark='# Written by sdboot-gen.sh of anna; it will be removed with its snapshot.'
limit=5 dir=/.snapshots prefix=pacman- template='' entries='' clean=no dry=no
while [ $# -gt 0 ]; do
	case $1 in
	--limit | --dir | --prefix | --template | --entries)
		[ $# -ge 2 ] || usage_error "$1 needs a value"
		case $1 in
		--limit) number "$2" "$1" && limit=$2 ;;
		--dir) dir=$2 ;;
		--prefix) prefix_ok "$2" && prefix=$2 ;;
		--template) template=$2 ;;
		--entries) entries=$2 ;;
		esac
		shift
		;;
	--clean) clean=yes ;;
	--dry-run | -n) dry=yes ;;
	--help | -h)
		help
		exit 0
		;;
	*) usage_error "unknown word '$1'" ;;
	esac
	shift
done
[ $dry = yes ] || [ "$(id -u)" = 0 ] || die 77 "only root writes boot-loader entries: sudo $name, or --dry-run"

if [ -z "$entries" ]; then
	for entries in /boot/loader/entries /efi/loader/entries /boot/efi/loader/entries ''; do
		[ ! -d "$entries" ] || break
	done
	if [ -z "$entries" ]; then
		say "no loader/entries in /boot, /efi or /boot/efi: this machine does not start by systemd-boot entries, nothing to write"
		exit 0
	fi
fi
[ -d "$entries" ] || die 1 "$entries is no directory"
entries=$(cd -P -- "$entries" 2>/dev/null && pwd -P) || die 1 "cannot enter $entries"

# ours FILE: written by this program.
ours() { [ ! -L "$1" ] && [ -f "$1" ] && [ "$(head -n 1 -- "$1" | tr -d '\000')" = "$mark" ]; }

failed=0 written=0 removed=0 same=0
remove() { # FILE
	if [ $dry = yes ]; then
		say "would remove $1"
		removed=$((removed + 1))
	elif rm -- "$1"; then
		say "removed $1"
		removed=$((removed + 1))
	else
		failed=$((failed + 1))
	fi
}
# remove_all_but WORDS: entries of ours whose name is not among the words.
remove_all_but() {
	for file in "$entries"/anna-snapshot-*.conf; do
		[ -e "$file" ] || continue
		case " $1 " in *" ${file##*/} "*) continue ;; esac
		if ours "$file"; then remove "$file"; else warn "left alone: $file, not written by this program"; fi
	done
}
finish() {
	conditional=
	[ $dry = no ] || conditional='would be '
	say "$entries: $written ${conditional}written, $same as they should be, $removed ${conditional}removed, $failed failed"
	[ "$failed" -eq 0 ]
	exit
}
if [ $clean = yes ]; then
	remove_all_but ''
	finish
fi

# loader_variable NAME: one of systemd-boot's EFI variables: 4 bytes of
# attributes, then UTF-16 (https://systemd.io/BOOT_LOADER_INTERFACE).
loader_variable() {
	file=/sys/firmware/efi/efivars/$1-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f
	[ -r "$file" ] && tail -c +5 "$file" | tr -d '\000'
}
if [ -z "$template" ]; then
	booted=$(loader_variable LoaderEntrySelected) || booted=
	if [ -n "$booted" ] && [ -f "$entries/$booted" ] && ! ours "$entries/$booted"; then
		template=$entries/$booted
	else
		count=0
		for file in "$entries"/*.conf; do
			if [ ! -f "$file" ] || ours "$file"; then continue; fi
			case $file in *fallback* | *rescue*) continue ;; esac
			count=$((count + 1))
			template=$file
		done
		if [ $count -eq 0 ]; then die 1 "$entries has no entry to copy: name one with --template"; fi
		if [ $count -gt 1 ]; then die 1 "$entries has $count entries, and which one started this machine cannot be told: name one with --template"; fi
	fi
fi
case $template in
/*) ;;
*) template=$PWD/$template ;;
esac
[ -f "$template" ] || die 1 "$template is no file"
grep -q '^[[:space:]]*options[[:space:]]' "$template" || die 1 "$template has no line 'options': it does not name the root to start from, so it cannot be made to start a snapshot"

needs btrfs stat awk
if [ ! -e "$dir" ] && [ ! -L "$dir" ]; then
	say "$dir does not exist: no snapshots"
	remove_all_but ''
	finish
fi
enter "$dir"
snapshots=$(
	for path in ./"$prefix"*; do
		entry=${path#./}
		digits=$(digits_of "${entry#"$prefix"}") || continue
		is_root_of_subvolume "$path" || continue
		if is_mount_point "./$entry" || ! is_readonly "$path"; then continue; fi
		printf '%s %s\n' "$digits" "$entry"
	done | sort -r | head -n "$limit"
)

# entry_text ID TIME NOTE: the template, made to start the subvolume. Its sort
# key goes, so that snapshots stand below the entries that people start daily.
entry_text() {
	printf '%s\n' "$mark"
	id=$1 time=$2 note=$3 awk '
		BEGIN { id = ENVIRON["id"]; suffix = " (snapshot " ENVIRON["time"] ENVIRON["note"] ")" }
		{ sub(/\r$/, "") }
		$1 == "title" { print $0 suffix; titled = 1; next }
		$1 == "sort-key" { print "sort-key zz-anna-snapshot"; next }
		$1 == "options" {
			out = "options"
			for (i = 2; i <= NF; i++) {
				if ($i ~ /^rootflags=/) {
					n = split(substr($i, 11), flags, ",")
					for (j = 1; j <= n; j++)
						if (flags[j] != "" && flags[j] !~ /^(subvol|subvolid)=/) rest = rest "," flags[j]
				} else if ($i != "ro" && $i != "rw")
					out = out " " $i
			}
			options[++lines] = out
			next
		}
		{ print }
		END {
			if (!titled) print "title " substr(suffix, 2)
			for (i = 1; i <= lines; i++)
				print options[i] (i == lines ? " rootflags=subvolid=" id rest " ro" : "")
		}' "$template"
}

kernel=$(uname -r)
wanted=
while read -r digits entry; do
	[ -n "$entry" ] || continue
	stamp=${entry#"$prefix"}
	file=anna-snapshot-$stamp.conf
	wanted="$wanted $file"
	if ! id=$(id_of "./$entry"); then
		warn "cannot read the number of $entry"
		failed=$((failed + 1))
		continue
	fi
	clock=${stamp#*_}
	time="${stamp%_*} ${clock%????}:$(printf '%s' "$clock" | cut -c 3-4)"
	note=
	if [ ! -d "./$entry/usr/lib/modules/$kernel" ] && [ ! -d "./$entry/lib/modules/$kernel" ]; then
		warn "$entry has no modules of the running kernel $kernel: its entry may not start"
		note=", other kernel"
	fi
	if [ -e "$entries/$file" ] && ! ours "$entries/$file"; then
		warn "left alone: $entries/$file, not written by this program"
		failed=$((failed + 1))
		continue
	fi
	text=$(entry_text "$id" "$time" "$note") || die 1 "cannot read $template"
	if [ -f "$entries/$file" ] && [ "$(cat -- "$entries/$file")" = "$text" ]; then
		same=$((same + 1))
	elif [ $dry = yes ]; then
		say "would write $entries/$file:"
		printf '%s\n' "$text" | sed 's/^/  /'
		written=$((written + 1))
	elif { rm -f -- "$entries/.$file.new" && printf '%s\n' "$text" >"$entries/.$file.new" && sync && mv -f -- "$entries/.$file.new" "$entries/$file"; }; then
		say "wrote $entries/$file"
		written=$((written + 1))
	else
		rm -f -- "$entries/.$file.new"
		warn "cannot write $entries/$file"
		failed=$((failed + 1))
	fi
done <<EOT
$snapshots
EOT
remove_all_but "$wanted"
finish
