#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by every
#
# An overlay of IPv6 addresses: a lease is a route that expires there, and not an address.
# Probers, agents, the tunnel's death and theirs.
#
#	           49 ms
#	  [hkg] ----------- [nrt]       wgd0; nrt has a network behind it as well
#	     \               /
#	 205 ms \         / 287 ms
#	          [dub]                 wg0: 492 ms; serves the plan as a file
#
# Timeout: 900

OVERLAY=fd50::/16
. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/agents.sh"

need meshopt meshopt-agent meshopt-prober meshopt-collector seal
sed -E "s,10[.]50[.]0[.]0/16,$OVERLAY,
	s,^(Address = )10[.]50[.]4[.]1/24,&\\nAllowedIPs = fd50::4:1/128\\, fd50:4::/64,
	s,10[.]50[.]([0-9]+)[.]([0-9]+)/24,fd50::\\1:\\2/112,
	s,10[.]50[.]0[.]1:,[fd50::1]:,; s,fd50::0:1,fd50::1," "$DATA/mesh.conf" >"$TMP/ipv6.conf"
lab_mesh "$TMP/ipv6.conf" dub hkg nrt
agents_key
lab_net "$DATA/rtt.csv"
lab_wg
must n dub sysctl -qw net.ipv6.conf.all.forwarding=1
lab_ready
agents_serve
at="http://[${ADDR[dub]}]:8651"
bg collected dub meshopt-collector --mesh "$MESH" --db "$TMP/db" --listen "${at#http://}"
for node in hkg nrt; do
	bg "prober-$node" $node meshopt-prober --mesh "$MESH" --interval 2s --collector "$at"
	agent $node
done
reported() {	# reported PATH NOW, in whole ms
	n hkg meshopt report --mesh "$MESH" --collector "$at" >"$RES/report"
	awk -v want="$*" '$1 == "hkg-nrt" { got = $2 " " int($3) } END { exit got != want }' "$RES/report"
}
routes_6() { ip -n "$1" -6 -N route show proto 213; }
leases() { routes_6 hkg | grep -c "metric 40 expires"; }
conf() { for node in dub hkg nrt; do n $node wg showconf wg0; done; }
DIRECT=hkg-nrt=direct:49:492

# --- promoted ---

check "probers: by the hub" every 2 30 reported hub 492
conf >"$TMP/wg0.before"
stream_start promote hkg nrt 100 110
wish $DIRECT
check "leased at both ends" every 1 40 both_are leased hkg nrt
check_eq "routes that expire, one a prefix" "$(leases)" 2
check "permanent at both ends" every 3 90 both_are direct hkg nrt
check_eq "routes that do not" "$(routes_6 hkg | grep -c 'metric 50 pref')" 2
check "probers: direct" every 2 30 reported direct 49
agent_dies hkg
agent hkg
sleep 8
check_eq "restarted after kill -9: direct" "$(state_of hkg nrt)" direct
check_eq "restarted: messages that change the kernel" "$(changes hkg)" 0
none_lost "promoted, killed and restarted" promote

# --- the tunnel dies ---

stream_start dead hkg nrt 100 6
sleep 2.3
path_set hkg nrt 49 loss 100%
stream_end dead
path_set hkg nrt 49
check_le "dead tunnel: longest silence, ms" "$(gap_of dead hkg nrt)" 1000
check_eq "dead tunnel: no route is left" "$(routes_6 hkg)$(routes_6 nrt)" ""

# --- both agents die under a lease ---

agents_fresh
every 1 60 both_are leased hkg nrt || die "not leased again: $(states)"
stream_start alone hkg nrt 100 75
agent_dies hkg
agent_dies nrt
check_eq "both agents killed: leased still" "$(leases)" 2
sleep 62
check_near "the kernel has ended the leases" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 492 1%
none_lost "both agents killed" alone
conf >"$TMP/wg0.after"
check "wg0 is byte-identical" cmp "$TMP/wg0.before" "$TMP/wg0.after"
finish
