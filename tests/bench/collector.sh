#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The collector under load, and what else there is for the same work beside it in the
# same run: nginx for requests, SQLite and PostgreSQL for rows. All on this machine, in a
# network namespace whose loopback has an address for each node.
#
# usage: collector.sh [LINE...]	all of them if none is named; see the end
#
# A figure is one line: bench NAME VALUE UNIT goal <=X ok|short  # words.  Rates are the
# median of the rounds. Exit status 1 if one is short. ROUNDS (3) sets how many; BUILD
# where the programs are, TMPDIR where the databases are: it must be a disk, with 5 GB.

# shellcheck disable=SC2317 # the lines are called by name
set -u
if [ -z "${BENCH_NS:-}" ]; then
	rights=-nm
	unshare $rights true 2>/dev/null || rights=-rnm
	unshare $rights true 2>/dev/null || {
		echo "SKIP bench-collector: unshare $rights is not allowed here"
		exit 77
	}
	BENCH_NS=1 exec unshare $rights bash "$0" "$@"
fi
cd "$(dirname "$0")/../.." || exit
PATH=$PATH:/usr/sbin:/sbin:/usr/lib/postgresql/15/bin
export LC_ALL=C
B=${BUILD:-build}
ROUNDS=${ROUNDS:-3}
TMP=$(mktemp -d "${TMPDIR:-/tmp}/meshopt-bench.XXXXXX")
chmod 755 "$TMP"
port=18650
short=0 pid=
trap 'kill -9 $pid $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$TMP"' EXIT

die() {
	echo "bench: $*" >&2
	exit 1
}

ip link set lo up
ip route add local 10.64.0.0/16 dev lo || die "no route"

calc() { awk "BEGIN { printf \"%.${2:-3}f\", $1 }"; }
median() { tr ' ' '\n' <<<"$*" | grep . | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# figure NAME VALUE UNIT GOAL [WORDS]: GOAL is <=X or >=X, or - for a figure that is only told
figure() {
	local verdict=ok
	awk -v v="$2" -v g="$4" 'BEGIN { x = substr(g, 3) + 0
		exit !(g == "-" || (v != "" && (g ~ /^<=/ ? v + 0 <= x : v + 0 >= x))) }' || {
		verdict=short
		short=1
	}
	echo "bench $1 $2 $3 goal $4 $verdict${5:+  # $5}"
}

# of NAME: the value after the name in the line that a helper said
of() { sed -n "s/.*\b$1 \([0-9.]*\).*/\1/p" "$TMP/said"; }

# start NODES [options]: the collector with an empty database
start() {
	"$B/bench/load" mesh "$1" "$port" >"$TMP/mesh"
	chmod 644 "$TMP/mesh"
	db=$TMP/collector.db
	rm -f "$db"*
	again "${@:2}"
}

# again [options]: with the one there is
again() {
	"$B/meshopt-collector" --mesh "$TMP/mesh" --db "$db" "$@" 2>"$TMP/log" &
	pid=$!
	for _ in {1..600}; do
		# What waits for a whole database to be read may take its time.
		(exec 3<>/dev/tcp/10.64.0.1/"$port") 2>/dev/null && return
		kill -0 "$pid" 2>/dev/null || break
		read -rt 0.1 <> <(:)
	done
	die "the collector does not start: $(<"$TMP/log")"
}

stop() {
	kill "$pid"
	wait "$pid" || die "the collector ended badly: $(<"$TMP/log")"
	pid=
}

ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
peak_mb() { awk '/VmHWM/ { printf "%.0f", $2 / 1000 }' "/proc/$pid/status"; }

# helper CMD...: in the background, until it says that it is ready
helper() {
	: >"$TMP/ready"
	"$@" >"$TMP/helper" 2>"$TMP/ready" &
	helper_pid=$!
	for _ in {1..600}; do
		grep -q ready "$TMP/ready" && return
		kill -0 "$helper_pid" 2>/dev/null || break
		read -rt 0.1 <> <(:)
	done
	die "$*: $(<"$TMP/ready")"
}

helper_done() {
	kill "$helper_pid"
	wait "$helper_pid" 2>/dev/null
}

# compare ACKED: what was acknowledged against what is in the file; sets lost and twice
compare() {
	sqlite3 "$db" "SELECT src.name, report.id >> 16 FROM report
		JOIN src ON src.id = (report.id & 65535)" | tr '|' ' ' | sort >"$TMP/found"
	sort "$1" >"$TMP/acked"
	lost=$(sort -u "$TMP/acked" | comm -23 - "$TMP/found" | wc -l)
	twice=$(uniq -d "$TMP/found" | wc -l)
}

