#!/bin/sh
# Takes a picture of the dashboard: of a real daemon, in a real terminal.
#
#	scripts/dash-picture.sh PICTURE.png [WIDTHxHEIGHT [-light] [KEYS]]
#
# Needs go, ImageMagick's convert and the font DejaVu Sans Mono (Debian:
# imagemagick, fonts-dejavu-core). From the environment: CONFIG, the daemon's
# configuration; OPEN, how long the dashboard is open before (1m); FLAG, one
# more flag; TERMINAL (its kind) and ENV (NAME=VALUE) for the terminal; NAME, what the machine
# is called in the picture (needs root).
set -eu
usage='usage: dash-picture.sh PICTURE.png [WIDTHxHEIGHT [-light] [KEYS]]'
out=${1:?$usage}
size=${2:-100x30}
light=${3:-}
keys=${4:-}
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM HUP

go build -o "$dir/screenpng" ./scripts/screenpng
go test -c -o "$dir/health.test" ./applets/health
export ANNA_TEST_PICTURE="$dir/screen" ANNA_TEST_PICTURE_SIZE="$size" ANNA_TEST_PICTURE_KEYS="$keys" \
	ANNA_TEST_PICTURE_CONFIG="${CONFIG:-}" ANNA_TEST_PICTURE_OPEN="${OPEN:-1m}" ANNA_TEST_PICTURE_FLAG="${FLAG:-}" \
	ANNA_TEST_PICTURE_ENV="${ENV:-}" ANNA_TEST_PICTURE_TERM="${TERMINAL:-xterm-256color}"
set -- "$dir/health.test" -test.run '^TestDashboardPicture$' -test.timeout 20m
(
	cd applets/health
	if [ -n "${NAME:-}" ]; then
		# shellcheck disable=SC2016
		unshare --uts sh -c 'hostname "$0" && exec "$@"' "$NAME" "$@"
	else
		"$@"
	fi
)
# ImageMagick's, where another program has the name.
convert=convert
[ ! -x /usr/bin/convert ] || convert=/usr/bin/convert
# shellcheck disable=SC2086
"$dir/screenpng" $light <"$dir/screen" >"$dir/mvg"
"$convert" "mvg:$dir/mvg" -colors 64 -strip "png8:$dir/png"
mv "$dir/png" "$out"
