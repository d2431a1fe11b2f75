#!/bin/sh
# upgrade.sh: moves an installation of anna v0.12.6 over to this one.
set -u
export LC_ALL=C
name=${0##*/}

help() {
	cat <<EOT
Move an installation of anna v0.12.6 over to the new anna, which is installed
already.

  $name              on a terminal: show the plan, ask, do it; elsewhere: --dry-run
  $name --dry-run    show the plan, change nothing
  sudo $name --yes   do it without asking

  --backup FILE   where the backup goes;
                  default /var/backups/anna-v0.12.6-TIME.tar.gz

First of all everything that v0.12.6 left is put into the backup, which only
root can read, and the backup is read back and compared. Then the configuration
is translated, what is no longer used goes, and the new daemon is started. The
history of v0.12.6 (telemetry.db) stays as it is. What was done and why is
printed and kept beside the backup, together with the commands that undo it.

Exit status: 0 done, or nothing of v0.12.6 is here · 1 failed: what was changed
by then is printed, and how to undo it · 64 wrong usage · 77 not root
EOT
}

say() { printf '%s\n' "$*"; }
warn() { printf '%s: %s\n' "$name" "$*" >&2; }
usage_error() {
	warn "$* (see $name --help)"
	exit 64
}
# visible: names and values as they can be printed.
visible() { printf '%s' "$1" | tr '\000-\037\177' '?'; }
# quoted WORD: as a shell reads it, for a command that is printed.
quoted() {
	case $1 in
	*[!A-Za-z0-9_./:+-]*) printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")" ;;
	*) printf '%s' "$1" ;;
	esac
}

dry=ask backup=''
while [ $# -gt 0 ]; do
	case $1 in
	--dry-run | -n) dry=yes ;;
	--yes | -y) [ $dry = yes ] || dry=no ;;
	--backup)
		[ $# -ge 2 ] || usage_error "--backup needs a value"
		backup=$2
		shift
		;;
	--help | -h)
		help
		exit 0
		;;
	*) usage_error "unknown word '$(visible "$1")'" ;;
	esac
	shift
done
if [ $dry = ask ] && ! { [ -t 0 ] && [ -t 1 ]; }; then dry=yes; fi
if [ $dry != yes ] && [ "$(id -u)" != 0 ]; then
	warn "only root can do this: sudo $name, or --dry-run"
	exit 77
fi
if [ "$(/usr/bin/anna --version 2>/dev/null | cut -d ' ' -f 1)" != anna ] || [ ! -e /usr/lib/systemd/system/annad.service ]; then
	warn "the new anna is not installed in /usr/bin: install its package first"
	exit 1
fi

# The plan: one line for each thing, "VERB PATH: why". Backed up is every path
# in $found; a name in it has no blank, for they are all named here.
found='' plan=''
note() { # VERB PATH WHY
	plan="$plan  $1  $2: $3
"
}
here() { [ -e "$1" ] || [ -L "$1" ]; }
found() { found="$found $1"; }
# is_ours PATH: the new program, or a link to it, is not v0.12.6's.
is_ours() { [ "$(readlink -f -- "$1")" = /usr/bin/anna ] || cmp -s -- "$1" /usr/bin/anna; }

drop=''
plan_drop() { # PATH WHY
	if here "$1"; then
		found "$1"
		drop="$drop $1"
		note "drop     " "$1" "$2"
	fi
}
for file in /usr/local/bin/annad /usr/local/bin/annactl; do
	if here "$file" && ! is_ours "$file"; then plan_drop "$file" "the old program; it would be found before /usr/bin/${file##*/}"; fi
done
for file in autosnap-pre.sh prune.sh sdboot-gen.sh; do
	plan_drop "/usr/local/bin/$file" "the new one is /usr/lib/anna/btrfs/$file"
done
plan_drop /etc/systemd/system/annad.service "it would hide the unit of the package"
for file in /etc/tmpfiles.d/anna.conf /etc/tmpfiles.d/annad.conf /usr/local/lib/tmpfiles.d/anna.conf; do
	plan_drop "$file" "it would set other rights on /run/anna than the package"
done
plan_drop /usr/lib/anna/CAPABILITIES.toml "what a module can do is looked at, not listed: anna capabilities"
plan_drop /etc/anna/policy.toml "it said what v0.12.6 might repair by itself; anna changes nothing by itself"
for file in /etc/anna/anna.yml /etc/anna/personas.d; do
	plan_drop "$file" "no longer read"
done

hook=/etc/pacman.d/hooks/90-btrfs-autosnap.hook
if [ -f $hook ] && grep -q '^Exec *= */usr/local/bin/autosnap-pre.sh' $hook; then
	found $hook
	note "translate" $hook "it runs /usr/lib/anna/btrfs/autosnap-pre.sh from now on"
else
	hook=
fi

