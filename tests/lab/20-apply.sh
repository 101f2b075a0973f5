#!/bin/bash
# SPDX-License-Identifier: MIT
# Timeout: 600
#
# meshopt apply on kernel WireGuard: both ends of one pair, each by itself.
#
#	           49 ms
#	  [hkg] ----------- [nrt]       wgd0, once applied; nrt has no Endpoint, so it
#	     \               /          starts the handshake
#	 205 ms \         / 287 ms
#	          [dub]                 wg0: 492 ms from hkg to nrt, and never touched
#
# First what must be refused without a trace, then the switch under a stream of packets,
# then everything back.

. "$(dirname "$0")/lib.sh"

need meshopt
lab_mesh "$DATA/mesh.conf" dub hkg nrt
# As in the field: the backend is behind NAT.
sed -i "/^Endpoint = ${UNDER[nrt]}:/d" "$MESH"
lab_net "$DATA/rtt.csv"
lab_wg
lab_ready

plan() {	# plan FILE MESH PATH MS
	cat >"$1" <<-END
		{"mesh": "$2", "budget": 1, "objective": "mean",
		 "value": 443000, "bound": 443000, "gap": 0, "pairs": 1,
		 "tunnels": [{"a": "hkg", "b": "nrt", "hub_ms": 492, "direct_ms": $4,
		              "saves_ms": 443, "value": 443000, "state": "add"}],
		 "routes": [{"a": "hkg", "b": "nrt", "path": "$3", "ms": $4, "hub_ms": 492}]}
	END
}

apply() {	# apply NODE ARG...: says what it says, and its exit status
	local node=$1
	shift
	n "$node" meshopt apply --mesh "$MESH" "$@" 2>&1
	echo "exit $?"
}

apply_both() {	# apply_both ARG...: at both ends at once, to $RES/apply.NODE.log
	local node
	for node in hkg nrt; do
		bg "apply.$node" "$node" meshopt apply --mesh "$MESH" --yes "$@"
	done
	for node in hkg nrt; do
		wait "${lab_pid[apply.$node]}"
		echo "exit $?" >>"$RES/apply.$node.log"
	done
}

last() {
	tail -n 1 <<<"$1"
}

# shellcheck disable=SC2317 # called by check
has() {		# has TEXT WORDS
	[[ $1 == *"$2"* ]] || { echo "no '$2' in: $1"; return 1; }
}

routes() {	# all tables, both families
	ip -n "$1" -N route show table all
}

# shellcheck disable=SC2317 # called by wait_for
settled() {	# the kernel's own routes come one by one, a moment after an address
	[ "$(ip -n "$1" -N -6 route show table 255 | grep -c 'fe80:.* dev eth0')" = 1 ]
}

main_routes() {
	ip -n "$1" -N route
	ip -n "$1" -N -6 route
}

ours() {
	ip -n "$1" -N route show proto 213 | wc -l
}

hub_conf() {
	local node
	for node in dub hkg nrt; do
		n "$node" wg showconf wg0
	done
}

no_trace() {	# no_trace WHAT: nothing switched, and no interface made
	check_eq "$1: no route of ours" "$(ours hkg)$(ours nrt)" 00
	check_eq "$1: no interface was made" \
	    "$(ip -n hkg link show wgd0 2>&1)" 'Device "wgd0" does not exist.'
}

forget() {	# all that was staged
	local node
	for node in hkg nrt; do
		ip -n "$node" link del wgd0 2>/dev/null
	done
}

plan "$TMP/plan.json" edgeproxy direct 49
hub_conf >"$TMP/hub.before"
for node in hkg nrt; do
	must wait_for 5 settled "$node"
	routes "$node" >"$TMP/$node.before"
	main_routes "$node" >"$TMP/$node.main"
done
check_near "before: hkg to nrt 492 ms" "$(ping_ms hkg "${ADDR[nrt]}")" 492 1%

# --- a dry run ---

