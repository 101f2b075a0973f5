#!/bin/bash
# SPDX-License-Identifier: MIT
# Timeout: 900
#
# A thousand peers by our netlink layer, one a message, against wg(8). Times are of the
# guest's clock, one nanosecond an instruction: the ratios count.

. "$(dirname "$0")/lib.sh"

need netlink-bench
PEERS=1000
SETS=50		# wg set takes so long that a part has to do

bench() {	# bench NAME VALUE UNIT OP LIMIT
	local verdict
	verdict=$(awk -v v="$2" -v op="$4" -v limit="$5" 'BEGIN {
	    print (op == "<=" ? v <= limit : v >= limit) ? "ok" : "short" }')
	echo "bench $1 $2 $3 goal $4$5 $verdict"
	check_eq "$1: $2 $3, goal $4 $5" "$verdict" ok
}

per() {		# per A B: A / B
	awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f\n", a / (b > 0 ? b : 0.001) }'
}

timed() {	# timed CMD...: ms
	local start
	start=$(now_ms)
	"$@" || die "failed: $*"
	echo $(($(now_ms) - start))
}

new() {		# new IFACE: with a key and nobody on it
	ip link del "$1" 2>/dev/null
	must ip link add "$1" type wireguard
	must wg set "$1" private-key "$TMP/key" listen-port 0
	must ip link set "$1" up
}

# shellcheck disable=SC2317 # called by timed
sets() {	# a process a peer, as a script would
	local key ip
	while read -r key ip; do
		wg set wgs0 peer "$key" allowed-ips "$ip" || return 1
	done < <(awk '/^PublicKey/ { k = $3 } /^AllowedIPs/ { print k, $3 }' "$TMP/peers" |
	    head -n "$SETS")
}

(umask 077 && wg genkey >"$TMP/key")
netlink-bench conf $PEERS >"$TMP/peers"
cat <(printf '[Interface]\nPrivateKey = %s\n' "$(<"$TMP/key")") "$TMP/peers" >"$TMP/conf"

new wgo0
ours=$(netlink-bench set wgo0 $PEERS)
new wgy0
syncconf=$(timed wg syncconf wgy0 "$TMP/conf")
new wgs0
loop=$(timed sets)
loop=$((loop * PEERS / SETS))
again=$(netlink-bench set wgo0 $PEERS)
noop=$(timed wg syncconf wgy0 "$TMP/conf")
read -r count dump < <(netlink-bench dump wgo0)

echo "ours $ours ms, wg syncconf $syncconf ms, wg set $loop ms (from $SETS of $PEERS)"
echo "again: ours $again ms, wg syncconf $noop ms; dump $dump ms"
check_eq "all peers are there" "$count" $PEERS
check "and the same as wg syncconf makes" cmp \
    <(wg show wgo0 allowed-ips | sort) <(wg show wgy0 allowed-ips | sort)
# A process costs little on that clock; and wg syncconf may put many peers in a message.
bench netlink_add_vs_wg_set "$(per "$loop" "$ours")" x ">=" 5
bench netlink_add_vs_syncconf "$(per "$syncconf" "$ours")" x ">=" 0.7
bench netlink_again_vs_syncconf "$(per "$noop" "$again")" x ">=" 2
bench netlink_dump_1000 "$dump" ms "<=" 200
finish
