#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by every
#
# The daemons alone, from the measurement to the report: probers, the collector, the
# publisher and agents; nobody applies anything by hand.
#
#	[dub] collector, `plan --every`      hkg-nrt, hkg-sin, hkg-syd leave the hub: first
#	 |  |  |  |                          one, then the others on the word of both its
#	[hkg] [nrt] [sin] [syd]              ends, under packets on each pair
#
# FLEET=12 for all of the seed's nodes, RATE=100 for so many packets a second each way.
# Timeout: 1800

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/agents.sh"

need meshopt meshopt-prober meshopt-collector meshopt-agent
: "${RATE:=20}" "${FLEET:=5}"
# Read by agent(): all three within the ten minutes that netd allows two in.
export CHANGES=6/10m
FAR=(nrt sin syd)
declare -A VIA_HUB=([nrt]=492 [sin]=408 [syd]=500) DIRECT=([nrt]=49 [sin]=38 [syd]=122)

if [ "$FLEET" = 12 ]; then
	lab_mesh "$DATA/mesh.conf"
else
	lab_mesh "$DATA/mesh.conf" dub hkg nrt sin syd
fi
agents_key
lab_net "$DATA/rtt.csv"
lab_wg
lab_ready
bg collector "$HUB" meshopt-collector --mesh "$MESH" --db "$TMP/collector.db"
for node in "${NODES[@]}"; do
	bg "prober-$node" "$node" meshopt-prober --mesh "$MESH"
	[ "$node" = "$HUB" ] || agent "$node"
done

report() {	# report COLUMN NODE: of hkg-NODE: path (3), ms (4)
	awk -F, -v column="$1" -v a="$2" '$1 == a || $2 == a { print $column }' "$RES/report.csv"
}
figures() {
	n "$HUB" meshopt report --mesh "$MESH" --pop hkg --csv 2>/dev/null >"$RES/report.csv"
	[ "$(grep -c ',hub,' "$RES/report.csv")" -ge 3 ]
}
every 10 200 figures || die "the collector has no figures"
sleep 20
figures
for node in "${FAR[@]}"; do
	check_near "report: hkg to $node by the hub" "$(report 4 "$node")" "${VIA_HUB[$node]}" 1%
done

for node in "${FAR[@]}"; do
	stream_start "to-$node" hkg "$node" "$RATE" 300
done
bg publisher "$HUB" meshopt plan --mesh "$MESH" --pop hkg --budget 3 --min-samples 5 --no-relays \
    --publish --every 15s --key "$TMP/plan.key"
all_direct() {
	local node
	for node in "${FAR[@]}"; do
		both_are direct hkg "$node" || return 1
	done
}
began=$(now_ms)
check "three pairs are direct at both ends" every 10 290 all_direct
echo "# after $((($(now_ms) - began) / 1000)) s"
for node in "${FAR[@]}"; do
	stream_end "to-$node"
	check_eq "stream hkg to $node: lost" "$(stream_get "to-$node" hkg "$node" lost)" 0
	check_eq "stream $node to hkg: lost" "$(stream_get "to-$node" "$node" hkg lost)" 0
done
measured() {
	figures
	[ "$(grep -c ',direct,' "$RES/report.csv")" -ge 3 ]
}
check "the report says direct" every 10 60 measured
sleep 20
measured
n "$HUB" meshopt report --mesh "$MESH" --pop hkg 2>/dev/null | tee "$RES/report.txt"
for node in "${FAR[@]}"; do
	check_near "report: hkg to $node direct" "$(report 4 "$node")" "${DIRECT[$node]}" 2
done
cp "$TMP/run.hkg/agent.json" "$RES/"
finish
