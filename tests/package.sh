#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What `make deb` left in build/deb, unpacked: programs that run, units that start what is
# there, and what a purge takes away. That they install, start and go under systemd is
# what `make lab-debian` shows.

set -u
cd "$(dirname "$0")/.." || exit
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
failed=0

check() {
	local what=$1
	shift
	if "$@" >"$root/said" 2>&1; then
		echo "ok - $what"
	else
		echo "not ok - $what"
		cat "$root/said"
		failed=1
	fi
}

for name in meshopt meshopt-prober meshopt-collector meshopt-agent; do
	check "$name unpacks" sh -c "dpkg-deb -x build/deb/${name}_*.deb '$root/all' &&
	    dpkg-deb -e build/deb/${name}_*.deb '$root/$name'"
	program=$(find "$root/all/usr" -path "*bin/$name")
	check "$name runs" "${program:-false}" --version
	check "its scripts are sound" sh -n "$root/$name/postrm"
done
for unit in "$root"/all/lib/systemd/system/*.service; do
	program=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$unit")
	check "${unit##*/} starts what is there" test -x "$root/all$program"
done
for file in usr/share/meshopt/grafana/meshopt.json usr/share/meshopt/prometheus/meshopt.rules.yml \
    usr/lib/systemd/networkd.conf.d/10-meshopt.conf; do
	check "$file" test -s "$root/all/$file"
done
for name in prober collector agent; do
	state=$(sed -n 's/^StateDirectory=//p' "$root/all/lib/systemd/system/meshopt-$name.service")
	check "a purge takes $state" grep -q "/var/lib/private/$state" "$root/meshopt-$name/postrm"
done
exit $failed
