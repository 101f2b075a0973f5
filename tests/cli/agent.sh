#!/bin/bash
# SPDX-License-Identifier: MIT
#
# meshopt-agent as a program: what needs no WireGuard.  The rest is proved in the lab.

# shellcheck disable=SC2317 # wait_for calls said
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

# The overlay comes up after us: who left and came back would end as a crash loop.
meshopt-agent --mesh "$MESH" --state "$TMP/state" --run "$TMP/run" \
	--collector http://127.0.0.1:1 2>"$TMP/err" &
agent=$!
said() { grep -qF "$1" "$TMP/err"; }
check "without an overlay address it waits" wait_for 20 said "waiting for it"
ip addr add 10.50.5.1/32 dev lo
check "and begins when there is one" wait_for 20 said "hkg of mesh edgeproxy"
check_eq "waiting: said once" "$(grep -c waiting "$TMP/err")" 1
check "the state is written" wait_for 20 test -s "$TMP/run/agent.json"
kill "$agent"
wait "$agent"
check_eq "told to end, it ends well" $? 0

finish
