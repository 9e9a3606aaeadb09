#!/bin/bash
# Runs every check, in the order in which they are cheapest to fail, and stops at the first that
# does. Needs Debian 12, and root or sudo where packages are missing.
#
#   tests/run.sh           format, layering, release and asan builds, fuzzing, all tests
#   tests/run.sh --quick   the unit tests alone
#   tests/run.sh --long    also tsan, g++, clang-tidy on everything, long fuzzing, many kills
#
# Every stage prints its seconds. The last lines are ctest's, of the release build.
set -euo pipefail
exec </dev/null
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

mode=normal
case "${1-}" in
  '') ;;
  --quick) mode=quick ;;
  --long) mode=long ;;
  *)
    echo "usage: tests/run.sh [--quick|--long]" >&2
    exit 2
    ;;
esac
[ $# -le 1 ] || { echo "usage: tests/run.sh [--quick|--long]" >&2; exit 2; }

jobs=$(nproc)
fuzz_seconds=10
not_in_asan='kafka|slow'
if [ "$mode" = long ]; then
  fuzz_seconds=300
  not_in_asan=kafka
  # How often the crash tests kill the service.
  export VIGIE_ROUNDS=50
  # How often each fault of machines, networks, disks and brokers is played: four hours.
  export VIGIE_FAULT_ROUNDS=20
  # How many streams of what can happen to a message are counted again.
  export VIGIE_STREAMS=3000
  # With how many seeds generated rules are compared with the naive matcher.
  export VIGIE_SEEDS=8
fi

# stage NAME COMMAND...: runs it, says how long it took, ends everything when it fails.
stage() {
  local name=$1 began=$SECONDS status=0
  shift
  echo "== $name"
  # In a shell of its own and outside any condition, so that `set -e` holds inside functions.
  set +e
  (set -e; "$@")
  status=$?
  set -e
  if [ $status -ne 0 ]; then
    echo "== $name: failed after $((SECONDS - began)) s" >&2
    exit "$status"
  fi
  echo "== $name: $((SECONDS - began)) s"
}

sources() {
  find connectors pipeline rules state tests \( -name '*.h' -o -name '*.cc' \) -print0
}

install_packages() {
  deploy/install_packages.sh deploy/packages.txt tests/packages.txt
}

check_format() {
  sources | xargs -0 clang-format-19 --dry-run --Werror
}

# build PRESET [--target TARGET...]
build() {
  mkdir -p build
  local log=build/$1.log
  if ! cmake --preset "$1" >"$log" 2>&1 || ! cmake --build --preset "$1" -j "$jobs" "${@:2}" \
    >>"$log" 2>&1; then
    grep -E -A 4 'error|FAILED|CMake Error' "$log" | head -n 100 || tail -n 50 "$log"
    return 1
  fi
}

fuzz_targets() {
  find tests/fuzz -maxdepth 1 -name '*.cc' ! -name replay_main.cc -printf '%f\n' | sed 's/\.cc$//' |
    sort
}

# fuzz_one NAME: what is found goes into a folder of its own; the corpus in the tree is only read.
fuzz_one() {
  local name=$1 found=build/fuzz/found/$1 log=build/fuzz/$1.log
  mkdir -p "$found"
  local -a corpus=("$found")
  [ ! -d "tests/fuzz/corpus/$name" ] || corpus+=("tests/fuzz/corpus/$name")
  if ! "build/asan/tests/fuzz_$name" -max_total_time="$fuzz_seconds" -timeout=20 \
    -rss_limit_mb=4096 -artifact_prefix=build/fuzz/artifacts/ "${corpus[@]}" >"$log" 2>&1; then
    tail -n 60 "$log"
    echo "fuzz: $name failed; the input is in build/fuzz/artifacts" >&2
    return 1
  fi
  echo "fuzz: $name: $(grep -c '' "$log") lines, $(tail -n 1 "$log")"
}

fuzz() {
  mkdir -p build/fuzz/artifacts
  export -f fuzz_one
  export fuzz_seconds
  fuzz_targets | xargs -n 1 -P "$jobs" bash -c 'fuzz_one "$1"' fuzz
}

tidy() {
  run-clang-tidy-19 -quiet -j "$jobs" -p build/release "^$PWD/(connectors|pipeline|rules|state)/.*" \
    >build/tidy.log 2>&1 || { grep -E 'error|warning' build/tidy.log | sort -u | head -n 100; return 1; }
}

stage install install_packages

if [ "$mode" = quick ]; then
  # A release build that is there already is not built a second time in another shape.
  preset=dev
  [ ! -e build/release/build.ninja ] || preset=release
  stage "build $preset" build "$preset"
  exec ctest --preset "$preset" --label-regex '^unit$'
fi

stage format check_format
stage layering python3 tests/layering_test.py .
stage "build release" build release
stage "build asan" build asan
stage fuzz fuzz
stage "test asan" ctest --preset asan --label-exclude "$not_in_asan"
if [ "$mode" = long ]; then
  stage "build tsan" build tsan
  stage "test tsan" ctest --preset tsan
  stage "build gcc" build gcc
  stage "test gcc" ctest --preset gcc --label-regex '^unit$'
  stage tidy tidy
fi
echo "== test release (everything before took $SECONDS s)"
exec ctest --preset release
