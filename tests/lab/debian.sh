#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Build what a scenario deb-NAME boots: a Debian 12 disk, and an initramfs that brings
# the packages of `make deb` and the scenario onto it and hands over to its systemd.
#
# usage: debian.sh [OUTDIR]      (default build/lab)
#
# The disk is made once, by debootstrap, which takes root, and again when the list of
# packages changes.  It has nothing of meshopt but what the packages depend on, so that
# apt needs no network to install them.

set -euo pipefail
umask 022
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C

SUITE=bookworm
MIRROR=${LAB_MIRROR:-http://deb.debian.org/debian}
SIZE=1G
# A machine with systemd and WireGuard, and what the packages depend on.
PACKAGES='ca-certificates dbus iproute2 iputils-ping procps systemd systemd-sysv wireguard-tools
	libcsv3 libcurl4 libev4 libjansson4 libmicrohttpd12 libmnl0 libpq5 libsodium23
	libsqlite3-0 zlib1g'

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$lab/../.." && pwd)
"$lab/build.sh" "${1:-$top/build/lab}"
base=$(cd "${1:-$top/build/lab}" && pwd)
out=$base/debian
mkdir -p "$out"
exec 9>"$out/.lock"
flock 9
tmp=$(mktemp -d "$out/tmp.XXXXXX")
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
trap '$sudo rm -rf "$tmp"' EXIT

shopt -s nullglob
debs=("$top"/build/deb/*_*.deb)
[ ${#debs[@]} -gt 0 ] || {
	echo "lab: there are no packages; run 'make deb'" >&2
	exit 1
}

want=$(echo "$SUITE $SIZE $PACKAGES" | sha256sum | cut -d' ' -f1)
if [ ! -e "$out/root.img" ] || [ "$want" != "$(cat "$out/made-of" 2>/dev/null)" ]; then
	echo "lab: installing Debian $SUITE" >&2
	root=$tmp/root
	include=$(xargs <<<"$PACKAGES" | tr ' ' ,)
	$sudo debootstrap --variant=minbase --include="$include" "$SUITE" "$root" "$MIRROR" \
	    >"$out/log" 2>&1 || {
		tail -n 20 "$out/log" >&2
		exit 1
	}
	$sudo rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* \
	    "$root"/usr/share/{doc,locale}/*
	$sudo rm -f "$root/etc/machine-id" "$root/etc/resolv.conf"
	echo hub | $sudo tee "$root/etc/hostname" >/dev/null
	$sudo mkfs.ext4 -q -d "$root" -E root_owner=0:0 "$tmp/root.img" "$SIZE"
	$sudo chown "$(id -u):$(id -g)" "$tmp/root.img"
	mv "$tmp/root.img" "$out/root.img"
	echo "$want" >"$out/made-of"
fi

# Laid over the lab's base, whose modules and tools it uses; /init is another.
job=$tmp/job
mkdir -p "$job/lab/tests/lab" "$job/lab/deb"
install -m 0755 "$lab/debian-init" "$job/init"
install -m 0755 "$lab/debian-start" "$job/lab/start"
cp "$lab"/lib.sh "$lab"/deb-*.sh "$job/lab/tests/lab/"
for deb in "${debs[@]}"; do
	[[ $deb = *-dbgsym_* ]] || cp "$deb" "$job/lab/deb/"
done
(cd "$job" && find . | sort | cpio -o -H newc -R 0:0 --quiet) >"$tmp/job.cpio"
cat "$base/base.cpio" "$tmp/job.cpio" >"$out/initrd.new"
mv "$out/initrd.new" "$out/initrd"
