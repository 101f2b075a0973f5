#!/bin/bash
# SPDX-License-Identifier: MIT
#
# meshopt-agent as a program: what needs no WireGuard.  The rest is proved in the lab.

# shellcheck disable=SC2317 # wait_for calls much of this
. "$(dirname "$0")/lib.sh"
in_namespace n
ip link set lo up

# A netd that hangs, while the rest of this runs.
start() { # start NAME OPTION...: an agent in the background, in $agent
	install -d -m 0700 "$TMP/state.$1" "$TMP/run.$1"
	meshopt-agent --mesh "$MESH" --state "$TMP/state.$1" --run "$TMP/run.$1" \
		--collector http://127.0.0.1:8650 "${@:2}" 2>"$TMP/$1.err" &
	agent=$!
}
ends() { # ends WHAT: the agent is told to, and does
	kill "$agent"
	wait "$agent"
	check_eq "$1: told to end, it ends well" $? 0
}
said() { grep -qF "$2" "$TMP/$1.err"; }
start hang --node hkg
hanging=$agent
check "an agent starts" wait_for 20 test -s "$TMP/run.hang/agent.json"
netd=$(pgrep -P "$hanging")
# holds PID CAPS: in each of its sets, and can get no more
holds() {
	[ "$(sed -nE 's/^Cap(Prm|Eff):\s*0*//p' "/proc/$1/status" | tr '\n' ' ')" = "$2 $2 " ] &&
		[ "$(sed -nE 's/^Cap(Inh|Amb):\s*0*//p' "/proc/$1/status" | tr -d '\n')" = "" ] &&
		grep -q '^NoNewPrivs:\s*1$' "/proc/$1/status"
}
check "the half that speaks HTTP holds no capability" wait_for 20 holds "$hanging" ""
check "netd holds CAP_NET_ADMIN and no other" wait_for 20 holds "$netd" 1000
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
ends "waiting"

# The wall clock is set, or the machine sleeps, which the other clock does not count.
(cd "$TOP" && ${CC:-cc} -D_GNU_SOURCE -shared -fPIC -o "$TMP/clock.so" tests/cli/clock.c) || exit 1
signer "$MESH"
mkdir -p "$TMP/www/api/v1"
publish() {
	printf '{"mesh": "edgeproxy", "epoch": %d, "issued": "%s", "ttl_s": 900, "tunnels": [], "routes": []}' \
		"$1" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" | "$TMP/sign" - >"$TMP/www/plan"
	mv "$TMP/www/plan" "$TMP/www/api/v1/plan"
}
plan_is() { # plan_is EPOCH FRESH
	grep -qs "\"epoch\": $1," "$TMP/run.clock/agent.json" && grep -q "\"fresh\": $2" "$TMP/run.clock/agent.json"
}
ahead() { echo "$1" >"$TMP/ahead.new" && mv "$TMP/ahead.new" "$TMP/ahead"; }
python3 -m http.server -b 127.0.0.1 -d "$TMP/www" 8650 >/dev/null 2>&1 &
publish 1
ahead 0
export CLOCK_AHEAD=$TMP/ahead ASAN_OPTIONS=verify_asan_link_order=0
LD_PRELOAD=$TMP/clock.so start clock
check "a plan is followed" wait_for 20 plan_is 1 true
ahead 3600
check "an hour later by the wall clock it is too old" wait_for 20 plan_is 1 false
publish 2
check "and so is the next" wait_for 20 plan_is 2 false
ahead 0
check "which is fresh when the clock is right" wait_for 20 plan_is 2 true

# No descriptor is left.
written() { [ "$TMP/run.clock/agent.json" -nt "$TMP/mark" ]; }
prlimit --pid "$agent" --nofile=3:1024
check "without a free descriptor: said" wait_for 20 said clock "Too many open files"
prlimit --pid "$agent" --nofile=1024:1024
touch "$TMP/mark"
check "and it goes on when there are some" wait_for 20 written
check_eq "and said once" "$(grep -c 'Too many open files' "$TMP/clock.err")" 1
ends "clock and descriptors"

check "an agent whose netd hangs says so" wait_for 60 said hang "netd: no answer in 15 s"
wait "$hanging"
check_eq "and ends, to be started again" $? 1
kill -CONT "$netd"

finish
