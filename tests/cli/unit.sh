#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The systemd units: well formed, and how much of the machine they leave open.

. "$(dirname "$0")/lib.sh"

# exposure UNIT MOST: times ten, as systemd-analyze judges
exposure() {
	local unit=$TOP/dist/systemd/$1 level
	[ -e "$unit" ] || return
	level=$(systemd-analyze security --offline=true "$unit" 2>/dev/null |
		sed -n 's/.*exposure level for .*: \([0-9]*\)\.\([0-9]\).*/\1\2/p')
	check "$1: exposure ${level:-unknown} of 100, at most $2" \
		[ -n "$level" -a "${level:-999}" -le "$2" ]
}

command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
systemd-analyze security --offline=true --help >/dev/null 2>&1 ||
	skip "this systemd-analyze has no --offline"
exposure meshopt-prober.service 20
exposure meshopt-collector.service 15
exposure meshopt-agent.service 20
exposure meshopt-report.service 15
exposure meshopt-plan.service 20
run systemd-analyze calendar \
	"$(sed -n 's/^OnCalendar=//p' "$TOP/dist/systemd/meshopt-report.timer")"
status 0 "meshopt-report.timer: a time"
finish
