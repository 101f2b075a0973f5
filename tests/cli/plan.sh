#!/bin/bash
# SPDX-License-Identifier: MIT
#
# meshopt plan, report and lint on the mesh of the examples, and on bad input.

. "$(dirname "$0")/lib.sh"

plan() { run meshopt plan --rtt "$DATA/rtt.csv" --mesh "$MESH" "$@"; }

plan --pop hkg --budget 3 --no-relays
status 0 "the three tunnels of Hong Kong"
check_eq "in order of value, with the seed's figures" "$(sed -n 2,4p "$TMP/out" | awk '{ print $1, $2, $3 }')" \
    "hkg-nrt 492.0 49.0
hkg-syd 500.0 122.0
hkg-sin 408.0 38.0"
stdout_has "3 of 10 pairs · mean 338.4 → 219.3 ms · bound 219.3 ms · optimal (gap 0.0 %) · next tunnel saves 190.0 ms" \
    "the totals line"

plan --pop hkg --budget 3 --no-relays --json
python=$(command -v python3 || :)
check "JSON has the fixed fields" grep -q '"next_saves_ms": 190.0' "$TMP/out"
if [ -n "$python" ]; then
	check "and is JSON" "$python" -m json.tool "$TMP/out" /dev/null
fi
plan --budget 3 --csv
check_eq "CSV" "$(head -2 "$TMP/out")" "a,b,hub_ms,direct_ms,saves_ms,value,state
hkg,nrt,492.000,49.000,443.000,443000,add"

plan --budget 0
status 0 "a budget of 0 is a plan without tunnels"
stdout_has "0 of 10 pairs" "and says so"
plan --budget 1000
stdout_has "10 of 10 pairs" "a budget above the candidates takes what gains"
stdout_has "no further tunnel saves anything" "and says that there is no more"
plan --budget 3 --all-pairs
stdout_has "of 55 pairs" "all pairs of eleven spokes"
stderr_has "45 pairs cannot have a tunnel: neither end has an Endpoint" "who cannot is counted"
plan --budget 5 --cap 2
stdout_has "2 of 10 pairs" "a limit at each node"
plan --budget 5 --cap hkg=1
stdout_has "1 of 10 pairs" "a limit at one node"
plan --budget 3 --exit-code
status 3 "changes pending"
plan -o "$TMP/plan.json" --budget 3
check "the plan is written" grep -q '"mesh": "edgeproxy"' "$TMP/plan.json"
plan --budget 3 -o "$TMP/no/such/dir/plan.json"
status 1 "a plan that cannot be written"
one_sentence "a plan that cannot be written"

ln -s plan.json "$TMP/link.json"
plan -o "$TMP/link.json" --budget 2
check "a link to a plan stays a link" test -L "$TMP/link.json"
check_eq "and its file is written" "$(grep -c '"state": "add"' "$TMP/plan.json")" 2
mkfifo "$TMP/fifo"
grep -c '"state": "add"' "$TMP/fifo" >"$TMP/count" &
plan -o "$TMP/fifo" --budget 2
wait $!
status 0 "a plan into what is no file"
check "which is written to, not replaced" test -p "$TMP/fifo"
check_eq "by the whole plan" "$(cat "$TMP/count")" 2
# As /dev/stdout is one: what it leads to has no name.
ln -s /proc/self/fd/3 "$TMP/pipe"
{
	plan -o "$TMP/pipe" --budget 2 3>&1
	echo "$rc" >"$TMP/rc"
} | grep -c '"state": "add"' >"$TMP/count"
check_eq "a plan into a link to a pipe" "$(<"$TMP/rc")" 0
check "which stays a link" test -L "$TMP/pipe"
check_eq "and gets the whole plan" "$(<"$TMP/count")" 2