line_ingest() {
	local rates='' rows='' rss='' cpu='' p50='' p99='' a=0 l=0 t=0 bytes
	for ((round = 0; round < ROUNDS; round++)); do
		start 1000
		"$B/bench/load" post -n 1000 -k 25 -t 600 -a "$TMP/acks" "$port" \
			>"$TMP/said" 2>/dev/null || die "load: $(<"$TMP/said")"
		rates="$rates $(of rate)" rows="$rows $(of rows)"
		p50="$p50 $(of p50_ms)" p99="$p99 $(of p99_ms)"
		rss="$rss $(peak_mb)" cpu="$cpu $(calc "$(ticks) * 10000 / 25000" 0)"
		stop
		compare "$TMP/acks"
		a=$((a + $(wc -l <"$TMP/acks"))) l=$((l + lost)) t=$((t + twice))
	done
	bytes=$(calc "$(stat -c %s "$db") / (25000 * 1998)" 1)
	echo "$rows" >"$TMP/rows.rate"
	figure ingest-reports "$(median "$rates")" reports/s ">=2000" \
		"1,000 nodes x 1,998 rows, FULL; p50 $(median "$p50") ms, p99 $(median "$p99") ms with all 1,000 waiting"
	figure ingest-rows "$(median "$rows")" rows/s ">=4000000"
	figure ingest-cpu "$(median "$cpu")" us/report - "of both threads, which the machine's other work leaves alone"
	figure lost "$l" reports "<=0" "of $a acknowledged"
	figure twice "$t" reports "<=0" "in the file"
	figure row-on-disk "$bytes" B "<=26" "the whole file, over its raw rows"
	figure memory "$(median "$rss")" MB "<=256" "peak RSS of the same"
	for n in 12 100; do
		start "$n"
		"$B/bench/load" post -n "$n" -w 10000 -k $((n == 12 ? 5000 : 500)) "$port" >"$TMP/said" 2>/dev/null
		figure "ingest-$n" "$(of rate)" reports/s - \
			"$n nodes x $((2 * n - 2)) rows; p50 $(of p50_ms) ms, p99 $(of p99_ms) ms"
		stop
	done
}

line_idle() {
	local before
	start 12
	helper "$B/bench/crowd" idle 1000 "$port"
	before=$(ticks)
	# Within the 30 s after which it may hang up on them.
	read -rt 20 <> <(:)
	figure idle-cpu $(($(ticks) - before)) ticks "<=0" \
		"1,000 connections, 20 s; $(peak_mb) MB"
	helper_done
	stop
}

line_stalled() {
	start 100
	"$B/bench/load" post -n 100 -k 10 "$port" >/dev/null 2>&1
	"$B/bench/crowd" get -t 10 "$port" /api/v1/nodes >"$TMP/said"
	local quiet
	quiet=$(of p99_ms)
	helper "$B/bench/crowd" stall 250 "$port"
	"$B/bench/crowd" get -t 10 "$port" /api/v1/nodes >"$TMP/said"
	helper_done
	figure stalled-p99 "$(of p99_ms)" ms "<=5" \
		"/api/v1/nodes beside 250 slow clients, p50 $(of p50_ms) ms; without them p99 $quiet ms"
	stop
}

# ask PATH: the best of ten, in ms; the size in $size, CPU of one in $cpu_ms
ask() {
	local best='' t code before
	before=$(ticks)
	for _ in {1..10}; do
		read -r code size t < <(curl -s -o "$TMP/out" -w '%{http_code} %{size_download} %{time_total}\n' \
			-m 120 "http://10.64.0.1:$port$1")
		[ "$code" = 200 ] || {
			echo "$1: $code $(head -c 200 "$TMP/out")" >&2
			return 1
		}
		best=$(awk -v a="$best" -v b="$t" 'BEGIN { b *= 1000
			printf "%.1f", a == "" || b < a ? b : a }')
	done
	ms=$best cpu_ms=$((($(ticks) - before) * 10 / 10))
}

# asked NAME GOAL PATH WORDS: a figure of it
asked() {
	if ask "$3"; then
		figure "$1" "$ms" ms "<=$2" "$4, CPU $cpu_ms ms: $3, $size bytes"
	else
		figure "$1" "" ms "<=$2" "$4: not answered"
	fi
}

# 24 h of 100 nodes at 60 s: 14,256,000 rows.
line_query() {
	local now
	start 100 --keep 30h
	"$B/bench/load" post -1 -n 100 -k 1440 "$port" >"$TMP/said" 2>/dev/null || die "load: $(<"$TMP/said")"
	echo "# filled at $(of rate) reports/s, $(of rows) rows/s"
	# They are made once a minute, those of the last buckets later.
	for _ in {1..120}; do
		now=$(sqlite3 "$db" 'SELECT count(*) FROM mark')
		[ "$now" -gt 250 ] || break
		read -rt 2 <> <(:)
	done
	echo "# $now of 31,200 roll-ups are still to be made"
	asked query-rollup 30 "/api/v1/matrix?since=24h&path=hub&format=csv" "24 h, all 9,900 pairs"
	asked query-pair 15 "/api/v1/pairs/n0001/n0002?since=24h" "one pair, 24 h"
	asked query-pair-5min 100 "/api/v1/pairs/n0001/n0002?since=24h&step=5m" "one pair, 24 h by 5 minutes"
	asked query-raw 600 "/api/v1/matrix?since=24h&path=hub&format=csv&tier=raw" "the same from 14 million raw rows"
	stop
	echo "# $(calc "$(stat -c %s "$db") / 14256000" 1) B a raw row with its roll-ups"
}

