# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Nodes behind NAT, sourced after lib.sh and agents.sh; to be used after lab_net and before lab_wg:
#
#	[hkg]--NAT--router--+-- network
#
#   router NODE NUMBER     the node's own place on the network, the NUMBERth of them
#   nat NODE MODE INPUT    its NAT: keeps the port of its masquerade ("default") or takes
#                          another for each destination ("random", "fully-random"), and
#                          drops or takes ("drop", "accept") what comes to itself
#   seen NODE TEXT         did the hub's agent say that it sees the node there?
#   shaken NODE PEER       a session on wgd0?

# In place of its own address on the network, a node gets a private one behind two hops.
router() {
	must ip netns add "isp.$1"
	must ip -n "$1" link set eth0 netns "isp.$1"
	must n "isp.$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.eth0.proxy_arp=1 \
	    net.ipv4.neigh.eth0.proxy_delay=0
	must ip -n "isp.$1" -batch - <<-END
		addr add 192.0.2.$((100 + $2))/24 dev eth0
		link set eth0 up
	END
}

# A NAT that remembers nothing of the one before it.
nat() {
	local node=$1 flag=$2
	[ "$flag" != default ] || flag=
	if ip -n "nat.$node" link del wan 2>/dev/null; then
		must ip -n "nat.$node" link del lan
		must ip netns del "nat.$node"
	fi
	must ip netns add "nat.$node"
	must ip link add cust netns "isp.$node" type veth peer name wan netns "nat.$node"
	must ip link add lan netns "nat.$node" type veth peer name eth0 netns "$node"
	must n "nat.$node" sysctl -qw net.ipv4.ip_forward=1
	must ip -n "isp.$node" -batch - <<-END
		addr add 169.254.1.1/32 dev cust
		link set cust up
		route add ${UNDER[$node]}/32 dev cust
	END
	must ip -n "nat.$node" -batch - <<-END
		link set lo up
		addr add ${UNDER[$node]}/32 dev wan
		link set wan up
		route add 169.254.1.1 dev wan
		route add default via 169.254.1.1 src ${UNDER[$node]}
		addr add 10.99.0.1/24 dev lan
		link set lan up
	END
	must ip -n "$node" -batch - <<-END
		addr add 10.99.0.2/24 dev eth0
		link set eth0 up
		route add default via 10.99.0.1
	END
	must n "nat.$node" nft -f - <<-END
		table ip nat {
			chain out {
				type nat hook postrouting priority 100;
				oifname "wan" masquerade $flag
			}
		}
		table ip filter {
			chain in {
				type filter hook input priority 0;
				iifname "wan" ct state new $3
			}
		}
	END
}

seen() { event endpoint "$HUB" "$1" "$2"; }

shaken() {
	n "$1" wg show wgd0 latest-handshakes 2>/dev/null |
	    awk -v key="${KEY[$2]}" '$1 == key && $2 > 0 { found = 1 } END { exit !found }'
}
