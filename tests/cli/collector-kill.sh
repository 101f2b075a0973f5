#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What was acknowledged is kept: the collector is killed with SIGKILL at random moments
# while four senders post, and in the end each report that was answered 204 is posted
# once more and must be known as a duplicate. KILLS says how often (20), SEED repeats a
# run's moments.

# shellcheck source=tests/cli/collector-lib.sh
. "$(dirname "$0")/collector-lib.sh"

kills=${KILLS:-20}
SEED=${SEED:-$RANDOM}
echo "SEED=$SEED"
RANDOM=$SEED
posts=400 # a sender, a round: more than it gets through before the kill
sources=(10.50.0.1 10.50.1.1 10.50.2.1 10.50.5.1)
names=(dub gru iad hkg)
base=$(($(now_ms) - 60000))
acked=$tmp/acked # "SENDER START_MS" a line
: >"$acked"

# jobs_of SENDER: START_MS a line on stdin to curl's configuration, one post each, on one
# connection.
jobs_of() {
	report "${names[$1]}" nrt SEQ 0 | tr -d '\n\t' | sed 's/"/\\"/g; s/0\.000/START/' \
		>"$tmp/template.$1"
	awk -v who="$1" -v from="${sources[$1]}" -v url="$url/api/v1/reports" \
		-v json="$json" -v base="$base" '
		NR == FNR { body = $0; next }
		{ s = body
		  sub(/SEQ/, $1 - base, s)
		  sub(/START/, substr($1, 1, 10) "." substr($1, 11), s)
		  if (FNR > 1) print "next"
		  printf "url = \"%s\"\ninterface = \"%s\"\nheader = \"%s\"\n", url, from, json
		  print "silent\noutput = \"/dev/null\"\nmax-time = 20"
		  printf "write-out = \"%%{http_code} %s %s\\n\"\n", who, $1
		  printf "data = \"%s\"\n", s }' "$tmp/template.$1" -
}

round=0
while [ $round -lt "$kills" ]; do
	start --verbose
	for who in 0 1 2 3; do
		seq $((base + round * posts)) $((base + round * posts + posts - 1)) |
			jobs_of "$who" >"$tmp/now.$who"
	done
	for who in 0 1 2 3; do
		curl -K "$tmp/now.$who" >"$tmp/codes.$who" 2>/dev/null &
		senders[who]=$!
	done
	read -r -t "0.$(printf %03d $((20 + RANDOM % 380)))" <> <(:) || :
	stop KILL
	wait "${senders[@]}"
	grep -h '^204 ' "$tmp"/codes.? | cut -d' ' -f2- >>"$acked"
	round=$((round + 1))
done
n=$(wc -l <"$acked")

start --verbose
duplicates() {
	get /api/v1/nodes | grep -o '"duplicates":[0-9]*' | cut -d: -f2 |
		awk '{ n += $1 } END { print n }'
}
before=$(duplicates)
for who in 0 1 2 3; do
	awk -v who="$who" '$1 == who { print $2 }' "$acked" | jobs_of "$who" >"$tmp/now.$who"
	[ ! -s "$tmp/now.$who" ] || curl -K "$tmp/now.$who" >>"$tmp/again"
done
found=$(($(duplicates) - before))
echo "kills $kills, acknowledged $n, found $found"
check "some were acknowledged" [ "$n" -ge "$kills" ]
check_eq "each was answered again" "$(grep -c '^204 ' "$tmp/again")" "$n"
check_eq "every acknowledged report is found" "$found" "$n"
stop TERM
check_eq "SIGTERM" $? 0
finish
