#!/bin/bash
# SPDX-License-Identifier: MIT
# Timeout: 900
#
# The seed's nodes from files that meshopt config renders, brought up by the real wg-quick,
# in each topology and with each firewall; and read back from what then runs.
#
#	       [hkg]----------[nrt], [sin]      behind NAT; these tunnels are pinned
#	           \          /
#	            \        /        [gru]     by the hub alone
#	             [dub]-----------/          drops what it does not mean to forward
#
# Firewalls drop forwarded packets by default here, so that a ping from spoke to spoke
# proves the rules of PostUp.

. "$(dirname "$0")/lib.sh"

need meshopt
lab_mesh "$DATA/mesh.conf" dub hkg nrt sin gru
BACKENDS=(nrt sin gru)
for node in "${BACKENDS[@]}"; do sed -i "/^Endpoint = ${UNDER[$node]}:/d" "$MESH"; done
for node in nrt sin; do
	printf '\n[Pair]\nNodes = hkg, %s\nPath = direct\n' "$node" >>"$MESH"
done
must meshopt lint "$MESH" >"$RES/lint.log"
lab_net "$DATA/rtt.csv"

# shellcheck disable=SC2317 # called by check
up() {	# up NODE FILE...
	local node=$1 file
	shift
	for file; do
		n "$node" wg-quick up "$file" >>"$RES/wg-quick.log" 2>&1 || return 1
	done
}

# shellcheck disable=SC2317 # called by check
down() {
	local node=$1 file
	shift
	for file; do
		n "$node" wg-quick down "$file" >>"$RES/wg-quick.log" 2>&1 || return 1
	done
}

drop_forwarded() {	# drop_forwarded FIREWALL
	local node
	for node in dub hkg; do
		case $1 in
		iptables) must n "$node" iptables -P FORWARD DROP ;;
		nft) must n "$node" nft 'add table inet filter;
			add chain inet filter forward { type filter hook forward priority 0; policy drop; }' ;;
		esac
	done
}

# shellcheck disable=SC2317 # called by check
no_rule_left() {	# no_rule_left FIREWALL
	local node
	for node in dub hkg; do
		case $1 in
		iptables) [ "$(n "$node" iptables -S FORWARD)" = "-P FORWARD DROP" ] || return 1 ;;
		nft) ! n "$node" nft list ruleset | grep -q meshopt || return 1 ;;
		esac
	done
}

# shellcheck disable=SC2317 # called by wait_for
all_reach() {
	local a b
	for a in "${NODES[@]}"; do
		for b in "${NODES[@]}"; do
			[ "$a" = "$b" ] || n "$a" ping -q -c 1 -W 2 "${ADDR[$b]}" >/dev/null || return 1
		done
	done
}

config() {	# config TOPOLOGY FIREWALL: files of all nodes in $TMP/conf/NODE
	local node
	rm -rf "$TMP/conf"
	mkdir "$TMP/conf"
	for node in "${NODES[@]}"; do
		must meshopt config "$node" --mesh "$MESH" --topology "$1" --firewall "$2" \
		    --key-path "$TMP/$node.key" -o "$TMP/conf/$node" 2>>"$RES/config.log"
	done
}

bring_up() {	# the hub first: an initiation that finds nobody costs 5 s
	local node
	for node in "${NODES[@]}"; do
		check "$1: wg-quick brings $node up" up "$node" "$TMP/conf/$node"/wg*.conf
	done
}

# --- hub and spoke, then the seed's full mesh for a region ---

config hub-and-spoke iptables
drop_forwarded iptables
bring_up "hub and spoke, iptables"
check "hub and spoke: every node reaches every other" wait_for 60 all_reach
check_near "hub and spoke: hkg to nrt by the hub" "$(ping_ms hkg "${ADDR[nrt]}")" 492 1%
check_eq "hub and spoke: a spoke has one peer" "$(n nrt wg show wg0 peers | wc -l)" 1
check_eq "hub and spoke: the hub has all" "$(n dub wg show wg0 peers | wc -l)" 4
check_eq "keepalive behind NAT" "$(n nrt wg show wg0 persistent-keepalive | cut -f2)" 25

