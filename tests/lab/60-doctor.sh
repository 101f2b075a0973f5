#!/bin/bash
# SPDX-License-Identifier: MIT
# Timeout: 600
#
# meshopt doctor against faults that are really there, one at a time.
#
#	   [hkg]   [nrt]   [sin]      wg0: hub and spokes, wgd0: hkg-nrt
#	      \      |      /         the hub's endpoint is a name
#	       `---[dub]---'
#
# Of each fault: the name that the doctor gives it is the right one and the only one, and
# the status is 1. Before, between and after: not a word on any node, and status 0.

. "$(dirname "$0")/lib.sh"

need meshopt
lab_mesh "$DATA/mesh.conf" dub hkg nrt sin
sed -i "s/^Endpoint = ${UNDER[dub]}:/Endpoint = hub.example.net:/" "$MESH"
# Names come from a file, and only this scenario sees it.
hub_is() { printf '127.0.0.1 localhost\n%s hub.example.net\n' "$1" >"$TMP/hosts"; }
hub_is "${UNDER[dub]}"
echo 'hosts: files' >"$TMP/nsswitch"
touch /etc/hosts /etc/nsswitch.conf 2>/dev/null
must mount --bind "$TMP/hosts" /etc/hosts
must mount --bind "$TMP/nsswitch" /etc/nsswitch.conf
lab_net "$DATA/rtt.csv"
lab_wg
lab_ready

faults=0 named=0

doctor() { # doctor NODE [ARG...]: what it says, and its exit status
	local node=$1
	shift
	n "$node" meshopt doctor --mesh "$MESH" "$@" >"$RES/doctor.out" 2>&1
	echo "exit $?" >>"$RES/doctor.out"
}

bad() { awk '$1 == "BAD" { print $2 }' "$RES/doctor.out" | sort -u | xargs; }

healthy() { # healthy WHEN: on all nodes
	local node
	for node in "${NODES[@]}"; do
		doctor "$node"
		check_eq "healthy, $1: $node: no finding" "$(bad)" ""
		check_eq "healthy, $1: $node: status" "$(tail -n 1 "$RES/doctor.out")" "exit 0"
		check "healthy, $1: $node: no drift" n "$node" meshopt status --mesh "$MESH" \
		    --no-rtt --exit-code
	done
}

fault() { # fault WHAT NODE CHECK [ARG...]: the doctor on NODE names CHECK and nothing else
	local what=$1 node=$2 want=$3 before=$lab_fails
	shift 3
	doctor "$node" "$@"
	grep -A2 '^BAD' "$RES/doctor.out" | sed 's/^/  /'
	check_eq "$what: on $node" "$(bad) $(tail -n 1 "$RES/doctor.out")" "$want exit 1"
	faults=$((faults + 1))
	[ "$lab_fails" != "$before" ] || named=$((named + 1))
}

reaches() { # the repair has arrived
	wait_for 60 n "$1" ping -q -c 1 -W 2 "${ADDR[$2]}" || die "$1 does not reach $2 again"
}

healthy "at first"
cat "$RES/doctor.out"

# --- interface, key, route, AllowedIPs: this node's own ---

must ip -n nrt link set wg0 down
fault "the interface is down" nrt interface
must ip -n nrt link set wg0 up
fault "the route to the overlay is gone" nrt route
must ip -n nrt route replace "$OVERLAY" dev wg0
reaches nrt hkg

must n nrt wg set wg0 peer "${KEY[dub]}" allowed-ips 10.50.0.0/24
fault "AllowedIPs lack the destination" nrt allowed-ips hkg
must n nrt wg set wg0 peer "${KEY[dub]}" allowed-ips "$OVERLAY"
reaches nrt hkg

# --- the hub: peer, forwarding, rules ---

must n dub wg set wg0 peer "${KEY[nrt]}" remove
fault "the hub lacks a peer" dub peer
fault "and as that node sees it: nobody shakes hands" nrt udp-port
must n dub wg set wg0 peer "${KEY[nrt]}" allowed-ips "${PREFIX[nrt]}"
reaches nrt hkg

must n dub sysctl -qw net.ipv4.ip_forward=0
fault "ip_forward is off" dub ip-forward
fault "and as a spoke sees it" nrt forwarding
must n dub sysctl -qw net.ipv4.ip_forward=1

