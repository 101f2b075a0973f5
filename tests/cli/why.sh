#!/bin/bash
# SPDX-License-Identifier: MIT
#
# meshopt why on the mesh of the examples, word for word, and from a collector's answer.
# shellcheck disable=SC2317 # functions that are called by name

. "$(dirname "$0")/lib.sh"

cp "$DATA/rtt.csv" "$TMP/rtt.csv"
cd "$TMP" || exit
why() { run meshopt why "$@" --mesh "$MESH" --rtt rtt.csv; }
# says WHAT TEXT: the whole of stdout
says() { check_eq "$1" "$(cat "$TMP/out")" "$2"; }

why nrt hkg
status 0 "a pair that is direct"
says "its figures, its rank, and how far it is from the hub" \
    "hkg-nrt: direct, 49.0 ms
  hub         492.0 ms  hkg-dub 205.0 ms and nrt-dub 287.0 ms, from rtt.csv
  direct       49.0 ms  between the public addresses, from rtt.csv
  saves       443.0 ms  10.0 times as fast, weight 1
  because   rank 1 of 10 candidates, budget 3
  otherwise would stay direct below 302.0 ms, and with budget 1 or more"

why hkg gru
says "a pair beyond the budget" \
    "gru-hkg: through the hub, 382.0 ms
  hub         382.0 ms  gru-dub 177.0 ms and hkg-dub 205.0 ms, from rtt.csv
  direct      320.0 ms  between the public addresses, from rtt.csv
  saves        62.0 ms  1.2 times as fast, weight 1
  because   rank 7 of 10 candidates, budget 3
  otherwise would become direct at 12.0 ms or less, or with budget 7"

# The counterfactual is true: plan with that RTT, and with a us more; with that budget,
# and with one less.
direct() { # direct WHAT 0|1 ARG...: how many rows has gru-hkg in the plan?
	local what=$1 rows=$2
	shift 2
	run meshopt plan --mesh "$MESH" --csv "$@"
	check_eq "$what" "$(grep -c '^gru,hkg,' "$TMP/out")" "$rows"
}
for ms in 12 12.001; do
	sed "/^hkg,/s/,320,/,$ms,/; /^gru,/s/,320\$/,$ms/" rtt.csv >"$ms.csv"
done
direct "at 12 ms gru-hkg is direct" 1 --rtt 12.csv
direct "at 12.001 ms it is not" 0 --rtt 12.001.csv
direct "with budget 7 it is direct" 1 --rtt rtt.csv --budget 7
direct "with budget 6 it is not" 0 --rtt rtt.csv --budget 6

why hkg lax
stdout_has "otherwise would become direct at no RTT, but with budget 4" "not even at 0 ms"
why hkg lax --cap hkg=2
stdout_has "because   rank 4 of 10 candidates, budget 3; hkg has its 2 tunnels already" \
    "a node's limit"
why hkg lhr --budget 10 --policy default
says "thresholds of a policy" \
    "hkg-lhr: through the hub, 226.0 ms
  hub         226.0 ms  hkg-dub 205.0 ms and lhr-dub 21.0 ms, from rtt.csv
  direct      192.0 ms  between the public addresses, from rtt.csv
  saves        34.0 ms  1.2 times as fast, weight 1
  policy      150.7 ms  at most, for a new tunnel: 10 ms less than the hub and 2/3 of it
  because   a tunnel would not be faster enough
  otherwise would become direct below 150.667 ms"
why nrt sin --all-pairs --relays hkg
says "a relay" \
    "nrt-sin: through hkg, 87.2 ms
  hub         490.0 ms  nrt-dub 287.0 ms and sin-dub 203.0 ms, from rtt.csv
  direct       68.0 ms  between the public addresses, from rtt.csv
  saves       422.0 ms  7.2 times as fast, weight 1
  because   tunnels nrt-hkg and sin-hkg serve it as well"
why hkg nrt --all-pairs --relays hkg
stdout_has "otherwise would stay direct below 302.0 ms" "with relays an RTT to 0.1 ms"
why fra lhr --all-pairs
stdout_has "because   neither end has an Endpoint, so no tunnel can start" "two behind NAT"
sed '/^hkg,/s/,320,/,,/; /^gru,/s/,320$/,/' rtt.csv >hole.csv
run meshopt why gru hkg --mesh "$MESH" --rtt hole.csv
says "a pair that nobody measured" \
    "gru-hkg: through the hub, 382.0 ms
  hub         382.0 ms  gru-dub 177.0 ms and hkg-dub 205.0 ms, from hole.csv
  direct     unknown: nobody has measured it
  because   what is not measured is not planned with
  otherwise would become direct at 12.0 ms or less"