# What runs is read back as it was written.
n dub meshopt import --interface dub=wg0 >"$RES/interface.mesh" 2>"$RES/interface.err"
n dub wg showconf wg0 >"$TMP/dub.showconf"
n dub wg show wg0 dump >"$TMP/dub.dump"
n hkg wg show wg0 dump >"$TMP/hkg.dump"
for node in hkg nrt sin gru; do
	check "the running interface has $node's key" grep -qxF "PublicKey = ${KEY[$node]}" "$RES/interface.mesh"
done
facts() { grep -E '^(PublicKey|AllowedIPs|ListenPort) ' "$1" | sort; }
meshopt import dub="$TMP/dub.showconf" hkg="$TMP/hkg.dump" >"$RES/showconf.mesh" 2>/dev/null
meshopt import dub="$TMP/dub.dump" hkg="$TMP/hkg.dump" >"$RES/dump.mesh" 2>/dev/null
check_eq "wg showconf and wg show dump say the same" "$(facts "$RES/showconf.mesh")" "$(facts "$RES/dump.mesh")"
check "the hub's endpoint is known from a spoke" grep -qxF "Endpoint = ${UNDER[dub]}:51820" "$RES/dump.mesh"

for node in "${NODES[@]}"; do
	check "hub and spoke: wg-quick takes $node down" down "$node" "$TMP/conf/$node/wg0.conf"
done
check "iptables has no rule of ours left" no_rule_left iptables
for node in dub hkg; do must n "$node" iptables -P FORWARD ACCEPT; done

config full-mesh nft
drop_forwarded nft
bring_up "full mesh, nft"
check "full mesh: every node reaches every other" wait_for 60 all_reach
check_near "full mesh: hkg to nrt direct" "$(ping_ms hkg "${ADDR[nrt]}")" 49 1
check_near "full mesh: sin to hkg direct" "$(ping_ms sin "${ADDR[hkg]}")" 38 1
check_near "full mesh: gru to hkg by the hub" "$(ping_ms gru "${ADDR[hkg]}")" \
    "$(awk -v a="$(path_rtt gru dub)" -v b="$(path_rtt dub hkg)" 'BEGIN { print a + b }')" 1%
for node in "${NODES[@]}"; do
	check "full mesh: wg-quick takes $node down" down "$node" "$TMP/conf/$node/wg0.conf"
done
check "nft has no rule of ours left" no_rule_left nft
for node in dub hkg; do must n "$node" nft delete table inet filter; done

# --- meshopt's own, one node by its script ---

config side-by-side iptables
meshopt config nrt --mesh "$MESH" --format script >"$TMP/up-nrt"
drop_forwarded iptables
for node in dub hkg sin gru; do
	check "side by side: wg-quick brings $node up" up "$node" "$TMP/conf/$node"/wg*.conf
done
[ -d /etc/wireguard ] || mkdir /etc/wireguard	# in the guest, which is ours
# shellcheck disable=SC2016 # for the inner shell
n nrt env WG_PRIVATE_KEY="$(<"$TMP/nrt.key")" unshare --mount --propagation private bash -c \
    'mount -t tmpfs -o mode=0700 tmpfs /etc/wireguard && bash "$0"' "$TMP/up-nrt" >"$RES/script.log" 2>&1
check_eq "side by side: the entry point's script brings nrt up" $? 0
check "side by side: every node reaches every other" wait_for 60 all_reach
check_near "side by side: hkg to nrt direct" "$(ping_ms hkg "${ADDR[nrt]}")" 49 1
check_eq "side by side: by wgd0" "$(n hkg ip -o route get "${ADDR[nrt]}" | grep -c 'dev wgd0')" 1
check_eq "side by side: wg0 has the hub alone" "$(n hkg wg show wg0 peers)" "${KEY[dub]}"
check_near "side by side: nrt to gru by the hub" "$(ping_ms nrt "${ADDR[gru]}")" \
    "$(awk -v a="$(path_rtt nrt dub)" -v b="$(path_rtt dub gru)" 'BEGIN { print a + b }')" 1%
# shellcheck disable=SC2016 # for the inner shell
n nrt env WG_PRIVATE_KEY="$(<"$TMP/gru.key")" unshare --mount --propagation private bash -c \
    'mount -t tmpfs -o mode=0700 tmpfs /etc/wireguard && bash "$0"' "$TMP/up-nrt" >"$RES/wrong.log" 2>&1
check_eq "another node's key stops the script" "$? $(grep -c 'not the key' "$RES/wrong.log")" "1 1"
finish
