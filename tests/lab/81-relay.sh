#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by every
#
# A relay path: once by hand; then by the agents alone: set up, relay lost, and back.
#
#	         49 ms         38 ms
#	  [nrt] ------- [hkg] ------- [sin]     wgd0: nrt to sin by hkg, 87 ms
#	      \           |           /
#	   287 ms \    205 ms     / 203 ms
#	              [dub]                     wg0: 490 ms
#
# Timeout: 900

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/agents.sh"

need meshopt meshopt-agent seal
hand() {	# hand NODE ARG...: meshopt apply
	local node=$1
	shift
	n "$node" meshopt apply --mesh "$MESH" "$@"
}
lab_mesh "$DATA/mesh.conf" dub hkg nrt sin
sed -i 's/^Name = hkg$/&\nRelay = yes/' "$MESH"
agents_key
lab_net "$DATA/rtt.csv"
lab_wg
lab_ready
n hkg sysctl -qw net.ipv4.ip_forward=1
agents_serve
check_near "by the hub" "$(ping_ms nrt "${ADDR[sin]}" 3)" 490 1%

# --- once, by hand: the legs and the path in one plan ---

LEGS="hkg-nrt=direct:49:492 hkg-sin=direct:38:408"
# shellcheck disable=SC2086 # words
plan 1 $LEGS nrt-sin=relay:hkg:87:490
stream_start hand nrt sin 100 60
for node in hkg nrt sin; do
	bg "apply.$node" $node meshopt apply --mesh "$MESH" --yes "$TMP/payload"
done
for node in hkg nrt sin; do
	join "apply.$node"
	check_eq "by hand: $node done" $? 0
done
cat "$RES/apply.nrt.log"
check_near "by hand: by the relay" "$(ping_ms nrt "${ADDR[sin]}" 3)" 87.2 1%
hand nrt --exit-code "$TMP/payload" >"$RES/again.log" 2>&1
check_eq "by hand, again: nothing to do" $? 0
for node in nrt sin hkg; do
	hand $node --undo --yes >"$RES/undo.$node.log" 2>&1
	check_eq "by hand: $node undone" $? 0
	sleep 1	# what a relay has in flight when it is undone is lost: it comes last
done
check_near "by hand: by the hub again" "$(ping_ms nrt "${ADDR[sin]}" 3)" 490 1%
stream_end hand
for pair in 'nrt sin' 'sin nrt'; do
	read -r from to <<<"$pair"
	check_eq "by hand: $from to $to lost" "$(stream_get hand "$from" "$to" lost)" 0
done
for node in hkg nrt sin; do must ip -n $node link del wgd0; done

# --- by agents ---

rm "$TMP/www/api/v1/plan"	# it was for hands only
for node in hkg nrt sin; do agent $node; done
# shellcheck disable=SC2086 # words
plan 1 $LEGS
legs() { both_are direct hkg nrt && both_are direct hkg sin; }
check "its two tunnels" every 3 120 legs
for verb in "$TMP/payload" --undo; do
	hand hkg --yes "$verb" >"$RES/beside.log" 2>&1
	check_eq "beside an agent: refused" $? 1
	check "and what to do is said" grep "systemctl stop meshopt-agent" "$RES/beside.log"
done
stream_start setup nrt sin 100 120
# shellcheck disable=SC2086 # words
plan 2 $LEGS nrt-sin=relay:hkg:87:490
check "the relay path, at both ends" every 3 105 both_are direct nrt sin
check_eq "by its name" "$(path_of nrt sin) $(path_of sin nrt)" "relay:hkg relay:hkg"
check_near "by the relay" "$(ping_ms nrt "${ADDR[sin]}" 3)" 87.2 1%
agent_dies nrt
agent nrt
sleep 8
check_eq "restarted: by the relay" "$(path_of nrt sin)" relay:hkg
check_eq "restarted: messages that change the kernel" "$(changes nrt)" 0
stream_end setup
for pair in 'nrt sin' 'sin nrt'; do
	read -r from to <<<"$pair"
	check_eq "set up and restarted: $from to $to lost" "$(stream_get setup "$from" "$to" lost)" 0
done

# --- the relay dies as a whole ---

stream_start dead nrt sin 100 8
sleep 3
ip -n hkg link set eth0 down
stream_end dead
check_le "dead relay: longest silence, ms" "$(gap_of dead nrt sin)" 1000
check_eq "by the hub" "$(path_of nrt sin) $(path_of sin nrt)" "hub hub"
check_near "by the hub again" "$(ping_ms nrt "${ADDR[sin]}" 3)" 490 1%
finish
