#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by every
#
# Switching in place: the direct peers on wg0 itself, no second port. It loses packets,
# and here they are counted, against the least that there can be: at a promotion those
# of one round trip by the hub, at a demotion those of one by the tunnel.
#
#	           49 ms
#	  [hkg] ----------- [nrt]       on wg0; nrt has no Endpoint, so it starts
#	     \               /
#	 205 ms \         / 287 ms
#	          [dub]                 wg0: 492 ms; serves the plan as a file
#
# Timeout: 900

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/agents.sh"

need meshopt meshopt-agent meshopt-prober meshopt-collector seal
lab_mesh "$DATA/mesh.conf" dub hkg nrt
sed -i "/^Endpoint = ${UNDER[nrt]}:/d; /^Relay/d" "$MESH"
sed -i "s/^\[Mesh\].*/&\nSwitching = in-place/" "$MESH"
agents_key
lab_net "$DATA/rtt.csv"
lab_wg
lab_ready
agents_serve

RATE=100
epoch=0
held() { n "$1" wg show wg0 allowed-ips | grep -q "${PREFIX[$2]}"; }
moved() { held hkg nrt && held nrt hkg; }
back() { ! held hkg nrt && ! held nrt hkg; }
conf() { local node; for node in dub hkg nrt; do n $node wg showconf wg0; done; }
of_hub() { n hkg wg show wg0 allowed-ips | grep "${KEY[dub]}"; }
said() { grep -q "$2" "$RES/agent-$1.log"; }

publish() {	# publish [PAIR]: none is a plan that must be forced
	local node
	epoch=$((epoch + 1))
	for node in hkg nrt; do
		[ $# -gt 0 ] || n $node meshopt-agent --mesh "$MESH" --state "$TMP/state.$node" --force $epoch
	done
	plan $epoch "$@"
}
PAIR=hkg-nrt=direct:49:492

# lost ID WHAT LIMIT: both ways together, in packets
lost() {
	local there back both=-
	there=$(stream_get "$1" hkg nrt lost) back=$(stream_get "$1" nrt hkg lost)
	echo "$2: $there and $back lost of $RATE/s; longest silence $(gap_of "$1" hkg nrt) ms"
	[[ $there$back == *-* ]] || both=$((there + back))
	check_le "$2: lost, both ways together" $both "$3"
}

agent hkg
agent nrt
conf >"$TMP/wg0.before"
hub=$(of_hub)
check_near "by the hub" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 492 1%

# What probers make of it, who cannot see the peers.
bg collected dub meshopt-collector --mesh "$MESH" --db "$TMP/db" --listen "${ADDR[dub]}:8651"
for node in hkg nrt; do
	bg "prober-$node" $node meshopt-prober --mesh "$MESH" --interval 2s --collector "http://${ADDR[dub]}:8651"
done
reported() {	# reported PATH NOW DIRECT, with whole ms
	n hkg meshopt report --mesh "$MESH" --collector "http://${ADDR[dub]}:8651" >"$RES/report"
	awk -v want="$*" '$1 == "hkg-nrt" { got = $2 " " int($3) " " int($5) }
	    END { exit got != want }' "$RES/report"
}
check "probers: by the hub, and nothing is known of the tunnel" every 2 30 reported hub 492 0

# --- promoted, and back by the plan ---

stream_start promote hkg nrt $RATE 60
publish $PAIR
check "moved at both ends" every 2 58 moved
stream_end promote
# The least, and a tenth of a second more for a slow disk.
lost promote promotion $((49 + RATE / 10))
check_near "direct" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 49.1 1%
check "committed at both ends" every 3 90 both_are direct hkg nrt
check "probers: direct" every 2 30 reported direct 49 49
stop collected
for node in hkg nrt; do
	stop "prober-$node"
done
check_eq "no route of ours" "$(ip -n hkg -N route show proto 213 | wc -l)" 0
check_eq "the hub's peer has what it had" "$(of_hub)" "$hub"
agent_dies hkg
agent hkg
sleep 8
check_eq "killed -9 and started again: direct" "$(state_of hkg nrt)$(state_of nrt hkg)" directdirect
check_eq "and nothing was changed" "$(changes hkg)" 0

stream_start demote hkg nrt $RATE 20
sleep 1
publish
check "back at both ends" every 1 18 back
stream_end demote
lost demote "demotion by the plan" $((5 + RATE / 10))
check_near "by the hub" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 492 1%

# --- the tunnel dies ---

publish $PAIR
every 3 90 moved || die "not moved again"
sleep 3
stream_start dead hkg nrt $RATE 6
sleep 2.3
path_set hkg nrt 49 loss 100%
stream_end dead
path_set hkg nrt 49
check "a dead tunnel is left by both" back
lost dead "dead tunnel" 170
check_le "dead tunnel: longest silence, ms" "$(gap_of dead hkg nrt)" 1000

# --- an end that has said that it is ready does not follow ---

netd_of() {	# the child of the two
	local pid parent
	for pid in $(ip netns pids "$1"); do
		parent=$(awk '{ print $4 }' "/proc/$pid/stat")
		[ "$(cat "/proc/$pid/comm" "/proc/$parent/comm" | uniq)" != meshopt-agent ] || echo "$pid"
	done
}
agent_forgets hkg
agent_forgets nrt
sleep 3
netd=$(netd_of hkg)
kill -STOP "$netd"
stream_start alone hkg nrt $RATE 35
check "who starts moves, and takes it back by itself" every 2 60 said nrt 'did not follow\|not answered'
kill -CONT "$netd"
stream_end alone
check "neither has moved" back
lost alone "an end that does not follow" 450
check_le "an end that does not follow: longest silence, ms" "$(gap_of alone hkg nrt)" 3000

# --- killed between the move and the commit ---

agent_forgets nrt
agent_forgets hkg
every 2 90 moved || die "not moved a third time"
sleep 3
stream_start agent hkg nrt $RATE 6
sleep 2
agent_dies hkg	# its netd takes back what it had not committed
stream_end agent
check "agent killed uncommitted: both are back" back
lost agent "agent killed uncommitted" 170

agent hkg
agent_forgets nrt
every 2 90 moved || die "not moved a fourth time"
sleep 3
stream_start netd hkg nrt $RATE 14
sleep 2
kill -KILL "$(netd_of hkg)"
sleep 2
check "netd killed uncommitted: nothing happens" moved
agent_dies hkg
agent hkg
check "and started again: both are back" every 1 8 back
stream_end netd
lost netd "netd killed uncommitted" 170

# --- and away ---

publish
same() { conf >"$TMP/wg0.after"; cmp -s "$TMP/wg0.before" "$TMP/wg0.after"; }
check "unstaged: wg0 of all three is byte-identical" every 20 600 same
cp "$TMP/wg0.before" "$TMP/wg0.after" "$RES/"
for node in hkg nrt; do
	cat "$RES/agent-$node.log" >>"$RES/agents-$node.log"
	stop "agent-$node"
	check_eq "the agent on $node ends cleanly" $? 0
done
finish
