#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by every
#
# Two nodes behind NAT, and nobody does anything by hand but one section of the mesh file:
#
#	[hkg]--NAT--router--+-- network --+--router--NAT--[nrt]
#	                    +--[dub] hub--+           [Pair] hkg, nrt: Path = direct
#
# the hub's agent sees both, the publisher hands on where they are, the agents at both ends
# open their NATs, and what nobody could measure before is in the report. At last the key
# that signs plans is changed, as docs/operations.md has it, under packets.
# Timeout: 600

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/agents.sh"
. "$LAB_DIR/nat.sh"

need meshopt meshopt-prober meshopt-agent meshopt-collector
lab_mesh "$DATA/mesh.conf" dub hkg nrt
sed -i "/^Endpoint = ${UNDER[nrt]}:/d; /^Endpoint = ${UNDER[hkg]}:/d" "$MESH"
printf '\n[Pair]\nNodes = hkg, nrt\nPath = direct\n' >>"$MESH"
check "the mesh file is right" meshopt lint "$MESH"
check_eq "no file for wg-quick can set up that tunnel" \
    "$(meshopt config hkg --mesh "$MESH" 2>/dev/null | grep -c "^PublicKey")" 1
agents_key
lab_net "$DATA/rtt.csv"
router hkg 2
router nrt 3
nat hkg default drop
nat nrt default drop
lab_wg
lab_ready
bg collector "$HUB" meshopt-collector --mesh "$MESH" --db "$TMP/collector.db"
for node in "${NODES[@]}"; do
	bg "prober-$node" "$node" meshopt-prober --mesh "$MESH"
done
# At first without the hub's agent: nobody knows where they are.
agent hkg
agent nrt
bg publisher "$HUB" meshopt plan --mesh "$MESH" --publish --every 10s --key "$TMP/plan.key"
says() { grep -q -- "$1" "$RES/$2.log"; }
check "unseen by the hub they are not in the plan" \
    every 1 90 says "hkg-nrt: stays by the hub" publisher
check "which is published all the same" every 1 30 says "published as plan" publisher

agent "$HUB"
check "the hub sees hkg" every 1 60 seen hkg "${UNDER[hkg]}:51821"
check "the hub sees nrt" every 1 60 seen nrt "${UNDER[nrt]}:51821"
check "a plan takes them off the hub" every 1 30 says ": 1 pairs leave the hub" publisher
in_force() { n "$HUB" busybox wget -q -O - "http://${ADDR[$HUB]}:8650/api/v1/plan?format=json"; }
plan_has() { in_force | grep -q "$1"; }
check "with a hint" plan_has "\"endpoint\": *\"${UNDER[nrt]}:51821\""
both_shaken() { shaken hkg nrt && shaken nrt hkg; }
check "a session at both ends" every 0.5 30 both_shaken
check "leased at both ends" every 1 60 both_are leased hkg nrt
check_near "49 ms" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 49.1 2%

reported() {
	n "$HUB" meshopt report --mesh "$MESH" --csv 2>/dev/null >"$RES/report.csv"
	grep -q '^hkg,nrt,direct,' "$RES/report.csv"
}
check "the report says direct" every 5 90 reported
check_near "and how long" "$(awk -F, '$1 == "hkg" && $2 == "nrt" { print $4 }' "$RES/report.csv")" 49.1 2
check "it stays" every 2 150 both_are direct hkg nrt
check "and the plan knows that it stands" every 2 60 plan_has '"good": *true'

stop publisher
in_force >"$TMP/last.json"
mkdir "$TMP/new"
sed -i "s|^PlanKey = .*|$(meshopt keygen --plan -o "$TMP/new")|" "$MESH"
stream_start change hkg nrt 20 30
asked="$(changes hkg) $(changes nrt)"
stop collector
bg collector "$HUB" meshopt-collector --mesh "$MESH" --db "$TMP/collector.db"
for node in "${NODES[@]}"; do
	kill -HUP "${lab_pid[agent-$node]}"
done
go_on() {
	n "$HUB" meshopt plan --mesh "$MESH" --publish --after "$TMP/last.json" \
	    --key "$TMP/new/plan.key" >"$RES/go-on.log" 2>&1
}
check "another key goes on from the last plan" every 2 60 go_on
epoch=$(in_force | sed -n 's/.*"epoch": *\([0-9]*\).*/\1/p' | head -n 1)
for node in hkg nrt; do
	check "$node follows it" every 1 30 says "plan: epoch $epoch: 1 paths" "agent-$node"
done
stream_end change
check_eq "nothing was lost on the way there" "$(stream_get change hkg nrt lost)" 0
check_eq "nor back" "$(stream_get change nrt hkg lost)" 0
check "the tunnel stands" both_are direct hkg nrt
check_eq "and the kernel was asked for nothing" "$(changes hkg) $(changes nrt)" "$asked"
finish
