#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by every
#
# What others do to agents' peers, routes and interfaces, on kernel WireGuard: it is told
# within 20 s with what to do, never fought, and costs a second of packets at most.
#
#	           49 ms
#	  [hkg] ----------- [nrt]       wgd0, as a signed plan says; nrt has no Endpoint
#	     \               /
#	 205 ms \         / 287 ms
#	          [dub]                 wg0: 492 ms; serves the plan as a file
#
# Timeout: 1200

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/agents.sh"

agents_pair

allowed() { n hkg wg show wgd0 allowed-ips | tr '\t ' ',,' | cut -d, -f2-; }
hand() { must n hkg wg set wgd0 peer "${KEY[nrt]}" "$@"; }
told() {	# told WHAT NODE WORDS: within 20 s, and how it is given back
	local began
	began=$(now_ms)
	check "$1: told" every 1 20 logged "$2" "$3.*systemctl kill -s USR1 meshopt-agent"
	echo "# after $((($(now_ms) - began) / 1000)) s"
}
given_back() {	# given_back NODE: once in ten minutes
	kill -USR1 "${lab_pid[agent-$1]}"
	check "given back to $1" every 0.5 10 logged "$1" "is the plan's again"
}
anew() {	# by the hub, with agents that know nothing, netd included
	for node in hkg nrt; do
		agent_dies $node
		ip -n "$node" link del wgd0 2>/dev/null
	done
	sleep 1		# netd ends by itself
	rm -rf "$TMP"/state.* "$TMP"/run.*
	agents_fresh
	wish $DIRECT
}
by_hub() { [ "$(path_of "$1" "$2") $(routes "$1")" = "hub 0" ]; }	# its state is told each second
test_routes() { [ "$(routes "$1")" = "$2" ]; }
steady() { echo "$(paths) $(changes hkg) $(changes nrt)"; }

# --- wg set in the middle of a promotion ---

agents_fresh
wish $DIRECT
check "leased at both ends" every 1 60 both_are leased hkg nrt
stream_start hand hkg nrt 50 75
was=$(allowed)
hand allowed-ips "$was,10.99.0.0/24"
set=$(allowed)
told "wg set under a lease" hkg "nrt: the allowed-ips or keepalive of its peer were changed"
before=$(changes hkg)
none_lost "wg set under a lease" hand
check_eq "wg set under a lease: never fought" "$(allowed) $(changes hkg)" "$set $before"
check_eq "wg set under a lease: the lease ends, the far end goes on" "$(paths)" "hub direct"
hand allowed-ips "$was"
given_back hkg
check "direct at both ends" every 3 150 both_are direct hkg nrt

# --- on a direct pair ---

sleep 6
stream_start direct hkg nrt 50 40
before=$(steady)
prefix=$(ip -n nrt -N route show proto 213 | awk '{ print $1 }')
must ip -n nrt route add "$prefix" dev wg0 metric 10
told "another route that is preferred" nrt "hkg: another route to it is preferred"
must ip -n nrt route del "$prefix" dev wg0 metric 10
given_back nrt
sleep 2		# strict, it would drop what is still on its way by the hub
hand persistent-keepalive 7
must n hkg sysctl -qw net.ipv4.conf.all.rp_filter=1
check "rp_filter=1: told" every 1 20 logged hkg "rp_filter is strict .* sysctl -w net.ipv4.conf.all.rp_filter=2"
twice() { [ "$(grep -c 'keepalive of its peer were changed' "$RES/agent-hkg.log")" = 2 ]; }
check "wg set on a direct pair: told" every 1 20 twice
kill -USR1 "${lab_pid[agent-hkg]}"
check "given back twice in ten minutes: refused" every 0.5 10 logged hkg "not given back: nrt: .* in [0-9]* s"
must n hkg sysctl -qw net.ipv4.conf.all.rp_filter=0
none_lost "by hand on a direct pair" direct
check_eq "by hand on a direct pair: nothing was changed" "$(steady)" "$before"

# --- flushes ---

