#!/bin/bash
# SPDX-License-Identifier: MIT
#
# STAMP between two real probers in networks of their own:
#
#   here: wg0 10.50.5.1 (pop) --- there: wg0 10.50.0.1 (hub)

# shellcheck disable=SC2015,SC2317 # pass cannot fail; wait_for calls much of this
. "$(dirname "$0")/lib.sh"
in_namespace nm

PORT=8650

collect() {
	rm -rf "$TMP/reports"
	mkdir "$TMP/reports"
	"$TMP/peer" collect $PORT "$TMP/reports" 204 &
	collector=$!
}

network() {
	neighbour wg0
	ip addr add 10.50.5.1/16 dev wg0
	ip addr add 10.50.9.9/32 dev wg0 # not in the roster
	there ip addr add 10.50.0.1/16 dev wg0
	ip addr add fd00::5/64 dev wg0 nodad
	there ip addr add fd00::1/64 dev wg0 nodad
}

# write_mesh LINE...: of [Mesh]
write_mesh() {
	{
		printf '[Mesh]\nName = t\n'
		printf '%s\n' "$@"
		cat <<-EOF2
			[Node]
			Name = hub
			Role = hub
			Address = ${HUB:-10.50.0.1/24}
			AllowedIPs = ${ALL:-10.50.0.0/16}
			PublicKey = bzM6rw/efq+75VGhBgkCRChDnKfFlXQY560ejhvKCQY=
			Endpoint = 198.51.100.1:51820
			[Node]
			Name = pop
			Role = pop
			Address = ${POP:-10.50.5.1/24}
			PublicKey = GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go=
		EOF2
	} >"$TMP/mesh.conf"
	chmod 644 "$TMP/mesh.conf"
}

