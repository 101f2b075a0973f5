#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by every
#
# Promoted and demoted by the agents, over and over, under UDP both ways on all pairs at
# once and TCP on one of them. A cycle is one pair, to its tunnel and back to the hub, by
# two published plans. Each node gets a plan at a moment of its own, so that the two ends
# of a pair switch up to 5 s apart.
#
#	plan 1, 3, ..: every pair direct ──► all leased
#	plan 2, 4, ..: no pair direct    ──► all by the hub
#
# What may arrive out of order is what a shorter path overtakes and nothing else: of each
# switch towards it the packets that were still on the longer one.
#
# CYCLES (6): 1000 in the long form, with all 55 pairs of twelve nodes at once. Of those
# the first have RATE (100) packets a second each way and the others SLOW (10), and in
# every third round all paths become permanent before they are taken back. SEED repeats
# a run.
# Timeout: 1200

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/agents.sh"

need meshopt meshopt-agent seal
: "${CYCLES:=6}" "${SEED:=$RANDOM}" "${RATE:=100}" "${SLOW:=10}"
RANDOM=$SEED
SKEW_MS=4000	# and the agents ask for plans once a second
LEG=3		# rounds, then packets are counted
TCP=(hkg nrt)

FAST=(hkg-nrt hkg-sin nrt-sin)
nodes=(dub hkg nrt sin)
if [ "$CYCLES" -ge 100 ]; then
	FAST+=(hkg-syd)
	nodes+=(syd gru iad ord lax lhr fra cdg)
