#!/bin/bash
# SPDX-License-Identifier: MIT
#
# /metrics of the real prober, and what it says of full packets:
#
#   here: wg0 10.50.5.1 (hkg) --- there: wg0 10.50.0.1 (dub) and its public address

# shellcheck disable=SC2015,SC2317 # pass cannot fail; wait_for calls much of this
. "$(dirname "$0")/lib.sh"
in_namespace nm

AT=127.0.0.1:9101

said() { grep -q -- "$1" "$TMP/err"; }
metric() { curl -s "http://$AT/metrics" | awk -v name="$1" '$1 == name { print $2 }'; }
# at_least NAME VALUE
at_least() { awk -v v="$(metric "$1")" -v w="$2" 'BEGIN { exit !(v != "" && v + 0 >= w) }'; }
http() { curl -s -o "$TMP/body" -w '%{http_code}' "$@"; }

start() {
	: >"$TMP/err" # of the last one, or its words pass for this one's
	meshopt-prober --mesh "$MESH" --node hkg --period 10ms --interval 200ms \
		--timeout 100ms --collector http://127.0.0.1:1 --metrics $AT "$@" 2>"$TMP/err" &
	prober=$!
	wait_for 5 said "hkg of mesh"
}
stop() {
	kill $prober
	wait $prober
	check_eq "$1: exit status ($(tail -n 2 "$TMP/err" | tr '\n' ';'))" $? 0
}

test_options() {
	run meshopt-prober --metrics nowhere
	status 2 "--metrics without an address"
	run meshopt-prober --source nowhere
	status 2 "--source that is neither address nor interface"
	run timeout 5 meshopt-prober --mesh "$MESH" --node hkg --metrics 192.0.2.1:9101
	status 1 "--metrics at an address that is not ours"
	stderr_has "--metrics 192.0.2.1:9101: Cannot assign" "is told"
}

test_page() {
	local path='peer="dub",path="hub"'
	start
	wait_for 10 at_least "meshopt_probe_responses_total{$path}" 20 &&
		pass "counters grow" || fail "counters grow"
	check_eq "GET /metrics" "$(http "http://$AT/metrics")" 200
	if command -v promtool >/dev/null; then
		check "promtool finds no fault" promtool check metrics <"$TMP/body"
	else
		echo "SKIP metrics: promtool: not installed"
	fi
	check_eq "HEAD" "$(http -I "http://$AT/metrics")" 200
	check_eq "POST" "$(http -d x "http://$AT/metrics")" 405
	check_eq "another page" "$(http "http://$AT/")" 404
	check "RTTs" at_least "meshopt_probe_rtt_seconds_count{$path}" 20
	check_eq "GET again" "$(http "http://$AT/metrics")" 200
	bucket() { awk -v name="meshopt_probe_rtt_seconds_bucket{$path,le=\"$1\"}" '$1 == name { print $2 }' "$TMP/body"; }
	check_eq "all below 100 ms" "$(bucket 0.1024)" "$(bucket +Inf)"
	check_eq "TTL" "$(metric "meshopt_probe_ttl{$path}")" 64
	there ip addr del 54.171.48.207/32 dev lo
	there ip route add unreachable 54.171.48.207
	wait_for 10 at_least 'meshopt_probe_unreachable_total{peer="dub",path="public"}' 1 &&
		pass "unreachable is counted" || fail "unreachable is counted"
	there ip route del unreachable 54.171.48.207
	there ip addr add 54.171.48.207/32 dev lo
	stop "metrics"
}

# A queue that has room for nothing: ENOBUFS for each packet, then all is well again.
test_no_buffers() {
	local path='peer="dub",path="hub"' sent
	start
	wait_for 10 at_least "meshopt_probe_rtt_seconds_count{$path}" 5
	tc qdisc replace dev wg0 root bfifo limit 1 2>/dev/null || {
		echo "SKIP metrics: no buffers: this kernel has no bfifo"
		stop "no buffers"
		return
	}
	wait_for 15 at_least "meshopt_probe_send_errors_total{$path}" 5 &&
		pass "ENOBUFS is counted" || fail "ENOBUFS is counted"
	check "and told" wait_for 5 said "dub: overlay probe: send: No buffer space available"
	tc qdisc del dev wg0 root
	check "and its end" wait_for 15 said "dub: overlay probe: sending again"
	sent=$(metric "meshopt_probe_rtt_seconds_count{$path}")
	check "and RTTs come again" wait_for 15 at_least \
	    "meshopt_probe_rtt_seconds_count{$path}" $((sent + 5))
	stop "no buffers"
}

