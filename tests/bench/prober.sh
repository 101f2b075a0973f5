#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The prober's engine against Debian's fping, in the same run, one after the other, in
# network namespaces of its own:
#
#	here:  lo, veth0 10.98.0.1 and fd98::1
#	there: veth1 10.98.0.2 and fd98::2; 10.99.0.0/16 and fd99::/64 are all local to it
#
# usage: prober.sh [LINE...]	all of them if none is named; see the end
#
# A figure is one line: bench NAME VALUE UNIT goal <=X ok|short  # ours, fping.  VALUE is
# the median of the rounds; a ratio is of two runs that follow each other.  Exit status 1
# if one is short.  ROUNDS (3) sets how many; BUILD where the programs are.
#
# The machine may be busy with other things: ratios and CPU times bear it, wall times do
# not, and nothing here rests on those but the rate and the period.

# shellcheck disable=SC2317 # the lines are called by name
set -u
if [ -z "${BENCH_NS:-}" ]; then
	rights=-n
	[ "$(id -u)" = 0 ] || rights=-rn
	unshare $rights true 2>/dev/null || {
		echo "SKIP bench-prober: unshare $rights is not allowed here"
		exit 77
	}
	BENCH_NS=1 exec unshare $rights bash "$0" "$@"
fi
cd "$(dirname "$0")/../.." || exit
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL=C
B=${BUILD:-build}/bench
ROUNDS=${ROUNDS:-3}
TMP=$(mktemp -d /tmp/meshopt-bench.XXXXXX)
helpers=() short=0
trap 'kill "${helpers[@]}" $there_pid 2>/dev/null; wait 2>/dev/null; rm -rf "$TMP"' EXIT

die() {
	echo "bench: $*" >&2
	exit 1
}

there() { nsenter -t "$there_pid" -n "$@"; }

differs() { [ "$(readlink /proc/self/ns/net)" != "$(readlink "/proc/$there_pid/ns/net")" ]; }

network() {
	ip link set lo up
	unshare -n sleep 36000 &
	there_pid=$!
	until differs; do read -rt 0.02 <> <(:); done
	ip link add veth0 type veth peer name veth1 netns "$there_pid" || exit
	ip addr add 10.98.0.1/30 dev veth0
	ip addr add fd98::1/64 dev veth0 nodad
	ip link set veth0 up
	there ip link set lo up
	there ip addr add 10.98.0.2/30 dev veth1
	there ip addr add fd98::2/64 dev veth1 nodad
	there ip link set veth1 up
	there ip route add local 10.99.0.0/16 dev lo
	there ip -6 route add local fd99::/64 dev lo
	ip route add 10.99.0.0/16 via 10.98.0.2
	ip -6 route add fd99::/64 via fd98::2
	sysctl -qw net.ipv4.ping_group_range="0 2147483647"
	# A busy fleet's settings; without them the tables of routes fill up.
	sysctl -qw net.ipv6.route.max_size=65536 2>/dev/null
	ping -c 1 -W 5 10.99.0.1 >/dev/null || die "veth does not work"
	ping -c 1 -W 5 fd99::1 >/dev/null || die "veth does not work by IPv6"
}

# kernel_answers 1|0: does the other end's kernel answer?
kernel_answers() {
	there sysctl -qw net.ipv4.icmp_echo_ignore_all=$((1 - $1)) \
	    net.ipv6.icmp.echo_ignore_all=$((1 - $1))
}

# helper CMD...: in the background until `done_with` it; waits until it says ready.
# First in the queue for a CPU, where that is allowed: it is the world, not the tool.
helper() {
	local front=()
	chrt -f 10 true 2>/dev/null && front=(chrt -f 10)
	: >"$TMP/ready"
	"${front[@]}" "$@" >"$TMP/helper.$((${#helpers[@]} + 1))" 2>"$TMP/ready" &
	helpers+=($!)
	for _ in {1..250}; do
		grep -q ready "$TMP/ready" && return
		read -rt 0.02 <> <(:)
	done
	die "$*: does not start: $(<"$TMP/ready")"
}

# far CMD...: the same at the other end
far() { helper nsenter -t "$there_pid" -n "$@"; }

