#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by wait_for
#
# What the prober measures, against what the network was told to be: twelve nodes by the
# hub on kernel WireGuard.  First which stamps the kernel makes, then every pair by the
# overlay and by its public address, then an interface that goes down and comes up, and
# a clock that is set back one hour in the middle of a window.
#
# Timeout: 900

. "$(dirname "$0")/lib.sh"

need meshopt meshopt-prober meshopt-collector stamps
lab_up "$DATA/mesh.conf" "$DATA/rtt.csv"
bg collector "$HUB" meshopt-collector --mesh "$MESH" --db "$TMP/collector.db"

# --- stamps ---

check_eq "public address: stamps by the core and by the driver" \
    "$(n hkg stamps "${UNDER[nrt]}" 10)" "sched 10 software 10"
check_eq "over WireGuard: stamps by the core, none by the driver" \
    "$(n hkg stamps "${ADDR[nrt]}" 10)" "sched 10 software 0"

# --- every pair ---

for node in "${NODES[@]}"; do
	bg "prober-$node" "$node" meshopt-prober --mesh "$MESH" --interval 5s
done
says_stamps() { grep -q "stamps kernel," "$RES/prober-hkg.log"; }
check "the prober says that both ends are stamped by the kernel" wait_for 10 says_stamps

pairs_known() {
	n "$HUB" meshopt report --mesh "$MESH" --all-pairs --csv 2>/dev/null >"$RES/report.csv"
	[ "$(awk -F, 'NR > 1 && $5 != "" && $6 != ""' "$RES/report.csv" | wc -l)" -ge 55 ]
}
check "each of 55 pairs without the hub is known both ways" wait_for 120 pairs_known

# deviations COLUMN: of each pair from the table, by the hub (5) or direct (6); ms
deviations() {
	awk -F'[ ,]' -v hub="$HUB" -v column="$1" '
	NR == FNR { rtt[$1, $2] = $3; next }
	FNR > 1 && $1 != hub && $2 != hub && $column != "" {
		want = column == 5 ? rtt[$1, hub] + rtt[hub, $2] : rtt[$1, $2]
		off = $column - want
		printf "%.3f %s-%s got %s want %s\n", off < 0 ? -off : off, $1, $2,
		    $column, want
	}' "$TMP/rtt" "$RES/report.csv" | sort -g >"$RES/deviations.$1"
	tail -1 "$RES/deviations.$1" | cut -d' ' -f1
}
check_le "overlay RTTs: farthest from the table, ms" "$(deviations 5)" 1
check_le "public RTTs: farthest from the table, ms" "$(deviations 6)" 1
check_eq "pairs that were compared" "$(cat "$RES"/deviations.[56] | wc -l)" 110
echo "# overlay $(tail -1 "$RES/deviations.5")"
echo "# public $(tail -1 "$RES/deviations.6")"

# --- an interface goes down and comes up ---

rows() { # PATH KEY: of hkg's row of nrt in the collector's newest figures
	n "$HUB" meshopt report --mesh "$MESH" --all-pairs --csv --since 12s 2>/dev/null |
	    awk -F, -v column="$1" '($1 == "hkg" && $2 == "nrt") || ($1 == "nrt" && $2 == "hkg") {
		print $column }'
}
hkg_complains() { grep -q "dub: public probe: send: Network is unreachable" "$RES/prober-hkg.log"; }
hkg_recovers() { grep -q "dub: public probe: sending again" "$RES/prober-hkg.log"; }
hub_back() { [ -n "$(rows 5)" ]; }
ip -n hkg link set eth0 down
check "eth0 down: said once, and the prober goes on" wait_for 10 hkg_complains
sleep 5
ip -n hkg link set eth0 up
check "eth0 up: all clear" wait_for 10 hkg_recovers
check_eq "one line for each" "$(grep -c "dub: public probe" "$RES/prober-hkg.log")" 2
check "and measured again" wait_for 60 hub_back
sleep 15
check_near "overlay hkg-nrt after it" "$(rows 5)" "$(($(path_rtt hkg dub) + $(path_rtt nrt dub)))" 1

# --- the clock is set back, in the middle of windows ---

for node in "${NODES[@]}"; do
	stop "prober-$node"
	check_eq "the prober on $node ends cleanly" $? 0
done
if [ "$LAB_VIRTUAL" = 1 ]; then
	# 100 ms periods over 205 ms of RTT and more: some are always under way.
	bg steps hkg meshopt-prober -v --mesh "$MESH" --period 100ms --interval 2s \
	    --timeout 1s --collector "http://${ADDR[$HUB]}:1"
	reports() { [ "$(grep -c "report [0-9]*: 2[0-9] rows" "$RES/steps.log")" -ge "$1" ]; }
	noticed() { [ "$(grep -c "the clock was set" "$RES/steps.log")" -ge "$1" ]; }
	check "reports before the clock is set" wait_for 30 reports 2
	date -s "@$(($(date +%s) - 3600))" >/dev/null
	check "set back one hour: noticed" wait_for 30 noticed 1
	check "and reports go on" wait_for 30 reports 5
	date -s "@$(($(date +%s) + 3600))" >/dev/null
	check "set forth again: noticed" wait_for 30 noticed 2
	check "and reports go on" wait_for 30 reports 8
	lost=$(sed -n 's/.* \([0-9]*\) lost.*/\1/p' "$RES/steps.log" | sort -n | tail -1)
	longest=$(sed -n 's/.* to \([0-9]*\) us/\1/p' "$RES/steps.log" | sort -n | tail -1)
	shortest=$(sed -n 's/.*RTT \([0-9]*\) to .*/\1/p' "$RES/steps.log" | sort -n | head -1)
	check_eq "most that any report lost" "$lost" 0
	check_le "longest RTT of any report, us" "$longest" 510000
	check_ge "shortest RTT of any report, us" "$shortest" 38000
	stop steps
	check_eq "the prober ends cleanly after the steps" $? 0
fi
stop collector
finish