must n dub nft -f - <<-'END'
	table ip filter {
		chain FORWARD {
			type filter hook forward priority 0; policy drop;
			ct state established,related accept
			iifname "eth0" oifname "wg0" accept
		}
	}
END
fault "FORWARD drops" dub forward-rules
fault "and as a spoke sees it" hkg forwarding
must n dub nft flush ruleset
reaches nrt hkg

# --- on the way ---

must n dub nft -f - <<-END
	table ip filter {
		chain INPUT {
			type filter hook input priority 0; policy accept;
			ip saddr ${UNDER[nrt]} udp dport 51820 drop
		}
	}
END
fault "the hub's UDP port is filtered" nrt udp-port
must n dub nft flush ruleset
reaches nrt dub

must ip -n dub link set wg0 down
fault "the hub's UDP port is closed" nrt udp-port
must ip -n dub link set wg0 up
must ip -n dub route replace "$OVERLAY" dev wg0
for node in hkg nrt sin; do reaches $node dub; done

path_set nrt dub "$(path_rtt nrt dub)" loss 100%
sleep 130
fault "no handshake for two minutes: the path is dead" nrt handshake
path_set nrt dub "$(path_rtt nrt dub)"
reaches nrt dub
must n nrt wg set wg0 peer "${KEY[dub]}" persistent-keepalive 0
sleep 200
doctor nrt
check "an idle tunnel: the handshake is forced" grep -q '^ok .* dub answers.*(it was [0-9]* min old)' "$RES/doctor.out"
check_eq "an idle tunnel is no fault" "$(tail -n 1 "$RES/doctor.out")" "exit 0"
must n nrt wg set wg0 peer "${KEY[dub]}" persistent-keepalive 25

must ip -n lab-bridge link set "port${lab_index[nrt]}" mtu 1400
fault "large packets vanish, between a node and the hub" nrt mtu
fault "and as another node sees it" hkg mtu
must ip -n lab-bridge link set "port${lab_index[nrt]}" mtu 1500

hub_is 192.0.2.99
must ip -n dub addr del "${UNDER[dub]}/24" dev eth0
must ip -n dub addr add 192.0.2.99/24 dev eth0
# Made anew, it knows no endpoints, so that it cannot call either.
must n dub wg set wg0 peer "${KEY[nrt]}" remove
must n dub wg set wg0 peer "${KEY[nrt]}" allowed-ips "${PREFIX[nrt]}"
fault "the hub's name has another address" nrt endpoint
hub_is "${UNDER[dub]}"
must ip -n dub addr del 192.0.2.99/24 dev eth0
must ip -n dub addr add "${UNDER[dub]}/24" dev eth0
for node in hkg nrt sin; do
	must n $node wg set wg0 peer "${KEY[dub]}" endpoint "${UNDER[dub]}:51820"
	reaches $node dub
done
reaches nrt hkg

# --- with a direct tunnel ---

cat >"$TMP/plan.json" <<-END
	{"mesh": "edgeproxy", "tunnels": [],
	 "routes": [{"a": "hkg", "b": "nrt", "path": "direct", "ms": 49, "hub_ms": 492}]}
END
for node in hkg nrt; do
	bg "apply-$node" $node meshopt apply --mesh "$MESH" --yes "$TMP/plan.json"
done
for node in hkg nrt; do join "apply-$node" || die "apply on $node failed"; done
healthy "with a direct tunnel"

must n nrt sysctl -qw net.ipv4.conf.all.rp_filter=1
fault "rp_filter is strict" nrt rp-filter
must n nrt sysctl -qw net.ipv4.conf.all.rp_filter=0

for node in hkg nrt; do
	n $node meshopt apply --mesh "$MESH" --undo --yes >"$RES/undo.log" 2>&1 || die "undo on $node"
done
fault "by the hub though a direct peer is up" hkg detour
for node in hkg nrt; do must ip -n $node link del wgd0; done

# --- the clock, of the guest alone ---

if [ "$LAB_VIRTUAL" = 1 ]; then
	must date -s "@$(($(date +%s) - 600))" >"$TMP/date"
	fault "the clock went back" nrt clock
	must date -s "@$(($(date +%s) + 600))" >"$TMP/date"
	for node in hkg nrt sin; do reaches $node dub; done
else
	echo "SKIP doctor: the clock: it is this machine's own"
fi

healthy "at the end"
echo "$named of $faults faults named"
finish
