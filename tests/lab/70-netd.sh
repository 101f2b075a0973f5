#!/bin/bash
# SPDX-License-Identifier: MIT
# Timeout: 900
#
# netd, the half of the agent that changes the kernel, on kernel WireGuard, driven by a
# client in place of the other half. KILLS=500 for the long form of the kills.
#
#	           49 ms
#	  [hkg] ----------- [nrt]       wgd0; nrt has no Endpoint, so it starts
#	     \               /
#	 205 ms \         / 287 ms
#	          [dub]                 wg0, which nobody ever writes
#
# All of it under 100 packets a second each way, none of which may be lost.

. "$(dirname "$0")/lib.sh"

need netd-client
KILLS=${KILLS:-40}
SECONDS_LONG=$((80 + KILLS / 4))
lab_mesh "$DATA/mesh.conf" dub hkg nrt sin
sed -i "/^Endpoint = ${UNDER[nrt]}:/d" "$MESH"
lab_net "$DATA/rtt.csv"
lab_wg
lab_ready

declare -A DIR=()
start() {	# start NODE: netd and its client
	DIR[$1]=$TMP/$1.state
	mkdir -p "${DIR[$1]}"
	rm -f "$TMP/$1.sock"
	bg "netd.$1" "$1" netd-client run "$TMP/$1.sock" "$MESH" "$1" "${DIR[$1]}" \
	    "$TMP/$1.freeze" 1000 10
	must wait_for 10 test -S "$TMP/$1.sock"
}

ask() {		# ask NODE WORD...: what netd says
	local node=$1
	shift
	netd-client ask "$TMP/$node.sock" "$@"
}

both() {	# both WORD...: at both ends, about each other; the errors
	local a b word=$1
	shift
	read -r a _ < <(ask hkg "$word" nrt "$@")
	read -r b _ < <(ask nrt "$word" hkg "$@")
	echo "$a $b"
}

field() {	# field NODE PEER KEY: of netd's record; "-" without one
	ask "$1" state | awk -v peer="$2" -v key="$3" '
	    $1 == "node" && $2 == peer { for (i = 3; i < NF; i++) if ($i == key) v = $(i + 1) }
	    END { print v == "" ? "-" : v }'
}

self() {	# self NODE KEY
	ask "$1" state | awk -v key="$2" '
	    $1 == "self" { for (i = 2; i < NF; i++) if ($i == key) print $(i + 1) }'
}

# shellcheck disable=SC2317 # called by wait_for and check
is() {		# is NODE PEER KEY VALUE
	[ "$(field "$1" "$2" "$3")" = "$4" ]
}

# shellcheck disable=SC2317
shaken() {
	[ "$(field hkg nrt age)" -ge 0 ] && [ "$(field nrt hkg age)" -ge 0 ]
}

# shellcheck disable=SC2317
gone() {	# no route of ours to nrt
	! ip -n hkg route get "${ADDR[nrt]}" | grep -q wgd0
}

hub_conf() {
	local node
	for node in dub hkg nrt; do
		n "$node" wg showconf wg0
	done
}

hub_conf >"$TMP/hub.before"
start hkg
start nrt
stream_start s hkg nrt 100 $SECONDS_LONG
started=$(now_ms)

# --- the arrows ---

check_eq "staged at both ends" "$(both stage)" "0 0"
check "a handshake, by one initiator" wait_for 10 shaken
check_eq "leased at both ends" "$(both lease 60)" "0 0"
check_near "leased: 49 ms" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 49.1 2%
check_eq "leased: the kernel has its end" "$(ip -n hkg addr show dev wgd0 |
    grep -A 1 "peer ${ADDR[nrt]}/32" | grep -c 'valid_lft [1-9][0-9]*sec')" 1
check_eq "committed at both ends" "$(both commit)" "0 0"
check_eq "committed: a route of ours, and no lease" \
    "$(ip -n hkg -N route show "${ADDR[nrt]}/32" | tr -s ' ')" \
    "${ADDR[nrt]} dev wgd0 proto 213 scope 253 src ${ADDR[hkg]} metric 50 "
check_near "committed: 49 ms" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 49.1 2%

# --- a steady restart ---

changes=$(self hkg changes)
check_ge "changes were counted" "$changes" 3
pid=$(ask hkg pid)
kill -KILL "$pid"
for i in 1 2 3; do
	must wait_for 10 is hkg nrt path direct
	kill -KILL "$(ask hkg pid)"