run meshopt plan --mesh "$MESH" --rtt hole.csv --budget 4
stderr_has "needs 1 more sample: gru-hkg" "plan says which measurement could matter"
run meshopt plan --mesh "$MESH" --rtt hole.csv --budget 3
check "and passes over one that could not" test "$(grep -c needs "$TMP/err")" = 0

why hkg ord --json
status 0 "JSON"
stdout_has '"rule": "budget"' "JSON: the rule"
stdout_has '"direct_below_ms": null' "JSON: no RTT would do"
stdout_has '"direct_from_budget": 5' "JSON: the budget that would"

# refused STATUS WHAT WORDS ARG...
refused() {
	local code=$1 what=$2 words=$3
	shift 3
	why "$@"
	status "$code" "$what"
	stderr_has "$words" "$what: says so"
}
refused 1 "a stranger" 'there is no node "xyz"' hkg xyz
refused 1 "the hub" "dub is the hub: its paths are its own tunnels" hkg dub
refused 1 "one node twice" "hkg twice: a pair has two ends" hkg hkg
refused 1 "two backends" "fra-lhr is no pair that is planned for" fra lhr
refused 2 "one node" "two nodes are missing" hkg
refused 2 "certainty" '--conf: "100" is not a whole number from 50 to 99' hkg nrt --conf 100
refused 2 "a budget of NaN" '--budget: "nan" is not a number' hkg nrt --budget nan
printf '[Policy]\nGian = 1\n' >policy
refused 1 "a slip in a policy" "policy:2: [Policy] has no key Gian" hkg nrt --policy policy
refused 1 "a policy that is not there" "no-such: No such file" hkg nrt --policy no-such

# A collector's answer, served as a file: hkg-sin has samples enough, hkg-nrt has not.
row() { # source destination path sent lost ms
	printf '{"src":"%s","dst":"%s","path":"%s","sent":%d,"lost":%d,' "$1" "$2" "$3" \
	    "$4" "$5"
	printf '"min_ms":%s.0,"p50_ms":%s.4,"p95_ms":%s.8,"max_ms":%s.9,"age_s":2.5}' \
	    "$6" "$6" "$6" "$6"
}
serve() {
	mkdir -p www/api/v1
	printf '{"mesh":"edgeproxy","rows":[%s,%s,%s,%s,%s]}' \
	    "$(row hkg dub hub 200 0 205)" "$(row sin dub hub 200 2 203)" \
	    "$(row nrt dub hub 200 0 287)" "$(row sin hkg public 100 1 38)" \
	    "$(row nrt hkg public 18 0 49)" >www/api/v1/matrix
	for port in 18650 18651 18652 18653; do
		busybox httpd -f -p "127.0.0.1:$port" -h www 2>/dev/null &
		wait_for 5 answers $! && return
	done
	return 1
}
answers() { ! kill -0 "$1" 2>/dev/null || (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
command -v busybox >/dev/null || skip "busybox is not installed"
check "a file stands in for the collector" serve
from=(--mesh "$MESH" --collector "http://127.0.0.1:$port")

run meshopt why hkg sin "${from[@]}"
check_eq "samples, limits, loss and age" "$(head -5 "$TMP/out")" \
    "hkg-sin: direct, 38.4 ms
  hub         408.8 ms  hkg-dub 205.4 ms and sin-dub 203.4 ms; 198 samples, 408.7 to 408.9 ms at 90 %, loss 1.0 %
  direct       38.4 ms  between the public addresses; 99 samples, 38.3 to 38.5 ms at 90 %, loss 1.0 %
  saves       370.4 ms  at least 370.2 ms, 10.6 times as fast, weight 1, 2 s old
  because   rank 1 of 1 candidates, budget 3"
run meshopt why hkg nrt "${from[@]}"
stdout_has "because   needs 12 more samples" "too few samples"
run meshopt why hkg nrt "${from[@]}" --min-samples 10
stdout_has "because   rank 1 of 2 candidates" "fewer, where the user says that they do"
run meshopt plan "${from[@]}" --json
stdout_has '"samples": 12' "the plan lists what it needs"
stderr_has "needs 30 more samples: cdg-hkg" "and says the first of them"
# 1 % of 100 packets is one wait more by either path: 408.8 ms against 200 ms.
run meshopt why hkg sin "${from[@]}" --loss 100
stdout_has "counted as 579.0 ms with the loss" "loss counts when asked"
finish
