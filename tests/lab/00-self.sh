#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The lab itself: are its delays, its tunnels and its counters true?
#
#	           49 ms
#	  [hkg] ----------- [nrt]       underlay, RTT
#	     \               /
#	 205 ms \         / 287 ms
#	          [dub]                 hub: hkg to nrt on the overlay is 205 + 287
#
# Needs none of the project's programs.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "$0")/lib.sh"

lab_up "$DATA/mesh.conf" "$DATA/rtt.csv" dub hkg nrt

check_near "underlay, hkg to nrt: 49 ms" "$(ping_ms hkg "${UNDER[nrt]}")" 49 0.2
check_near "overlay, hkg to dub: 205 ms" "$(ping_ms hkg "${ADDR[dub]}")" 205 1%
check_near "overlay, hkg to nrt by the hub: 492 ms" \
    "$(ping_ms hkg "${ADDR[nrt]}")" 492 1%
check_eq "nobody answers at an address that nobody has" "$(ping_ms hkg 10.50.4.99 2)" -

stream_start plain hkg nrt 100 5
stream_end plain
for pair in 'hkg nrt' 'nrt hkg'; do
	read -r from to <<<"$pair"
	for figure in sent=500 received=500 lost=0 dup=0 reordered=0; do
		check_eq "stream $from to $to: $figure" \
		    "$(stream_get plain "$from" "$to" "${figure%=*}")" "${figure#*=}"
	done
done

# A counter that always says 0 would pass the above.
path_set hkg dub 105 loss 20%
check_near "overlay, hkg to nrt, after path_set: 392 ms" \
    "$(ping_ms hkg "${ADDR[nrt]}" 20)" 392 1%
stream_start lossy hkg nrt 100 5
stream_end lossy
check_near "stream hkg to nrt: 20 % of 500 lost" \
    "$(stream_get lossy hkg nrt lost)" 100 40
check_ge "stream nrt to hkg: a gap longer than two intervals" \
    "$(stream_get lossy nrt hkg gap_ms)" 20

check "the mesh file has the lab's keys" \
    grep -q "^PublicKey = ${KEY[nrt]}$" "$MESH"
check "the mesh file has the lab's endpoints" \
    grep -q "^Endpoint = ${UNDER[nrt]}:51820$" "$MESH"
check_eq "the mesh file has the three nodes" "$(grep -c '^\[Node\]' "$MESH")" 3
check "IPv6 on a node" n hkg ping -q -c 1 ::1
check "a terminal can be had" test -c /dev/ptmx

finish
