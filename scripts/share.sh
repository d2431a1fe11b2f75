#!/bin/sh
# share.sh: writes what a program of anna tells about itself, in the layout of
# /usr/share: the manual, and the completions of bash, zsh and fish.
set -eu
name=${0##*/}
if [ $# -ne 2 ]; then
	echo "usage: $name PROGRAM DIR, as in: $name .bin/anna /usr/share" >&2
	exit 64
fi
program=$1 dir=$2
for page in $("$program" manual); do
	mkdir -p "$dir/man/man${page##*.}"
	"$program" manual "$page" >"$dir/man/man${page##*.}/$page"
done
mkdir -p "$dir/bash-completion/completions" "$dir/zsh/site-functions" "$dir/fish/vendor_completions.d"
"$program" completion bash >"$dir/bash-completion/completions/anna"
"$program" completion zsh >"$dir/zsh/site-functions/_anna"
"$program" completion fish >"$dir/fish/vendor_completions.d/anna.fish"
# One script knows all names; bash and fish look for it by the one typed.
for other in annactl annad; do
	# shellcheck disable=SC2016
	echo '. "${BASH_SOURCE[0]%/*}/anna"' >"$dir/bash-completion/completions/$other"
	echo 'source (status dirname)/anna.fish' >"$dir/fish/vendor_completions.d/$other.fish"
done