done_with() { # the last helper; its output in $TMP/said
	local n=${#helpers[@]}
	kill "${helpers[n - 1]}"
	wait "${helpers[n - 1]}" 2>/dev/null
	mv "$TMP/helper.$n" "$TMP/said"
	unset "helpers[n - 1]"
}

hogs() { # COUNT
	for ((i = 0; i < $1; i++)); do
		# shellcheck disable=SC2016
		helper bash -c 'echo ready >&2; renice -n 0 $$ >/dev/null; chrt -o -p 0 $$ 2>/dev/null
			while :; do :; done'
	done
}

# --- the two ---

# ours BASE PATHS PERIOD_MS SECONDS [OPTIONS...]
ours() {
	local base=$1 paths=$2 period=$3 seconds=$4
	shift 4
	"$B/measure" "$TMP/m" "$B/driver" "$@" "$base" "$paths" \
	    "$period" "$seconds" >"$TMP/o" || die "measure failed"
	read -r status cpu_us rss_kib wall_us <"$TMP/m"
	[ "$status" = 0 ] || die "driver: status $status"
	read -r probes sent answered lost _ _ spoofed dropped stamp <"$TMP/o"
}

# list BASE PATHS: the same addresses as the driver's
list() {
	case $1 in
	*:*) awk -v n="$2" -v base="${1%1}" 'BEGIN { for (i = 1; i <= n; i++)
		printf "%s%x\n", base, i }' ;;
	*) awk -v n="$2" -v base="${1%.*.*}" 'BEGIN { for (i = 1; i <= n; i++)
		printf "%s.%d.%d\n", base, int(i / 256), i % 256 }' ;;
	esac
}

# theirs BASE PATHS OPTIONS...
theirs() {
	local base=$1 paths=$2
	shift 2
	list "$base" "$paths" >"$TMP/list"
	"$B/measure" "$TMP/m" fping -q "$@" -f "$TMP/list" 2>"$TMP/f" || die "measure failed"
	read -r status cpu_us rss_kib wall_us <"$TMP/m"
	read -r probes answered < <(sed -n 's|.*xmt/rcv/%loss = \([0-9]*\)/\([0-9]*\)/.*|\1 \2|p' \
	    "$TMP/f" | awk '{ x += $1; r += $2 } END { print x + 0, r + 0 }')
	lost=$((probes - answered))
}

calc() { awk "BEGIN { printf \"%.${2:-3}f\", $1 }"; }
median() { tr ' ' '\n' <<<"$*" | grep . | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
worst() { tr ' ' '\n' <<<"$*" | grep . | sort -g | tail -1; }

# figure NAME VALUE UNIT GOAL [WORDS]: GOAL is <=X or >=X
figure() {
	local verdict=ok
	awk -v v="$2" -v g="$4" 'BEGIN { x = substr(g, 3) + 0
		exit !(v != "" && (g ~ /^<=/ ? v + 0 <= x : v + 0 >= x)) }' || {
		verdict=short
		short=1
	}
	echo "bench $1 $2 $3 goal $4 $verdict${5:+  # $5}"
}

# --- the lines ---

# cpu NAME BASE PATHS SECONDS FPING_INTERVAL GOAL
cpu() {
	local ratios='' a='' b='' mine round fping_goal=()
	kernel_answers 0
	far "$B/responder" wan veth1 30000 1500 64
	for ((round = 0; round < ROUNDS; round++)); do
		ours "$2" "$3" 1000 "$4"
		[ "$lost" = 0 ] || echo "# $1: $lost of $sent lost, $dropped dropped locally"
		mine=$(calc "$cpu_us / $probes")
		theirs "$2" "$3" -c "$4" -p 1000 -i "$5" -t 900 "${fping_goal[@]}"
		a="$a $mine" b="$b $(calc "$cpu_us / $probes")"
		ratios="$ratios $(calc "$mine / ($cpu_us / $probes)")"
	done
	done_with
	figure "$1" "$(median "$ratios")" x "$6" \
	    "us a probe: ours $(median "$a"), fping $(median "$b"); stamps $stamp"
}