anew
check "direct at both ends" every 3 120 both_are direct hkg nrt
stream_start flush hkg nrt 50 60
n nrt ip route flush proto 213
check "flush: put right once" every 1 20 test_routes nrt 1
n nrt ip route flush proto 213
told "flush again" nrt "hkg: its routes were deleted twice .* ManageForeignRoutes=no"
check "flush again: by the hub" every 0.5 10 by_hub nrt hkg
ip -n hkg -batch - <<-END
	link set wgd0 down
	link set wgd0 up
END
check "link down and up: put right" every 1 20 test_routes hkg 1
sleep 6
n hkg ip route flush proto 213
told "a flush after that" hkg "nrt: its routes were deleted twice .* ManageForeignRoutes=no"
check "a flush after that: by the hub" every 0.5 10 by_hub hkg nrt
stream_end flush
check_le "flushes, link down and up: longest silence, ms" "$(gap_of flush hkg nrt)" 1000

# --- wg syncconf from a file without our peers ---

anew
check "leased at both ends" every 1 60 both_are leased hkg nrt
sleep 4
printf '[Interface]\nPrivateKey = %s\nListenPort = 51821\n' "$(<"$TMP/hkg.key")" >"$TMP/bare.conf"
stream_start sync hkg nrt 100 5
sleep 2
must n hkg wg syncconf wgd0 "$TMP/bare.conf"
stream_end sync
check_le "wg syncconf: longest silence, ms" "$(gap_of sync hkg nrt)" 1000
told "wg syncconf" hkg "nrt: its peer was removed"
sleep 20
check_eq "wg syncconf: by the hub, and no peer is set" "$(paths) $(n hkg wg show wgd0 peers | wc -l)" "hub hub 0"

# --- the interface goes ---

anew
check "leased at both ends" every 1 60 both_are leased hkg nrt
stream_start gone hkg nrt 100 5
sleep 2
must ip -n hkg link del wgd0
stream_end gone
check_le "ip link del: longest silence, ms" "$(gap_of gone hkg nrt)" 1000
check_eq "ip link del: by the hub, where it dwells" "$(paths)" "hub hub"
agents_fresh
made() { n hkg wg show wgd0 peers | grep -q .; }
check "ip link del: made anew after that" every 1 60 made
must ip -n hkg link del wgd0
told "ip link del again" hkg "nrt: its interface was removed twice"

# --- wg-quick down and up of wg0 ---

quick() {	# quick UP-OR-DOWN NODE: from a file such as the operator's
	local at=$TMP/quick.$2
	mkdir -p "$at"
	(umask 077 && sed "/^ListenPort/a Address = ${CIDR[$2]}" "$TMP/$2.wg" >"$at/wg0.conf")
	n "$2" wg-quick "$1" "$at/wg0.conf" >>"$RES/wg-quick.log" 2>&1
}
twice_said() { [ "$(grep -c "$1" "$RES/agent-hkg.log")" = 2 ]; }

anew
check "direct at both ends" every 3 150 both_are direct hkg nrt
sleep 6
before=$(steady)
stream_start quick hkg nrt 100 40
sleep 2
check "wg-quick down on the hub" quick down "$HUB"
for node in hkg nrt; do
	check "wg-quick down on the hub: $node says so" every 0.5 10 logged $node "the hub does not answer"
done
sleep 10
check "wg-quick up on the hub" quick up "$HUB"
for node in hkg nrt; do
	check "wg-quick up on the hub: $node says so" every 0.5 20 logged $node "the hub answers again"
done
none_lost "wg-quick down and up on the hub" quick
check_eq "wg-quick down and up on the hub: nothing was changed" "$(steady)" "$before"

# A direct tunnel needs nothing of wg0: the overlay address is on wgd0 as well.
stream_start spoke hkg nrt 100 40
sleep 2
check "wg-quick down at one end" quick down hkg
check "wg-quick down at one end: told" every 0.5 10 twice_said "the hub does not answer"
sleep 10
check_eq "wg-quick down at one end: the tunnel is in use" "$(paths)" "direct direct"
check "wg-quick up at one end" quick up hkg
check "wg-quick up at one end: told" every 0.5 20 twice_said "the hub answers again"
none_lost "wg-quick down and up at one end" spoke
check_eq "wg-quick down and up at one end: nothing was changed" "$(steady)" "$before"
path_way hkg nrt loss 100%
check "and the hub is there to go back to" every 0.5 10 by_hub hkg nrt
check_near "by the hub" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 492 1%
finish
