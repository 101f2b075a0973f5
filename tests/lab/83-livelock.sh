#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by wait_for
#
# Twenty-five tunnels between eight nodes, started at the same moment while 20 packets a
# second already want to go each way. Two ends that both start a handshake under traffic
# can collide for ever: each answers the other's and forgets its own. netd gives only one
# of them the endpoint, and every handshake must be there within 2 s. Three more pairs,
# set by hand with the endpoint at both ends, show that this is no matter of luck. Then
# agents do the same: fifteen tunnels between six nodes, the three among them, by one plan.
# Timeout: 900

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/agents.sh"

need netd-client meshopt-agent meshopt-collector seal
ENDS=(gru ord lax lhr fra nrt sin hkg)	# 28 pairs
TRAPS='gru-nrt gru-sin gru-hkg'		# more than 120 ms one way: they do collide
lab_mesh "$DATA/mesh.conf" dub iad "${ENDS[@]}"
agents_key
lab_net "$DATA/rtt.csv"
lab_wg
lab_ready

for node in iad "${ENDS[@]}"; do
	mkdir -p "$TMP/$node.state"
	bg "netd.$node" "$node" netd-client run "$TMP/$node.sock" "$MESH" "$node" \
	    "$TMP/$node.state" "$TMP/freeze" 1000 10
done
for node in iad "${ENDS[@]}"; do
	must wait_for 20 test -S "$TMP/$node.sock"
done