done
sleep 11	# and it has looked at the kernel once
check_eq "4 restarts of what is right: 0 changes sent" "$(self hkg changes)" 0
check_eq "restarted: still direct, nobody blamed" \
    "$(field hkg nrt path) $(field hkg nrt flags)" "direct 0"

# --- a lease with nobody left to renew it ---

check_eq "withdrawn at both ends" "$(both withdraw)" "0 0"
check_near "withdrawn: 492 ms" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 492 1%
check_eq "leased for 5 s" "$(both lease 5)" "0 0"
pid=$(ask hkg pid)
stop netd.hkg KILL
kill -KILL "$pid" 2>/dev/null
check_near "killed -9, both halves: still 49 ms" "$(ping_ms hkg "${ADDR[nrt]}" 2)" 49.1 2%
check "the kernel takes the lease away" wait_for 12 gone
start hkg
check_eq "started again: by the hub, nobody blamed" \
    "$(field hkg nrt path) $(field hkg nrt flags)" "hub 0"
check_eq "the far end: likewise" "$(sleep 8; field nrt hkg path)" hub

# --- killed at any step ---

ask hkg stage nrt
storm=$(ask hkg storm nrt "$KILLS" 1)
echo "hkg: $storm"
check_eq "hkg killed $KILLS times before or after a record or a change: never wrong" \
    "$storm" "storm kills $KILLS wrong 0"
storm=$(ask nrt storm hkg "$((KILLS / 2))" 2)
check_eq "nrt likewise $((KILLS / 2)) times" "$storm" "storm kills $((KILLS / 2)) wrong 0"
both withdraw >/dev/null
check_eq "and then it works as before" "$(both stage) $(both lease 60) $(both commit)" \
    "0 0 0 0 0 0"

# --- an operator's hand ---

n hkg wg set wgd0 peer "${KEY[nrt]}" allowed-ips +10.99.0.0/24 2>/dev/null ||
    n hkg wg set wgd0 peer "${KEY[nrt]}" allowed-ips \
	"$(n hkg wg show wgd0 allowed-ips | awk '{ for (i = 2; i <= NF; i++) printf "%s,", $i }')10.99.0.0/24"
before=$(now_ms)
check "wg set in the middle: told" wait_for 20 is hkg nrt flags 1
echo "told after $(($(now_ms) - before)) ms"
n hkg wg show wgd0 allowed-ips >"$TMP/by-hand"
changes=$(self hkg changes)
sleep 25
check_eq "and never fought" "$(self hkg changes)" "$changes"
check_eq "what was set is there" "$(n hkg wg show wgd0 allowed-ips)" "$(<"$TMP/by-hand")"
check_eq "such a pair is refused" "$(ask hkg commit nrt | cut -d' ' -f1)" EACCES
check_eq "but withdrawn" "$(ask hkg withdraw nrt)" "0 "

# --- a flush, at the other end ---

n nrt ip route flush proto 213
check "a flush is repaired once" wait_for 10 is nrt hkg path direct
check_near "repaired: nrt sends direct" "$(field nrt hkg flags)" 0 0
sleep 2
n nrt ip route flush proto 213
check "the second is frozen" wait_for 20 is nrt hkg flags 2
check "with a sentence that names who it may be" grep -q ManageForeignRoutes <(ask nrt state)
check_eq "by the hub" "$(field nrt hkg path)" hub
check_eq "no more is tried" "$(ask nrt lease hkg 60 | cut -d' ' -f1)" ECANCELED
check_eq "until it is adopted" "$(ask nrt adopt hkg)$(ask nrt lease hkg 60)" "0 0 "

# --- stops ---

touch "$TMP/nrt.freeze"
check_eq "frozen by the file" "$(ask nrt commit hkg | cut -d' ' -f1)" EROFS
check_eq "panic works all the same" "$(ask nrt panic)" "0 "
check_near "by the hub" "$(ping_ms nrt "${ADDR[hkg]}" 3)" 492 1%

spent=$(($(now_ms) - started))
echo "spent $((spent / 1000)) of $SECONDS_LONG s"
stream_end s
for pair in 'hkg nrt' 'nrt hkg'; do
	read -r from to <<<"$pair"
	check_eq "stream $from to $to: 0 lost of $(stream_get s "$from" "$to" sent)" \
	    "$(stream_get s "$from" "$to" lost)" 0
done
check_le "the stream outlasted it all" $((spent / 1000)) "$SECONDS_LONG"
hub_conf >"$TMP/hub.after"
check "wg0 of all three: byte-identical" cmp "$TMP/hub.before" "$TMP/hub.after"
finish
