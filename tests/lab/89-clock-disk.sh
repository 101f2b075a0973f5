#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by every
#
# What the clock and the disk do to agents, on kernel WireGuard: nothing is lost, nothing is
# begun that cannot be written down, and what was there is found again.
#
#	           49 ms
#	  [hkg] ----------- [nrt]       wgd0, as a signed plan says; nrt has no Endpoint
#	     \               /
#	 205 ms \         / 287 ms
#	          [dub]                 wg0: 492 ms; serves the plan as a file
#
# Timeout: 900

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/agents.sh"

agents_pair

# --- the clock is set, and with it that of every node ---

set_clock() { must date -s "@$(($(date +%s) + $1))" >/dev/null; }
stream_start clock hkg nrt 20 90
mkdir -p "$TMP/state.hkg"
must mount -t tmpfs -o size=64k state "$TMP/state.hkg"
agents_fresh
wish $DIRECT
check "leased at both ends" every 1 60 both_are leased hkg nrt
if [ "$LAB_VIRTUAL" = 1 ]; then
	set_clock 3600
	sleep 15
	check_eq "clock +1 h under a lease: nothing is early" "$(states)" "leased leased"
fi
check "direct at both ends" every 3 90 both_are direct hkg nrt
none_lost "promoted, with the clock set by an hour" clock
shaken() { n hkg wg show all latest-handshakes | awk -v hub="$1" '($1 == "wg0") == hub { print $3 }'; }
ahead() { [ "$(shaken 1)" -gt $(($(date +%s) - 600)) ] && [ "$(shaken 0)" -gt $(($(date +%s) - 600)) ]; }
[ "$LAB_VIRTUAL" = 0 ] || check "both sessions are of the new time" every 5 130 ahead
before="$(paths) $(changes hkg) $(changes nrt)"
unchanged() { check_eq "$1: nothing was changed" "$(paths) $(changes hkg) $(changes nrt)" "$before"; }
if [ "$LAB_VIRTUAL" = 1 ]; then
	AGE=3600 wish $DIRECT
	check "clock +1 h: a plan of the right time begins nothing" every 1 20 \
	    logged hkg "is 36[0-9][0-9] s old: no change is begun"
	was="$(shaken 1) $(shaken 0)"
	stream_start back hkg nrt 10 200
	set_clock -3600
	AGE=-3600 wish $DIRECT
	check "clock -1 h: a plan of the right time is refused" every 1 90 \
	    logged hkg "s in the future: one of the clocks is wrong"
	stream_end back
	echo "# $(date +%s): handshakes with hub and nrt: $was, then $(shaken 1) $(shaken 0)"
	# The end that started the session is refused, as its time is an old one, until the
	# other end starts: WireGuard's own matter, and over before a probe is missed thrice.
	check_le "clock -1 h: longest silence, ms" "$(gap_of back hkg nrt)" 6000
	unchanged "clock -1 h"
fi

# --- the journal is cut ---

stream_start journal hkg nrt 50 40
size=$(stat -c %s "$TMP/state.hkg/netd.journal")
for length in 0 1 700 $((size - 1)); do
	agent_dies hkg
	truncate -s "$length" "$TMP/state.hkg/netd.journal"
	agent hkg
	sleep 8
	check_eq "journal cut to $length of $size bytes: direct, changes" "$(paths) $(changes hkg)" "direct direct 0"
done
none_lost "journal cut" journal

# --- the disk is full ---

fill() { head -c 65536 /dev/zero >"$TMP/state.hkg/filled" 2>/dev/null; }
fill
wish $DIRECT
check "disk full: a plan is not followed, and said" every 1 20 \
    logged hkg "plan: .*No space left on device"
stream_start full hkg nrt 100 5
sleep 2.3
path_way nrt hkg loss 100%
stream_end full
path_way nrt hkg
check_le "disk full, and the tunnel dies: longest silence, ms" "$(gap_of full hkg nrt)" 1000
check_eq "disk full, and the tunnel dies: by the hub" "$(paths) $(routes hkg)$(routes nrt)" "hub hub 00"

# What is appended to a journal may still have room; the first record of one has not.
rm "$TMP/state.hkg/filled"
touch "$TMP/freeze.hkg"
agents_fresh
wish $DIRECT
check "a plan that is followed, but frozen" every 1 20 logged hkg "plan: epoch $epoch"
agent_dies hkg
sleep 1		# netd ends by itself, and its files with it
rm "$TMP"/state.hkg/netd.journal*
fill
agent hkg
sleep 8
rm "$TMP/freeze.hkg"
check "disk full: nothing is begun, and said" every 1 60 \
    logged hkg "journal.*No space left on device"
check_eq "disk full: no route" "$(routes hkg) $(state_of hkg nrt)" "0 verified"
rm "$TMP/state.hkg/filled"
in_use() { [ "$(path_of hkg nrt)" = direct ]; }
check "room again: it goes on" every 2 150 in_use
for node in hkg nrt; do
	agent_dies $node
done
umount -l "$TMP/state.hkg"
finish
