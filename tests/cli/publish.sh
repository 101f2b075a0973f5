#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# meshopt plan --publish against a real collector: a canary, the word of both ends, the
# next stage, a pair that did not stand; and what is refused.

# shellcheck source=tests/cli/publish-lib.sh
. "$(dirname "$0")/publish-lib.sh"

everyone dub hkg
publish
status 4 "two of twelve nodes report"
stderr_has "--force publishes all the same" "and what to do is said"
check_eq "nothing was published" \
	"$(curl -s -m 20 -o "$tmp/out" -w '%{http_code}' "$url/api/v1/plan")" 404
everyone "${nodes[@]}"

# Of a tunnel that there was once: no word about the one that the first plan makes.
tell hkg direct sin 7200
tell sin direct hkg 7200
publish
status 0 "the first plan"
stderr_has ": 1 pairs leave the hub" "has a canary"
before=$(($(in_force | cut -d' ' -f1) - 1))
check "it is above what was ever published, though nobody remembers" [ $(($(date +%s) - before)) -lt 600 ]
check_eq "which is the least" "$(in_force)" "1 hkg-sin"
stdout_has "wait" "the others wait"
publish
status 0 "again, and nothing was heard"
stderr_has "both ends of hkg-sin" "is what it waits for"
check_eq "nothing more is in force" "$(in_force)" "2 hkg-sin"
tell hkg direct sin
publish
check_eq "the word of one end is not enough" "$(in_force)" "3 hkg-sin"
tell sin direct hkg
publish
check_eq "that of both is" "$(in_force)" "4 hkg-nrt hkg-sin"

tell nrt direct hkg
tell hkg demoted nrt
publish
status 0 "a pair that did not stand"
stderr_has "hkg-nrt: left out" "is left out"
check_eq "and leaves the plan" "$(in_force)" "5 hkg-sin"
cp "$mesh" "$tmp/free"
printf '[Pair]\nNodes = hkg, nrt\nPath = direct\n' >>"$mesh"
publish
status 0 "pinned to Path = direct"
check_eq "it is left out all the same, and others follow" "$(in_force)" "6 hkg-sin hkg-syd"
cp "$tmp/free" "$mesh"

# why says what is in force beside what would be planned.
why() { run "$meshopt" why "$@" --mesh "$mesh" --collector "$url" --budget 3; }
why sin hkg
status 0 "why of a pair that stands"
stdout_has ": direct for " "tells the plan"
stdout_has "s, stands at both ends" "and the verdict"
stdout_has "agents    hkg: direct " "and the word of one end"
stdout_has "          sin: direct " "and of the other"
why hkg nrt -j
check_eq "of one that did not" "$(python3 -c 'import json, sys; f = json.load(sys.stdin)["in_force"]
print(f["path"], f["agents"][0]["kind"], 3500 < f["left_out_s"] <= 3600)' <"$TMP/out")" "hub demoted True"
why hkg nrt
stdout_has "left out of plans for 59 min" "and how long it is left out"
why hkg lax
stdout_has "lax: nothing yet" "of one that nobody spoke of"

# What is refused leaves the plan in force as it is.
publish --key "$tmp/none.key"
status 1 "no key"
stderr_has "meshopt keygen --plan" "says how to make one"
chmod 644 "$tmp/plan.key"
publish
status 1 "a key that others may read"
stderr_has "chmod 600" "says how to mend it"
chmod 600 "$tmp/plan.key"
mkdir "$tmp/other"
run "$meshopt" keygen --plan -o "$tmp/other"
cp "$tmp/out" "$tmp/other.line"
publish --key "$tmp/other/plan.key"
status 1 "another key"
stderr_has "PlanKey" "says whose it should be"
run "$meshopt" plan --mesh "$mesh" --rtt "$DATA/rtt.csv" --budget 3 --publish
status 2 "figures from a file"
run "$meshopt" plan --mesh "$mesh" --budget 3 --force
status 2 "--force alone"
check_eq "the plan in force stays" "$(in_force)" "6 hkg-sin hkg-syd"

# A signed plan is one for apply, too: it gets as far as asking which node this is.
get /api/v1/plan >"$tmp/plan.signed"
run "$meshopt" apply --mesh "$mesh" --node hkg "$tmp/plan.signed"
if grep -q "signature\|not a signed" "$tmp/err"; then
	fail "apply reads a signed plan" "$(cat "$tmp/err")"
else
	pass "apply reads a signed plan"
fi
sed -i 's/"ttl_s": 900/"ttl_s": 901/' "$tmp/plan.signed"
run "$meshopt" apply --mesh "$mesh" --node hkg "$tmp/plan.signed"
status 1 "one byte changed"
stderr_has "signature is not by the PlanKey" "is refused"

# The daemon: a round each ten seconds, until it is told to stop.
"$meshopt" plan --mesh "$mesh" --collector "$url" --budget 3 --pop hkg --no-relays \
	--key "$tmp/plan.key" --publish --every 10s >"$tmp/daemon" 2>&1 &
daemon=$!
# shellcheck disable=SC2317 # called by wait_for
published() { in_force | grep -q "^7 "; }
# shellcheck disable=SC2015 # pass cannot fail
wait_for 20 published && pass "--every publishes at once" ||
	fail "--every publishes at once" "$(cat "$tmp/daemon")"
kill "$daemon"
wait "$daemon"
check_eq "and ends when told" $? 0
get '/api/v1/plan?format=json' >"$tmp/last.json"
last=$(in_force | cut -d' ' -f2-)
check_eq "it left something off the hub" "$(wc -w <<<"$last")" 2
stop TERM

# Another key, as docs/operations.md has it.
sed -i "s|^PlanKey = .*|$(sed -n 's/^\(PlanKey = .*\)/\1/p' "$tmp/other.line")|" "$mesh"
start
everyone "${nodes[@]}"
publish
status 1 "the old key"
stderr_has "PlanKey" "signs nothing any more"
run "$meshopt" plan --mesh "$mesh" --budget 3 --after "$tmp/last.json"
status 2 "--after alone"
publish --key "$tmp/other/plan.key" --after "$mesh"
status 1 "after what is no plan"
publish --key "$tmp/other/plan.key" --after "$tmp/last.json"
status 0 "the new one, after the last plan of the old one"
stderr_has "0 pairs leave the hub, 0 go back" "moves nothing"
before=0
first=$(in_force | cut -d' ' -f1)
check_eq "what was direct still is" "$(in_force | cut -d' ' -f2-)" "$last"
publish --key "$tmp/other/plan.key" --after "$tmp/last.json"
status 1 "again"
stderr_has "in force already" "is no beginning any more"
publish --key "$tmp/other/plan.key"
status 0 "but without it"
check_eq "goes on" "$(in_force | cut -d' ' -f1)" $((first + 1))
stop TERM
finish