fi
PAIRS=("${FAST[@]}")
for ((i = 1; i < ${#nodes[@]}; i++)); do
	for ((j = i + 1; j < ${#nodes[@]}; j++)); do
		pair=${nodes[i]}-${nodes[j]}
		[[ " ${FAST[*]} " == *" $pair "* ]] || PAIRS+=("$pair")
	done
done
rounds=$(((CYCLES + ${#PAIRS[@]} - 1) / ${#PAIRS[@]}))
cycles=$((rounds * ${#PAIRS[@]}))
echo "# SEED=$SEED: $rounds rounds of ${#PAIRS[@]} pairs"

lab_mesh "$DATA/mesh.conf" "${nodes[@]}"
agents_key
lab_net "$DATA/rtt.csv"
lab_wg
lab_ready
agents_serve
SPOKES=("${NODES[@]:1}")
for node in "${SPOKES[@]}"; do
	mkdir -p "$TMP/www/$node/api/v1"
	agent "$node" --collector "http://${ADDR[$HUB]}:8650/$node"
	# Which way packets go is the kernel's word, with its time.
	bg "routes-$node" "$node" ip -N -ts -o monitor route
done

rate_of() {
	[[ " ${FAST[*]} " == *" $1 "* ]] && echo "$RATE" || echo "$SLOW"
}

wishes=()
for pair in "${PAIRS[@]}"; do
	read -r a b <<<"${pair/-/ }"
	hub=$(($(path_rtt "$a" "$HUB") + $(path_rtt "$HUB" "$b")))
	# When all 55 pairs are tested at once the guest's one core is late by some ms.
	wishes+=("$pair=direct:$(($(path_rtt "$a" "$b") + (${#nodes[@]} > 4 ? 5 : 0))):$hub")
done

# A plan like this is far beyond what an agent follows unasked: everywhere it is forced.
epoch=0
switch() {	# switch [WISH...]: the next plan, to each node at its time
	local node now=0 at
	epoch=$((epoch + 1))
	plan $epoch "$@"
	for node in "${SPOKES[@]}"; do
		must n "$node" meshopt-agent --state "$TMP/state.$node" --force $epoch
		cp "$TMP/www/api/v1/plan" "$TMP/www/$node/api/v1/plan.new"
	done
	for node in "${SPOKES[@]}"; do
		echo "$((RANDOM % SKEW_MS)) $node"
	done | sort -n >"$TMP/when"
	while read -r at node; do
		sleep "$(printf '%d.%03d' $(((at - now) / 1000)) $(((at - now) % 1000)))"
		now=$at
		mv "$TMP/www/$node/api/v1/plan.new" "$TMP/www/$node/api/v1/plan"
	done <"$TMP/when"
}

ends_in() {	# ends_in STATES: as many ends of PAIRS as there are
	local node files=()
	for node in "${SPOKES[@]}"; do
		files+=("$TMP/run.$node/agent.json")
	done
	[ "$(awk -v epoch="$epoch" -v states=" $1 " -v pairs=" ${PAIRS[*]} " '
		{ gsub(/[",]/, "", $2) }
		$1 == "\"node\":" { node = $2 }
		$1 == "\"epoch\":" { fresh = $2 == epoch }
		$1 == "\"peer\":" { peer = $2 }
		$1 == "\"state\":" && fresh && index(states, " " $2 " ") {
			count += index(pairs, " " node "-" peer " ") ||
			    index(pairs, " " peer "-" node " ") }
		END { print count + 0 }' "${files[@]}")" = $((2 * ${#PAIRS[@]})) ]
}

tcp_counters() {	# the names and figures of both ends, added up
	cat <(n "${TCP[0]}" cat /proc/net/netstat /proc/net/snmp) \
	    <(n "${TCP[1]}" cat /proc/net/netstat /proc/net/snmp) |
	    awk '/^Tcp(Ext)?:/ {
		if ($2 ~ /^[A-Z]/) split($0, name)
		else for (i = 2; i <= NF; i++) sum[name[i]] += $i }
		END { for (i in sum) print i, sum[i] }'
}
counted() {	# - if the kernel has no such counter
	awk -v name="$1" '$1 == name { n = $2 - n; seen++ } END { print seen == 2 ? n : "-" }' \
	    "$TMP/tcp.before" "$TMP/tcp.after"
}
busy() { awk '/^cpu / { print $2 + $3 + $4 + $7 + $8, $5 }' /proc/stat; }

# A window this small keeps TCP at what the guest can carry, and it is always full.
for node in "${TCP[@]}"; do
	must n "$node" sysctl -qw net.ipv4.tcp_rmem='4096 16384 16384'
done
head -c 262144 /dev/urandom >"$TMP/block"

tcp_start() {
	rm -f "$TMP/tcp.end"
	# An end of its input would be the end of all.
	bg tcp-to "${TCP[1]}" bash -c "busybox nc -l -p 9000 < <(sleep 10000) | md5sum"
	sleep 1
	# shellcheck disable=SC2016 # is for the inner shell
	bg tcp-from "${TCP[0]}" bash -c 'cd "$1"; until [ -e tcp.end ]; do cat block; done |
	    tee >(md5sum >tcp.sum) >(wc -c >tcp.bytes) | busybox nc "$2" 9000' \
	    - "$TMP" "${ADDR[${TCP[1]}]}"
	sleep 2
	tcp_counters >"$TMP/tcp.before"
}

tcp_end() {
	local name
	tcp_counters >"$TMP/tcp.after"
	touch "$TMP/tcp.end"
	join tcp-from
	join tcp-to
	echo "# TCP: bytes=$(<"$TMP/tcp.bytes") $(for name in TCPTimeouts TCPSpuriousRTOs RetransSegs \
	    TCPFastRetrans TCPLossProbes TCPDSACKRecv; do echo "$name=$(counted $name)"; done | xargs)"
	check_ge "TCP: bytes" "$(<"$TMP/tcp.bytes")" 1000000
	check_eq "TCP: what arrived is what was sent" "$(<"$RES/tcp-to.log")" "$(<"$TMP/tcp.sum")"
	check_eq "TCP: retransmission timeouts" "$(counted TCPTimeouts)" 0
}

cycle() {
	switch "${wishes[@]}"
	every 1 120 ends_in 'leased direct' || die "round $round: a pair is not on its tunnel"
	[ "$CYCLES" -lt 100 ] || [ $((round % LEG)) != 0 ] ||
	    every 1 120 ends_in direct || die "round $round: a path is not permanent"
	switch
	every 1 60 ends_in 'hub staged verified' || die "round $round: a pair is not by the hub"
	echo "# round $round: $(($(now_ms) / 1000)) s"
}

# The streams of a leg, which had $1 switches to the tunnel in each direction.
count_streams() {
	local wish a b _ direct hub each way from to sent got depth gap rate
	for wish in "${wishes[@]}"; do
		IFS='-=:' read -r a b _ _ hub <<<"$wish"
		direct=$(path_rtt "$a" "$b") rate=$(rate_of "$a-$b")
		# Half of the difference of the RTTs, and the packets of that time.
		each=$(awk -v ms=$((hub - direct)) -v rate="$rate" 'BEGIN { print ms * rate / 2000 }')
		for way in "$a $b" "$b $a"; do
			read -r from to <<<"$way"
			sent=$(stream_get "$a-$b" "$from" "$to" sent)
			[ "$sent" != - ] || die "no figures of the stream from $from to $to"
			check_ge "$from to $to: sent" "$sent" 1
			total=$((total + sent))
			lost=$((lost + $(stream_get "$a-$b" "$from" "$to" lost)))
			dup=$((dup + $(stream_get "$a-$b" "$from" "$to" dup)))
			got=$(stream_get "$a-$b" "$from" "$to" reordered)
			depth=$(stream_get "$a-$b" "$from" "$to" depth)
			gap=$(stream_get "$a-$b" "$from" "$to" gap_ms)
			reordered=$((reordered + got))
			echo "# $from to $to: $(awk -v n="$got" -v r="$1" 'BEGIN { printf "%.1f", n / r }')" \
			    "overtaken a switch of $each that may be, by $depth at most;" \
			    "silent for $gap ms of $(((hub - direct) / 2)) and a packet's time"
			# Of 21.1 those that were sent 210 ms before, unless a timer was late.
			check_le "$from to $to: no more out of order" "$got" \
			    "$(awk -v e="$each" -v r="$1" 'BEGIN { print (e + 1) * r }')"
			check_ge "$from to $to: and no fewer" "$got" \
			    "$(awk -v e="$each" -v r="$1" 'BEGIN { print (e - 2) * r }')"
			check_le "$from to $to: no further than the shorter path overtakes" \
			    "$depth" "$(awk -v e="$each" 'BEGIN { print e + 1 }')"
			check_le "$from to $to: silent for no more than the longer path takes, ms" \
			    "$gap" $(((hub - direct) / 2 + 2000 / rate))
		done
	done
}

leg() {	# leg FIRST LAST: rounds
	local pair a b
	for pair in "${PAIRS[@]}"; do
		read -r a b <<<"${pair/-/ }"
		stream_start "$pair" "$a" "$b" "$(rate_of "$pair")" 10000
	done
	tcp_start
	for ((round = $1; round <= $2; round++)); do
		cycle
	done
	# What the last switch left on its way.
	sleep 1
	tcp_end
	stream_stop "${PAIRS[@]}" >>"$RES/streams"
	count_streams $(($2 - $1 + 1))
	echo "# rounds 1 to $2, $(($2 * ${#PAIRS[@]})) cycles:" \
	    "sent=$total lost=$lost dup=$dup reordered=$reordered"
}

total=0 lost=0 dup=0 reordered=0
read -r busy0 idle0 < <(busy)
for ((from_round = 1; from_round <= rounds; from_round += LEG)); do
	to_round=$((from_round + LEG - 1))
	leg $from_round $((to_round < rounds ? to_round : rounds))
done
read -r busy1 idle1 < <(busy)
echo "# the guest's core was busy for $((100 * (busy1 - busy0) / (busy1 - busy0 + idle1 - idle0))) %"
check_eq "$cycles cycles: packets lost" $lost 0
check_eq "$cycles cycles: packets twice" $dup 0

# --- when the ends switched, by the kernels ---

for node in "${SPOKES[@]}"; do
	stop "routes-$node"
done
# One line a switch: pair, end, to the tunnel or back, ms. A path is a lease's route, a
# permanent one, or for a moment both.
for pair in "${PAIRS[@]}"; do
	for way in "${pair/-/ }" "${pair#*-} ${pair%-*}"; do
		read -r a b <<<"$way"
		awk -v prefix="${PREFIX[$b]%/32}" -v words="$pair $a" '
			{ gsub(/[][]/, "", $1); gone = $2 == "Deleted"; to = $(2 + gone) }
			to != prefix || !/ dev wgd0 / || / table / { next }
			{
				old = has["firm"] || has["lease"]
				has[/ proto 213 / ? "firm" : "lease"] = !gone
				new = has["firm"] || has["lease"]
				split($1, part, /[T:]/)
			}
			old != new { printf "%s %s %d\n", words, new ? "direct" : "hub",
			    (part[2] * 3600 + part[3] * 60 + part[4]) * 1000 }' \
		    "$RES/routes-$a.log"
	done
done >"$RES/switches"
check_eq "switches of $cycles cycles" "$(wc -l <"$RES/switches")" $((4 * cycles))
awk '{
	key = $1 " " $3 " " ++nth[$1, $2, $3]
	if (!(key in at)) { at[key] = $4; next }
	d = $4 - at[key]
	d = d < 0 ? -d : d
	n[$3]++; sum[$3] += d
	if (!($3 in min) || d < min[$3]) min[$3] = d
	if (d > max[$3]) max[$3] = d
} END { for (i in n) printf "%s: %d to %d ms, mean %d\n", i, min[i], max[i], sum[i] / n[i] }' \
    "$RES/switches" >"$RES/apart"
sed 's/^/# the two ends, to /' "$RES/apart"
# Or TCP's RTT would become longer by the whole difference in one step.
check_ge "the ends go back one after the other, ms" "$(sed -n 's/^hub: \([0-9]*\) .*/\1/p' "$RES/apart")" 1000
finish