line_nginx() {
	command -v nginx >/dev/null || {
		echo "SKIP nginx: not installed"
		return
	}
	local ours='' theirs=''
	mkdir "$TMP/www"
	echo ok >"$TMP/www/healthz"
	cat >"$TMP/nginx.conf" <<-END
		worker_processes 1; pid $TMP/nginx.pid; daemon off; error_log /dev/null;
		events { worker_connections 1024; }
		http { access_log off; keepalive_requests 100000000; keepalive_timeout 60;
		  client_body_temp_path $TMP; proxy_temp_path $TMP; fastcgi_temp_path $TMP;
		  uwsgi_temp_path $TMP; scgi_temp_path $TMP;
		  server { listen 10.64.0.1:18651; root $TMP/www; } }
	END
	nginx -c "$TMP/nginx.conf" 2>/dev/null &
	start 12
	for ((round = 0; round < ROUNDS; round++)); do
		"$B/bench/crowd" get -c 50 -t 3 "$port" /healthz >"$TMP/said" || die "$(<"$TMP/said")"
		ours="$ours $(of rate)"
		"$B/bench/crowd" get -c 50 -t 3 18651 /healthz >"$TMP/said" || die "$(<"$TMP/said")"
		theirs="$theirs $(of rate)"
	done
	kill "$(<"$TMP/nginx.pid")"
	stop
	figure requests-per-nginx "$(calc "$(median "$ours") / $(median "$theirs")" 2)" x - \
		"GET of 3 bytes, 50 connections: $(median "$ours") and $(median "$theirs") requests/s"
}

ours_rows() {
	[ -s "$TMP/rows.rate" ] || line_ingest >/dev/null
	median "$(<"$TMP/rows.rate")"
}

line_sqlite() {
	local ours theirs
	ours=$(ours_rows)
	"$B/bench/insert" sqlite 1000 3 "$TMP/raw.db" >"$TMP/said" || die "insert"
	theirs=$(of rate)
	figure rows-per-sqlite "$(calc "$ours / $theirs" 1)" x - \
		"the same rows as rows, WAL, FULL: $theirs rows/s, $(calc "$(stat -c %s "$TMP/raw.db") / $(of rows)" 1) B each"
	rm -f "$TMP"/raw.db*
}

line_postgres() {
	{ command -v initdb && id postgres; } >/dev/null 2>&1 || {
		echo "SKIP postgres: not installed"
		return
	}
	local ours begin took n=$((3 * 1000 * 1998)) data=$TMP/pg as=(setpriv --reuid=postgres --regid=postgres --clear-groups)
	ours=$(ours_rows)
	mkdir "$data" && chown postgres "$data"
	"${as[@]}" initdb -D "$data/d" >/dev/null 2>&1 || {
		echo "SKIP postgres: initdb does not run here"
		return
	}
	"${as[@]}" postgres -D "$data/d" -k "$data" -c listen_addresses= >/dev/null 2>&1 &
	local server=$!
	for _ in {1..300}; do
		"${as[@]}" psql -h "$data" -qAtc 'SELECT 1' postgres >/dev/null 2>&1 && break
		read -rt 0.1 <> <(:)
	done
	"$B/bench/insert" csv 1000 3 >"$TMP/rows.csv"
	chmod 644 "$TMP/rows.csv"
	"${as[@]}" psql -h "$data" -qAt postgres -c 'CREATE TABLE sample(start bigint, src int,
		dst text, path int, sent int, lost int, min int, mean int, max int, jitter int,
		sketch bytea)' || die "psql"
	begin=$EPOCHREALTIME
	"${as[@]}" psql -h "$data" -qAt postgres -c "COPY sample FROM '$TMP/rows.csv' CSV" || die "COPY"
	took=$(calc "$EPOCHREALTIME - $begin")
	figure rows-per-copy "$(calc "$ours / ($n / $took)" 1)" x - \
		"the same rows by COPY, no index: $(calc "$n / $took" 0) rows/s, $(calc "$("${as[@]}" psql -h "$data" -qAtc "SELECT pg_total_relation_size('sample')" postgres) / $n" 1) B each"
	kill "$server"
	wait "$server"
	rm -f "$TMP/rows.csv"
}

all='ingest idle stalled query nginx sqlite postgres'
# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- $all
for line; do
	declare -F "line_$line" >/dev/null || die "no line '$line'; there are: $all"
	"line_$line"
done
exit $short
