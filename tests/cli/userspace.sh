#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Where the kernel has no WireGuard: the same verbs through wireguard-go's UAPI socket, in
# namespaces of this test.
#
#	[dub] ---- [hkg] ---- [nrt]       wg0: hub and spokes, set up by wg(8)
#	     br0, 192.0.2.0/24            wgd0: made by meshopt apply
#
# Each node has a mount namespace as well: the sockets lie in the file system.

# shellcheck disable=SC2015,SC2317 # pass cannot fail; wait_for calls much of this
. "$(dirname "$0")/lib.sh"
command -v wireguard-go >/dev/null || skip "wireguard-go is not installed"
[ -c /dev/net/tun ] || skip "there is no /dev/net/tun"
in_namespace nm
if ip link add wgx9 type wireguard 2>/dev/null; then
	# apply would take the kernel's own for wgd0, which the lab proves.
	skip "this kernel has WireGuard, and what it has is preferred"
fi

NODES=(dub hkg nrt)
declare -A PID=() KEY=() UNDER=([dub]=192.0.2.1 [hkg]=192.0.2.2 [nrt]=192.0.2.3)
declare -A ADDR=([dub]=10.50.0.1 [hkg]=10.50.5.1 [nrt]=10.50.4.1)
declare -A ROLE=([dub]=hub [hkg]=pop [nrt]=backend)

# unshare --fork waits for its child whatever it is told; the child takes SIGKILL alone.
trap 'kill -KILL "${PID[@]}" 2>/dev/null; wait; rm -rf "$TMP"' EXIT

node() {
	local name=$1
	shift
	nsenter -t "${PID[$name]}" -n -m -p "$@"
}

# The child of unshare is the first process of the namespaces.
born() {
	local child
	child=$(pgrep -P "$1") && [ "$(readlink "/proc/$child/ns/net")" != \
	    "$(readlink /proc/self/ns/net)" ] && PID[$2]=$child
}

network() {
	local name i=0
	ip link set lo up
	ip link add br0 type bridge
	ip link set br0 up
	for name in "${NODES[@]}"; do
		# All that runs in there ends with its first process, and that with us.
		unshare -nmpf --kill-child --mount-proc sleep 300 &
		wait_for 10 born $! "$name" || exit 1
		i=$((i + 1))
		ip link add port$i type veth peer name eth0 netns "${PID[$name]}"
		ip link set port$i master br0 up
		node "$name" ip link set lo up
		node "$name" ip addr add "${UNDER[$name]}/24" dev eth0
		node "$name" ip link set eth0 up
		node "$name" mount -t tmpfs run /run
	done
}

mesh() {
	local name
	printf '[Mesh]\nName = edgeproxy\n\n[Region]\nName = apac\nSubnet = 10.50.4.0/24\n'
	for name in "${NODES[@]}"; do
		printf '\n[Node]\nName = %s\nRole = %s\nAddress = %s/24\n' "$name" \
		    "${ROLE[$name]}" "${ADDR[$name]}"
		printf 'PublicKey = %s\n' "${KEY[$name]}"
		[ "$name" != dub ] || printf 'AllowedIPs = 10.50.0.1/32, 10.50.0.0/16\n'
		[ "$name" = nrt ] || printf 'Endpoint = %s:51820\n' "${UNDER[$name]}"
	done
}

spokes() {
	local name
	for name in "${NODES[@]}"; do
		(umask 077 && wg genkey >"$TMP/$name.key")
		KEY[$name]=$(wg pubkey <"$TMP/$name.key")
	done
	mesh >"$TMP/mesh.conf"
	for name in "${NODES[@]}"; do
		node "$name" wireguard-go wg0 >"$TMP/$name.go" 2>&1 || return 1
		node "$name" wg set wg0 private-key "$TMP/$name.key" listen-port 51820
		node "$name" ip addr add "${ADDR[$name]}/24" dev wg0
	done
	for name in hkg nrt; do
		node dub wg set wg0 peer "${KEY[$name]}" allowed-ips "${ADDR[$name]}/32"
		node "$name" wg set wg0 peer "${KEY[dub]}" allowed-ips 10.50.0.0/16 \
		    endpoint 192.0.2.1:51820 persistent-keepalive 25
	done
	node dub sysctl -qw net.ipv4.ip_forward=1
	for name in "${NODES[@]}"; do
		node "$name" ip link set wg0 up
		node "$name" ip route replace 10.50.0.0/16 dev wg0
	done
	for name in hkg nrt; do
		wait_for 20 node "$name" ping -q -c 1 -W 1 10.50.0.1 >"$TMP/ping" || return 1
	done
}

# at NODE VERB...: a verb of ours on a node
at() {
	local name=$1 verb=$2
	shift 2
	run node "$name" meshopt "$verb" --mesh "$TMP/mesh.conf" "$@"
}

out_by() { node "$1" ip route get "$2" | sed -n 's/.* dev \([^ ]*\).*/\1/p'; }

