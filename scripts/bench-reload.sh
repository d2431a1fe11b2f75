#!/bin/bash
# How long a reload takes until it is effective: from the command to the first
# answer with the new content. anna, nginx and caddy in one run, each with a
# configuration of its own in a directory of its own; what is not installed is
# left out. Usage: scripts/bench-reload.sh [ROUNDS]
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-30}
dir=$(mktemp -d /tmp/bench-reload.XXXXXX)
chmod 750 "$dir"
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$dir"
}
trap finish EXIT

go build -o "$dir/anna" .
ln -s anna "$dir/annad"
ln -s anna "$dir/annactl"

now() { printf '%s' "${EPOCHREALTIME/[.,]/}"; } # microseconds

# until_effective NAME WRITE RELOAD ASK: the times of each round, in
# microseconds, into a file; ASK prints what is served.
until_effective() {
  local name=$1 write=$2 reload=$3 ask=$4 n began
  for n in $(seq "$rounds"); do
    $write "$((1000 + n))"
    began=$(now)
    $reload >"$dir/$name.log" 2>&1 || { cat "$dir/$name.log" >&2; exit 1; }
    printf '%s ' "$(($(now) - began))" >>"$dir/$name.times"
    until [ "$($ask)" = "$((1000 + n))" ]; do :; done
    printf '%s\n' "$(($(now) - began))" >>"$dir/$name.times"
  done
}

anna_write() { printf '[health]\nqueue_warn = %s\nqueue_crit = 9000\n' "$1" >"$dir/anna.toml~"; mv "$dir/anna.toml~" "$dir/anna.toml"; }
anna_reload() { "$dir/annactl" reload --socket "$dir/anna.sock"; }
# bash itself asks over HTTP; over the Unix socket it is socat and sed, whose
# start counts against anna.
anna_ask() {
  printf '{"jsonrpc":"2.0","id":1,"method":"get_config"}\n' | socat -t 5 - "UNIX-CONNECT:$dir/anna.sock" |
    sed -n 's/.*"key":"health.queue_warn","value":\([0-9]*\).*/\1/p'
}
http_ask() { # PORT
  local line body=
  exec 3<>"/dev/tcp/127.0.0.1/$1" || return 0
  printf 'GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' >&3
  while IFS= read -r line || [ -n "$line" ]; do body=${line%$'\r'}; done <&3
  exec 3>&-
  printf '%s' "$body"
}

anna_write 1000
"$dir/annad" --config "$dir/anna.toml" --socket "$dir/anna.sock" --state-dir "$dir/state" 2>"$dir/annad.log" &
pids+=($!)
until [ "$(anna_ask 2>/dev/null)" = 1000 ]; do sleep 0.05; done
until_effective anna anna_write anna_reload anna_ask

if command -v nginx >/dev/null; then
  mkdir "$dir/nginx"
  nginx_write() {
    cat >"$dir/nginx.conf" <<END
pid $dir/nginx/pid;
error_log $dir/nginx/error.log;
worker_processes 1;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path $dir/nginx/body; proxy_temp_path $dir/nginx/proxy;
  fastcgi_temp_path $dir/nginx/fastcgi; uwsgi_temp_path $dir/nginx/uwsgi; scgi_temp_path $dir/nginx/scgi;
  server { listen 127.0.0.1:18081; location / { return 200 "$1"; } }
}
END
  }
  nginx_reload() { nginx -p "$dir/nginx" -c "$dir/nginx.conf" -s reload; }
  nginx_ask() { http_ask 18081; }
  nginx_write 1000
  nginx -p "$dir/nginx" -c "$dir/nginx.conf" -g 'daemon off;' 2>/dev/null &
  pids+=($!)
  until [ "$(nginx_ask 2>/dev/null)" = 1000 ]; do sleep 0.05; done
  until_effective nginx nginx_write nginx_reload nginx_ask
fi

if command -v caddy >/dev/null; then
  export XDG_DATA_HOME=$dir/caddy XDG_CONFIG_HOME=$dir/caddy
  caddy_write() {
    printf '{\n\tadmin 127.0.0.1:18083\n}\nhttp://127.0.0.1:18082 {\n\trespond "%s"\n}\n' "$1" >"$dir/Caddyfile"
  }
  caddy_reload() { caddy reload --config "$dir/Caddyfile" --adapter caddyfile --address 127.0.0.1:18083; }
  caddy_ask() { http_ask 18082; }
  caddy_write 1000
  caddy run --config "$dir/Caddyfile" --adapter caddyfile 2>"$dir/caddy.log" &
  pids+=($!)
  until [ "$(caddy_ask 2>/dev/null)" = 1000 ]; do sleep 0.05; done
  until_effective caddy caddy_write caddy_reload caddy_ask
fi

printf '%-8s %12s %12s %12s %12s   (%s rounds, ms)\n' '' 'command p50' 'command p99' 'effective p50' 'effective p99' "$rounds"
for name in anna nginx caddy; do
  [ -e "$dir/$name.times" ] || continue
  at() { sort -n -k"$1,$1" "$dir/$name.times" | awk -v f="$1" -v p="$2" '{ v[NR] = $f } END { i = int((NR * p + 99) / 100); printf "%.1f", v[i] / 1000 }'; }
  printf '%-8s %12s %12s %12s %12s\n' "$name" "$(at 1 50)" "$(at 1 99)" "$(at 2 50)" "$(at 2 99)"
done