config=/etc/anna/config.toml modules=/etc/anna/modules.yaml
# The old configuration's settings, "SECTION.KEY VALUE" a line.
old_settings() {
	[ -f $config ] || return 0
	awk '
		{ sub(/\r$/, "") }
		/^[ \t]*\[[A-Za-z0-9_.]+\][ \t]*(#.*)?$/ { gsub(/^[ \t]*\[|\].*$/, ""); section = $0 "."; next }
		/^[ \t]*[A-Za-z0-9_]+[ \t]*=/ {
			key = $0; sub(/^[ \t]*/, "", key); sub(/[ \t]*=.*/, "", key)
			value = $0; sub(/^[^=]*=[ \t]*/, "", value)
			if (value ~ /^"[^"\\]*"/) { sub(/^"/, "", value); sub(/".*/, "", value) } else sub(/[ \t]*(#.*)?$/, "", value)
			print section key " " value
		}' $config
}
# switched_off: names of the modules that modules.yaml switches off.
switched_off() {
	[ -f $modules ] || return 0
	awk '
		{ sub(/\r$/, ""); sub(/[ \t]+#.*$/, "") }
		/^modules:[ \t]*$/ { inside = 1; next }
		/^[^ \t#]/ { inside = 0 }
		inside && /^[ \t]+[A-Za-z0-9_-]+:[ \t]*$/ { module = $1; sub(/:$/, "", module) }
		inside && $1 == "state:" && $2 ~ /^["\047]?disabled["\047]?$/ { print module }' $modules
}
# is_old: the configuration has keys that v0.12.6 had and that are not today's.
is_old() {
	! grep -q '^# Translated from the configuration of v0.12.6' $config || return 1
	case $(old_settings) in
	*autonomy.* | *persona.* | *ui.emojis* | *telemetry.collection_interval_sec* | *telemetry.enabled* | *daemon.socket_path* | *logging.*) return 0 ;;
	esac
	return 1
}
# new_modules: the section that says what modules.yaml said.
new_modules() {
	section=
	for module in $(switched_off); do
		case $module in
		net) today=network ;;
		disk) today=storage ;;
		*) continue ;; # no counterpart: sensors, gpu, power, bluetooth, system, database, rpc
		esac
		[ -n "$section" ] || { say && say "[modules]"; }
		section=modules
		say "$today = false"
	done
}
# new_config: the configuration that says the same today.
new_config() {
	settings=$(old_settings)
	say "# Translated from the configuration of v0.12.6 by upgrade.sh. Every key:"
	say "# anna config show --origin; what each means: anna-config.toml(5)."
	level=$(printf '%s\n' "$settings" | sed -n 's/^logging\.level //p' | tail -n 1)
	socket=$(printf '%s\n' "$settings" | sed -n 's/^daemon\.socket_path //p' | tail -n 1)
	case $level in
	trace) level=debug ;;
	warning) level=warn ;;
	debug | info | warn | error) ;;
	*) level= ;;
	esac
	[ "$socket" != /run/anna/annad.sock ] || socket=
	if [ -n "$level$socket" ]; then
		say && say "[daemon]"
		[ -z "$level" ] || say "log_level = \"$level\""
		[ -z "$socket" ] || say "socket = \"$socket\""
	fi
	color=$(printf '%s\n' "$settings" | sed -n 's/^ui\.color //p' | tail -n 1)
	if [ "$color" = false ]; then say && say "[ui]" && say "color = false"; fi
	new_modules
}

translate=no old=no yourself=
if [ -f $config ] && is_old; then translate=yes old=yes; fi
if [ -n "$(new_modules)" ]; then translate=yes; fi
if [ $translate = yes ]; then
	new=$(mktemp) || exit 1
	trap 'rm -f "$new"' EXIT
	# A configuration that is today's already keeps what it says.
	if [ $old = yes ] || ! here $config; then new_config; else cat $config && new_modules; fi >"$new"
	if ! problems=$(/usr/bin/anna config validate "$new" 2>&1); then
		translate=no yourself="set it yourself: "
		note "keep     " $config "its translation would not be valid: $(visible "$problems" | cut -c 1-200)"
	elif [ $old = no ]; then
		note "translate" $config "what modules.yaml switched off is added, the rest stays as it is"
	else
		note "translate" $config "the keys that anna knows by another name; every other key of the old file is no longer used"
		old_settings | while read -r key value; do
			case $key=$value in
			logging.level=trace | logging.level=debug | logging.level=info | logging.level=warn | logging.level=warning | logging.level=error | daemon.socket_path=* | ui.color=*) what="kept    " ;;
			*) what="dropped " ;;
			esac
			say "    $what $key = $(visible "$value")"
		done >"$new.keys"
		plan="$plan$(cat "$new.keys")
"
		rm -f "$new.keys"
	fi
fi
if [ -f $modules ]; then
	plan_drop $modules "modules are switched in [modules] of config.toml"
	for module in $(switched_off); do
		case $module in
		net) say_as="${yourself}modules.network = false" ;;
		disk) say_as="${yourself}modules.storage = false" ;;
		*) say_as="nothing: there is no such module" ;;
		esac
		plan="$plan    $(visible "$module") was off: $say_as
"
	done