# All of 80 probes must come back: a machine under load that loses one is asked again.
once_more() {
	local name=$1
	shift
	node "$name" meshopt "$@" || node "$name" meshopt "$@"
}

test_apply() {
	local name ends=()
	cat >"$TMP/plan.json" <<-END
		{"mesh": "edgeproxy", "tunnels": [],
		 "routes": [{"a": "hkg", "b": "nrt", "path": "direct", "ms": 5, "hub_ms": 50}]}
	END
	node dub wg showconf wg0 | sort >"$TMP/dub.before" # in no order of its own
	at hkg apply "$TMP/plan.json"
	status 0 "apply, dry run"
	for name in hkg nrt; do
		once_more "$name" apply --mesh "$TMP/mesh.conf" --yes --wait 60s \
		    "$TMP/plan.json" >"$TMP/apply.$name" 2>&1 &
		ends+=($!)
	done
	for name in "${ends[@]}"; do
		wait "$name"
		check_eq "apply --yes: one end" "$?" 0
	done
	sed 's/^/# /' "$TMP/apply.hkg" "$TMP/apply.nrt"
	check_eq "hkg reaches nrt by wgd0" "$(out_by hkg 10.50.4.1)" wgd0
	check_eq "nrt reaches hkg by wgd0" "$(out_by nrt 10.50.5.1)" wgd0
	check "which answers" node hkg ping -q -c 3 -i 0.1 -W 2 10.50.4.1 >"$TMP/ping"
	check "wgd0 is wireguard-go's" node hkg test -S /run/wireguard/wgd0.sock
	at hkg apply --exit-code "$TMP/plan.json"
	status 0 "again: nothing to do"
	stdout_has "nothing to do" "and it says so"
}

test_status() {
	at hkg status --no-rtt --exit-code
	status 0 "status: nothing differs from the mesh file"
	stdout_has "wg0: up, UDP port 51820, 1 peer, in user space" "status: the interface"
	# shellcheck disable=SC2016 # awk's own
	check "status: dub direct, nrt by $1" awk -v path="$1" '
		$1 == "dub" && $2 == "direct" && $3 == "192.0.2.1:51820" { dub = 1 }
		$1 == "nrt" && $2 == path { nrt = 1 }
		END { exit !(dub && nrt) }' "$TMP/out"
	at hkg doctor
	status 0 "doctor: healthy, nrt by $1"
}

test_drift() {
	local other
	other=$(wg genkey | wg pubkey)
	node dub wg set wg0 peer "$other" allowed-ips 10.50.9.1/32
	node dub wg set wg0 peer "${KEY[nrt]}" allowed-ips 10.50.4.9/32
	at dub status --exit-code
	status 3 "status --exit-code: drift"
	stdout_has "peer $other is in no [Node]" "a stranger"
	stdout_has "nrt lacks 10.50.4.1/32 in its AllowedIPs" "AllowedIPs that are missing"
	at dub status --json
	stdout_has '"agent": null' "status in JSON"
	check_eq "its drift" "$(grep -c '^  "wg0: ' "$TMP/out")" 3
	node dub wg set wg0 peer "$other" remove
	node dub wg set wg0 peer "${KEY[nrt]}" allowed-ips 10.50.4.1/32
	# Two pictures, then the reader has enough.
	node dub meshopt status --mesh "$TMP/mesh.conf" --watch=100ms |
	    awk '/^dub \(hub\)/ && ++n == 2 { exit } END { exit n != 2 }'
	check_eq "--watch goes on" "$?" 0
}

# The hub's wg-quick file, as a person would have written it.
conf() {
	printf '# the hub\n[Interface]\nPrivateKey = %s\nAddress = 10.50.0.1/24\n' \
	    "$(<"$TMP/dub.key")"
	printf 'ListenPort = 51820\nPostUp = sysctl -w net.ipv4.ip_forward=1 # forwards\n'
	printf '\n# HKG\n[Peer]\nPublicKey = %s\nAllowedIPs = 10.50.5.1/32\n' "${KEY[hkg]}"
	printf '\n# NRT\n[Peer]\nPublicKey = %s\nAllowedIPs = 10.50.4.1/32\n' "${KEY[nrt]}"
}

peer() { at dub peer --config "$TMP/wg0.conf" "$@"; }
allowed() { node dub wg show wg0 allowed-ips | awk -v key="$1" '$1 == key { print $2 }'; }

