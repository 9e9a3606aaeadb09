#!/bin/sh
# Unpacks a source package of Debian 12 into a folder that is not there yet. Needs no root: what apt
# keeps for it goes into a folder of its own, and the mirror is the one that the binary came from.
#
#   deploy/fetch_source.sh rocksdb 7.8.3-2 librocksdb-dev build/release/rocksdb/source
set -eu

[ $# -eq 4 ] || { echo "usage: fetch_source.sh SOURCE VERSION BINARY DIRECTORY" >&2; exit 2; }
source=$1 version=$2 binary=$3 directory=$4

fail() {
  echo "fetch_source: $*" >&2
  exit 3
}

[ ! -e "$directory" ] || fail "$directory is there already"
command -v dpkg-source >/dev/null || fail "no dpkg-source: install dpkg-dev"
# Lines like "500 http://MIRROR/debian bookworm/main amd64 Packages".
from=$(apt-cache policy "$binary" | awk '$2 ~ /^[a-z]+:\/\// && $3 ~ /\// {split($3, at, "/"); print $2, at[1], at[2]; exit}')
[ -n "$from" ] || fail "apt knows no mirror for $binary; run apt-get update as root"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/source"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ ! -e "$keys" ] || from="[signed-by=$keys] $from"
echo "deb-src $from" >"$work/sources.list"
apt() {
  (cd "$work/source" && apt-get -q -y -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" -o Debug::NoLocking=true \
    -o APT::Sandbox::User="$(id -un)" "$@") >"$work/log" 2>&1 </dev/null ||
    { tail -n 20 "$work/log" >&2; fail "apt-get $1 of $source $version failed"; }
}
apt update
apt source --download-only "$source=$version"
mkdir -p "$(dirname "$directory")"
dpkg-source --no-check -x "$work/source/"*.dsc "$directory" >"$work/log" 2>&1 ||
  { tail -n 20 "$work/log" >&2; fail "$source $version could not be unpacked"; }
