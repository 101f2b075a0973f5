#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by every
#
# A relay path by the agents alone: set up, relay lost, and back.
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
lab_mesh "$DATA/mesh.conf" dub hkg nrt sin
sed -i 's/^Name = hkg$/&\nRelay = yes/' "$MESH"
agents_key
lab_net "$DATA/rtt.csv"
lab_wg
lab_ready
n hkg sysctl -qw net.ipv4.ip_forward=1
agents_serve
for node in hkg nrt sin; do agent $node; done

LEGS="hkg-nrt=direct:49:492 hkg-sin=direct:38:408"
check_near "by the hub" "$(ping_ms nrt "${ADDR[sin]}" 3)" 490 1%
# shellcheck disable=SC2086 # words
plan 1 $LEGS
legs() { both_are direct hkg nrt && both_are direct hkg sin; }
check "its two tunnels" every 3 120 legs
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
