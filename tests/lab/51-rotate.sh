#!/bin/bash
# SPDX-License-Identifier: MIT
# Timeout: 900
#
# New keys under traffic, by meshopt rotate: the hub's while packets between two spokes go
# through it, then the POP's while its direct tunnel carries packets. Each stream has 100
# packets a second both ways, and none may be lost.
#
#	[nrt] ---- hub ---- [gru]      the first stream
#	[hkg] -- direct --- [nrt]      the second

. "$(dirname "$0")/lib.sh"

need meshopt
lab_mesh "$DATA/mesh.conf" dub hkg nrt gru
for node in nrt gru; do sed -i "/^Endpoint = ${UNDER[$node]}:/d" "$MESH"; done
printf '\n[Pair]\nNodes = hkg, nrt\nPath = direct\n' >>"$MESH"
chmod 0600 "$MESH"
lab_net "$DATA/rtt.csv"
for node in "${NODES[@]}"; do
	must meshopt config "$node" --mesh "$MESH" --key-path "$TMP/$node.key" -o "$TMP/conf-$node" \
	    2>>"$RES/config.log"
	for file in "$TMP/conf-$node"/wg*.conf; do
		must n "$node" wg-quick up "$file" >>"$RES/wg-quick.log" 2>&1
	done
done

# shellcheck disable=SC2317 # called by wait_for
all_reach() {
	local a b
	for a in "${NODES[@]}"; do
		for b in "${NODES[@]}"; do
			[ "$a" = "$b" ] || n "$a" ping -q -c 1 -W 2 "${ADDR[$b]}" >/dev/null || return 1
		done
	done
}
wait_for 60 all_reach || die "the nodes do not reach each other"

# shellcheck disable=SC2317 # called by wait_for
ready() { [ "$(grep -l 'ready on' "$RES"/"$1"-at-*.log 2>/dev/null | wc -l)" = "$2" ]; }

rotate() {	# rotate NODE STREAM-A STREAM-B PEER...
	local node=$1 from=$2 to=$3 peer old new way
	shift 3
	old=${KEY[$node]}
	must meshopt rotate "$node" --mesh "$MESH" --start -o "$TMP" 2>>"$RES/rotate.log"
	check_eq "$node: the new private key is its owner's alone" "$(stat -c %a "$TMP/$node.next.key")" 600
	new=$(wg pubkey <"$TMP/$node.next.key")
	must meshopt rotate "$node" --mesh "$MESH" --peers >"$TMP/peers.sh"
	must meshopt rotate "$node" --mesh "$MESH" --node >"$TMP/node.sh"
	cp "$TMP/peers.sh" "$RES/$node-peers.sh"
	cp "$TMP/node.sh" "$RES/$node-node.sh"
	stream_start "$node" "$from" "$to" 100 12
	for peer; do bg "$node-at-$peer" "$peer" bash "$TMP/peers.sh" 120; done
	wait_for 30 ready "$node" $# || die "the peers of $node do not get ready"
	n "$node" bash "$TMP/node.sh" "$TMP" >"$RES/$node-node.log" 2>&1
	check_eq "$node: takes its new key" "$(n "$node" wg show wg0 public-key)" "$new"
	for peer; do
		join "$node-at-$peer"
		check_eq "$node: the script at $peer ends well" $? 0
		check_eq "$node: $peer has the new key and not the old one" \
		    "$(n "$peer" wg show all peers | grep -cF "$new") $(n "$peer" wg show all peers | grep -cF "$old" || :)" \
		    "1 0"
	done
	n "$node" bash "$TMP/node.sh" "$TMP" >"$RES/$node-node2.log" 2>&1
	check_eq "$node: the same script once more has nothing to do" $? 0
	check "$node: the old private key is gone" test ! -e "$TMP/$node.next.key"
	must meshopt rotate "$node" --mesh "$MESH" --finish 2>>"$RES/rotate.log"
	KEY[$node]=$new
	check "$node: the mesh file has the new key" grep -qx "PublicKey = $new" "$MESH"
	stream_end "$node" >"$RES/$node-stream.log"
	for way in "$from $to" "$to $from"; do
		# shellcheck disable=SC2086 # two words
		check_eq "$node: stream ${way/ / to }, $(stream_get "$node" $way sent) packets: lost" \
		    "$(stream_get "$node" $way lost)" 0
	done
	check "$node: every node reaches every other" wait_for 30 all_reach
}

rotate dub nrt gru hkg nrt gru
rotate hkg hkg nrt dub nrt
must meshopt lint "$MESH"
finish
