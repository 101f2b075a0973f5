#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The optimizer's figures: bound, optimum, speed against CBC, scale, memory.  One line a
# figure; exits 1 when one is short.  Real matrices come from MESHOPT_DATA; where they
# are not there, generated ones stand in, and the name of the figure says so.
#
# BENCH_CBC_S limits CBC on one small instance, BENCH_GLPK_S GLPK (it only stands beside),
# BENCH_CBC_LONG_S CBC on the large one; BENCH_SHUFFLES how often lines are shuffled;
# BENCH_ONLY=regex runs some of the groups.
set -u
cd "$(dirname "$0")/../.." || exit
meshopt=${MESHOPT:-build/meshopt}
generate=build/bench/generate
data=${MESHOPT_DATA:-../shared/data}
only=${BENCH_ONLY:-.}
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
short=0

azure=$data/azure_regions_2026.csv planetlab=$data/planetlab490_median.csv
aws=$data/aws18_2020.csv
label=
for f in "$azure" "$planetlab" "$aws"; do
	[ -r "$f" ] || { azure=- planetlab=- aws=- label=-generated; }
done

# bench NAME VALUE UNIT '<=|>=' GOAL
bench() {
	local word
	word=$(awk -v v="$2" -v o="$4" -v g="$5" 'BEGIN {
		print (o == "<=" ? v + 0 <= g + 0 : v + 0 >= g + 0) ? "ok" : "short" }')
	[ "$word" = ok ] || short=1
	echo "bench $1$label $2 $3 goal $4$5 $word"
}

