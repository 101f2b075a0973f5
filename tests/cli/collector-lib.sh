# shellcheck shell=bash disable=SC2034 # for the tests
# SPDX-License-Identifier: MIT
#
# For the tests of meshopt-collector: a network namespace whose loopback has the overlay
# addresses of the edgeproxy mesh, so that curl can speak for any of its nodes, and the
# functions to start, stop and ask. BUILD says where the program is (build). The script
# that sources this is started again inside the namespace.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
[ -x "$BUILD/meshopt-collector" ] || skip "$BUILD/meshopt-collector is not built"
command -v curl >/dev/null || skip "curl is not installed"
in_namespace nm

collector=$BUILD/meshopt-collector
tmp=$TMP
mesh=$MESH
ip link set lo up
for net in 0 1 2 5; do # dub, gru, iad, hkg
	ip addr add "10.50.$net.1/32" dev lo
done
db=${DB:-$tmp/collector.db} # a server as well
url=http://10.50.0.1:8650
hkg=10.50.5.1
gru=10.50.1.1

# has WHAT TEXT PART
has() {
	case $2 in
	*"$3"*) pass "$1" ;;
	*) fail "$1" "'$3' is not in '$(head -c 500 <<<"$2")'" ;;
	esac
}

# Start the collector, with more options if given, and wait until it answers.
start() {
	"$collector" --mesh "$mesh" --db "$db" "$@" 2>>"$tmp/log" &
	pid=$!
	wait_for 10 answers && kill -0 "$pid" 2>/dev/null && return
	fail "the collector starts" "$(tail -3 "$tmp/log")"
	finish
}

answers() {
	curl -s -m 5 -o /dev/null "$url/healthz" || ! kill -0 "$pid" 2>/dev/null
}

# stop SIGNAL: status of the collector in $?
stop() {
	local was=$pid

	kill "-$1" "$pid"
	pid=
	wait "$was" 2>/dev/null
}

# report NODE PEER SEQ START_MS: a report with one row, ten probes of 492 ms.
report() {
	cat <<-EOF
		{"node": "$1", "boot": "0123456789abcdef", "seq": $3,
		 "start": $(($4 / 1000)).$(printf %03d $(($4 % 1000))),
		 "length_ms": 10000, "stamp": "kernel-rx", "spoofed": 0, "local_drop": 0,
		 "rows": [{"peer": "$2", "path": "hub", "sent": 10, "lost": 0, "late": 0,
		   "duplicate": 0, "reordered": 0, "min_ms": 492.1, "mean_ms": 492.2,
		   "max_ms": 492.4, "jitter_ms": 0.1, "sketch": [[605, 10]]}]}
	EOF
}

now_ms() {
	echo $(($(date +%s%N) / 1000000))
}

json='Content-Type: application/json'

# post SOURCE-ADDRESS [curl options]: body on stdin, status to stdout, answer in $tmp/out.
# type is the header that says what the body is.
post() {
	local from=$1

	shift
	curl -s -m 20 -o "$tmp/out" -w '%{http_code}' --interface "$from" -H "${type-$json}" "$@" \
		--data-binary @- "$url/api/v1/reports"
}

get() {
	curl -s -m 20 "$url$1"
}

# crowd NODES: instead of the example's, the mesh of tests/bench/load, all of whose nodes
# are this machine
crowd() {
	load=$TOP/build/bench/load
	[ -x "$load" ] || skip "$load is not built"
	ip route add local 10.64.0.0/16 dev lo
	mesh=$tmp/crowd.conf
	"$load" mesh "$1" 8650 >"$mesh"
	chmod 644 "$mesh"
	url=http://10.64.0.1:8650
}

# Every acknowledged report ("NODE START_MS" a line) against what is in the file: sets
# acked, found (of those) and beyond (stored, and the answer was lost).
compare() {
	sqlite3 "$db" "SELECT src.name, report.id >> 16 FROM report
		JOIN src ON src.id = (report.id & 65535)" | tr '|' ' ' | sort >"$tmp/stored"
	sort "$1" >"$tmp/acked"
	acked=$(wc -l <"$tmp/acked")
	found=$(comm -12 "$tmp/acked" "$tmp/stored" | wc -l)
	beyond=$(comm -13 "$tmp/acked" "$tmp/stored" | wc -l)
}

# The most memory that the collector has had, in kB.
peak_kb() {
	awk '/VmHWM/ { print $2 }' "/proc/$pid/status"
}

# What the sanitizers add to memory and time is theirs.
sanitized() {
	[[ $BUILD == */san ]]
}

# row PEER PATH SENT LOST US...: a row whose sketch has the answers in buckets of their own
#   (bucket i ends at 2^((i+1)/32) us)
row() {
	local peer=$1 path=$2 sent=$3 lost=$4
	shift 4
	printf '{"peer":"%s","path":"%s","sent":%d,"lost":%d,"late":0,"duplicate":0,"reordered":0' \
		"$peer" "$path" "$sent" "$lost"
	[ $# = 0 ] || printf '%s\n' "$@" | awk '
		{ v[NR] = $1; sum += $1
		  i = int(log($1) / log(2) * 32 + 0.999999) - 1; count[i]++; order[NR] = i }
		END {
			min = v[1]; max = v[1]
			for (k in v) { if (v[k] < min) min = v[k]; if (v[k] > max) max = v[k] }
			printf ",\"min_ms\":%.3f,\"mean_ms\":%.3f,\"max_ms\":%.3f,\"jitter_ms\":0,\"sketch\":[",
			    min / 1000, sum / NR / 1000, max / 1000
			for (k = 0; k < 848; k++)
				if (count[k]) { printf "%s[%d,%d]", comma, k, count[k]; comma = "," }
			printf "]"
		}'
	printf '}'
}

# send NODE ADDRESS SEQ START_MS ROW...: the status
send() {
	local node=$1 from=$2 seq=$3 at=$4
	shift 4
	printf '{"node":"%s","boot":"0123456789abcdef","seq":%d,"start":%d.%03d,"length_ms":10000,
		"stamp":"kernel","spoofed":0,"local_drop":0,"rows":[%s]}' \
		"$node" "$seq" $((at / 1000)) $((at % 1000)) "$(IFS=,; echo "$*")" | post "$from" -A meshopt-prober/9.8.7
}
