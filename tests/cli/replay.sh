#!/bin/bash
# SPDX-License-Identifier: MIT
#
# meshopt replay: the mesh of the examples over six hours in which Hong Kong to Tokyo
# flaps, word for word; histories of other shapes; bad input.

. "$(dirname "$0")/lib.sh"
cd "$TMP" || exit
says() { check_eq "$1" "$(cat "$TMP/out")" "$2"; }

# Six slices of data/edgeproxy; hkg-nrt takes 480 ms in each second one.
awk -F, 'NR == 1 { for (i = 2; i <= NF; i++) name[i] = $i
	printf "a,b,h1,h2,h3,h4,h5,h6\n"; next }
    { for (i = NR + 1; i <= NF; i++) {
	printf "%s,%s", $1, name[i]
	for (t = 1; t <= 6; t++)
		printf ",%s", $1 == "nrt" && name[i] == "hkg" && t % 2 == 0 ? 480 : $i
	printf "\n" } }' "$DATA/rtt.csv" >flap.csv
base=(--hub dub --pops hkg --budget 3 --slice 1h)
printf '[Policy]\nBoth = no\nDwell = 0\nChangeCost = 0\nInterval = 1h\n[Damping]\nPenalty = 0\n' >wild

run meshopt replay "${base[@]}" --policy wild --window 1 flap.csv
status 0 "a policy without brakes"
says "swaps a tunnel every hour, and always too late" \
    "flap.csv: 12 nodes, hub dub, 10 pairs, budget 3, slices h1 to h6
slice  tunnels  added  dropped  switched  hub ms  predicted ms  realised ms  oracle ms  of oracle
h2           3      3        0         0   338.4        119.10        76.00      93.80     81.0 %
h3           3      1        1         2   338.4         93.80        93.80     119.10     78.8 %
h4           3      1        1         2   338.4        119.10        76.00      93.80     81.0 %
h5           3      1        1         2   338.4         93.80        93.80     119.10     78.8 %
h6           3      1        1         2   338.4        119.10        76.00      93.80     81.0 %
saved 83.12 ms per pair · predicted 108.98 ms · realised 80.0 % of the oracle, 89.1 % of the best fixed plan · regret 20.80 ms
churn 33.3 % of the tunnels per re-plan · 4.800 switches per pair per day · at most 24.00 (hkg-lax)"

run meshopt replay "${base[@]}" --policy wild flap.csv
check_eq "limits over all that was seen do not" "$(tail -1 out)" \
    "churn 8.3 % of the tunnels per re-plan · 1.200 switches per pair per day · at most 6.00 (hkg-lax)"

run meshopt replay "${base[@]}" --flap-budget 6/day flap.csv
status 0 "a flap budget"
stdout_has "[Damping]" "the policy that meets it is printed"
sed -n '/^\[Policy\]/,$p' out >found
run meshopt replay "${base[@]}" --policy found flap.csv
# shellcheck disable=SC2016 # awk means its own
check "and keeps to it when replayed" awk '/switches per pair/ {
    bad = match($0, /at most [0-9.]+/) && substr($0, RSTART + 8, RLENGTH - 8) > 6 }
    END { exit bad }' out
run meshopt replay "${base[@]}" --flap-budget x flap.csv
status 1 "a flap budget that is no number"

# The same through gzip, a directory, and JSON.
meshopt replay "${base[@]}" flap.csv >plain
gzip -k flap.csv
run meshopt replay "${base[@]}" flap.csv.gz
check_eq "gzip makes no difference" "$(tail -n +2 out)" "$(tail -n +2 plain)"
mkdir dir
for t in 1 2 3 4 5 6; do
	if [ $((t % 2)) = 0 ]; then
		sed '/^nrt,/s/,49$/,480/; /^hkg,/s/,49,/,480,/' "$DATA/rtt.csv"
	else
		cat "$DATA/rtt.csv"
	fi >"dir/h$t.csv"
done
run meshopt replay "${base[@]}" dir
check_eq "nor do matrices in a directory" "$(tail -n +2 out)" "$(tail -n +2 plain)"
(head -1 flap.csv && tail -n +2 flap.csv | tac) >shuffled.csv
run meshopt replay "${base[@]}" shuffled.csv
check_eq "nor does the order of lines" "$(tail -n +2 out)" "$(tail -n +2 plain)"
run meshopt replay "${base[@]}" --json flap.csv
stdout_has '"regret_ms"' "JSON"
run meshopt replay "${base[@]}" --from h2 --to 4 flap.csv
stdout_has "slices h2 to h4" "from a label to a number"