run meshopt plan --rtt "$DATA/rtt.csv" --hub dub --pops hkg,sin --budget 2
status 0 "roles from options"
stdout_has "2 of 18 pairs" "two POPs, nine backends"
run meshopt plan --rtt "$DATA/rtt.csv" --hub dub --all-pairs --budget 2 --cap 1
status 0 "any pair under a limit"
# 300 nodes, 44,551 pairs: the search must come to an end, and say how far it got.
awk 'BEGIN {
	for (i = 0; i < 300; i++) printf ",n%d", i
	for (i = 0; i < 300; i++) {
		printf "\nn%d", i
		for (j = 0; j < 300; j++) {
			a = i < j ? i : j; b = i < j ? j : i
			printf ",%d", i == j ? 0 : 20 + (a * 7919 + b * 104729) % 281
		}
	}
	print ""
}' >"$TMP/large.csv"
run timeout 60 meshopt plan --rtt "$TMP/large.csv" --hub n0 --all-pairs --budget 150 --cap 2
status 0 "any pair of 300 nodes under a limit that binds"
stdout_has "150 of 44551 pairs" "and the budget is used"
# A shuffled file gives the same plan, byte for byte.
meshopt plan --rtt "$DATA/rtt.csv" --hub dub --all-pairs --budget 9 --json >"$TMP/a.json"
awk -F, -v OFS=, 'NR == 1 { $2 = $2; print; next } { row[NR] = $0 }
    END { for (i = NR; i > 1; i--) print row[i] }' "$DATA/rtt.csv" >"$TMP/shuffled.csv"
meshopt plan --rtt "$TMP/shuffled.csv" --hub dub --all-pairs --budget 9 --json >"$TMP/b.json"
check "rows in another order give the same plan" cmp -s "$TMP/a.json" "$TMP/b.json"

# bad WHAT TEXT WORDS: a CSV that must be refused, in one line with these words
bad() {
	printf '%b' "$2" >"$TMP/bad.csv"
	run meshopt plan --rtt "$TMP/bad.csv" --hub a --all-pairs --budget 1
	status 1 "$1"
	stderr_has "$3" "$1: says so"
	one_sentence "$1"
}
bad "an empty file" '' "empty"
bad "text in a cell" ',a,b\na,0,fast\nb,1,0\n' 'bad.csv:2: column 3 (b): "fast" is not a time'
bad "a negative RTT" ',a,b\na,0,1\nb,-1,0\n' 'bad.csv:3: column 2 (a): "-1" is not a time'
bad "an absurd RTT" ',a,b\na,0,1e9\nb,,0\n' '"1e9" is not a time'
bad "a huge RTT" ',a,b\na,0,60001\nb,,0\n' '"60001" is not a time'
bad "NaN" ',a,b\na,0,nan\nb,,0\n' '"nan" is not a time'
bad "an RTT of zero" ',a,b\na,0,0\nb,,0\n' '0 is no round-trip time'
bad "a diagonal that is not 0" ',a,b\na,5,1\nb,,0\n' 'the diagonal must be 0 or empty'
bad "a name twice" ',a,a\na,0,1\n' 'a is there twice'
bad "a row twice" ',a,b\na,0,1\na,0,1\n' 'a second row for a'
bad "an unknown row" ',a,b\nc,0,1\n' 'c is not named in the first line'
bad "a short row" ',a,b\na,0\n' 'bad.csv:2: 2 cells, but the first line has 3'
bad "a long row" ',a,b\r\na,0,1\r\nb,1,0,7\r\n' 'bad.csv:3: more cells'
bad "an open quote" ',a,b\na,0,"1\n' 'bad.csv:'
bad "a name in Latin-1" ',a,S\xe3o\na,0,1\nS\xe3o,1,0\n' 'bad.csv:1: column 3: the first line must name each column, in UTF-8'
bad "a name cut in a character" ',a,S\xc3\na,0,1\n' 'column 3: the first line must name'
bad "a surrogate" ',a,\xed\xa0\x80\na,0,1\n' 'column 3: the first line must name'
bad "junk without an end" "$(head -c 100000 /dev/zero | tr '\0' x)" 'a cell longer than any name'
bad "a NUL" ',a,b\na,0,\0\n' 'NUL'
bad "no such hub" ',b,c\nb,0,1\nc,1,0\n' '--hub: there is no node a'
printf ',a,b,c\na,0,5,\nb,,0,\nc,7,,0\n' >"$TMP/holes.csv"
run meshopt plan --rtt "$TMP/holes.csv" --hub a --all-pairs --budget 1
status 0 "holes are unknown"
stderr_has "1 pair has no measured hub or direct RTT and stays" "and never 0"
printf ',dub,xxx\ndub,0,5\nxxx,5,0\n' >"$TMP/unknown.csv"
run meshopt plan --rtt "$TMP/unknown.csv" --mesh "$MESH" --budget 1
status 1 "a name that the mesh lacks"
stderr_has "unknown.csv:1: column 3: there is no node xxx in mesh edgeproxy" "named with its column"

