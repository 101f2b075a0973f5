#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# make install: what README's ten lines need is in its place.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

run make -C "$TOP" install DESTDIR="$TMP/root" PREFIX=/usr
status 0 "make install"
check "the program" test -x "$TMP/root/usr/bin/meshopt"
for daemon in prober collector agent; do
	unit=$TMP/root/usr/lib/systemd/system/meshopt-$daemon.service
	check "meshopt-$daemon" test -x "$TMP/root/usr/sbin/meshopt-$daemon"
	check "its unit starts it there" grep -qx "ExecStart=/usr/sbin/meshopt-$daemon" "$unit"
	check "its manual" test -f "$TMP/root/usr/share/man/man8/meshopt-$daemon.8"
	run env PATH=/usr/bin:/bin "$TMP/root/usr/bin/meshopt" "$daemon" --version
	status 0 "meshopt $daemon runs it"
done
for unit in meshopt-plan.service meshopt-report.service; do
	check "$unit runs the verb" grep -q '^ExecStart=/usr/bin/meshopt [a-z]' \
		"$TMP/root/usr/lib/systemd/system/$unit"
done
check "the report's timer" test -f "$TMP/root/usr/lib/systemd/system/meshopt-report.timer"
check "completion for bash" test -f "$TMP/root/usr/share/bash-completion/completions/meshopt"
check "completion for zsh" test -f "$TMP/root/usr/share/zsh/site-functions/_meshopt"
check "a folder for the mesh file" test -d "$TMP/root/etc/meshopt"

finish