# A weight of 100 makes the least pair the one that is wanted most.
awk -F, -v OFS=, 'NR == 1 { print; next } { for (i = 2; i <= NF; i++)
    $i = i == NR ? 0 : $1 == "fra" && i == 13 || $1 == "hkg" && i == 8 ? 100 : 1
    print }' "$DATA/rtt.csv" >weights.csv
printf '[Policy]\nRatio = 1/1\n' >keen
run meshopt replay "${base[@]}" --budget 1 --policy keen --weights weights.csv flap.csv
check_eq "weights count" "$(awk '$1 == "h2" { print $6, $8 }' out)" \
    "239.9 38.53"
run meshopt replay "${base[@]}" --relays hkg flap.csv
status 0 "a node that may relay"

run meshopt replay "${base[@]}" --relays xyz flap.csv
stderr_has 'no node "xyz" in the history' "a relay that is not there"

# One plan from three hours; in the other three hkg-nrt is fast in one only.
run meshopt replay "${base[@]}" --policy wild --medians --once h3 flap.csv
check_eq "one plan, judged by the rest" "$(tail -2 out)" \
    "h6           3      3        0         0   338.4        119.10        76.00      93.80     81.0 %
saved 76.00 ms per pair · predicted 119.10 ms · realised 81.0 % of the oracle, 100.0 % of the best fixed plan · regret 17.80 ms"

# Nothing changes: nothing switches.
sed 's/,480/,49/g' flap.csv >still.csv
run meshopt replay "${base[@]}" --policy wild still.csv
check_eq "a constant history" "$(tail -1 out)" \
    "churn 0.0 % of the tunnels per re-plan · 0.000 switches per pair per day"

# refused STATUS WHAT WORDS ARG...
refused() {
	local code=$1 what=$2 words=$3
	shift 3
	run meshopt replay "$@"
	status "$code" "$what"
	stderr_has "$words" "$what: says so"
}
refused 2 "no history" "one HISTORY" --budget 3
refused 1 "no budget" "--budget is missing" flap.csv
refused 1 "a budget of NaN" '"nan" is not a number of tunnels' --budget nan flap.csv
refused 1 "a share above the whole" '"101%" is not a number' --budget 101% flap.csv
refused 1 "a file that is not there" "nowhere.csv: No such file" --budget 3 nowhere.csv
refused 1 "a stranger as hub" "there is no node xyz" --budget 3 --hub xyz flap.csv
refused 1 "a slice that is not there" 'no slice "h9"' --budget 3 --from h9 flap.csv
refused 1 "nothing to judge by" "needs a slice before the last" --budget 3 --once h6 flap.csv
refused 1 "one slice" "at least two slices" --budget 3 --from h6 flap.csv
# bad WHAT TEXT WORDS
bad() {
	printf '%b' "$2" >bad.csv
	refused 1 "$1" "$3" --budget 1 bad.csv
}
bad "an empty file" '' 'begins with "a,b,"'
bad "no slices" 'a,b\n' 'there is no slice'
bad "no pairs" 'a,b,t1,t2\n' 'no pair in it'
bad "one name" 'a,b,t1,t2\nx\n' 'bad.csv:2: a line begins with two names'
bad "a pair of one" 'a,b,t1,t2\nx,x,1,2\n' 'bad.csv:2: a line begins with two names'
bad "too few cells" 'a,b,t1,t2\nx,y,1\n' 'bad.csv:2: fewer cells'
bad "too many cells" 'a,b,t1,t2\nx,y,1,2,3\n' 'bad.csv:2: more cells'
bad "zero" 'a,b,t1,t2\nx,y,1,0\n' 'bad.csv:2: column 4 (t2): "0" is not a time'
bad "a negative" 'a,b,t1,t2\nx,y,-1,1\n' '"-1" is not a time'
bad "an exponent" 'a,b,t1,t2\nx,y,1e9,1\n' '"1e9" is not a time'
bad "a pair twice" 'a,b,t1,t2\nx,y,1,1\ny,x,1,1\n' 'bad.csv:3: y,x is there twice'
bad "a NUL byte" 'a,b,t1,t2\nx,y,1\0000,1\n' 'bad.csv:2: a NUL byte'
bad "two nodes" 'a,b,t1,t2\nx,y,1,1\n' 'a hub and two others'
head -c 200 flap.csv.gz >bad.csv
refused 1 "half a gzip file" "bad.csv" --budget 1 bad.csv
mkdir empty
refused 1 "an empty directory" "there is no .csv file" --budget 1 empty
mkdir unlike
cp dir/h1.csv unlike
printf ',a,b,c\na,0,1,2\nb,1,0,2\nc,2,2,0\n' >unlike/h2.csv
refused 1 "matrices of other nodes" "its nodes are not those of h1" --budget 1 unlike
finish