line_cpu_1000() { cpu cpu-1000 10.99.0.1 1000 8 1 "<=0.35"; }
line_cpu_6000() { cpu cpu-6000 10.99.0.1 6000 8 0.16 "<=0.30"; }
line_cpu6_1000() { cpu cpu-1000-ipv6 fd99::1 1000 8 1 "<=0.35"; }

line_flood() {
	local ratios='' a='' b='' mine round probes_ours
	for ((round = 0; round < ROUNDS; round++)); do
		ours 127.1.0.1 10000 100 2
		mine=$(calc "$cpu_us / $probes") probes_ours=$probes
		theirs 127.1.0.1 10000 -c 6 -p 1 -i 0 -t 900
		a="$a $mine" b="$b $(calc "$cpu_us / $probes")"
		ratios="$ratios $(calc "$mine / ($cpu_us / $probes)")"
	done
	figure flood "$(median "$ratios")" x "<=0.80" \
	    "us a probe: ours $(median "$a") for $probes_ours, fping $(median "$b") for $probes"
}

line_sustained() {
	local theirs
	theirs 127.1.0.1 10000 -c 8 -p 1000 -i 0 -t 900
	theirs="fping ends with status $status after $(calc "$wall_us / 1e6" 1) s"
	ours 127.1.0.1 10000 200 60
	figure sustained "$(calc "$probes / 60" 0)" probes/s ">=45000" \
	    "for 60 s; $lost lost; $theirs"
	figure sustained-drop "$(calc "100 * $dropped / $probes" 4)" % "<=0.01" \
	    "$dropped of $probes; CPU $(calc "$cpu_us / $probes" 1) us a probe"
}

# How much longer a target's period was than the 1 s asked for, in %, by the tap: from
# the second probe to the last that all targets have, so that neither end of the run
# chooses among them.
slip() {
	awk '$1 != "drops" { at[$1, ++n[$1]] = $3 }
	END { for (t in n) if (!m || n[t] < m) m = n[t]
		for (t in n) { s += (at[t, m] - at[t, 2]) / (m - 2); k++ }
		printf "%.3f", (s / k / 1e9 - 1) * 100 }' "$TMP/said"
}

line_slip() {
	local a='' b='' rss='' rss_a='' rss_b='' round mine
	kernel_answers 1
	for ((round = 0; round < ROUNDS; round++)); do
		helper "$B/tap" veth0
		ours 10.99.0.1 10000 1000 14
		done_with
		a="$a $(slip | tr -d -)" rss_a="$rss_a $rss_kib" mine=$rss_kib
		helper "$B/tap" veth0
		theirs 10.99.0.1 10000 -c 5 -p 1000 -i 0.1 -t 900
		done_with
		b="$b $(slip)" rss_b="$rss_b $rss_kib" rss="$rss $(calc "$mine / $rss_kib")"
	done
	figure slip-10000 "$(median "$a")" % "<=0.1" "fping $(median "$b") %"
	figure rss-10000 "$(median "$rss")" x "<=1.00" \
	    "KiB: engine under the driver $(median "$rss_a"), fping $(median "$rss_b")"
}

# A mesh of which one node has 10,000 targets: overlay, public and tunnel of the others.
mesh_of_10000() {
	awk 'BEGIN {
		print "[Mesh]\nName = bench\nCollector = http://127.0.0.1:9"
		for (i = 0; i < 3335; i++) {
			at = sprintf("%d.%d", int(i / 250), i % 250 + 1)
			printf "[Node]\nName = n%d\nRole = %s\n", i, i ? "pop" : "hub"
			printf "Address = 10.99.%s/17\nPublicKey = %042dA=\n", at, i
			printf "Endpoint = 10.99.%d.%d:51820\n", int(i / 250) + 128, i % 250 + 1
			if (!i) print "AllowedIPs = 10.99.0.0/17"
		}
	}' >"$TMP/mesh.conf"
	chmod 644 "$TMP/mesh.conf"
}

