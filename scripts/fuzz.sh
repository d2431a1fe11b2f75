#!/bin/sh
# Run every fuzz test of the module for a while: scripts/fuzz.sh [TIME]
set -eu
cd "$(dirname "$0")/.."
time=${1:-30s}
git ls-files '*_test.go' | xargs grep -H '^func Fuzz' | sed 's/^\(.*\)\/[^/]*:func \(Fuzz[A-Za-z0-9_]*\).*/\1 \2/' |
  while read -r dir name; do
    echo "== $dir $name"
    go test "./$dir" -run '^$' -fuzz "^$name\$" -fuzztime "$time" </dev/null
  done