now() { echo "${EPOCHREALTIME/,/.}"; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.3f", b - a }'; }
field() { sed -n "s/^ \"$2\": \(-\{0,1\}[0-9.e+-]*\),\{0,1\}$/\1/p" "$1" | head -1; }
calc() { awk "BEGIN { printf \"%.9g\", ($1) }"; }
max() { awk -v a="$1" -v b="$2" 'BEGIN { print (a + 0 > b + 0 ? a : b) }'; }
min() { awk -v a="$1" -v b="$2" 'BEGIN { print (a + 0 < b + 0 ? a : b) }'; }
group() { [[ $1 =~ $only ]]; }

# timed CMD...: sets cpu, seconds of processor time; what it says goes to $dir/err.
TIMEFORMAT='%U %S'
timed() {
	local rc
	{ time "$@" >/dev/null 2>"$dir/err"; } 2>"$dir/cpu"
	rc=$?
	cpu=$(awk '{ printf "%.3f", $1 + $2 }' "$dir/cpu")
	return $rc
}

# plan NAME OPTION...: into $dir/NAME.json; sets seconds, cpu, value, bound, gap (in %).
plan() {
	local name=$1 from
	shift
	from=$(now)
	timed "$meshopt" plan --instance "$dir/$name" -o "$dir/$name.json" "$@" ||
		{ cat "$dir/err" >&2; exit 1; }
	seconds=$(since "$from")
	value=$(field "$dir/$name.json" value)
	bound=$(field "$dir/$name.json" bound)
	gap=$(calc "100 * ($bound - $value) / ($bound > 0 ? $bound : 1)")
}

checked=0 accepted=0
verify() {
	checked=$((checked + 1))
	if "$meshopt" verify "$dir/$1.json" --instance "$dir/$1" >/dev/null 2>"$dir/err"; then
		accepted=$((accepted + 1))
	else
		cat "$dir/err" >&2
	fi
}

# cbc_run NAME LIMIT: sets cbc_value, cbc_seconds, cbc_cpu, cbc_proven.  The time is
# taken outside of it: its limit overruns.
cbc_run() {
	local from
	"$meshopt" plan --instance "$dir/$1" --write-lp "$dir/$1.lp" \
		--iterations 1 >/dev/null 2>&1
	from=$(now)
	timed timeout $(($2 + 60)) cbc "$dir/$1.lp" sec "$2" solve solu "$dir/sol"
	cbc_seconds=$(since "$from") cbc_cpu=$cpu
	[ -e "$dir/sol" ] || echo "Stopped - objective value 0" >"$dir/sol"
	cbc_value=$(sed -n '1s/.*objective value *\(-\{0,1\}[0-9.e+]*\).*/\1/p' "$dir/sol")
	cbc_value=$(awk -v v="${cbc_value:-0}" \
		'BEGIN { printf "%.0f", v < 0 ? -v : v }')
	cbc_proven=0
	head -1 "$dir/sol" 2>/dev/null | grep -q '^Optimal' && cbc_proven=1
	rm -f "$dir/sol"
}

# glpk NAME LIMIT: sets glpk_said, after cbc_run.
glpk_run() {
	local from status objective
	glpk_said="GLPK not here"
	command -v glpsol >/dev/null || return
	from=$(now)
	timeout $(($2 + 60)) glpsol --lp "$dir/$1.lp" --tmlim "$2" -o "$dir/glpk" \
		>/dev/null 2>&1
	status=$(sed -n 's/^Status: *//p' "$dir/glpk" 2>/dev/null)
	objective=$(awk '/^Objective:/ { v = $4 < 0 ? -$4 : $4; printf "%.0f", v }' \
		"$dir/glpk" 2>/dev/null)
	glpk_said="GLPK ${objective:-nothing} in $(since "$from") s (${status:-none})"
	rm -f "$dir/glpk"
}

have_cbc=1
command -v cbc >/dev/null || { have_cbc=0; echo "no cbc: apt-get install coinor-cbc"; }

if group twelve; then
	best=9999
	for _ in 1 2 3 4 5; do
		from=$(now)
		"$meshopt" plan --rtt data/edgeproxy/rtt.csv --hub dub --all-pairs \
			--relays all --budget 5 >/dev/null || exit 1
		best=$(min "$best" "$(calc "1000 * $(since "$from")")")
	done
	bench twelve-nodes "$best" ms "<=" 50
fi

if group proof; then
	worst12=0 worst18=0 open=0
	for p in 5 10 20 50; do
		for s in 1 2 3; do
			for mode in mesh role; do
				for n in 12 18; do
					"$generate" $mode $n $s $p% "$aws" >"$dir/i"
					plan i
					verify i
					[ "$gap" = 0 ] || open=$((open + 1))
					[ $n = 12 ] && worst12=$(max "$worst12" "$seconds")
					[ $n = 18 ] && worst18=$(max "$worst18" "$seconds")
				done
			done
		done
	done
	bench unproven-18 $open instances "<=" 0
	bench proof-12 "$worst12" s "<=" 1
	bench proof-18 "$worst18" s "<=" 10
fi

if group gap60; then
	declare -A goal=([role5]=3.5 [role10]=1.5 [role20]=0.25 [role50]=0.05
		[mesh5]=5 [mesh10]=2 [mesh20]=0.15 [mesh50]=0.05)
	slow_role=0 slow_mesh=0
	for mode in role mesh; do
		for p in 5 10 20 50; do
			worst=0
			for from in "$azure 1" "$azure 2" "$planetlab 1" "$planetlab 2"; do
				read -r csv s <<<"$from"
				"$generate" $mode 60 "$s" $p% "$csv" >"$dir/i"
				plan i
				verify i
				worst=$(max "$worst" "$gap")
				[ $mode = role ] && slow_role=$(max "$slow_role" "$seconds")
				[ $mode = mesh ] && slow_mesh=$(max "$slow_mesh" "$seconds")
			done
			bench gap-60-$mode-$p "$worst" % "<=" "${goal[$mode$p]}"
		done
	done
	bench time-60-role "$slow_role" s "<=" 3
	bench time-60-mesh "$slow_mesh" s "<=" 8
fi

if group caps; then
	for mode in role mesh; do
		"$generate" $mode 60 1 10% "$azure" 0 12 >"$dir/i"
		plan i
		verify i
		bench gap-60-$mode-cap12 "$gap" % "<=" 8
	done
fi

if group cbc && [ $have_cbc = 1 ]; then
	slowest=999999 ratios="" least=100 equal=0 proven=0
	for s in 1 2 3; do
		for p in 5 10 20; do
			"$generate" mesh 30 $s $p% "$planetlab" >"$dir/i"
			plan i
			ours=$cpu
			verify i
			cbc_run i "${BENCH_CBC_S:-60}"
			glpk_run i "${BENCH_GLPK_S:-20}"
			# Processor time, one thread each: the machine may be shared.
			ratio=$(calc "$cbc_cpu / $ours")
			ratios="$ratios $ratio"
			slowest=$(min "$slowest" "$ratio")
			share=$(calc "$cbc_value > 0 ? 100 * $value / $cbc_value : 100")
			echo "mesh30 seed $s budget $p%: meshopt $value in $ours s," \
				"CBC $cbc_value in $cbc_cpu s, proven $cbc_proven," \
				"$glpk_said"
			[ $cbc_proven = 1 ] || continue
			proven=$((proven + 1))
			least=$(min "$least" "$share")
			equal=$((equal + $(calc "$share >= 99.99999")))
		done
	done
	bench optimum-least "$least" % ">=" 99.95
	[ $proven -gt 0 ] && bench optimum-equal "$(calc "100 * $equal / $proven")" % ">=" 90
	bench cbc-speed-least "$slowest" x ">=" 5
	median=$(tr ' ' '\n' <<<"$ratios" | grep . | sort -g | awk '{ v[NR] = $1 }
		END { print v[int((NR + 1) / 2)] }')
	bench cbc-speed-median "$median" x ">=" 20
fi

if group azure && [ $have_cbc = 1 ]; then
	"$generate" mesh 60 1 5% "$azure" >"$dir/i"
	plan i
	cbc_run i "${BENCH_CBC_LONG_S:-300}"
	echo "mesh60 azure 5%: meshopt $value in $seconds s, CBC $cbc_value in $cbc_seconds s"
	bench azure60-over-cbc "$(calc "$cbc_value > 0 ? $value / $cbc_value : 1")" x ">=" 1
	bench azure60-time "$seconds" s "<=" 10
fi

# big NAME LIMIT_S: as plan(), with the peak of memory in peak (MB).
big() {
	local from pid hwm
	from=$(now)
	"$meshopt" plan --instance "$dir/$1" -o "$dir/$1.json" >/dev/null 2>"$dir/err" &
	pid=$!
	peak=0
	while kill -0 $pid 2>/dev/null; do
		hwm=$(awk '/VmHWM/ { print int($2 / 1024) }' /proc/$pid/status 2>/dev/null)
		peak=$(max "$peak" "${hwm:-0}")
		sleep 0.2
	done
	wait $pid || { cat "$dir/err" >&2; exit 1; }
	seconds=$(since "$from")
	value=$(field "$dir/$1.json" value)
	bound=$(field "$dir/$1.json" bound)
	gap=$(calc "100 * ($bound - $value) / ($bound > 0 ? $bound : 1)")
}

# No real matrix is that large: PlanetLab's nodes with made-up neighbours.
if group thousand; then
	label=-generated
	"$generate" mesh 1000 1 2000 "$planetlab" 100 >"$dir/i"
	from=$(now)
	"$meshopt" plan --instance "$dir/i" --iterations 1 -o "$dir/f.json" >/dev/null || exit 1
	bench first-plan-1000 "$(since "$from")" s "<=" 2
	big i
	bench gap-1000-2n "$gap" % "<=" 3.5
	bench time-1000-2n "$seconds" s "<=" 90
	bench memory-1000 "$peak" MB "<=" 512
	"$generate" mesh 1000 1 1000 "$planetlab" 100 >"$dir/i"
	big i
	bench gap-1000-n "$gap" % "<=" 7
	bench time-1000-n "$seconds" s "<=" 90
fi

if group large; then
	label=-generated
	"$generate" mesh 2500 1 5000 "$planetlab" 50 >"$dir/i"
	big i
	bench gap-2500 "$gap" % "<=" 5
	bench time-2500 "$seconds" s "<=" 300
	bench memory-2500 "$peak" MB "<=" 1024
fi

if group shuffle; then
	[ "$label" = -generated ] && [ -r "$planetlab" ] && label=
	"$generate" mesh 30 2 10% "$planetlab" >"$dir/i"
	plan i
	mv "$dir/i.json" "$dir/first.json"
	same=0 shuffles=${BENCH_SHUFFLES:-1000}
	for k in $(seq "$shuffles"); do
		{ head -1 "$dir/i"; tail -n +2 "$dir/i" |
			shuf --random-source=<(yes "$k"); } >"$dir/s"
		plan s
		cmp -s "$dir/first.json" "$dir/s.json" && same=$((same + 1))
	done
	bench shuffles-that-differ $((shuffles - same)) plans "<=" 0
fi
[ $checked = 0 ] || bench certificates-refused $((checked - accepted)) plans "<=" 0
exit $short
