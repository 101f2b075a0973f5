#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by every
#
# What the network does to agents, on kernel WireGuard: each fault with the packets that it
# may cost and the state that must follow.
#
#	           49 ms
#	  [hkg] ----------- [nrt]       wgd0, as a signed plan says; nrt has no Endpoint
#	     \               /
#	 205 ms \         / 287 ms
#	          [dub]                 wg0: 492 ms; serves the plan as a file
#
# LONG=1: paths that lose packets are watched for 15 minutes, and an agent is stopped for 10.
# Timeout: 900

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/agents.sh"

agents_pair
: "${LONG:=0}"

# --- a wrong key of hkg, in the mesh file of nrt ---

sed "s|^PublicKey = ${KEY[hkg]}|PublicKey = $(wg genkey | wg pubkey)|" "$MESH" >"$TMP/nrt.conf"
agent hkg
MESH=$TMP/nrt.conf agent nrt
wish $DIRECT
for node in hkg nrt; do
	check "wrong key: $node says so" every 1 40 logged $node "no handshake in 15 s: .* is its key "
done
check_eq "wrong key: no route" "$(states) $(routes hkg)$(routes nrt)" "staged staged 00"
check_near "wrong key: by the hub" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 492 1%
cp "$MESH" "$TMP/nrt.conf"
kill -HUP "${lab_pid[agent-nrt]}"
check "wrong key, mended and read again: leased" every 1 60 both_are leased hkg nrt

# --- one way dies, under a lease ---

dies() {	# dies FROM TO: what FROM sends to TO no longer arrives
	stream_start "dead-$1" hkg nrt 100 5
	sleep 2.3
	path_way "$1" "$2" loss 100%
	stream_end "dead-$1"
	path_way "$1" "$2"
	check_le "dead from $1 to $2: longest silence, ms" "$(gap_of "dead-$1" hkg nrt)" 1000
	lost "dead from $1 to $2" "dead-$1" "$2" "$1" 0
	check_eq "dead from $1 to $2: by the hub" "$(paths) $(routes hkg)$(routes nrt)" "hub hub 00"
}
dies hkg nrt

# --- big packets do not arrive at nrt ---

n nrt nft -f - <<-END
	table ip hole {
		chain in {
			type filter hook input priority 0;
			udp dport 51821 ip length > 1400 drop
		}
	}
END
agents_fresh
wish $DIRECT
check "MTU black hole: said" every 1 60 logged hkg "0 of 10 full-size probes .* lower the MTU"
sleep 10
check_eq "MTU black hole: never switched" "$(states) $(routes hkg)$(routes nrt)" "staged staged 00"
n nrt nft delete table ip hole

# --- paths that lose packets from the start ---

tested() { logged hkg "of 10 .*probes.* were answered" && logged nrt "of 10 .*probes.* were answered"; }
firmly() { cat "$RES/agent-hkg.log" "$RES/agent-nrt.log" | grep -c "permanent after"; }
lossy() {	# lossy PERCENT SECONDS LOOKS: leased at no more than so many of those
	local leased=0 i
	path_set hkg nrt 49 loss "$1%"
	agents_fresh
	wish $DIRECT
	for ((i = 0; i < $2; i += 5)); do
		sleep 5
		[[ $(states) != *leased* ]] || leased=$((leased + 1))
	done
	echo "# $1 % lost each way: leased at $leased of $(($2 / 5)) looks"
	check_le "$1 % lost each way: looks at which it is leased" $leased "$3"
	[ "$1" = 1 ] || {
		check "$1 % lost each way: tested at both ends, and it failed" tested
		check_eq "$1 % lost each way: never for good" "$(firmly)" 0
	}
	path_set hkg nrt 49
}
# A clean path is permanent after 75 s. With 1 % three tests in a row may pass, and then there
# is one lease, of a minute at most, and 15 minutes of dwell; with 5 % 1 of 500 do.
if [ "$LONG" = 1 ]; then
	lossy 1 900 13
	lossy 5 900 0
	lossy 20 900 0
else
	lossy 5 180 0
	lossy 20 60 0
fi

# --- an agent stops in the middle of a switch ---

agents_fresh
wish $DIRECT
check "leased at both ends" every 1 60 both_are leased hkg nrt
stream_start stopped hkg nrt 50 80
kill -STOP "${lab_pid[agent-hkg]}"
unleased() { ! ip -n "$1" addr show dev wgd0 | grep -q peer; }
began=$(now_ms)
check "stopped: its lease ends" every 2 70 unleased hkg
echo "# after $((($(now_ms) - began) / 1000)) s"
none_lost "stopped in the middle of a switch" stopped
sleep $((LONG * 520))
wish $DIRECT
kill -CONT "${lab_pid[agent-hkg]}"
check "goes on, and converges" every 3 150 both_are direct hkg nrt

# --- with a tunnel in use: nothing may be changed ---

now_is() { echo "$(paths) $(changes hkg) $(changes nrt)"; }
unchanged() { check_eq "$1: nothing was changed" "$(now_is)" "$before"; }
hub_link() { ip -n "$HUB" link set eth0 "$1"; }
sleep 6
before=$(now_is)
stream_start hub hkg nrt 50 12
sleep 2
hub_link down
sleep 10
hub_link up
none_lost "hub dies" hub
unchanged "hub dies"
stream_start collector hkg nrt 20 80
n "$HUB" nft -f - <<-END
	table ip away {
		chain in {
			type filter hook input priority 0;
			tcp dport 8650 drop
		}
	}
END
sleep 50
n "$HUB" nft delete table ip away
stop collector KILL 2>/dev/null
none_lost "parted from the collector, then that is killed" collector
unchanged "parted from the collector, then that is killed"
check "and said" logged hkg "away: .*the paths stay as they are"
agents_serve

# --- nrt is behind a NAT that gives it another port, and then the old one again ---

stream_start nat hkg nrt 100 10
sleep 2
n nrt nft -f - <<-END
	table ip nat {
		chain out {
			type nat hook postrouting priority 100;
			oifname "eth0" udp sport 51821 ip daddr ${UNDER[hkg]} masquerade to :40001
		}
	}
	table ip strangers {
		chain in {
			type filter hook input priority 0;
			udp dport 51821 ct state new drop
		}
	}
END
sleep 4
check_eq "NAT rebinding: hkg follows" "$(n hkg wg show wgd0 endpoints | awk '{ print $2 }')" "${UNDER[nrt]}:40001"
n nrt nft delete table ip nat
n nrt nft delete table ip strangers
stream_end nat
check_le "NAT rebinding: longest silence, ms" "$(gap_of nat hkg nrt)" 1000
unchanged "NAT rebinding"

# --- both die, and then the one ---

hub_link down
path_set hkg nrt 49 loss 100%
sleep 20
unchanged "hub and tunnel die"
path_set hkg nrt 49
check "the tunnel is back: in use at once" n hkg ping -q -c 2 -i 0.2 -W 1 "${ADDR[nrt]}"
hub_link up
sleep 30		# both have begun a handshake: let that be over
unchanged "and the hub is"
dies nrt hkg
finish
