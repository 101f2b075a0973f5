#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by every
#
# The agents themselves, killed (-9) at the steps of netd while a pair is sent to its
# tunnel and back, over and over: netd, the other half, or both; at either end. A life
# ends at its first, second, .. 24th step, of which a whole switch has about as many, so
# that each record and each change gets its turn; the next one goes on from there.
#
#	           49 ms
#	  [hkg] ----------- [nrt]       wgd0, as a signed plan says; nrt has no Endpoint
#	     \               /
#	 205 ms \         / 287 ms
#	          [dub]                 wg0: 492 ms; serves the plan as a file
#
# All of it under RATE (50) packets a second each way, none of which may be lost.
#
# KILLS (15): deaths at both ends together; 500 in the long form. From 60 on each round
# goes the whole way, the first 60 lives at either end are each for one half, one arrow and
# one of its moments, and none of these 60 deaths may be missing in the end. SEED repeats
# their order.
# Timeout: 900

. "$(dirname "$0")/lib.sh"
. "$LAB_DIR/agents.sh"

need mortal
agents_pair
: "${KILLS:=15}" "${RATE:=50}" "${SEED:=$RANDOM}"
STEPS=24
echo "# SEED=$SEED"

# What mortal is told, one a line; in the short form there are none.
WHOLE=$((KILLS >= 60))
: >"$TMP/kinds"
[ $WHOLE = 0 ] || for half in netd agent both; do
	for when in 'before a record' 'after a record' 'before a change' 'after a change'; do
		for arrow in stage lease commit withdraw unstage; do
			echo "$half $when, $arrow"
		done
	done
done >"$TMP/kinds"

# As a service manager would: started again until there is peace, and then for good.
mortal() {	# mortal NODE FIRST
	mkdir -p "$TMP/state.$1" "$TMP/run.$1"
	# shellcheck disable=SC2016 # is for the inner shell
	bg "agent-$1" "$1" bash -c '
		peace=$1 first=$2 steps=$3 log=$4
		mapfile -t kinds <"$5"
		shift 5
		halves=(netd agent both)
		until [ -e "$peace" ]; do
			# One that finds the netd before it at work ends, and is no life.
			lived=$(grep -c "^mortal: " "$log")
			life=$((first + lived))
			# Each step with each half, and neighbours with neither in common.
			wish="${halves[(life + life / steps) % 3]} $((life * 7 % steps + 1))"
			[ "$lived" -ge ${#kinds[@]} ] || wish=${kinds[life % ${#kinds[@]}]}
			MORTAL=$wish mortal "$@" &
			wait $!
		done 2>&1
		exec mortal "$@"' - "$TMP/peace" "$2" $STEPS "$RES/agent-$1.log" "$TMP/kinds" \
	    --mesh "$MESH" --state "$TMP/state.$1" --run "$TMP/run.$1" --freeze "$TMP/freeze.$1" --changes 1000/10m
}

deaths() { cat "$RES"/agent-*.log | grep -c '^mortal: '; }
leased() { ip -n "$1" -o addr show dev wgd0 2>/dev/null | grep -q ' peer '; }
firm() { [ "$(routes hkg)$(routes nrt)" = 11 ]; }
by_tunnel() { { leased hkg || [ "$(routes hkg)" = 1 ]; } && { leased nrt || [ "$(routes nrt)" = 1 ]; }; }
by_hub() { [ "$(routes hkg)$(routes nrt)" = 00 ] && ! leased hkg && ! leased nrt; }
# The hub is a peer there, too: it tells nrt, which has no Endpoint, where it is seen.
knows() { n "$1" wg show wgd0 peers | grep -qF "${KEY[$2]}"; }
unstaged() { ! knows hkg nrt && ! knows nrt hkg; }

publish() {	# publish [PAIR]: none is a plan that must be forced
	local node
	epoch=$((epoch + 1))
	for node in hkg nrt; do
		must n $node meshopt-agent --mesh "$MESH" --state "$TMP/state.$node" --force $epoch
	done
	plan $epoch "$@"
}

conf() { local node; for node in dub hkg nrt; do n $node wg showconf wg0; done; }

conf >"$TMP/wg0.before"
RANDOM=$SEED
# The ends are half of the 60 apart.
FIRST=$((RANDOM % (3 * STEPS)))
mortal hkg $FIRST
mortal nrt $((FIRST + 30))
stream_start s hkg nrt "$RATE" 100000
round=0
while [ "$(deaths)" -lt "$KILLS" ]; do
	round=$((round + 1))
	publish "$DIRECT"
	# The other times it is taken back from under its lease.
	if [ $WHOLE = 1 ] || [ $((round % 4)) = 1 ]; then
		every 3 400 firm || die "round $round: not direct: $(states)"
	else
		every 2 200 by_tunnel || die "round $round: not by the tunnel: $(states)"
	fi
	publish
	every 2 200 by_hub || die "round $round: not by the hub: $(states)"
	# Its peer stays while a plan is old, and who starts anew waits anew.
	if [ $WHOLE = 1 ] && ! every 10 800 unstaged; then
		publish
		every 10 800 unstaged || die "round $round: its peers stay"
	fi
	echo "# round $round: $(deaths) deaths, $(($(now_ms) / 1000)) s"
done

# --- peace: the last to live go on, and all is as it should be ---

touch "$TMP/peace"
for node in hkg nrt; do
	pid=${lab_pid[agent-$node]}
	# shellcheck disable=SC2046 # process ids are words
	kill -KILL $(<"/proc/$pid/task/$pid/children")
done
publish "$DIRECT"
check "peace: direct at both ends" every 3 200 both_are direct hkg nrt
check_near "peace: direct" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 49.1 1%
publish
check "peace: by the hub" every 2 60 by_hub
check_near "peace: by the hub" "$(ping_ms hkg "${ADDR[nrt]}" 3)" 492 1%
stream_stop s
for pair in 'hkg nrt' 'nrt hkg'; do
	read -r from to <<<"$pair"
	check_eq "$(deaths) deaths in $round rounds: $from to $to lost of $(stream_get s "$from" "$to" sent)" \
	    "$(stream_get s "$from" "$to" lost)" 0
	check_eq "and twice" "$(stream_get s "$from" "$to" dup)" 0
done
conf >"$TMP/wg0.after"
check "wg0 of all three: byte-identical" cmp "$TMP/wg0.before" "$TMP/wg0.after"
check_eq "nobody was blamed, nothing frozen" \
    "$(grep -hE 'by hand|frozen|was removed|were changed|was deleted' "$RES"/agent-*.log | head -n 1)" ""

# --- who died of what ---

cat "$RES"/agent-*.log | sed -n 's/^mortal: //p' | sort | uniq -c | sort -rn >"$RES/deaths"
sed 's/^/# /' "$RES/deaths"
for half in netd agent both; do
	check_ge "deaths of $half" "$(awk -v half=$half '$2 == half { n += $1 } END { print n + 0 }' "$RES/deaths")" 1
done
while read -r half kind; do
	check_ge "$half, $kind" "$(grep -c "$half killed $kind" "$RES/deaths")" 1
done <"$TMP/kinds"
for node in hkg nrt; do
	stop "agent-$node"
	check_eq "the agent on $node ends cleanly" $? 0
done
finish
