#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by every
#
# Tunnels between nodes behind NAT, by the agents and a signed plan with hints.
#
#	[hkg]--NAT--router--+---------+--router--NAT--[nrt]     hkg-nrt 49 ms
#	                    | network |
#	     [dub] hub -----+---------+----- [sin]              sin has an Endpoint
#
# nat.sh says what NATs there are. The routers are there as anywhere: a datagram with a TTL
# of 2 must not reach the other NAT.
# Timeout: 900

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/agents.sh"
. "$LAB_DIR/nat.sh"

need meshopt meshopt-agent meshopt-collector seal
lab_mesh "$DATA/mesh.conf" dub hkg nrt sin
sed -i "/^Endpoint = ${UNDER[nrt]}:/d; /^Endpoint = ${UNDER[hkg]}:/d" "$MESH"
agents_key
lab_net "$DATA/rtt.csv"

router hkg 2
router nrt 3
nat hkg default drop
nat nrt default drop
lab_wg
lab_ready
bg collector "$HUB" meshopt-collector --mesh "$MESH" --db "$TMP/collector.db"
n "$HUB" wg showconf wg0 >"$TMP/wg0.before"
agent "$HUB"

epoch=0
publish() {	# publish [PEER MS HUB-MS HINT...]: hkg to PEER, with "NODE=ADDRESS:PORT"
	local hints=() hint route=
	[ $# = 0 ] || route="{\"a\": \"hkg\", \"b\": \"$1\", \"path\": \"direct\", \"ms\": $2, \"hub_ms\": $3}"
	epoch=$((epoch + 1))
	for hint in "${@:4}"; do
		hints+=("{\"node\": \"${hint%%=*}\", \"endpoint\": \"${hint#*=}\"}")
	done
	printf '{"mesh": "edgeproxy", "epoch": %d, "issued": "%s", "ttl_s": 900, "hints": [%s], "tunnels": [], "routes": [%s]}' \
	    "$epoch" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(IFS=,; echo "${hints[*]}")" \
	    "$route" >"$TMP/payload"
	seal "$TMP/plan.key" <"$TMP/payload" >"$TMP/sealed" || die "seal"
	answer=$(put "$TMP/sealed")
	[ "$answer" = 204 ] || die "plan $epoch: $answer"
}

both_shaken() { shaken hkg "$1" && shaken "$1" hkg; }

fresh() {	# fresh PEER MODE-OF-HKG MODE-OF-PEER INPUT: NATs, and agents that know nothing
	local node
	for node in hkg nrt sin; do
		[ -z "${lab_pid[agent-$node]-}" ] || agent_dies "$node"
		ip -n "$node" link del wgd0 2>/dev/null
		rm -rf "$TMP/state.$node" "$TMP/run.$node"
	done
	# Nothing is to be done before the case begins.
	publish
	nat hkg "$2" "$4"
	nat nrt "${3/public/default}" "$4"
	for node in hkg "$1"; do
		wait_for 40 n "$node" ping -q -c 1 -W 2 "${ADDR[$HUB]}" || die "$node lost its hub"
		agent "$node"
	done
	for node in hkg "$1"; do
		every 0.5 20 test -s "$TMP/run.$node/agent.json" || die "no agent on $node"
	done
	sleep 8		# both have asked for a plan, and wait
}
up() {		# up WHAT PEER: within 2 s at both ends?
	local since=$1
	every 0.05 10 both_shaken "$2"
	check_le "$3: a session at both ends after so many ms" $(($(now_ms) - since)) 2000
}

A=${UNDER[hkg]} B=${UNDER[nrt]}
for input in drop accept; do
	fresh nrt default default $input
	since=$(now_ms)
	publish nrt 49 492 "hkg=$A:51821" "nrt=$B:51821"
	up "$since" nrt "default, default, $input"
	check "default, default, $input: leased at both ends" every 1 30 both_are leased hkg nrt
	check_near "default, default, $input: 49 ms" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 49.1 2%
done

# The hub's agent says where it sees them.
check "the hub sees hkg's NAT, and says so" every 1 40 seen hkg "$A:51821"
check "the hub sees nrt's NAT, and says so" every 1 40 seen nrt "$B:51821"
check_eq "its peers for that have no prefix" \
    "$(n "$HUB" wg show wgd0 allowed-ips | awk '{ print $2 }' | sort -u)" "(none)"

told() { grep -q "gives a new port to each destination" "$RES/agent-hkg.log" "$RES/agent-nrt.log"; }
never() {	# never MODE-OF-HKG MODE-OF-NRT PORT PORT: where the hub sees them
	fresh nrt "$1" "$2" drop
	publish nrt 49 492 "hkg=$A:$3" "nrt=$B:$4"
	check "$1, $2, drop: the verdict" every 1 40 told
	check_eq "$1, $2, drop: no session" "$(both_shaken nrt && echo up)" ""
	check_near "$1, $2, drop: by the hub" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 492 1%
	check_eq "$1, $2, drop: no route" "$(ip -n hkg -N route show proto 213 | wc -l)" 0
}
never random random 40001 40002
never default random 51821 40002

for mode in default random fully-random; do
	fresh sin $mode public drop
	since=$(now_ms)
	publish sin 38 408
	up "$since" sin "$mode, public"
done

# The end that does not start hears of the plan 3 s late: the other's first handshake has
# met a closed NAT, and the second, 5 s after it, passes.
late=hkg
[[ $(base64 -d <<<"${KEY[hkg]}" | od -An -v -tx1) > $(base64 -d <<<"${KEY[nrt]}" | od -An -v -tx1) ]] ||
    late=nrt
fresh nrt default default drop
since=$(now_ms)
kill -STOP "${lab_pid[agent-$late]}"
publish nrt 49 492 "hkg=$A:51821" "nrt=$B:51821"
sleep 3
kill -CONT "${lab_pid[agent-$late]}"
every 0.05 15 both_shaken nrt
took=$(($(now_ms) - since))
check_ge "default, default, one end 3 s late: not before, ms" $took 3000
check_le "default, default, one end 3 s late: a session at both ends after so many ms" $took 8000
n "$HUB" wg showconf wg0 >"$TMP/wg0.after"
# Its peers' endpoints move with their NATs.
check "wg0 of the hub is as it was" \
    cmp <(grep -v Endpoint "$TMP/wg0.before") <(grep -v Endpoint "$TMP/wg0.after")
finish