printf ',hkg,nrt\nhkg,0,1000000000\nnrt,1000000000,0\n' >"$TMP/weights.csv"
plan --budget 1 --weights "$TMP/weights.csv" --json
status 0 "a weight of 1e9"
stdout_has '"value": 443000000000000' "counts exactly"
printf ',hkg,nrt\nhkg,0,2\nnrt,3,0\n' >"$TMP/weights.csv"
plan --budget 1 --weights "$TMP/weights.csv"
status 1 "weights that differ by direction"
plan --budget 1 --weights "$TMP/holes.csv"
status 1 "weights of other nodes"

for what in "--cap hkg" "--cap -1" "--since 5m" "--hub dub" "--pops hkg"; do
	# shellcheck disable=SC2086 # words
	plan --budget 1 $what
	status 2 "$what is wrong usage"
	one_sentence "$what"
done
run meshopt plan --rtt "$DATA/rtt.csv" --hub dub --budget 1
status 2 "a hub without POPs"
run meshopt report --mesh "$MESH" --since soon
status 2 "a time that is none"
plan --budget -1
status 2 "a negative budget"
plan --budget nan
status 2 "a budget that is no number"
plan --budget 99999999999999999999
status 2 "a budget beyond any"
run meshopt plan --rtt "$DATA/rtt.csv" --hub dub --all-pairs
status 2 "no budget"
stderr_has "--budget N is missing" "is asked for"
plan --budget 1 --pop lhr
status 1 "a backend is no POP"
plan --budget 1 --pop nobody
stderr_has 'there is no node "nobody" in edgeproxy' "an unknown POP"
plan --budget 1 --nonsense
status 2 "an unknown option"
plan --budget 1 extra
status 2 "a stray argument"
run meshopt plan --rtt "$TMP/absent.csv" --mesh "$MESH" --budget 1
stderr_has "absent.csv: No such file or directory" "a missing CSV"
run meshopt plan --rtt "$DATA/rtt.csv" --mesh "$TMP/absent.conf" --budget 1
stderr_has "absent.conf: No such file or directory" "a missing mesh file"
run meshopt plan --mesh "$MESH" --collector http://127.0.0.1:9 --budget 1
status 1 "a collector that is away"
stderr_has "is meshopt-collector running there" "says what to look at"
one_sentence "a collector that is away"

run meshopt lint "$MESH"
status 0 "the example mesh is sound"
stdout_has "12 nodes: 0 errors, 0 warnings" "and clean"
sed 's/^Name = nrt/Name = hkg/; s|10.50.4.2/24|10.50.5.77/32|' "$MESH" >"$TMP/two.conf"
run meshopt lint "$TMP/two.conf"
status 1 "two faults"
check_eq "lint tells each, with its line" "$(grep -c 'two.conf:[0-9]*: error:' "$TMP/out")" 2
run meshopt lint --json "$TMP/two.conf"
check "lint as JSON" grep -q '"level": "error"' "$TMP/out"
# The same question, once with its RTTs in a matrix beside the file.
awk -F, 'BEGIN { print "meshopt-instance 1\nbudget 5\nmatrix rtt m.csv # ms\ndemand all" }
	{ sub(/\r$/, "") }
	NR == 1 { for (i = 2; i <= NF; i++)
		print "node", $i, ($i == "dub" ? "hub -" : "pop relay"), "public" }' \
    "$DATA/rtt.csv" >"$TMP/bulk"