fi
# Policies in YAML were read by nobody in v0.12.6.
aside=''
for file in /etc/anna/policies.d/*.yaml /etc/anna/policies.d/*.yml; do
	[ -f "$file" ] || continue
	case $file in
	*[!A-Za-z0-9_./-]*)
		note "keep     " "$(visible "$file")" "an odd name; it is not read, see docs/POLICIES.md for what to write"
		continue
		;;
	esac
	found "$file"
	aside="$aside $file"
	note "aside    " "$file" "v0.12.6 did not read it and neither does anna; renamed to .v0126, docs/POLICIES.md says what to write"
done

if [ -z "$found" ] && [ $translate = no ]; then
	say "nothing of v0.12.6 is here: nothing to do"
	exit 0
fi
had_config=no
if here $config; then
	had_config=yes
	found $config
fi
if [ -d /var/lib/anna ]; then
	found /var/lib/anna
	note "keep     " /var/lib/anna "what is in it stays; it becomes the user anna's alone (0700)"
fi
if [ -d /var/log/anna ]; then note "keep     " /var/log/anna "no longer written to, the journal has the log; delete it when you like"; fi
if getent passwd anna >/dev/null; then note "keep     " "user anna" "the new daemon runs as it; members of the group anna may ask it as before"; fi

[ -n "$backup" ] || backup=/var/backups/anna-v0.12.6-$(date +%Y%m%d-%H%M%S).tar.gz
case $backup in
/*) ;;
*) backup=$PWD/$backup ;;
esac
say "What will be done:"
say "  back up   everything below, to $(visible "$backup")"
printf '%s' "$plan"
say "  start     annad.socket, annad.service: the new daemon"
if [ $dry = yes ]; then
	say "Nothing was changed. To do it: sudo $name --yes"
	exit 0
fi
if [ $dry = ask ]; then
	printf 'Go on? [y/N] '
	read -r answer || answer=
	case $answer in
	y | Y | yes) ;;
	*)
		say "nothing was changed"
		exit 0
		;;
	esac
fi

systemd=no
[ ! -d /run/systemd/system ] || systemd=yes
was_active=no
if [ $systemd = yes ] && systemctl --quiet is-active annad.service; then was_active=yes; fi
start_old() { [ $was_active = no ] || systemctl start annad.service; }
# A database that is written to cannot be compared.
[ $systemd = no ] || systemctl --quiet stop annad.socket annad.service 2>/dev/null

umask 077
mkdir -p -- "$(dirname -- "$backup")"
relative=$(for path in $found; do printf '%s\n' "${path#/}"; done)
if here "$backup"; then
	warn "$(visible "$backup") exists: name another with --backup"
	start_old
	exit 1
fi
# Sockets cannot be archived; they are not needed.
if ! printf '%s\n' "$relative" | tar -czpf "$backup" -C / --warning=no-file-ignored -T - ||
	! tar -dzf "$backup" -C /; then
	warn "the backup $(visible "$backup") is not what is on the disk: nothing was changed"
	start_old
	exit 1
fi
sync
report=$backup.txt
made=$(for path in $aside; do printf ' %s' "$path.v0126"; done)
if [ $translate = yes ] && [ $had_config = no ]; then made="$made $config"; fi
undo="sudo systemctl stop annad.socket annad.service${made:+
sudo rm -f$made}
sudo tar -xzpf $(quoted "$backup") -C /
sudo systemctl daemon-reload && sudo systemctl restart annad"
{
	say "What was done by $name, $(date):"
	printf '%s' "$plan"
	say "Undo:"
	say "$undo"
} >"$report"

failed=no
step() { # WORDS: a command whose failure is told, and the rest goes on
	"$@" || {
		warn "failed: $*"
		failed=yes
	}
}
for path in $drop; do step rm -rf -- "$path"; done
for path in $aside; do step mv -- "$path" "$path.v0126"; done
[ -z "$hook" ] || step sed -i 's#^Exec *= */usr/local/bin/autosnap-pre.sh#Exec = /usr/lib/anna/btrfs/autosnap-pre.sh#' "$hook"
if [ $translate = yes ]; then
	chmod 0644 "$new"
	step cp -- "$new" $config.new
	step chmod 0644 $config.new
	step mv -f -- $config.new $config
fi
[ ! -d /usr/lib/anna ] || rmdir --ignore-fail-on-non-empty /usr/lib/anna
step systemd-sysusers anna.conf
step systemd-tmpfiles --create anna.conf
if [ -d /var/lib/anna ] && [ ! -L /var/lib/anna ]; then
	step chown -hR anna:anna /var/lib/anna
	step chmod 0700 /var/lib/anna
fi
if [ $systemd = yes ]; then
	rm -f /run/anna/annad.sock
	step systemctl daemon-reload
	step systemctl reset-failed annad.service annad.socket
	step systemctl enable --now annad.socket annad.service
	step /usr/bin/annactl status
fi
say "Backup: $backup"
say "Report: $report"
say "To undo it:"
printf '%s\n' "$undo" | sed 's/^/  /'
[ $failed = no ]
