#!/bin/sh
# From a fresh Debian 12 to a running Vigie: installs what is missing, builds it, and runs it on the
# embedded log with a made-up brand's stream, and live Bluesky beside it where the internet is there.
#
#   deploy/quickstart.sh [--data DIR] [--port PORT] [--for TIME]
#
#   --data DIR   where everything is kept (default ./data); running it again goes on with it
#   --port PORT  of the HTTP API on 127.0.0.1 (default 8080; 0: any free one)
#   --for TIME   ends by itself after 20s, 5m, ...; exit 0 only if mentions were queued, counted and
#                served in that time
#
# Ctrl-C ends it. As root or with sudo where packages have to be installed.
set -eu

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
}
fail() {
  echo "quickstart: $*" >&2
  exit 3
}
refuse() {
  echo "quickstart: $*" >&2
  exit 2
}
say() {
  echo "quickstart: $*"
}

data=./data
port=8080
seconds=
while [ $# -gt 0 ]; do
  case "$1" in
    --data | --port | --for)
      [ $# -ge 2 ] || refuse "$1 needs a value"
      case "$1" in
        --data) data=$2 ;;
        --port) port=$2 ;;
        --for) seconds=$2 ;;
      esac
      shift 2
      ;;
    -h | --help) usage; exit 0 ;;
    *) refuse "unknown argument $1 (see --help)" ;;
  esac
done
case "$port" in
  '' | *[!0-9]*) refuse "--port: expected a number, found \"$port\"" ;;
esac
[ "$port" -le 65535 ] || refuse "--port: expected at most 65535, found $port"
[ -n "$data" ] || refuse "--data: expected a folder"
if [ -n "$seconds" ]; then
  written=$seconds
  scale=1
  case "$seconds" in
    *s) seconds=${seconds%s} ;;
    *m) seconds=${seconds%m}; scale=60 ;;
    *h) seconds=${seconds%h}; scale=3600 ;;
  esac
  case "$seconds" in
    '' | *[!0-9]* | ??????*) refuse "--for: expected a time such as 20s or 5m, found \"$written\"" ;;
  esac
  seconds=$((seconds * scale))
  [ "$seconds" -gt 0 ] || refuse "--for: expected more than nothing"
fi

root=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$data" || fail "cannot make $data"
data=$(cd "$data" && pwd)
[ -w "$data" ] || fail "cannot write to $data"

# --- install and build ---------------------------------------------------------------------------

"$root/deploy/install_packages.sh" "$root/deploy/packages.txt"

say "building (the first time takes minutes)"
build_log=$data/build.log
if ! (cd "$root" && cmake --preset release -DVIGIE_TESTS=OFF &&
  cmake --build --preset release --target vigie) \
  >"$build_log" 2>&1 </dev/null; then
  tail -n 40 "$build_log" >&2
  fail "the build failed; all of it is in $build_log"
fi
vigie=$root/build/release/vigie
[ -x "$vigie" ] || fail "the build left no $vigie"

# --- config --------------------------------------------------------------------------------------

quoted() {
  printf '"%s"' "$(printf %s "$1" | sed 's/[\\"]/\\&/g')"
}

host=jetstream2.us-east.bsky.network
if curl -sS --noproxy '*' -o /dev/null --connect-timeout 5 --max-time 10 "https://$host/" 2>/dev/null; then
  bluesky=yes
else
  bluesky=no
fi

config=$data/quickstart.yaml
{
  echo "# Written by deploy/quickstart.sh at every start. deploy/vigie.yaml explains the keys."
  echo "data_dir: $(quoted "$data")"
  echo "rules: $(quoted "$root/deploy/rules.yaml")"
  echo "api: {listen: \"127.0.0.1:$port\"}"
  echo "connectors:"
  echo "  - {name: demo, kind: generate, keep: all, per_second: 20}"
  if [ "$bluesky" = yes ]; then
    echo "  - {name: bluesky, kind: bluesky, keep: matched}"
  fi
} >"$config"

# --- run -----------------------------------------------------------------------------------------

log=$data/vigie.log
pid=
stop() {
  trap '' INT TERM HUP
  if [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null; then
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  fi
}
# Ctrl-C is how this ends, so it is no failure unless a verdict was asked for.
interrupted() {
  stop
  say "stopped; the data is kept in $data"
  [ -z "$seconds" ] || exit 130
  exit 0
}
trap interrupted INT TERM HUP
trap stop EXIT

: >"$log"
"$vigie" run -c "$config" >"$log" 2>&1 </dev/null &
pid=$!

died() {
  status=0
  wait "$pid" || status=$?
  pid=
  tail -n 20 "$log" >&2
  fail "vigie ended with $status; its log is $log"
}

# With --port 0 the kernel chooses; the service says in its log what it got.
address() {
  if [ "$port" -ne 0 ]; then
    echo "127.0.0.1:$port"
  else
    sed -n 's/.*\(127\.0\.0\.1:[1-9][0-9]*\).*/\1/p' "$log" | head -n 1
  fi
}
get() {
  curl -sS -f --noproxy '*' --max-time 5 "http://$(address)$1" 2>/dev/null
}

waited=0
until [ -n "$(address)" ] && get /readyz >/dev/null; do
  kill -0 "$pid" 2>/dev/null || died
  [ "$waited" -lt 120 ] || fail "not ready after a minute; see $log"
  waited=$((waited + 1))
  sleep 0.5
done
# Somebody else's service may answer on the port while ours could not start.
kill -0 "$pid" 2>/dev/null || died
url=http://$(address)

say "vigie runs (pid $pid) on the embedded log in $data"
say "source: a made-up brand's stream (brand acme, 20 mentions a second)"
if [ "$bluesky" = yes ]; then
  say "source: live Bluesky through $host (theme \"everyday\")"
else
  say "source: no live Bluesky, $host cannot be reached"
fi
cat <<END

  page             $url/
  social queue     $url/api/v1/queues/social/items
  community queue  $url/api/v1/queues/community/items
  live feed        curl -N $url/api/v1/queues/community/stream
  alerts           $url/api/v1/alerts
  metrics          $url/metrics
  rules            $root/deploy/rules.yaml
  log              $log

END

if [ -z "$seconds" ]; then
  say "Ctrl-C ends it"
  status=0
  wait "$pid" || status=$?
  pid=
  [ "$status" -eq 0 ] || { tail -n 20 "$log" >&2; fail "vigie ended with $status"; }
  exit 0
fi

say "ends by itself after $seconds s"
began=$(date +%s)
end=$((began + seconds))
verdict=1
while :; do
  kill -0 "$pid" 2>/dev/null || died
  if [ "$verdict" -ne 0 ]; then
    verdict=0
    report=$(python3 "$root/deploy/quickstart_check.py" "$url" "$began" 2>&1) || verdict=1
  fi
  [ "$(date +%s)" -lt "$end" ] || break
  sleep 0.5
done
# The last look tells the numbers of the whole time.
if [ "$verdict" -eq 0 ]; then
  report=$(python3 "$root/deploy/quickstart_check.py" "$url" "$began" 2>&1) || verdict=1
fi
printf '%s\n' "$report" | sed 's/^/quickstart: /'

trap '' INT TERM HUP
kill -TERM "$pid" 2>/dev/null || true
status=0
wait "$pid" || status=$?
pid=
if [ "$status" -ne 0 ]; then
  tail -n 20 "$log" >&2
  fail "vigie ended with $status"
fi
if [ "$verdict" -ne 0 ]; then
  say "not everything happened in $seconds s; the log is $log"
  exit 1
fi
say "mentions were queued, counted and served; the data is kept in $data"