# The whole program, with mesh file, libcurl and a spool, after three reports.
line_rss_program() {
	local own theirs pid
	kernel_answers 1
	mesh_of_10000
	mkdir -p "$TMP/spool"
	"$B/../meshopt-prober" --mesh "$TMP/mesh.conf" --node n1 --period 1s --interval 5s \
	    --spool "$TMP/spool" 2>"$TMP/prober.err" &
	pid=$!
	for _ in {1..200}; do read -rt 0.1 <> <(:); done
	own=$(awk '/VmHWM/ { print $2 }' "/proc/$pid/status" 2>/dev/null)
	kill "$pid"
	wait "$pid" || die "meshopt-prober: $(tail -1 "$TMP/prober.err")"
	theirs 10.99.0.1 10000 -c 5 -p 1000 -i 0.1 -t 900
	figure rss-program "$(calc "$own / $rss_kib")" x "<=1.00" \
	    "KiB: meshopt-prober $own, fping $rss_kib; $(grep -o '[0-9]* targets' "$TMP/prober.err")"
}

# |tool - tap| in us from lines "tool_ns tap_ns": p50 p99 max count
bias() {
	awk '{ d = $1 - $2; print (d < 0 ? -d : d) / 1000 }' | sort -g |
	    awk '{ v[NR] = $1 } END { printf "%.2f %.2f %.2f %d\n", v[int((NR + 1) / 2)],
		v[int(NR * 0.99 + 0.5)], v[NR], NR }'
}

bias_ours() { # of $TMP/dump against $TMP/said
	awk 'NR == FNR { if ($4 > 0) tap[$2] = $4; next } $2 > 0 && $1 in tap { print $2, tap[$1] }' \
	    "$TMP/said" "$TMP/dump" | bias
}

bias_theirs() { # of fping -C's words in $TMP/f; the n-th number of a target is its n-th probe
	awk 'NR == FNR { if ($1 != "drops") { k = ++n[$1]; tap[$1, k] = $4 } next }
	{ for (i = 3; i <= NF; i++) if ($i != "-" && tap[$1, i - 2] > 0)
		print $i * 1e6, tap[$1, i - 2] }' "$TMP/said" "$TMP/f" | bias
}

# accuracy NAME BASE HOGS
accuracy() {
	local p50='' p99='' max='' f50='' f99='' fmax='' ratio='' round r other
	kernel_answers 0
	far "$B/responder" wan veth1 500 0 1
	for ((round = 0; round < ROUNDS; round++)); do
		hogs "$3"
		helper "$B/tap" veth0
		ours "$2" 200 1000 6 -d "$TMP/dump"
		done_with
		read -ra r < <(bias_ours)
		helper "$B/tap" veth0
		theirs "$2" 200 -C 5 -p 1000 -i 4 -t 900
		done_with
		read -ra other < <(bias_theirs)
		for ((i = 0; i < $3; i++)); do done_with; done
		if [ "${r[3]}" -lt 900 ] || [ "${other[3]}" -lt 500 ]; then
			die "$1: only ${r[3]} and ${other[3]} samples"
		fi
		p50="$p50 ${r[0]}" p99="$p99 ${r[1]}" max="$max ${r[2]}"
		f50="$f50 ${other[0]}" f99="$f99 ${other[1]}" fmax="$fmax ${other[2]}"
		ratio="$ratio $(calc "${r[0]} / ${other[0]}")"
	done
	done_with
	if [ "$3" = 0 ]; then
		figure "$1-p50" "$(median "$ratio")" x "<=0.10" \
		    "us off the tap: ours $(median "$p50"), fping $(median "$f50")"
		figure "$1-p99" "$(median "$p99")" us "<=25" "fping $(median "$f99") us"
	else
		figure "$1-max" "$(worst "$max")" us "<=50" \
		    "worst of $ROUNDS rounds; p50 $(median "$p50"), p99 $(median "$p99"); fping $(median "$f50"), $(median "$f99"), $(worst "$fmax") us"
	fi
}

line_bias() { accuracy bias 10.99.0.1 0; }
line_bias6() { accuracy bias-ipv6 fd99::1 0; }
line_bias_hogs() { accuracy bias-hogs 10.99.0.1 4; }

unanswered() { awk '$1 != "drops" && $4 < 0 { n++ } END { print n + 0 }' "$TMP/said"; }

