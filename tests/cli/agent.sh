#!/bin/bash
# SPDX-License-Identifier: MIT
#
# meshopt-agent as a program: what needs no WireGuard.  The rest is proved in the lab.

# shellcheck disable=SC2317 # wait_for calls much of this
. "$(dirname "$0")/lib.sh"
in_namespace n

# A netd that hangs, while the rest of this runs.
start() { # start NAME OPTION...: an agent in the background, in $agent
	install -d -m 0700 "$TMP/state.$1" "$TMP/run.$1"
	meshopt-agent --mesh "$MESH" --state "$TMP/state.$1" --run "$TMP/run.$1" \
		--collector http://127.0.0.1:1 "${@:2}" 2>"$TMP/$1.err" &
	agent=$!
}
said() { grep -qF "$2" "$TMP/$1.err"; }
start hang --node hkg
hanging=$agent
check "an agent starts" wait_for 20 test -s "$TMP/run.hang/agent.json"
netd=$(pgrep -P "$hanging")
kill -STOP "$netd"

# Two would write to one journal, and take each other for an operator.
install -d -m 0700 "$TMP/state"
exec 9<"$TMP/state"
flock 9
run timeout 30 meshopt-agent --mesh "$MESH" --node hkg --state "$TMP/state" --run "$TMP" \
	--collector http://127.0.0.1:1
status 1 "a second agent in the same state directory does not run"
stderr_has "another meshopt-agent is at work here" "a second agent: said why"
check_eq "a second agent: writes nothing" "$(ls "$TMP/state")" ""
exec 9<&-

# The overlay comes up after us: who left and came back would end as a crash loop.
start late
check "without an overlay address it waits" wait_for 20 said late "waiting for it"
ip addr add 10.50.5.1/32 dev lo
check "and begins when there is one" wait_for 20 said late "hkg of mesh edgeproxy"
check_eq "waiting: said once" "$(grep -c waiting "$TMP/late.err")" 1
check "the state is written" wait_for 20 test -s "$TMP/run.late/agent.json"
kill "$agent"
wait "$agent"
check_eq "told to end, it ends well" $? 0

check "an agent whose netd hangs says so" wait_for 60 said hang "netd: no answer in 15 s"
wait "$hanging"
check_eq "and ends, to be started again" $? 1
kill -CONT "$netd"

finish