# start [HUB-OPTIONS -- ] POP-OPTIONS
start() {
	: >"$TMP/err" # of the last one, or its words pass for this one's
	local options=()
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	[ $# = 0 ] || shift
	nsenter -t "$there_pid" -n meshopt-prober --mesh "$TMP/mesh.conf" --node hub --period 100ms \
		--interval 1s --collector http://127.0.0.1:1 "${options[@]}" 2>"$TMP/err.hub" &
	hub=$!
	wait_for 5 grep -qs "hub of mesh" "$TMP/err.hub" || fail "hub" "$(cat "$TMP/err.hub")"
	collect
	meshopt-prober --mesh "$TMP/mesh.conf" --node pop --period 50ms --interval 1s \
		--timeout 300ms --collector http://127.0.0.1:$PORT "$@" 2>"$TMP/err" &
	pop=$!
}

stop() {
	kill $hub $pop $collector 2>/dev/null
	wait $hub $pop $collector 2>/dev/null
}

newest() {
	find "$TMP/reports" -name '*.json' -printf '%f\n' | sed 's/\.json$//' | sort -n | tail -1
}
row() { grep -o "{\"peer\": \"$1\", \"path\": \"$2\"[^}]*}" "$TMP/reports/$(newest).json" 2>/dev/null; }
field() { sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p"; }

# is_well PEER PATH: many probes, none lost, RTTs of a veth
is_well() {
	local r
	r=$(row "$1" "$2") || return 1
	[ "$(field sent <<<"$r")" -ge 10 ] && [ "$(field lost <<<"$r")" = 0 ] &&
		awk -v min="$(field min_ms <<<"$r")" -v max="$(field max_ms <<<"$r")" \
			'BEGIN { exit !(min > 0.0005 && min <= max && max < 100) }'
}
is_dead() {
	local r
	r=$(row "$1" "$2") || return 1
	[ "$(field sent <<<"$r")" -ge 10 ] &&
		[ "$(field sent <<<"$r")" = "$(field lost <<<"$r")" ]
}

# expect NAME CMD...: within ten seconds
expect() {
	local name=$1
	shift
	wait_for 10 "$@" && pass "$name" ||
		fail "$name" "$(row hub hub) $(tail -2 "$TMP/err") $(tail -2 "$TMP/err.hub")"
}

deaf() { there sysctl -qw net.ipv4.icmp_echo_ignore_all="$1"; }

test_methods() {
	deaf 1
	write_mesh "Method = stamp"
	start
	expect "stamp: where ICMP is blocked the path is well" is_well hub hub
	grep -q '"stamp": "kernel"' "$TMP/reports/$(newest).json" &&
		pass "stamp: both stamps are the kernel's" || fail "stamp: stamps"
	stop
	write_mesh "Method = both"
	start
	expect "both: ICMP policed, the row is STAMP's" is_well hub hub
	check "both: and it is said" grep -q "hub: hub: ICMP is policed: .* reporting STAMP" \
		"$TMP/err"
	check_eq "both: once" "$(grep -c "ICMP is policed" "$TMP/err")" 1
	deaf 0
	expect "both: and its end is said" grep -q "ICMP is no longer policed" "$TMP/err"
	expect "both: then the row is ICMP's, and well" is_well hub hub
	stop
	write_mesh "Method = icmp"
	start
	expect "icmp: no reflector, no STAMP" is_well hub hub
	check_eq "icmp: no UDP socket on 862" "$(there ss -Hlun 'sport = :862' | wc -l)" 0
	stop
}

test_keys() {
	deaf 1
	write_mesh "Method = stamp"
	head -c 32 /dev/urandom | base64 >"$TMP/key"
	head -c 32 /dev/urandom | base64 >"$TMP/other"
	chmod 600 "$TMP/key" "$TMP/other"
	start --stamp-key "$TMP/key" -- --stamp-key "$TMP/key"
	expect "authenticated: the path is well" is_well hub hub
	check_eq "authenticated: a packet without HMAC has no answer" \
		"$("$TMP/sender" 10.50.5.1 0 10.50.0.1 862 112 1)" "0 "
	stop
	start --stamp-key "$TMP/other" -- --stamp-key "$TMP/key"
	expect "authenticated: another key, no answer" is_dead hub hub
	stop
	chmod 644 "$TMP/key"
	run timeout 5 meshopt-prober --mesh "$TMP/mesh.conf" --node pop \
		--collector http://127.0.0.1:1 --stamp-key "$TMP/key"
	status 1 "a key that others may read is refused"
	stderr_has "chmod 600" "and the words say what to do"
	echo short >"$TMP/other"
	run timeout 5 meshopt-prober --mesh "$TMP/mesh.conf" --node pop \
		--collector http://127.0.0.1:1 --stamp-key "$TMP/other"
	stderr_has "44 characters of base64" "a file that holds no key is refused"
	deaf 0
}

# answers SOURCE SOURCE-PORT LENGTH COUNT
answers() { "$TMP/sender" "$1" "$2" 10.50.0.1 862 "$3" "$4"; }
is_answered() { a=$(answers 10.50.5.1 0 44 1) && [ "${a% *}" = 1 ]; }

test_reflector() {
	local a n
	write_mesh "Method = stamp"
	start
	expect "a stranger's sender gets one answer" is_answered
	# RFC 8762, figure 5: our number, then the request's number, time and estimate.
	check_eq "the answer has the request in it" "${a:2:8} ${a:50:8} ${a:58:16} ${a:74:4}" \
		"00000007 00000007 e901020304050607 8001"
	for n in 44 45 100 1472; do
		a=$(answers 10.50.5.1 0 $n 1)
		check_eq "$n bytes in, as many out" "$((${#a} / 2 - 1))" $n
	done
	check_eq "43 bytes: no answer" "$(answers 10.50.5.1 0 43 1)" "0 "
	check_eq "1473 bytes: no answer" "$(answers 10.50.5.1 0 1473 1)" "0 "
	check_eq "an address that is not in the roster: no answer" \
		"$(answers 10.50.9.9 0 44 3)" "0 "
	a=$(answers 10.50.5.1 0 44 3000)
	check "3000 at once: ${a% *} answers, at most 600" \
		[ "${a% *}" -gt 100 -a "${a% *}" -le 600 ]
	kill $pop
	wait $pop
	check_eq "from the port of a reflector: no answer" "$(answers 10.50.5.1 862 44 3)" "0 "
	stop
}

test_ipv6() {
	HUB=fd00::1/64 POP=fd00::5/128 ALL=fd00::/32 write_mesh "Method = stamp" \
		"StampPort = 8620"
	start
	expect "IPv6, on another port" is_well hub hub
	stop
}

# fields FILTER FIELD...: of the capture, by the dissector of somebody else
fields() {
	local filter=$1 f args=()
	shift
	for f; do args+=(-e "$f"); done
	tshark -r "$TMP/cap" -d udp.port==862,twamp.test -Y "$filter" -T fields "${args[@]}" \
		2>/dev/null
}

test_dissector() {
	local n
	command -v tshark >/dev/null || {
		echo "SKIP stamp: the packets by another's dissector: no tshark"
		return
	}
	write_mesh "Method = stamp" "DSCP = 46"
	tshark -q -i wg0 -f "udp port 862" -w "$TMP/cap" 2>"$TMP/tshark" &
	shark=$!
	wait_for 10 grep -qs "Capturing on" "$TMP/tshark"
	start
	expect "DSCP: the path is well" is_well hub hub
	expect "tshark has seen it" has_packets 40
	stop
	kill $shark
	wait $shark 2>/dev/null
	fields "udp.dstport == 862 && ip.src == 10.50.5.1" twamp.test.seq_number \
		twamp.test.timestamp twamp.test.error_estimate.multiplier ip.ttl \
		ip.dsfield.dscp >"$TMP/asked"
	n=$(wc -l <"$TMP/asked")
	check "dissector: requests ($n)" [ "$n" -ge 20 ]
	check_eq "dissector: numbers rise by one" \
		"$(cut -f1 "$TMP/asked" | awk 'NR > 1 && $1 != last + 1 { bad++ } { last = $1 }
			END { print bad + 0 }')" 0
	check_eq "dissector: TTL 255, DSCP 46, error estimate not 0" \
		"$(cut -f3- "$TMP/asked" | sort -u)" "1,0	255	46" # 0: where a reply has one
	check "dissector: the time is now" grep -q "$(date -u '+%b %e, %Y')" "$TMP/asked"
	fields "udp.srcport == 862 && ip.dst == 10.50.5.1" twamp.test.seq_number \
		twamp.test.sender_seq_number twamp.test.sender_timestamp \
		twamp.test.sender_ttl ip.dsfield.dscp >"$TMP/told"
	check_eq "dissector: sender's number, TTL and DSCP come back" \
		"$(awk -F'\t' '$1 != $2 || $4 != 255 || $5 != 46' "$TMP/told" | wc -l)" 0
	check_eq "dissector: the sender's times come back" \
		"$(cut -f3 "$TMP/told" | sort | comm -13 <(cut -f2 "$TMP/asked" | sort) - | wc -l)" 0
	check "dissector: answers" [ "$(wc -l <"$TMP/told")" -ge 20 ]
}

has_packets() { [ "$(tshark -r "$TMP/cap" 2>/dev/null | wc -l)" -ge "$1" ]; }

cd "$TOP" || exit
case $BUILD in *san*) sanitize=-fsanitize=address,undefined ;; *) sanitize= ;; esac
# shellcheck disable=SC2086 # none or one
${CC:-cc} -I. -D_GNU_SOURCE $sanitize -o "$TMP/peer" tests/cli/prober_peer.c \
    "$BUILD/libcommon.a" -ljansson -lsodium -lm || exit 1
${CC:-cc} -D_GNU_SOURCE -o "$TMP/sender" tests/cli/stamp_peer.c || exit 1
network || exit 1
test_methods
test_keys
test_reflector
test_ipv6
test_dissector
finish
