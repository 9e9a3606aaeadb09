#!/bin/sh
# Installs the Debian packages that the given lists name and that are not there yet, as root or with
# sudo. Starts no service, and leaves none that it brings enabled.
#
#   deploy/install_packages.sh deploy/packages.txt tests/packages.txt
set -eu

fail() {
  echo "install: $*" >&2
  exit 3
}

[ $# -gt 0 ] || { echo "usage: install_packages.sh LIST..." >&2; exit 2; }

wanted=$(cat "$@" | sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' | sort -u)
missing=
for package in $wanted; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
  echo "install: all packages are there"
  exit 0
fi

command -v apt-get >/dev/null || fail "no apt-get: Debian 12 is what this is written for"
root=
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || fail "run as root, or install as root:$missing"
  root=sudo
fi

# Debian starts a daemon as soon as its package is unpacked, unless this file says no.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap '$root rm -f "$policy"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" >/dev/null
  $root chmod 755 "$policy"
fi

echo "install:$missing"
log=$(mktemp)
apt() {
  $root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@" \
    >"$log" 2>&1 </dev/null || { tail -n 20 "$log" >&2; rm -f "$log"; fail "apt-get $1 failed"; }
}
apt update
# shellcheck disable=SC2086  # one word a package
apt install --no-install-recommends $missing
rm -f "$log"

# At the next boot, too.
case " $missing " in
  *" prometheus "*) $root systemctl disable prometheus >/dev/null 2>&1 || true ;;
esac
