#!/bin/bash
# SPDX-License-Identifier: MIT
#
# meshopt-agent as a program: what needs no WireGuard.  The rest is proved in the lab.

. "$(dirname "$0")/lib.sh"
in_namespace n

install -d -m 0700 "$TMP/state" "$TMP/run"
args=(meshopt-agent --mesh "$MESH" --node hkg --state "$TMP/state" --run "$TMP/run"
	--collector http://127.0.0.1:1)

# Two would write to one journal, and take each other for an operator.
exec 9<"$TMP/state"
flock 9
run timeout 30 "${args[@]}"
status 1 "a second agent in the same state directory does not run"
stderr_has "another meshopt-agent is at work here" "a second agent: said why"
check_eq "a second agent: writes nothing" "$(ls "$TMP/state")" ""
exec 9<&-

finish
