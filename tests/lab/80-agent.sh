#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by every
#
# The agent and netd on kernel WireGuard, as daemons, and what they rely on failing.
#
#	           49 ms
#	  [hkg] ----------- [nrt]       wgd0, as a signed plan says; nrt has no Endpoint, hkg's is a name
#	     \               /
#	 205 ms \         / 287 ms
#	          [dub]                 wg0: 492 ms; serves the plan as a file
#
# TRIALS (3): how often the tunnel and the hub are made to fail; 100 in the long form.
# Of three tunnels that die one is dead both ways and two in one direction.
# Timeout: 900

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/agents.sh"

need meshopt meshopt-agent seal
: "${TRIALS:=3}"
lab_mesh "$DATA/mesh.conf" dub hkg nrt
sed -i "/^Endpoint = ${UNDER[nrt]}:/d" "$MESH"
# nrt, which starts, finds hkg by its name.
printf '127.0.0.1 localhost\n%s hkg.example.net\n' "${UNDER[hkg]}" >"$TMP/hosts"
echo 'hosts: files' >"$TMP/nsswitch"
touch /etc/hosts /etc/nsswitch.conf 2>/dev/null
must mount --bind "$TMP/hosts" /etc/hosts
must mount --bind "$TMP/nsswitch" /etc/nsswitch.conf
sed -i "s/^Endpoint = ${UNDER[hkg]}:/Endpoint = hkg.example.net:/" "$MESH"
agents_key
lab_net "$DATA/rtt.csv"
lab_wg
lab_ready
agents_serve
agent hkg
agent nrt

# --- the plan is followed, and nothing is lost ---

n hkg wg showconf wg0 >"$TMP/wg0.before"
check_near "by the hub" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 492 1%
stream_start switch hkg nrt 100 100
plan 1 hkg-nrt=direct:49:492
check "leased at both ends" every 1 30 both_are leased hkg nrt
check "direct at both ends" every 3 90 both_are direct hkg nrt
check_near "direct" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 49.1 1%
check_eq "one permanent route" "$(ip -n hkg -N route show proto 213 | wc -l)" 1
cp "$TMP/run.hkg/agent.json" "$RES/"

# --- steady restarts ---

before=$(changes hkg)
check_ge "it took some changes" "$before" 3
agent_dies hkg
agent hkg
sleep 8
check_eq "restarted after kill -9: direct" "$(state_of hkg nrt)" direct
check_eq "restarted: messages that change the kernel" "$(changes hkg)" 0
stream_end switch
for pair in 'hkg nrt' 'nrt hkg'; do
	read -r from to <<<"$pair"
	check_eq "promoted, killed and restarted: $from to $to lost" "$(stream_get switch "$from" "$to" lost)" 0
done
n hkg wg showconf wg0 >"$TMP/wg0.after"
check "wg0 is byte-identical" cmp "$TMP/wg0.before" "$TMP/wg0.after"

# --- the tunnel dies ---

silence() {	# silence ID
	local ms
	ms=$(gap_of "$1" hkg nrt)
	gaps+=("$ms")
	worst=$(most "$worst" "$ms")
}
silences() {
	printf '%s\n' "${gaps[@]}" | sort -n | awk '{ ms[NR] = $1 } END {
		print "# silences, ms: least", ms[1], "median", ms[int((NR + 1) / 2)], "most", ms[NR] }'
}
by_hub() { [ "$(path_of hkg nrt)$(path_of nrt hkg)" = hubhub ]; }
epoch=10
direct() {
	local node
	# The dwell of 15 minutes after the trial before.
	for node in hkg nrt; do
		agent_forgets $node
	done
	epoch=$((epoch + 1))
	plan $epoch hkg-nrt=direct:49:492
	every 2 120 both_are direct hkg nrt || die "epoch $epoch: not direct"
}
worst=0 gaps=()
for ((i = 1; i <= TRIALS; i++)); do
	direct
	stream_start "dead$i" hkg nrt 100 6
	sleep "2.$((i * 37 % 100))"
	[ $((i % 3)) = 2 ] || path_way hkg nrt loss 100%
	[ $((i % 3)) = 0 ] || path_way nrt hkg loss 100%
	stream_end "dead$i"
	path_set hkg nrt 49
	silence "dead$i"
	[ $i -gt 1 ] || {
		agent_dies hkg
		agent hkg
		sleep 8
		check_ge "restarted: it dwells, s" "$(of_pair hkg nrt hold_s)" 800
	}
	check_eq "trial $i: no route is left" "$(ip -n hkg -N route show proto 213 | wc -l)$(ip -n nrt -N route show proto 213 | wc -l)" 00
done
silences
check_le "dead tunnel, $TRIALS trials: longest silence, ms" "$worst" 1000

# --- the hub dies; the tunnel stands by, in its dwell ---

hub_link() { ip -n "$HUB" link set eth0 "$1"; }
worst=0 gaps=()
for ((i = 1; i <= TRIALS; i++)); do
	# A dwell has an end, after which it would be no standby but in use.
	if [ $((i % 8)) = 0 ]; then
		direct
		path_set hkg nrt 49 loss 100%
		every 1 10 by_hub
		path_set hkg nrt 49
	fi
	sleep 8
	stream_start "hub$i" hkg nrt 100 6
	sleep "2.$((i * 61 % 100))"
	hub_link down
	stream_end "hub$i"
	silence "hub$i"
	check_eq "trial $i: leased to the tunnel" "$(path_of hkg nrt)$(path_of nrt hkg)" directdirect
	hub_link up
	check "trial $i: back when the hub has answered for a minute" every 5 120 by_hub
done
silences
check_le "dead hub, $TRIALS trials: longest silence, ms" "$worst" 1000

# --- the collector is away; a plan that is not to be followed ---

direct
plan $((epoch - 1))
sleep 5
check_eq "an older epoch: refused" \
    "$(grep -c "epoch $((epoch - 1)), but epoch $epoch was followed" "$RES/agent-hkg.log")" 1
plan $((epoch + 1))
sleep 5
check_eq "an empty plan: refused" "$(grep -c 'it is empty' "$RES/agent-hkg.log")" 1
before=$(changes hkg) # as of the last look, 5 s ago at most
stop collector KILL
sleep 60
check_eq "without the collector: direct" "$(state_of hkg nrt)$(state_of nrt hkg)" directdirect
check_eq "and nothing was changed" "$(changes hkg)" "$before"

# --- freeze and panic ---

n hkg meshopt panic --mesh "$MESH" --file "$TMP/freeze.hkg" >"$RES/panic.log" 2>&1
check_eq "panic" $? 0
sleep 25
check_eq "panic: no route of ours, and none comes back" "$(ip -n hkg -N route show proto 213 | wc -l)" 0
# It is no flush to be put right: a lease says that it was verified.
must n hkg meshopt freeze --off --file "$TMP/freeze.hkg"
leased() { [ "$(state_of hkg nrt)" = leased ]; }
check "freeze --off: leased anew" every 1 60 leased
for node in hkg nrt; do
	cat "$RES/agent-$node.log" >>"$RES/agents-$node.log"
	stop "agent-$node"
	check_eq "the agent on $node ends cleanly" $? 0
done
finish
