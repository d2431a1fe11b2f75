#!/bin/sh
# install.sh: installs anna from a checkout, and takes it away again.
set -eu
cd "$(dirname -- "$0")/.."
name=${0##*/}

help() {
	cat <<EOT
Install anna from this checkout: program, units, user, manual, completions,
Btrfs scripts. Built before by: go build -o .bin/anna .

  sudo scripts/$name [--prefix DIR]
  sudo scripts/$name --uninstall [--prefix DIR]

  --prefix DIR    default /usr/local, where systemd looks for units as well
  --destdir DIR   put everything below DIR, for whoever makes a package; nothing
                  is enabled or started then

What it puts there it lists in PREFIX/share/anna/installed; run again, it removes
what it no longer has; --uninstall removes all of it and what became empty. Configuration (/etc/anna) and history
(/var/lib/anna) stay; remove them yourself when you mean it.

Exit status: 0 done · 1 failed · 64 wrong usage · 77 not root
EOT
}
prefix=/usr/local destdir='' uninstall=no
while [ $# -gt 0 ]; do
	case $1 in
	--prefix | --destdir)
		[ $# -ge 2 ] || { echo "$name: $1 needs a value (see $name --help)" >&2 && exit 64; }
		case $2 in
		/*) ;;
		*) echo "$name: $1 needs a path that begins with /" >&2 && exit 64 ;;
		esac
		if [ "$1" = --prefix ]; then prefix=${2%/}; else destdir=${2%/}; fi
		shift
		;;
	--uninstall) uninstall=yes ;;
	--help | -h) help && exit 0 ;;
	*) echo "$name: unknown word '$1' (see $name --help)" >&2 && exit 64 ;;
	esac
	shift
done
if [ -z "$destdir" ] && [ "$(id -u)" != 0 ]; then echo "$name: only root can do this: sudo scripts/$name" >&2 && exit 77; fi
list=$destdir$prefix/share/anna/installed
systemd=no
if [ -z "$destdir" ] && [ -d /run/systemd/system ]; then systemd=yes; fi

# remove LIST: the files that it lists, and directories that became empty.
remove() {
	while IFS= read -r file; do
		case $file in
		"$prefix"/* | /etc/systemd/*) rm -f -- "$destdir$file" ;;
		*) echo "$name: left alone: $file, not below $prefix" >&2 ;;
		esac
	done <"$1"
	while IFS= read -r file; do
		dir=$(dirname -- "$file")
		while [ "$dir" != "$prefix" ] && [ "$dir" != / ]; do
			rmdir -- "$destdir$dir" 2>/dev/null || break
			dir=$(dirname -- "$dir")
		done
	done <"$1"
}

if [ $uninstall = yes ]; then
	[ -f "$list" ] || { echo "$name: nothing is installed in $prefix: there is no $list" >&2 && exit 1; }
	if [ $systemd = yes ]; then systemctl --quiet disable --now annad.socket annad.service || true; fi
	remove "$list"
	rm -f -- "$list"
	rmdir -- "$destdir$prefix/share/anna" 2>/dev/null || true
	if [ $systemd = yes ]; then
		systemctl daemon-reload
		rmdir /run/annad 2>/dev/null || true # where the sandbox showed it the machine
		echo "uninstalled; /etc/anna, /var/lib/anna and the user anna stay"
	fi
	exit 0
fi

[ -x .bin/anna ] || { echo "$name: .bin/anna is missing: go build -o .bin/anna ." >&2 && exit 1; }
mkdir -p -- "$(dirname -- "$list")"
: >"$list.new"
place() { # MODE FROM TO, TO without prefix
	install -D -m "$1" -- "$2" "$destdir$prefix/$3"
	printf '%s\n' "$prefix/$3" >>"$list.new"
}
# adapt FROM TO: a file that names the program's place.
adapt() {
	mkdir -p -- "$(dirname -- "$destdir$prefix/$2")"
	sed "s#/usr/bin/anna#$prefix/bin/anna#g; s#/usr/lib/anna/#$prefix/lib/anna/#g" "$1" >"$destdir$prefix/$2"
	chmod 0644 -- "$destdir$prefix/$2"
	printf '%s\n' "$prefix/$2" >>"$list.new"
}
# A running program cannot be written over, but replaced.
install -D -m 0755 .bin/anna "$destdir$prefix/bin/anna.new"
mv -f -- "$destdir$prefix/bin/anna.new" "$destdir$prefix/bin/anna"
printf '%s\n' "$prefix/bin/anna" >>"$list.new"
for other in annad annactl; do
	ln -sf anna "$destdir$prefix/bin/$other"
	printf '%s\n' "$prefix/bin/$other" >>"$list.new"
done
for unit in dist/*.service dist/*.socket dist/*.timer; do
	[ ! -f "$unit" ] || adapt "$unit" "lib/systemd/system/${unit#dist/}"
done
place 0644 dist/anna.sysusers lib/sysusers.d/anna.conf
place 0644 dist/anna.tmpfiles lib/tmpfiles.d/anna.conf
place 0644 dist/annad.service.d/btrfs.conf share/anna/btrfs.conf
place 0644 dist/annad.service.d/container.conf share/anna/container.conf
for script in scripts/btrfs/*.sh; do
	case $script in
	*/snapshots.sh) place 0644 "$script" "lib/anna/btrfs/${script##*/}" ;;
	*) place 0755 "$script" "lib/anna/btrfs/${script##*/}" ;;
	esac
done
adapt scripts/btrfs/90-btrfs-autosnap.hook share/anna/90-btrfs-autosnap.hook
place 0644 dist/policies.d/example.toml share/anna/policies.d/example.toml
place 0644 dist/config.toml share/anna/config.toml
place 0755 scripts/upgrade.sh lib/anna/upgrade.sh
place 0755 scripts/verify.sh lib/anna/verify.sh
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
scripts/share.sh .bin/anna "$stage"
(cd "$stage" && find . -type f | sed 's#^\./##') >"$stage.files"
while IFS= read -r file; do place 0644 "$stage/$file" "share/$file"; done <"$stage.files"
rm -f -- "$stage.files"
# What the version before put there and this one does not.
if [ -f "$list" ]; then
	grep -vxFf "$list.new" "$list" >"$list.gone" || true
	remove "$list.gone"
	rm -f -- "$list.gone"
fi
mv -f -- "$list.new" "$list"

# A configuration that is there is somebody's.
[ -e "$destdir/etc/anna/config.toml" ] || install -D -m 0644 dist/config.toml "$destdir/etc/anna/config.toml"
mkdir -p -- "$destdir/etc/anna/policies.d"
[ -z "$destdir" ] || exit 0
command -v systemd-sysusers >/dev/null && systemd-sysusers "$prefix/lib/sysusers.d/anna.conf"
command -v systemd-tmpfiles >/dev/null && systemd-tmpfiles --create "$prefix/lib/tmpfiles.d/anna.conf"
if [ $systemd = yes ]; then
	systemctl daemon-reload
	systemctl try-restart annad.service
	echo "installed in $prefix. Next: sudo systemctl enable --now annad.socket annad.service"
else
	echo "installed in $prefix. Next: annactl health --standalone"
fi
