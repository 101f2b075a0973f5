#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by wait_for
#
# The seed: twelve nodes, everything through Ireland, and what meshopt makes of it.
#
#	        gru iad ord lax lhr fra cdg nrt sin syd
#	          \   \   \  |   |   |  /   /   /   /        wg0: hub and spokes
#	           `-----------[dub]-----------'
#	                         |                           wgd0: hkg-nrt, hkg-sin, hkg-syd
#	                       [hkg]                         after the plan
#
# Delays both ways from data/edgeproxy/rtt.csv. A prober on every node, the collector on
# the hub, the plan made from what they measured, applied on both ends under traffic and
# taken back. Every RTT of the tables at the end is the system's own ping.
#
# Timeout: 600

. "$(dirname "$0")/lib.sh"

need meshopt meshopt-prober meshopt-collector
FAR=(nrt sin syd)
declare -A VIA_HUB=([nrt]=492 [sin]=408 [syd]=500) DIRECT=([nrt]=49 [sin]=38 [syd]=122)
declare -A PLACE=([nrt]=Tokyo [sin]=Singapore [syd]=Sydney)

# --- what a person sees; without one, the checks are what matters ---

bold='' dim='' green='' reset='' clear=''
if [ "$TTY" = 1 ]; then
	bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' reset=$'\e[0m' clear=$'\e[K'
fi
show() { [ "$DEMO" = 1 ] && printf '%b\n' "$*"; }
title() { show "\n$bold$*$reset"; }
shown() { # a command as one would type it, and its output
	local node=$1
	shift
	show "$dim$node\$$reset $bold${*//$TMP\//}$reset"
	[ "$DEMO" != 1 ] || n "$node" "$@" 2>&1
}
# Checks come in one block at the end of a demo: they would tear the pictures apart.
checks=()
later() { checks+=("$(printf '%q ' "$@")"); }

# --- nodes come up ---

title "Twelve nodes on kernel WireGuard, everything through Ireland"
lab_mesh "$DATA/mesh.conf"
lab_net "$DATA/rtt.csv"
lab_wg
show "$dim$(uname -sr), $(wg --version | cut -d' ' -f1,2); delays by netem$reset"
for node in "${NODES[@]}"; do
	wait_for 20 n "$node" ping -q -c 1 -W 2 "${ADDR[$HUB]}" || die "$node does not reach the hub"
	if [ "$DEMO" = 1 ]; then printf ' %s✓%s %s' "$green" "$reset" "$node"; fi
done
show

bg collector "$HUB" meshopt-collector --mesh "$MESH" --db "$TMP/collector.db"
collector_answers() { n "$HUB" meshopt report --mesh "$MESH" 2>&1 | grep -q 'no figures yet'; }
wait_for 10 collector_answers || die "the collector does not answer; see collector.log"
for node in "${NODES[@]}"; do
	bg "prober-$node" "$node" meshopt-prober --mesh "$MESH"
done

# --- the matrix fills ---

matrix() { n "$HUB" meshopt report --mesh "$MESH" 2>/dev/null | sed '/^$/,$d' >"$TMP/matrix"; }
title "The matrix fills: RTT over the overlay, ms"
lines=0
for _ in {1..60}; do
	matrix
	if [ "$DEMO" = 1 ] && [ "$TTY" = 1 ]; then
		[ "$lines" = 0 ] || printf '\e[%dA' "$lines"
		sed "s/\$/$clear/" "$TMP/matrix"
		lines=$(wc -l <"$TMP/matrix")
	fi
	if [ -s "$TMP/matrix" ] && ! grep -q ' -' "$TMP/matrix"; then break; fi
	sleep 1
done
[ "$DEMO" != 1 ] || [ "$TTY" = 1 ] || cat "$TMP/matrix"
later check_eq "the collector knows all 132 directions between twelve nodes" \
    "$(awk 'NR > 1 { for (i = 2; i <= NF; i++) n += $i ~ /^[0-9]+$/ } END { print n + 0 }' "$TMP/matrix")" 132

# --- before ---

LOST=()
declare -A BEFORE=() AFTER=() BACK=()
for node in "${FAR[@]}"; do
	BEFORE[$node]=$(ping_ms hkg "${ADDR[$node]}")
	later check_near "ping hkg to $node before" "${BEFORE[$node]}" "${VIA_HUB[$node]}" 1%
done
ENDS=(hkg "${FAR[@]}")
for node in "${ENDS[@]}"; do
	n "$node" wg showconf wg0 >"$TMP/$node.wg0"
	n "$node" ip route show >"$TMP/$node.routes"
	n "$node" ip route show table all >"$TMP/$node.routes.all"
	n "$node" ip rule show >"$TMP/$node.rules"
done

# --- the plan ---

title "Which three tunnels are worth having? Hong Kong's view"
shown hkg meshopt plan --mesh "$MESH" --pop hkg --budget 3 --min-samples 5
n hkg meshopt plan --mesh "$MESH" --pop hkg --budget 3 --min-samples 5 --no-relays -o "$TMP/plan.json" \
    --csv >"$TMP/plan.csv" 2>"$RES/plan.err"
for node in "${FAR[@]}"; do
	row=$(awk -F, -v a="$node" '$1 == a || $2 == a { print $3, $4 }' "$TMP/plan.csv")
	later check_near "the plan has hkg-$node by the hub" "${row% *}" "${VIA_HUB[$node]}" 1%
	later check_near "the plan has hkg-$node direct" "${row#* }" "${DIRECT[$node]}" 1
done
later check_eq "the plan has three tunnels" "$(grep -c add "$TMP/plan.csv")" 3
title "The same question for the whole mesh, any two nodes"
shown hkg meshopt plan --mesh "$MESH" --all-pairs --budget 3 --min-samples 5

# --- the switch, under traffic ---

title "The switch: both ends apply the plan, under 100 packets a second each way"
shown hkg meshopt apply "$TMP/plan.json" --mesh "$MESH"
stream_start switch hkg nrt 100 45
began=$(now_ms)
for node in "${ENDS[@]}"; do
	bg "apply-$node" "$node" meshopt apply "$TMP/plan.json" --mesh "$MESH" --yes
done
for node in "${ENDS[@]}"; do
	wait "${lab_pid[apply-$node]}"
	later check_eq "apply on $node succeeds" $? 0
	unset "lab_pid[apply-$node]"
done
show "$(sed 's/^/  /' "$RES/apply-hkg.log")"
show "$dim  all four nodes after $((($(now_ms) - began) / 100))00 ms$reset"
for node in "${FAR[@]}"; do
	AFTER[$node]=$(ping_ms hkg "${ADDR[$node]}")
	later check_near "ping hkg to $node after" "${AFTER[$node]}" "${DIRECT[$node]}" 1
done
shown hkg wg show wgd0 latest-handshakes
later check_eq "wgd0 has three peers" "$(n hkg wg show wgd0 peers | wc -l)" 3
now=$(date +%s)
later check_eq "each with a fresh handshake" \
    "$(n hkg wg show wgd0 latest-handshakes | awk -v now="$now" '$2 > now - 120' | wc -l)" 3
for node in "${ENDS[@]}"; do
	n "$node" wg showconf wg0 >"$TMP/$node.wg0.after"
	later check "wg0 of $node is byte-identical" cmp "$TMP/$node.wg0" "$TMP/$node.wg0.after"
done
n hkg meshopt apply "$TMP/plan.json" --mesh "$MESH" --exit-code >"$RES/again.log" 2>&1
later check_eq "a second apply has nothing to do" $? 0

# --- what the system says of it ---

all_direct() {
	n hkg meshopt report --mesh "$MESH" --pop hkg --csv 2>/dev/null >"$RES/report.csv"
	[ "$(grep -c ',direct,' "$RES/report.csv")" = 3 ]
}
wait_for 60 all_direct
later check_eq "the report says that the three pairs go direct" $? 0
for node in "${FAR[@]}"; do
	row=$(awk -F, -v a="$node" '$1 == a || $2 == a { print $4 }' "$RES/report.csv")
	later check_near "the prober's own RTT of hkg-$node" "$row" "${DIRECT[$node]}" 1
done
title "What the system measures now"
shown hkg meshopt report --mesh "$MESH" --pop hkg

# --- and back ---

for node in "${ENDS[@]}"; do
	n "$node" meshopt apply --undo --mesh "$MESH" --yes >"$RES/undo-$node.log" 2>&1
	later check_eq "undo on $node succeeds" $? 0
	n "$node" ip route show >"$TMP/$node.routes.after"
	later check "the routes of $node are as before" cmp "$TMP/$node.routes" "$TMP/$node.routes.after"
done
for node in "${FAR[@]}"; do
	BACK[$node]=$(ping_ms hkg "${ADDR[$node]}")
	later check_near "ping hkg to $node after undo" "${BACK[$node]}" "${VIA_HUB[$node]}" 1%
done
stream_end switch >"$RES/stream.log"
for node in "${ENDS[@]}"; do
	must ip -n "$node" link del wgd0
	n "$node" ip route show table all >"$TMP/$node.routes.all.after"
	n "$node" ip rule show >"$TMP/$node.rules.after"
	later check "with wgd0 gone, all tables of $node are as before" \
	    cmp "$TMP/$node.routes.all" "$TMP/$node.routes.all.after"
	later check "and the rules of $node" cmp "$TMP/$node.rules" "$TMP/$node.rules.after"
done
for pair in 'hkg nrt' 'nrt hkg'; do
	read -r from to <<<"$pair"
	sent=$(stream_get switch "$from" "$to" sent)
	lost=$(stream_get switch "$from" "$to" lost)
	later check_eq "stream $from to $to, $sent packets through apply and undo: lost" "$lost" 0
	later check_eq "stream $from to $to: duplicates" "$(stream_get switch "$from" "$to" dup)" 0
	LOST[${#LOST[@]}]="$from → $to: $sent sent, $lost lost"
done
for node in "${NODES[@]}"; do
	stop "prober-$node"
	later check_eq "the prober on $node ends cleanly" $? 0
done
stop collector
later check_eq "the collector ends cleanly" $? 0

# --- the seed's table ---

title "The seed's table, measured by ping"
if [ "$DEMO" = 1 ]; then
	printf '%s%-16s  %8s  %8s  %11s  %9s%s\n' "$bold" Backend 'Hub RTT' 'Mesh RTT' \
	    Improvement 'Undone' "$reset"
	for node in "${FAR[@]}"; do
		printf '%-16s  %5.0f ms  %s%5.0f ms%s  %10.1fx  %6.0f ms\n' "${node^^} (${PLACE[$node]})" \
		    "${BEFORE[$node]}" "$green" "${AFTER[$node]}" "$reset" \
		    "$(awk -v a="${BEFORE[$node]}" -v b="${AFTER[$node]}" 'BEGIN { print a / b }')" \
		    "${BACK[$node]}"
	done
fi
show "\nPackets, from before the switch until after it was taken back:"
for line in "${LOST[@]}"; do show "  $line"; done
title "Checks"
for line in "${checks[@]}"; do eval "$line"; done
show "\n${bold}Next:${reset} README.md for a fleet of your own, docs/ for how it works, man optimizer/meshopt.1"
finish