out=$(apply hkg --exit-code "$TMP/plan.json")
echo "$out"
check_eq "dry run: changes pending" "$(last "$out")" "exit 3"
check "dry run: says the route" has "$out" "would nrt: add route ${ADDR[nrt]}/32 dev wgd0"
no_trace "dry run"

# --- refused before anything is touched ---

n hkg sysctl -qw net.ipv4.conf.all.rp_filter=1
out=$(apply hkg --yes "$TMP/plan.json")
echo "$out"
check_eq "strict rp_filter: refused" "$(last "$out")" "exit 1"
check "strict rp_filter: the sysctl is named" has "$out" net.ipv4.conf.all.rp_filter=2
no_trace "strict rp_filter"
n hkg sysctl -qw net.ipv4.conf.all.rp_filter=0

plan "$TMP/other.json" othermesh direct 49
out=$(apply hkg --yes "$TMP/other.json")
check_eq "another mesh's plan: refused" "$(last "$out")" "exit 1"
check "another mesh's plan: both are named" has "$out" othermesh

# The parser wants to know the relay from a route of its own.
plan "$TMP/relay.json" edgeproxy relay:dub 49
sed -i 's|"routes": \[|&{"a": "dub", "b": "nrt", "path": "hub", "ms": 287, "hub_ms": 287}, |' \
    "$TMP/relay.json"
out=$(apply hkg --yes "$TMP/relay.json")
check_eq "by a relay that is none: refused" "$(last "$out")" "exit 1"
check "by a relay that is none: it is said" has "$out" "dub can be no relay of it"

out=$(apply hkg --node nrt --yes "$TMP/plan.json")
check_eq "as another node: refused" "$(last "$out")" "exit 1"
check "as another node: the key is named" has "$out" "key differs from the mesh file"

out=$(n hkg setpriv --bounding-set -all --inh-caps -all meshopt apply --mesh "$MESH" \
    --yes "$TMP/plan.json" 2>&1; echo "exit $?")
check_eq "without CAP_NET_ADMIN: refused" "$(last "$out")" "exit 1"
check "without CAP_NET_ADMIN: it is said" has "$out" CAP_NET_ADMIN
no_trace "without CAP_NET_ADMIN"

# --- a wrong key at one end: staged, and never switched ---

stranger=$(wg genkey | wg pubkey)
sed "s|${KEY[hkg]}|$stranger|" "$MESH" >"$TMP/wrong.conf"
cp "$MESH" "$TMP/right.conf"
bg wrong.hkg hkg meshopt apply --mesh "$MESH" --yes --wait 15s "$TMP/plan.json"
out=$(n nrt meshopt apply --mesh "$TMP/wrong.conf" --yes --wait 15s "$TMP/plan.json" 2>&1
    echo "exit $?")
echo "$out"
check_eq "wrong key: nrt fails" "$(last "$out")" "exit 1"
check "wrong key: nrt names the port to look at" has "$out" \
    "hkg: no handshake in 15 s: is \`meshopt apply\` running there? is UDP port 51821 open on hkg?"
wait "${lab_pid[wrong.hkg]}"
check_eq "wrong key: hkg fails" $? 1
check_eq "wrong key: nothing switched" "$(ours hkg)$(ours nrt)" 00
check_near "wrong key: still by the hub" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 492 1%
out=$(apply nrt --yes "$TMP/plan.json")
echo "$out"
check_eq "its stale peer: the right one takes its place" "$(last "$out")" "exit 0"
check_eq "its stale peer: and it is gone" "$(n nrt wg show wgd0 peers)" "${KEY[hkg]}"

# --- a path that eats large packets ---

forget
ip -n lab-bridge link set port3 mtu 1400
apply_both "$TMP/plan.json"
cat "$RES/apply.hkg.log"
for node in hkg nrt; do
	out=$(<"$RES/apply.$node.log")
	check_eq "MTU black hole: $node fails" "$(last "$out")" "exit 1"
	check "MTU black hole: $node says so" has "$out" "0 of 10 full-size probes"
done
check_eq "MTU black hole: nothing switched" "$(ours hkg)$(ours nrt)" 00
ip -n lab-bridge link set port3 mtu 1500