cp "$DATA/rtt.csv" "$TMP/m.csv"
meshopt plan --rtt "$DATA/rtt.csv" --hub dub --all-pairs --relays all --budget 5 \
    >"$TMP/by_options" 2>/dev/null
run meshopt plan --instance "$TMP/bulk"
check "an instance with a matrix" cmp -s "$TMP/out" "$TMP/by_options"
sed 's/^matrix rtt/matrix hi/' "$TMP/bulk" >"$TMP/bulk2"
run meshopt plan --instance "$TMP/bulk2"
status 1 "a matrix of limits alone"
stderr_has "need a matrix rtt" "is told"
printf '[Mesh]\nnonsense\n' >"$TMP/broken.conf"
run meshopt lint --json "$TMP/broken.conf"
status 1 "a file that is no mesh file is an error in JSON too"
check "with its line" grep -q '"line": 2' "$TMP/out"
chmod g+w "$TMP/two.conf"
run meshopt lint "$TMP/two.conf"
stdout_has "chmod go-w" "weak file modes"
run meshopt lint "$TMP/absent.conf"
status 1 "a missing mesh file"
run meshopt report --rtt "$DATA/rtt.csv" --mesh "$MESH" --csv
check_eq "report as CSV" "$(sed -n 2p "$TMP/out")" "hkg,nrt,,,492.000,49.000,443.000,,"
run meshopt report --rtt "$DATA/rtt.csv" --mesh "$MESH" --json
check "report as JSON" grep -q '"saves_ms": 443.0' "$TMP/out"

for verb in "plan --rtt $DATA/rtt.csv --mesh $MESH --budget 3" "plan --rtt $DATA/rtt.csv --mesh $MESH --budget 3 --json" \
    "report --rtt $DATA/rtt.csv --mesh $MESH" "lint $MESH" --version; do
	rc=0
	# shellcheck disable=SC2086 # words
	meshopt $verb >/dev/full 2>"$TMP/err" || rc=$?
	status 1 "no room for the answer of ${verb%% *}"
	stderr_has "standard output: No space left on device" "is told"
	one_sentence "${verb%% *} without room"
done
rc=0
meshopt lint "$MESH" >&- 2>"$TMP/err" || rc=$?
status 1 "a closed standard output"

mkdir "$TMP/bin" "$TMP/sbin"
cp "$BUILD/meshopt" "$TMP/bin" && cp "$BUILD/meshopt-prober" "$TMP/sbin"
run env PATH=/usr/bin:/bin "$TMP/bin/meshopt" prober --version
status 0 "a daemon is found in the sbin beside bin"
run env PATH=/usr/bin:/bin "$TMP/bin/meshopt" collector --version
status 1 "a daemon that is not there"
stderr_has "is it installed" "is asked for"

run meshopt
status 2 "no verb"
run meshopt fly
status 2 "an unknown verb"
stderr_has "fly is not a verb" "is named"
run meshopt --help
status 0 "help"
run meshopt --version
stdout_has "meshopt " "version"

# What takes its time says so on a terminal, and takes the line back before it answers.
run script -qec "meshopt plan --rtt '$DATA/rtt.csv' --mesh '$MESH' --budget 3" /dev/null
check "on a terminal: what it is at" grep -qaF $'deciding for 12 nodes\r\e[K' "$TMP/out"
plan --budget 3
check_eq "elsewhere not" "$(cat "$TMP/out" "$TMP/err" | grep -c deciding)" 0

finish