declare -A LL=() STARTS=() WAITS=()
for ((i = 0; i < ${#ENDS[@]}; i++)); do
	a=${ENDS[i]}
	# A tunnel that nobody counts makes the interface.
	must netd-client ask "$TMP/$a.sock" stage iad >/dev/null
	LL[$a]=$(ip -n "$a" -6 -o addr show dev wgd0 scope link | awk '{ sub("/.*", "", $4); print $4 }')
	for ((j = i + 1; j < ${#ENDS[@]}; j++)); do
		b=${ENDS[j]}
		if [[ " $TRAPS " == *" $a-$b "* ]]; then
			continue
		fi
		# The smaller key starts: by bytes, which the text's order is not.
		if [[ $(base64 -d <<<"${KEY[$a]}" | od -An -v -tx1) < \
		    $(base64 -d <<<"${KEY[$b]}" | od -An -v -tx1) ]]; then
			STARTS[$a]+=" $b" WAITS[$b]+=" $a"
		else
			STARTS[$b]+=" $a" WAITS[$a]+=" $b"
		fi
	done
done

# 20 packets a second each way, from before there is any peer.
traffic() {	# traffic ID NODE PEER...
	local id=$1 node=$2 peer to=()
	for peer in "${@:3}"; do
		to+=("${LL[$peer]}%wgd0")
	done
	# shellcheck disable=SC2016 # is for the inner shell
	bg "$id.$node" "$node" setsid bash -c '
		trap "trap - TERM; kill 0" TERM
		for to; do ping -q -i 0.05 "$to" >/dev/null 2>&1 & done
		wait' - "${to[@]}"
}
for node in "${ENDS[@]}"; do
	# shellcheck disable=SC2086 # names
	traffic all "$node" ${STARTS[$node]-} ${WAITS[$node]-}
done

# The end that does not start is ready first, as the agents have it.
ready() {	# ready NODE PEERS: netd's refusals
	local peer
	for peer in $2; do
		netd-client ask "$TMP/$1.sock" stage "$peer" | grep -v '^0 '
	done
}
start() {	# start NODE PEERS: when each was started
	local peer
	for peer in $2; do
		echo "$1 $peer $(now_ms)"
		netd-client ask "$TMP/$1.sock" stage "$peer" | grep -v '^0 '
	done
}
everywhere() {	# everywhere WHAT ARRAY: on all nodes at once
	local node jobs=()
	local -n peers=$2
	for node in "${!peers[@]}"; do
		$1 "$node" "${peers[$node]}" >"$TMP/$1.$node" &
		jobs+=($!)
	done
	wait "${jobs[@]}"
	cat "$TMP/$1".*
}
refused=$(everywhere ready WAITS)
check_eq "25 tunnels awaited, none refused" "$refused" ""
everywhere start STARTS >"$RES/started"
check_eq "25 tunnels started" "$(awk 'NF == 3' "$RES/started" | wc -l)" 25

ages() {	# NODE PEER AGE, and NODE now MS
	local node
	for node in "${ENDS[@]}"; do
		echo "$node now $(now_ms)"
		netd-client ask "$TMP/$node.sock" state | awk -v node="$node" '
		    $1 == "node" { for (i = 3; i < NF; i++) if ($i == "age") print node, $2, $(i + 1) }'
	done
}
sleep 2.2	# the limit, and the way of the last answer
ages >"$RES/ages"
# From the moment that its initiator was told to the session, for either end.
awk '
	NR == FNR { if (NF == 3) started[$1, $2] = started[$2, $1] = $3; next }
	$2 == "now" { now = $3; next }
	($1, $2) in started && $3 >= 0 {
		ms = now - $3 - started[$1, $2]
		print "session", $1, $2, ms
	}' "$RES/started" "$RES/ages" >"$RES/sessions"
worst=$(sort -n -k 4 "$RES/sessions" | awk 'END { print $4 }')
check_eq "50 ends have a session" "$(wc -l <"$RES/sessions")" 50
check_le "the last of them after so many ms" "${worst:--}" 2000

# An echo request of 20 a second, or the answer to one, is 144 bytes to WireGuard.
received() {	# received NODE...: NODE, KEY, BYTES
	local node
	for node; do
		n "$node" wg show wgd0 transfer | awk -v node="$node" '{ print node, $1, $2 }'
	done
}
busy_ends() {	# busy_ends NODE...: peers heard at the full rate for two seconds
	received "$@" >"$TMP/received.before"
	sleep 2
	received "$@" >"$TMP/received.after"
	awk 'NR == FNR { had[$1, $2] = $3; next } $3 - had[$1, $2] >= 2 * 20 * 2 * 144 * 0.9 { n++ }
	    END { print n + 0 }' "$TMP/received.before" "$TMP/received.after"
}
check_eq "ends at which 20 packets/s arrive, and as many answers" "$(busy_ends "${ENDS[@]}")" 50

# --- the trap that this is about ---

by_hand() {	# by_hand NODE PEER
	n "$1" wg set wgd0 peer "${KEY[$2]}" allowed-ips "${LL[$2]}/128" \
	    endpoint "${UNDER[$2]}:51821" persistent-keepalive 25
}
for node in "${ENDS[@]}"; do
	stop "all.$node"
done
# shellcheck disable=SC2086 # names
traffic trap gru ${TRAPS//gru-/}
for pair in $TRAPS; do
	traffic trap "${pair#*-}" gru
	by_hand "${pair%-*}" "${pair#*-}" &
	one=$!
	by_hand "${pair#*-}" "${pair%-*}" &
	wait $one $!
done
sleep 3
up=0
for pair in $TRAPS; do
	n "${pair%-*}" ping -q -c 3 -i 0.2 -W 1 "${LL[${pair#*-}]}%wgd0" >/dev/null 2>&1 && up=$((up + 1))
done
echo "with the endpoint at both ends: $up of 3 after 3 s"
[ "$LAB_VIRTUAL" = 0 ] || check_eq "two that both start collide: sessions after 3 s, of 3" "$up" 0

# --- by agents: one plan, all at once ---

SIX=(gru ord lhr nrt sin hkg)
for node in iad "${ENDS[@]}"; do
	[ -z "${lab_pid[trap.$node]-}" ] || stop "trap.$node"
	stop "netd.$node"
	for key in $(n "$node" wg show wgd0 peers 2>/dev/null); do
		must n "$node" wg set wgd0 peer "$key" remove
	done
done
mkdir -p "$TMP/www/api/v1"
bg collector "$HUB" meshopt-collector --mesh "$MESH" --db "$TMP/collector.db"
PAIRS=()
for ((i = 0; i < ${#SIX[@]}; i++)); do
	a=${SIX[i]} others=()
	for ((j = 0; j < ${#SIX[@]}; j++)); do
		b=${SIX[j]}
		[ $j = $i ] || others+=("$b")
		[ $j -le $i ] || PAIRS+=("$a-$b=direct:$(path_rtt "$a" "$b"):$(($(path_rtt "$a" "$HUB") + $(path_rtt "$HUB" "$b")))")
	done
	agent "$a"
	traffic six "$a" "${others[@]}"
	# WireGuard tells nobody anything: who has which peer and session is looked up.
	# shellcheck disable=SC2016 # is for the inner shell
	bg "looks.$a" "$a" bash -c 'while read -r up _ </proc/uptime; do
		echo "at ${up/./}0"
		wg show wgd0 latest-handshakes
		sleep 0.1
	done'
done
for node in "${SIX[@]}"; do
	every 0.5 20 test -s "$TMP/run.$node/agent.json" || die "no agent on $node"
done
sleep 8		# all have asked for a plan, and wait
plan 1 "${PAIRS[@]}"
check_eq "${#PAIRS[@]} tunnels by one plan: published" "$(put "$TMP/www/api/v1/plan")" 204
sleep 8
for node in "${SIX[@]}"; do
	stop "looks.$node"
	awk -v node="$node" 'NR == FNR { name[$2] = $1; next }
		$1 == "at" { at = $2; next }
		!($1 in staged) { staged[$1] = at }
		$2 > 0 && !($1 in shaken) { shaken[$1] = at }
		END { for (key in shaken) print node, name[key], staged[key], shaken[key] }' \
	    "$TMP/keys" "$RES/looks.$node.log"
done >"$RES/by-plan"
# From the moment that both ends had their peer to the session of the later one.
awk '{ staged[$1, $2] = $3; shaken[$1, $2] = $4 }
	END { for (ends in shaken) {
		split(ends, end, SUBSEP)
		back = end[2] SUBSEP end[1]
		both = staged[ends] > staged[back] ? staged[ends] : staged[back]
		print end[1], end[2], shaken[ends] - both } }' "$RES/by-plan" | sort -n -k 3 >"$RES/by-plan.ms"
check_eq "by one plan: ends with a session" "$(wc -l <"$RES/by-plan.ms")" $((2 * ${#PAIRS[@]}))
check_le "the last of them after so many ms" "$(awk 'END { print NR ? $3 : "-" }' "$RES/by-plan.ms")" 2000
check_ge "ends at which 20 packets/s arrive, and as many answers" "$(busy_ends "${SIX[@]}")" $((2 * ${#PAIRS[@]}))
finish