# --- a tunnel slower than the plan says ---

plan "$TMP/fast.json" edgeproxy direct 20
apply_both "$TMP/fast.json"
check "broken promise: both figures are named" has "$(<"$RES/apply.nrt.log")" \
    "hkg: 49.1 ms in the tunnel, but the plan promised 20.0 ms"
check_eq "broken promise: nothing switched" "$(ours hkg)$(ours nrt)" 00
forget

# --- the switch, under 100 packets a second both ways ---

stream_start switch hkg nrt 100 60
sleep 2
start=$(now_ms)
apply_both "$TMP/plan.json"
echo "applied at both ends in $(($(now_ms) - start)) ms"
cat "$RES/apply.hkg.log" "$RES/apply.nrt.log"
check_eq "apply: hkg done" "$(last "$(<"$RES/apply.hkg.log")")" "exit 0"
check_eq "apply: nrt done" "$(last "$(<"$RES/apply.nrt.log")")" "exit 0"
check_near "after: hkg to nrt 49 ms" "$(ping_ms hkg "${ADDR[nrt]}")" 49.1 1%
check_near "after: nrt to hkg 49 ms" "$(ping_ms nrt "${ADDR[hkg]}")" 49.1 1%
hub_conf >"$TMP/hub.after"
check "wg showconf wg0 of all three: byte-identical" cmp "$TMP/hub.before" "$TMP/hub.after"

direct_conf() {
	n hkg wg showconf wgd0
	routes hkg
	ip -n hkg addr
}
direct_conf >"$TMP/direct.first"
out=$(apply hkg --yes "$TMP/plan.json")
check_eq "again: exit 0" "$(last "$out")" "exit 0"
check "again: nothing to do" has "$out" "nothing to do"
direct_conf >"$TMP/direct.second"
check "again: nothing has changed" cmp "$TMP/direct.first" "$TMP/direct.second"

out=$(apply hkg --undo --exit-code)
check_eq "undo, dry run: changes pending" "$(last "$out")" "exit 3"
check_eq "undo, dry run: the route is there" "$(ours hkg)" 1
for node in hkg nrt; do
	out=$(apply "$node" --undo --yes)
	echo "$out"
	check_eq "undo: $node done" "$(last "$out")" "exit 0"
	main_routes "$node" | grep -v '^fe80::/64 dev wgd0 proto 2' >"$TMP/$node.undone"
	check "undo: $node's routes are as before" cmp "$TMP/$node.main" "$TMP/$node.undone"
	sleep 1		# one end by the hub, the other direct
done
check_near "undone: hkg to nrt 492 ms" "$(ping_ms hkg "${ADDR[nrt]}")" 492 1%

# Promotion from what is staged, then by a plan that says hub.
apply_both "$TMP/plan.json"
check_near "once more: 49 ms" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 49.1 1%
plan "$TMP/hub.json" edgeproxy hub 492
apply_both "$TMP/hub.json"
cat "$RES/apply.hkg.log"
check "demoted by a plan" has "$(<"$RES/apply.hkg.log")" "nrt: by the hub"
check_near "demoted: 492 ms" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 492 1%

stream_end switch
for pair in 'hkg nrt' 'nrt hkg'; do
	read -r from to <<<"$pair"
	check_eq "stream $from to $to: 6000 sent" "$(stream_get switch "$from" "$to" sent)" 6000
	check_eq "stream $from to $to: 0 lost" "$(stream_get switch "$from" "$to" lost)" 0
	check_ge "stream $from to $to: it did switch (packets were overtaken)" \
	    "$(stream_get switch "$from" "$to" reordered)" 1
done

# What undo said removes the rest, does.
forget
hub_conf >"$TMP/hub.after"
check "at the end: wg showconf wg0 byte-identical" cmp "$TMP/hub.before" "$TMP/hub.after"
for node in hkg nrt; do
	routes "$node" >"$TMP/$node.after"
	check "at the end: all of $node's routing tables byte-identical" \
	    cmp "$TMP/$node.before" "$TMP/$node.after"
done
finish
