#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Who may include whom. Prints each breach; exit status 1 if there was one.

cd "$(dirname "$0")/.." || exit
rc=0
include='^#[[:space:]]*include[[:space:]]*'

# refuse WORDS PATTERN FILE...: the pattern must not be in those files
refuse() {
	words=$1 pattern=$2
	shift 2
	if grep -nE "$pattern" "$@" /dev/null; then
		echo "^ $words"
		rc=1
	fi
}

# Programs know common/ and themselves, never each other; nobody knows tests/.
refuse "common/ includes a program" "$include\"(prober|collector|optimizer|tests)/" common/*.[ch]
refuse "prober/ includes a sibling" "$include\"(collector|optimizer|tests)/" prober/*.[ch]
refuse "collector/ includes a sibling" "$include\"(prober|optimizer|tests)/" collector/*.[ch]
refuse "optimizer/ includes a sibling" "$include\"(prober|collector|tests)/" \
    optimizer/*.[ch] optimizer/*/*.[ch]
# Deciding is pure: it knows nothing of the wing that changes the kernel.
refuse "deciding includes applying" "$include\"optimizer/apply/" optimizer/decide/*.[ch]
# What verifies a plan shares nothing with what made it but the question itself.
refuse "verifying includes the solver" \
    "$include\"optimizer/decide/(solve|select|flow|greedy|improve|relay|lagrange|branch|dual)" \
    optimizer/verify/*.[ch]
refuse "a path that does not start at the root" "$include\"[^/\"]*\"" \
    common/*.[ch] prober/*.[ch] collector/*.[ch] optimizer/*.[ch] optimizer/*/*.[ch]

# Each library has one fence.
fence() { # fence HEADER FILES...: no other file may include it
	header=$1
	shift
	found=$(grep -lE "$include<$header>" common/*.[ch] prober/*.[ch] collector/*.[ch] \
	    optimizer/*.[ch] optimizer/*/*.[ch])
	for file in $found; do
		for pattern; do
			# shellcheck disable=SC2254 # a pattern on purpose
			case $file in $pattern) continue 2 ;; esac
		done
		echo "$file: <$header> outside its fence"
		rc=1
	done
}
fence 'ev\.h' prober/main.c 'prober/loop.[ch]' 'prober/upload.[ch]' collector/main.c \
    'collector/http*.[ch]' 'collector/writer.[ch]' 'collector/loop.[ch]' \
    'common/mhd_loop.[ch]' 'prober/metrics.[ch]' 'optimizer/agent/loop.[ch]' \
    'optimizer/agent/uplink.[ch]' 'optimizer/agent/http.[ch]'
fence 'libmnl/.*' common/fib.c 'optimizer/apply/kernel_*.[ch]'
fence 'jansson\.h' '*_json.c' 'collector/api*.c' 'optimizer/cmd_*.c'
fence 'csv\.h' optimizer/matrix_csv.c optimizer/nodes_csv.c
fence 'zlib\.h' optimizer/history_read.c collector/answer.c collector/api_page.c
fence 'sqlite3\.h' 'collector/store_sqlite*.[ch]'
fence 'libpq-fe\.h' 'collector/store_pg*.[ch]'
fence 'microhttpd\.h' 'collector/http*.[ch]' 'common/mhd_loop.[ch]' 'prober/metrics.[ch]'
fence 'curl/.*' 'prober/upload*.[ch]' optimizer/fetch.c prober/main.c optimizer/agent/http.c
fence 'sodium\.h' 'common/*.c'

# Core reads no clock, opens nothing and logs nothing. The edge is named here.
for file in common/*.c prober/*.c collector/*.c optimizer/*.c optimizer/*/*.c; do
	case $file in
	*/main.c | common/log.c | common/clock.c | common/mem.c | common/mesh.c) continue ;;
	common/fib.c | common/pinger*.c | common/stamp_[krs]*.c | common/stepwatch.c | common/sdnotify.c) continue ;;
	prober/loop.c | prober/upload.c | prober/engine*.c | prober/roster.c) continue ;;
	common/names.c | prober/stamping.c | prober/metrics.c | prober/options.c | prober/spool.c | prober/spool_dir.c) continue ;;
	collector/http*.c | collector/store.c | collector/store_*.c | collector/writer.c | collector/reader.c | collector/answer.c | collector/listen.c) continue ;;
	collector/api*.c | collector/options.c | collector/roster.c) continue ;;
	optimizer/cmd_*.c | optimizer/undo.c | optimizer/fetch.c | optimizer/inforce.c | optimizer/input.c | optimizer/matrix_csv.c) continue ;;
	optimizer/netd/serve.c | optimizer/netd/journal.c | optimizer/netd/claim.c) continue ;;
	optimizer/curve.c | optimizer/instance_file.c | optimizer/plan_opts.c) continue ;;
	optimizer/policy_conf.c | optimizer/history_read.c | optimizer/operate/examine*.c) continue ;;
	optimizer/plan_file.c | optimizer/plan_print.c | optimizer/publish.c | optimizer/putfile.c) continue ;;
	optimizer/agent/aim.c | optimizer/agent/drive.c | optimizer/agent/dwell.c | optimizer/agent/event_log.c) continue ;;
	optimizer/agent/follow.c | optimizer/agent/keep.c | optimizer/agent/http.c) continue ;;
	optimizer/agent/loop.c | optimizer/agent/options.c | optimizer/agent/part.c | optimizer/agent/punch.c | optimizer/agent/word.c) continue ;;
	optimizer/agent/roster.c) continue ;;
	optimizer/agent/status_file.c | optimizer/agent/uplink.c | optimizer/agent/work.c) continue ;;
	optimizer/ping_*.c | optimizer/table.c | optimizer/apply/kernel_*.c) continue ;;
	esac
	refuse "core file does I/O, logs or reads the clock" \
	    "$include\"common/(log|pinger|fib)\\.h\"|(^|[^_a-z>.])(clock_mono|clock_wall|clock_gettime|time|fopen|open|socket|getenv|random)\\(" \
	    "$file"
done
exit $rc
