#!/bin/bash
# SPDX-License-Identifier: MIT
#
# meshopt ping in a network of its own:
#
#   here: wg0 10.50.5.1 (hkg) --- there: wg0 10.50.0.1 (dub), and its public address

# shellcheck disable=SC2015,SC2317 # pass cannot fail; wait_for calls much of this
. "$(dirname "$0")/lib.sh"
in_namespace nm

network() {
	neighbour wg0
	ip addr add 10.50.5.1/16 dev wg0
	ip route add default dev wg0
	there ip addr add 10.50.0.1/16 dev wg0
	there ip addr add 54.171.48.207/32 dev lo
	there ip route add default dev wg0
}

# cell NODE PATH COLUMN: of the CSV that was printed
cell() {
	awk -F, -v node="$1" -v path="$2" -v column="$3" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == column) at = i }
		$1 == node && $2 == path { print $at }' "$TMP/out"
}

ping() { run meshopt ping --mesh "$MESH" -i 20ms "$@"; }

test_options() {
	ping -c 0
	status 2 "-c 0 is a usage error"
	ping --interval 1ms
	status 2 "an interval under 10ms, too"
	ping --method udp
	status 2 "a method that is none, too"
	ping nix
	status 1 "an unknown node"
	stderr_has 'no node "nix" in mesh edgeproxy' "is named"
	run meshopt ping --mesh "$TMP/none" dub
	status 1 "no mesh file"
	one_sentence "no mesh file"
	run meshopt ping --help
	status 0 "--help"
	stdout_has "usage: meshopt ping" "goes to standard output"
}

test_answers() {
	ping dub -c 7 --csv
	status 0 "a node that answers"
	check_eq "overlay: sent" "$(cell dub overlay sent)" 7
	check_eq "overlay: answered" "$(cell dub overlay answered)" 7
	check_eq "public: answered" "$(cell dub public answered)" 7
	check_eq "TTL" "$(cell dub overlay ttl)" 64
	check "min <= p50 <= p95 <= max" awk -v a="$(cell dub overlay min_ms)" \
		-v b="$(cell dub overlay p50_ms)" -v c="$(cell dub overlay p95_ms)" \
		-v d="$(cell dub overlay max_ms)" \
		'BEGIN { exit !(a > 0 && a <= b && b <= c && c <= d && d < 100) }'
	ping dub -c 2
	check_eq "a table of three lines" "$(wc -l <"$TMP/out")" 3
	stdout_has "10.50.0.1" "with the address"
	check_eq "nothing on standard error" "$(cat "$TMP/err")" ""
	ping dub -c 2 --json
	stdout_has '"path": "overlay"' "JSON"
	check_eq "JSON: answers" "$(grep -c '"answered": 2' "$TMP/out")" 2
	run meshopt ping 10.50.0.1 127.0.0.1 -c 2 -i 20ms
	status 0 "addresses need no mesh file"
}

test_silent() {
	ping dub nrt -c 2 -t 200ms --csv
	status 1 "a peer that never answers: status 1"
	check_eq "its line says so" "$(cell nrt overlay answered)" 0
	check "and why: $(cell nrt overlay fault)" [ -n "$(cell nrt overlay fault)" ]
	check_eq "the others are there" "$(cell dub overlay answered)" 2
	there ip addr del 54.171.48.207/32 dev lo
	there ip route add unreachable 54.171.48.207
	there sysctl -qw net.ipv4.ip_forward=1
	ping dub -c 2 -t 200ms --csv
	status 0 "one of two addresses is enough"
	check_eq "unreachable is told" "$(cell dub public fault)" "ICMP type 3 code 1"
	there ip route del unreachable 54.171.48.207
	there ip addr add 54.171.48.207/32 dev lo
	ping -c 1 -t 200ms --csv
	status 1 "without a name: all"
	check_eq "all other nodes, ourselves not" \
		"$(cut -d, -f1 "$TMP/out" | tail -n +2 | sort -u | wc -l) $(grep -c ^hkg, "$TMP/out")" \
		"11 0"
}

test_mtu() {
	ping dub -c 2 --mtu --csv
	check_eq "MTU of the link" "$(cell dub overlay mtu)" 1500
	ip link set wg0 mtu 1420
	ping dub -c 2 --mtu --csv
	check_eq "a smaller one of ours" "$(cell dub overlay mtu)" 1420
	ip link set wg0 mtu 1500
	there ip link set wg0 mtu 1300 # what is larger vanishes without a word
	ping dub -c 2 --mtu --csv -t 100ms
	# A veth takes four bytes more than its MTU: room for a VLAN tag.
	check "a black hole ($(cell dub overlay mtu))" \
		[ "$(cell dub overlay mtu)" -ge 1300 -a "$(cell dub overlay mtu)" -le 1304 ]
	there ip link set wg0 mtu 1500
}

test_terminal() {
	command -v script >/dev/null || {
		echo "SKIP ping: progress: no script(1)"
		return
	}
	script -qec "meshopt ping --mesh $MESH dub -c 10 -i 100ms" "$TMP/typed" >"$TMP/out"
	grep -q "of 20 probes sent" "$TMP/out" && pass "on a terminal there is progress" ||
		fail "on a terminal there is progress"
}

test_privilege() {
	run setpriv --bounding-set=-net_raw meshopt ping 10.50.0.1
	status 1 "without privilege"
	stderr_has "CAP_NET_RAW" "says what is missing"
	echo "0 0" >/proc/sys/net/ipv4/ping_group_range
	run setpriv --bounding-set=-net_raw meshopt ping 10.50.0.1 -c 2 -i 20ms
	status 0 "a ping socket is enough"
}

network
test_options
test_answers
test_silent
test_mtu
test_terminal
test_privilege
finish