test_peer() {
	local tpe
	tpe=$(wg genkey | wg pubkey)
	peer add tpe --key "$tpe" --region apac
	status 1 "peer add without a wg-quick file"
	stderr_has "wg0.conf: No such file or directory; --no-save" "names it"
	check_eq "and nothing was changed" "$(allowed "$tpe")" ""
	(umask 022 && conf >"$TMP/wg0.conf")
	cp "$TMP/wg0.conf" "$TMP/wg0.before"
	peer add tpe --key "$tpe" --region apac
	status 0 "peer add"
	check_eq "the next free address of the region" "$(allowed "$tpe")" 10.50.4.2/32
	check_eq "its [Node] is printed" "$(grep -c "^PublicKey = $tpe\|^Address = 10.50.4.2/24" "$TMP/out")" 2
	check_eq "the file has it" "$(tail -n 4 "$TMP/wg0.conf")" \
	    "$(printf '# tpe\n[Peer]\nPublicKey = %s\nAllowedIPs = 10.50.4.2/32' "$tpe")"
	check "and the rest is as before" cmp <(head -n "$(wc -l <"$TMP/wg0.before")" "$TMP/wg0.conf") "$TMP/wg0.before"
	check_eq "mode" "$(stat -c %a "$TMP/wg0.conf")" 600
	check "what is saved is what runs" cmp \
	    <(sed -n 's/^PublicKey = //p; s/^AllowedIPs = //p' "$TMP/wg0.conf" | sort) \
	    <(node dub wg showconf wg0 | sed -n 's/^PublicKey = //p; s/^AllowedIPs = //p' | sort)
	peer list
	stdout_has "$tpe" "peer list has the key"
	stdout_has "nrt" "and names"
	cp "$TMP/wg0.conf" "$TMP/wg0.with"
	peer add tpe --key "$tpe" --address 10.50.4.2/24 --region apac
	status 0 "once more"
	check "changes nothing" cmp "$TMP/wg0.conf" "$TMP/wg0.with"

	peer add osa --key "$(wg genkey | wg pubkey)" --address 10.50.4.2/24
	status 1 "an address that a peer has"
	stderr_has "10.50.4.2/32: the peer $tpe has 10.50.4.2/32" "names the peer"
	peer add osa --key "$(wg genkey | wg pubkey)" --address 10.50.4.1/24
	status 1 "an address that a node has"
	peer add osa --key "${KEY[nrt]}" --address 10.50.4.7/24
	status 1 "a key that a node has"
	peer add osa --key "${KEY[dub]}" --address 10.50.4.7/24
	status 1 "the hub's own key"
	peer add osa --key "$(wg genkey | wg pubkey)" --address 10.50.4.7/24 --allowed-ips 10.50.4.0/24
	status 1 "a prefix over another's"
	peer add osa --key "$(wg genkey | wg pubkey)" --address 10.50.4.7/24 --allowed-ips 0.0.0.0/0
	status 1 "everything"
	peer add osa --region apac
	status 1 "no key"
	peer add dub
	status 1 "the node itself"
	peer add osa --key 'short=' --region apac
	status 1 "a key of the wrong length"
	peer remove nobody
	status 1 "remove: nobody"
	echo '[Peer' >>"$TMP/wg0.with"
	run node dub meshopt peer --mesh "$TMP/mesh.conf" --config "$TMP/wg0.with" remove nrt
	status 1 "a file that is none"
	check "nothing of all that has changed the file" cmp "$TMP/wg0.conf" <(head -n -1 "$TMP/wg0.with")
	check_eq "or the kernel" "$(node dub wg show wg0 peers | wc -l)" 3

	peer remove "$tpe"
	status 0 "peer remove KEY"
	check "the file is as before" cmp "$TMP/wg0.conf" "$TMP/wg0.before"
	check_eq "the kernel, too" "$(node dub wg show wg0 peers | wc -l)" 2
	peer remove nrt
	status 0 "peer remove NAME"
	peer add nrt
	status 0 "and back, as the mesh file says"
	check "which works" wait_for 20 node nrt ping -q -c 1 -W 1 10.50.0.1 >"$TMP/ping"
	peer add tpe --key "$tpe" --region apac --write-mesh --no-save
	status 0 "--write-mesh"
	run meshopt lint "$TMP/mesh.conf"
	check_eq "the mesh file has it" "$(grep -c "^Name = tpe" "$TMP/mesh.conf")" 1
	at dub status --exit-code
	status 0 "and nothing differs from it"
	peer remove tpe --no-save
	mesh >"$TMP/mesh.conf"
	at hkg peer remove dub --no-save
	status 1 "a spoke does not remove its hub"
}

test_undo() {
	local name
	for name in hkg nrt; do
		at "$name" apply --undo --yes
		status 0 "undo on $name"
	done
	check_eq "hkg reaches nrt by wg0 again" "$(out_by hkg 10.50.4.1)" wg0
	check "which answers" node hkg ping -q -c 3 -i 0.1 -W 2 10.50.4.1 >"$TMP/ping"
	node dub wg showconf wg0 | sort >"$TMP/dub.after"
	check "the hub's wg0 was never touched" cmp "$TMP/dub.before" "$TMP/dub.after"
}

network
spokes || skip "wireguard-go makes no tunnel here: $(tail -n 1 "$TMP/hkg.go")"
test_status hub
test_drift
test_peer
test_apply
test_status direct
test_undo
finish
