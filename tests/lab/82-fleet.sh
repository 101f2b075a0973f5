#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by every
#
# The daemons alone, from the measurement to the report: probers, the collector, the
# publisher and agents; nobody applies anything by hand.
#
#	[dub] collector                      hkg-nrt, hkg-sin, hkg-syd leave the hub: first
#	 |  |  |  |                          one, then the others on the word of both its
#	[hkg] [nrt] [sin] [syd]              ends, under packets on each pair
#	                   `plan --every`, and the key that signs
#
# At last what goes wrong, or is done by hand, is looked for at the collector.
#
# What is typed and what it says is left in session.txt: docs/agent-session.txt is a copy.
#
# FLEET=12 for all of the seed's nodes, RATE=100 for so many packets a second each way.
# Timeout: 1800

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/agents.sh"
. "$LAB_DIR/session.sh"

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
# Not where the collector is: docs/security.md.
PLANNER=syd
must mkdir -m 700 "$TMP/etc.$PLANNER"
must mv "$TMP/plan.key" "$TMP/etc.$PLANNER"
lab_net "$DATA/rtt.csv"
lab_wg
lab_ready
began=$(now_ms)
# Where `meshopt status` looks for what the agent of its node says.
must mkdir -p "$TMP/run.hkg" /run/meshopt
must mount --bind "$TMP/run.hkg" /run/meshopt
cat >"$SESSION" <<-END
	# From the hub to direct paths, by the daemons alone

	Recorded by tests/lab/82-fleet.sh (make lab S=fleet): ${#NODES[@]} nodes of the example mesh on
	kernel WireGuard, with the delays of data/edgeproxy/rtt.csv between them. dub is the hub.
	Each line that was typed begins with the time and the node. Packages start the same
	daemons as units; here they share one machine, hence the directories of each node, and
	--changes: all of this is within ten minutes, in which an agent switches two pairs by
	default. --min-samples 5 is to begin some seconds earlier than with 30. The key that signs
	plans is on $PLANNER, and not where the collector is.
END
note "Everything between hkg and nrt goes by dub"
typed hkg "ping -q -c 5 ${ADDR[nrt]} | tail -n 1"

note "A collector, a prober on every node, agents on those that may switch"
bg collector "$HUB" meshopt-collector --mesh "$MESH" --db "$TMP/collector.db"
for node in "${NODES[@]}"; do
	bg "prober-$node" "$node" meshopt-prober --mesh "$MESH"
done
for node in "${NODES[@]:1}"; do
	agent "$node"
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
note "What they have measured, after $((($(now_ms) - began) / 1000)) s"
typed "$HUB" "meshopt report --mesh mesh.conf --pop hkg"

note "Packets that are counted, from here on: $RATE a second each way, for 300 s"
for node in "${FAR[@]}"; do
	stream_start "to-$node" hkg "$node" "$RATE" 300
done

note "The three tunnels that help most, signed and published on $PLANNER: one, and more when it stands"
bg publisher "$PLANNER" meshopt plan --mesh "$MESH" --pop hkg --budget 3 --min-samples 5 --no-relays \
    --publish --every 15s --key "$TMP/etc.$PLANNER/plan.key"
every 1 60 grep -q "^[0-9]* of [0-9]* pairs" "$RES/publisher.log" || die "no plan was published"
grep -v "^meshopt:" "$RES/publisher.log" | said

note "What publisher and agents say of it, an agent of whom, and which path it is then"
heard publisher "$PLANNER" 'published as plan .*: ([1-9]|0 pairs leave the hub, [1-9])'
for node in "${NODES[@]:1}"; do
	heard "agent-$node" "$node" 'staged|direct|demoted|withdrawn|refused|now by'
done
all_direct() {
	local node
	for node in "${FAR[@]}"; do
		both_are direct hkg "$node" || return 1
	done
}
began=$(now_ms)
check "three pairs are direct at both ends" every 10 290 all_direct
took=$((($(now_ms) - began) / 1000))
echo "# after $took s"
heard_end

note "Now, $took s after the first plan"
typed hkg "meshopt status --mesh mesh.conf"
note "The packets"
for node in "${FAR[@]}"; do
	stream_end "to-$node" >"$TMP/streams"
	tee -a "$SESSION" <"$TMP/streams"
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
note "The report again, and why"
typed "$HUB" "meshopt report --mesh mesh.conf --pop hkg"
typed "$HUB" "meshopt why hkg nrt --mesh mesh.conf --budget 3"
for node in "${FAR[@]}"; do
	check_near "report: hkg to $node direct" "$(report 4 "$node")" "${DIRECT[$node]}" 2
done

told() { check "the session has: $1" grep -Eq -- "$1" "$SESSION"; }
told '^pair +path +now ms'
told "$PLANNER: published as plan [0-9]+: 1 pairs? leave"
for node in "${FAR[@]}"; do
	told "hkg: $node: direct: direct, .* permanent after three good rounds"
	told "$node: hkg: direct: direct, .* permanent after three good rounds"
	told "^hkg-$node +hub +${VIA_HUB[$node]}"
	told "^hkg-$node +direct +${DIRECT[$node]}"
	told "^stream from=hkg to=$node .* lost=0"
done
told '^hkg-nrt: direct, 49'
[ "$FLEET" = 12 ] || check_le "its lines" "$(wc -l <"$SESSION")" 150
check_le "its longest line" "$(wc -L <"$SESSION")" 106
check_eq "it names no folder of this machine" "$(grep -c "/tmp/\|$TOP" "$SESSION")" 0
cp "$TMP/run.hkg/agent.json" "$RES/"

# --- what else is told, and how soon ---

stop publisher
arrives() {	# arrives WHAT KIND NODE [PEER [TEXT]]: within 20 s
	local began
	began=$(now_ms)
	check "at the collector: $1" every 1 20 event "${@:2}"
	echo "# after $((($(now_ms) - began) / 1000)) s"
}
check_eq "nothing was demoted so far" "$(events | grep -c '"kind":"demoted"')" 0
path_way hkg nrt loss 100%
arrives "demoted where the tunnel is dead" demoted hkg nrt
arrives "and at its other end" demoted nrt hkg
must n hkg wg set wgd0 peer "${KEY[syd]}" persistent-keepalive 7
arrives "what an operator changed" operator hkg syd "keepalive of its peer were changed"
must n sin meshopt freeze --file "$TMP/freeze.sin"
arrives "a freeze" frozen sin
finish
