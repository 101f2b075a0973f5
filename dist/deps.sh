#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Install what is missing of the Debian packages that meshopt needs.
#
# usage: dist/deps.sh build|lab|deb|debian|check|bench...
#
#   build  compiler and libraries
#   lab    the guest of the lab and the tools inside it
#   deb    what builds the Debian packages
#   debian the lab's Debian system
#   check  what the tests need besides
#   bench  what the bench measures against
#
# Asks for root only if something is missing.

set -eu
top=$(cd "$(dirname "$0")/.." && pwd)

build="gcc make pkg-config libc6-dev libev-dev libmnl-dev libjansson-dev libcsv-dev
zlib1g-dev
libmicrohttpd-dev libcurl4-openssl-dev libsqlite3-dev libsodium-dev libpq-dev"
deb="debhelper dpkg-dev fakeroot lintian"
check="libcmocka-dev clang libclang-rt-14-dev clang-format valgrind mandoc shellcheck curl git
iproute2 procps sqlite3 util-linux tshark prometheus python3 python3-yaml python3-jsonschema postgresql wireguard-go wireguard-tools nftables systemd zsh
chromium chromium-driver python3-selenium $deb"
bench="fping iproute2 util-linux nginx-light postgresql sqlite3 curl"

wanted=
for set; do
	case $set in
	build) wanted="$wanted $build" ;;
	lab) wanted="$wanted $("$top/tests/lab/build.sh" --packages)" ;;
	deb) wanted="$wanted $deb" ;;
	debian) wanted="$wanted debootstrap e2fsprogs" ;;
	check) wanted="$wanted $check" ;;
	bench) wanted="$wanted $bench" ;;
	*)
		echo "usage: dist/deps.sh build|lab|deb|debian|check|bench..." >&2
		exit 2
		;;
	esac
done

missing=
for package in $wanted; do
	state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || :)
	case $state in
	ii*) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
	sudo=sudo
	if ! command -v sudo >/dev/null; then
		echo "these packages are missing, and this user may not install them:" >&2
		echo "  apt-get install --no-install-recommends$missing" >&2
		exit 1
	fi
fi
echo "installing:$missing"
$sudo apt-get update -qq
# shellcheck disable=SC2086 # a list of words
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y \
    --no-install-recommends $missing >/dev/null