line_false_loss() {
	local a='' b='' total=0 truly round
	kernel_answers 0
	far "$B/responder" wan veth1 100000 0 1
	for ((round = 0; round < ROUNDS; round++)); do
		hogs 4
		helper "$B/tap" veth0
		ours 10.99.0.1 6000 1000 7
		done_with
		truly=$(unanswered)
		a="$a $((lost + dropped - truly))" total=$sent
		helper "$B/tap" veth0
		theirs 10.99.0.1 6000 -c 6 -p 1000 -i 0.16 -t 900
		done_with
		b="$b $(calc "100 * ($lost - $(unanswered)) / $probes" 2)"
		for i in 1 2 3 4; do done_with; done
	done
	done_with
	figure false-loss "$(worst "$a")" probes "<=0" "of $total, worst of $ROUNDS rounds; fping $(worst "$b") %"
}

line_noise() {
	local ratios='' theirs='' a='' n='' round mine his
	kernel_answers 1
	for ((round = 0; round < ROUNDS; round++)); do
		ours 10.99.0.1 1000 1000 4
		mine=$(calc "$cpu_us / $probes")
		theirs 10.99.0.1 1000 -c 4 -p 1000 -i 1 -t 900
		his=$(calc "$cpu_us / $probes")
		far "$B/responder" flood 10.98.0.1 20000
		ours 10.99.0.1 1000 1000 4
		a="$a $mine" n="$n $(calc "$cpu_us / $probes")"
		ratios="$ratios $(calc "$cpu_us / $probes / $mine")"
		theirs 10.99.0.1 1000 -c 4 -p 1000 -i 1 -t 900
		theirs="$theirs $(calc "$cpu_us / $probes / $his")"
		done_with
	done
	figure noise "$(median "$ratios")" x "<=1.20" \
	    "us a probe: $(median "$a") quiet, $(median "$n") with 20,000 foreign replies/s; fping $(median "$theirs") x its own"
}

line_forged() {
	kernel_answers 0
	far "$B/responder" forge veth1
	ours 10.99.0.1 100 1000 4
	[ "$spoofed" -ge "$sent" ] || die "forged: only $spoofed forgeries for $sent probes seen"
	local accepted=$answered seen=$spoofed of=$sent
	theirs 10.99.0.1 100 -c 4 -p 1000 -i 1 -t 900
	done_with
	figure forged "$accepted" accepted "<=0" \
	    "of $of probes to dead hosts, $seen forgeries seen; fping takes $answered of $probes for alive"
}

# The veth's own RTT is a few us, so all of what is measured bounds the error.
line_stamp() {
	local p99='' p50='' max='' round r
	for ((round = 0; round < ROUNDS; round++)); do
		: >"$TMP/ready"
		nsenter -t "$there_pid" -n "$B/stamp" reflect 8862 10.98.0.1 2>"$TMP/ready" &
		reflector=$!
		until grep -q ready "$TMP/ready"; do read -rt 0.02 <> <(:); done
		hogs 4
		"$B/stamp" send 10.98.0.2 8862 1000 >"$TMP/rtts" || die "stamp: cannot send"
		for i in 1 2 3 4; do done_with; done
		kill "$reflector"
		wait "$reflector" 2>/dev/null
		read -ra r < <(awk '$1 > 0 { print $1 * 1000, 0 }' "$TMP/rtts" | bias)
		[ "${r[3]}" -ge 990 ] || die "stamp: only ${r[3]} RTTs"
		p50="$p50 ${r[0]}" p99="$p99 ${r[1]}" max="$max ${r[2]}"
	done
	figure stamp-hogged-p99 "$(median "$p99")" us "<=50" \
	    "reflector under 4 hogs, T3-T2 taken off; p50 $(median "$p50"), max $(worst "$max"); fping has no such thing"
}

all='slip rss_program forged false_loss bias bias6 bias_hogs stamp cpu_1000 cpu_6000 cpu6_1000 flood noise sustained'
network
# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- $all
for line; do
	declare -F "line_$line" >/dev/null || die "no line '$line'; there are: $all"
	"line_$line"
done
exit $short
