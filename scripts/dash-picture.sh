#!/bin/sh
# Takes a picture of the dashboard, from a real daemon in a terminal or from a
# golden file; the README's is
#
#	scripts/dash-picture.sh docs/dashboard.png testdata/screen/dash-critical-80x24.txt
#	scripts/dash-picture.sh PICTURE.png WIDTHxHEIGHT [-light] [KEYS]
#
# Needs go and ImageMagick's convert, and tmux where there is no golden file
# (Debian: imagemagick, tmux, fonts-dejavu-core). CONFIG names a configuration
# for the daemon, SECONDS_OPEN how long the dashboard is open before.
set -eu
out=${1:?usage: dash-picture.sh PICTURE.png WIDTHxHEIGHT|GOLDEN [-light] [KEYS]}
size=${2:?usage: dash-picture.sh PICTURE.png WIDTHxHEIGHT|GOLDEN [-light] [KEYS]}
light=${3:-}
keys=${4:-}
root=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d)
daemon=
cleanup() {
	tmux -L "anna-picture-$$" kill-server 2>/dev/null || true
	if [ -n "$daemon" ] && kill "$daemon" 2>/dev/null; then wait "$daemon" 2>/dev/null || :; fi
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM HUP

cd "$root"
go build -o "$dir/screenpng" ./scripts/screenpng
# ImageMagick's, where another program has the name.
convert=convert
[ ! -x /usr/bin/convert ] || convert=/usr/bin/convert
draw() {
	# shellcheck disable=SC2086
	"$dir/screenpng" $light >"$dir/mvg"
	"$convert" "mvg:$dir/mvg" -colors 64 -strip "png8:$dir/png"
	mv "$dir/png" "$out"
}
if [ -f "$size" ]; then
	esc=$(printf '\033')
	sed -e '1,/^# colour$/d' -e "s/\^\[\[/${esc}[/g" "$size" | draw
	exit
fi
CGO_ENABLED=0 go build -o "$dir/anna" .
ln -s anna "$dir/annad" && ln -s anna "$dir/annactl"
"$dir/annad" --socket "$dir/s" --state-dir "$dir/state" --config "${CONFIG:-$dir/none.toml}" 2>"$dir/log" &
daemon=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	"$dir/annactl" status --socket "$dir/s" >/dev/null 2>&1 || sleep 0.1
	"$dir/annactl" events --socket "$dir/s" >/dev/null 2>&1 || true
done
"$dir/annactl" status --socket "$dir/s" >/dev/null || { cat "$dir/log" >&2; exit 1; }
tmux -L "anna-picture-$$" -f /dev/null new-session -d -x "${size%x*}" -y "${size#*x}" \
	"env LANG=C.UTF-8 TERM=screen-256color '$dir/annactl' health --watch --socket '$dir/s'"
i=0
while [ $i -lt "${SECONDS_OPEN:-20}" ]; do # a curve needs some time
	"$dir/annactl" capabilities --socket "$dir/s" >/dev/null
	sleep 1
	i=$((i + 1))
done
[ -z "$keys" ] || tmux -L "anna-picture-$$" send-keys "$keys"
sleep 1
tmux -L "anna-picture-$$" capture-pane -e -p | draw
