#!/usr/bin/env bash
# package.sh: builds the packages. Two builds of one commit give the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."

help() {
  cat <<EOT
Build packages of the checked-out commit.

  scripts/package.sh [--version V] [--out DIR] [FORMAT...]

  FORMAT       deb, rpm, archlinux, apk; default: all
  --version V  in the place of the executable's own
  --out DIR    default .bin/packages

nfpm is taken from .tools or the PATH; .ci/run installs it.
The machine is GOARCH's, the times are the commit's (SOURCE_DATE_EPOCH).
EOT
}
version='' out=.bin/packages formats=()
while [ $# -gt 0 ]; do
  case $1 in
    --version) version=${2:?--version needs a value} && shift ;;
    --out) out=${2:?--out needs a value} && shift ;;
    --help | -h) help && exit 0 ;;
    deb | rpm | archlinux | apk) formats+=("$1") ;;
    *) echo "package.sh: unknown word '$1' (see --help)" >&2 && exit 64 ;;
  esac
  shift
done
[ ${#formats[@]} -gt 0 ] || formats=(deb rpm archlinux apk)
nfpm=.tools/nfpm
[ -x "$nfpm" ] || nfpm=$(command -v nfpm) || { echo "package.sh: nfpm is missing: GOBIN=\$PWD/.tools go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2" >&2; exit 1; }

commit=${ANNA_COMMIT:-$(git rev-parse HEAD 2>/dev/null || true)}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
date=$(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
export GOARCH=${GOARCH:-$(go env GOARCH)}
STAGE=$(mktemp -d)
export STAGE
trap 'rm -rf "$STAGE"' EXIT

VERSION=${version:-$(sed -n 's/^var Number = "\(.*\)"$/\1/p' anna/version/version.go)}

# Nothing of the place, the time or the checkout is in the executable; and
# nothing of what urfave/cli writes manuals with, a tenth of the time to start:
# ours come from anna/manual.
package=github.com/jjgarcianorway/anna-assistant/anna/version
CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags urfave_cli_no_docs -o "$STAGE/anna" \
  -ldflags "-s -w -buildid= -X $package.Number=$VERSION -X $package.commit=$commit -X $package.date=$date" .

scripts/share.sh "$STAGE/anna" "$STAGE/share"
find "$STAGE/share" -type d -exec chmod 0755 {} + -o -type f -exec chmod 0644 {} +

# Files of one time: nfpm writes times as they are.
mkdir -p "$out"
for format in "${formats[@]}"; do
  find "$STAGE" -exec touch -h --date="@$SOURCE_DATE_EPOCH" {} +
  schema=semver number=$VERSION
  # nfpm leaves the "pre" out of .PKGINFO; to pacman 0.12.7pre is older than 0.12.7.
  if [ "$format" = archlinux ]; then schema=none number=${VERSION//-/}; fi
  VERSION=$number VERSION_SCHEMA=$schema "$nfpm" package --config dist/packages/nfpm.yaml --packager "$format" --target "$out/"
done
