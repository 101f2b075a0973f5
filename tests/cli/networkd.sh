#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What meshopt config renders for systemd-networkd, read by systemd-networkd itself, in
# namespaces of its own. Whether the kernel then has WireGuard does not matter: each word
# of its parser about one of our files is a fault.

. "$(dirname "$0")/lib.sh"
NETWORKD=/lib/systemd/systemd-networkd
[ -x $NETWORKD ] || skip "there is no systemd-networkd here"
[ "$(id -u)" = 0 ] || skip "systemd-networkd starts as root only"
in_namespace nm

# It reads /run/systemd/network, as a user of its own.
mount -t tmpfs -o mode=0755 tmpfs /run || skip "no tmpfs may be mounted here"
mkdir -p /run/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network: /run/systemd/netif 2>/dev/null || skip "there is no user systemd-network"

# shellcheck disable=SC2317 # called by wait_for
said() { grep -q -- "$1" "$TMP/log"; }

# networkd DIR: what it says of the files in DIR, in $TMP/log
networkd() {
	local pid
	rm -f /run/systemd/network/*
	cp "$1"/*.netdev "$1"/*.network /run/systemd/network/
	chmod 0644 /run/systemd/network/*
	: >"$TMP/log"
	env SYSTEMD_LOG_LEVEL=debug SYSTEMD_LOG_TARGET=console $NETWORKD >"$TMP/log" 2>&1 &
	pid=$!
	wait_for 20 said 'Enumeration completed' || fail "systemd-networkd starts" "$(tail -3 "$TMP/log")"
	kill $pid
	wait $pid
	for file in wg0 wgd0; do ip link del $file 2>/dev/null; done
}
complaints() { grep -E '/run/systemd/network/|ignoring network device' "$TMP/log" | head -3; }

printf '\n[Pair]\nNodes = hkg, nrt\nPath = direct\n' >>"$MESH"
sed -i '/^Name = nrt/a MTU = 1380' "$MESH"
meshopt keygen -o "$TMP" key >/dev/null
install -m 0644 "$TMP/key.key" /run/key # what it may be owned by is not the question here
for topology in side-by-side hub-and-spoke full-mesh; do
	for node in dub hkg nrt; do
		rm -rf "$TMP/files"
		run meshopt config $node --mesh "$MESH" --format networkd --topology $topology \
			--key-path /run/key -o "$TMP/files"
		status 0 "$topology: $node is rendered"
		networkd "$TMP/files"
		check_eq "$topology: systemd-networkd has nothing to say of $node's files" "$(complaints)" ""
	done
done
# And it would have said it.
echo 'AllowedIPs=10.50.0.0/33' >>"$TMP/files/50-wg0.netdev"
networkd "$TMP/files"
check_eq "one bad prefix is one complaint" "$(complaints | wc -l)" 1
finish