# Answers without an RTT, of one page of metrics.
unstamped() {
	curl -s "http://$AT/metrics" | awk -v p="{peer=\"dub\",path=\"public\"}" '
		$1 == "meshopt_probe_responses_total" p { n += $2 }
		$1 == "meshopt_probe_rtt_seconds_count" p { n -= $2 }
		END { print n + 0 }'
}

# A tunnel's device makes no stamp of what is sent, so the socket changes to the stamp
# of the queue, between two windows: the first ones have no RTT, all others have them
# all.
test_stamp_source() {
	local path='peer="dub",path="public"' before
	ip link add vx0 type vxlan id 5 remote 10.50.0.1 dstport 4789 dev wg0 2>/dev/null || {
		echo "SKIP metrics: change of the stamp's source: this kernel has no vxlan"
		return
	}
	there ip link add vx0 type vxlan id 5 remote 10.50.5.1 dstport 4789 dev wg0
	ip addr add 10.77.0.1/24 dev vx0
	there ip addr add 10.77.0.2/24 dev vx0
	ip link set vx0 up
	there ip link set vx0 up
	ip route add 54.171.48.207 via 10.77.0.2
	start
	check "stamps that do not come are told" \
	    wait_for 15 said "stamps of what is sent do not come; from now on: kernel"
	wait_for 15 at_least "meshopt_probe_rtt_seconds_count{$path}" 10 &&
		pass "another stamp takes their place" || fail "another stamp takes their place"
	before=$(unstamped)
	check "not within a window" [ "$before" -ge 1 ]
	wait_for 15 at_least "meshopt_probe_rtt_seconds_count{$path}" 40
	# A stamp that a busy machine delivers late is one answer without; not more.
	check "and from then on answers have an RTT" [ "$(unstamped)" -le $((before + 2)) ]
	stop "stamp source"
	ip link del vx0
	there ip link del vx0
}

test_mtu() {
	local path='peer="dub",path="hub"'
	start
	wait_for 15 at_least "meshopt_probe_mtu_bytes{$path}" 1 && pass "full packets come back" ||
		fail "full packets come back"
	check_eq "they have 1500 bytes" "$(metric "meshopt_probe_mtu_bytes{$path}")" 1500
	check_eq "none is blocked" "$(metric "meshopt_probe_mtu_blocked_total{$path}")" 0
	there ip link set wg0 mtu 1300 # what is larger vanishes without a word
	wait_for 30 said "dub: hub: packets of 1500 bytes vanish, small ones do not" &&
		pass "a black hole is told" || fail "a black hole is told"
	check "and counted" at_least "meshopt_probe_mtu_blocked_total{$path}" 3
	there ip link set wg0 mtu 1500
	wait_for 15 said "dub: hub: packets of 1500 bytes come back again" &&
		pass "and its end" || fail "and its end"
	stop "mtu"
}

# seen WORDS: in what the other end received
seen() { there tshark -r "$TMP/cap" -Y "$1" 2>/dev/null | grep -q .; }

test_dscp_and_source() {
	command -v tshark >/dev/null || {
		echo "SKIP metrics: DSCP and source: no tshark"
		return
	}
	sed -i 's/^DirectPort.*/&\nDSCP = 10/; s/^Role = hub/&\nDSCP = 46/' "$MESH"
	ip addr add 10.50.7.7/32 dev lo
	nsenter -t "$there_pid" -n tshark -q -i wg0 -w "$TMP/cap" 2>"$TMP/tshark" &
	shark=$!
	wait_for 10 grep -qs "Capturing on" "$TMP/tshark"
	start --source 10.50.7.7
	wait_for 30 seen "icmp.type == 8 && ip.dst == 54.171.48.207 && ip.src == 10.50.7.7" &&
		pass "public probes have the source" || fail "public probes have the source"
	check "overlay probes do not" seen "ip.dst == 10.50.0.1 && ip.src == 10.50.5.1"
	check "a node's DSCP" seen "icmp.type == 8 && ip.dst == 10.50.0.1 && ip.dsfield.dscp == 46"
	check "that of all others" seen "icmp.type == 8 && ip.dst == 10.50.4.1 && ip.dsfield.dscp == 10"
	stop "source"
	start --source wg0
	stop "an interface as source"
	kill $shark
	wait $shark 2>/dev/null
}

neighbour wg0
ip addr add 10.50.5.1/16 dev wg0
ip route add default dev wg0
there ip addr add 10.50.0.1/16 dev wg0
there ip addr add 10.50.4.1/32 dev lo
there ip addr add 54.171.48.207/32 dev lo
there ip route add default dev wg0
there sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0
test_options
test_page
test_no_buffers
test_stamp_source
test_mtu
test_dscp_and_source
finish
