#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What was acknowledged is kept: the collector is killed with SIGKILL at random moments,
# while it starts and while twenty nodes report as fast as they can, and in the end each
# report that was answered 204 must be in the file, once. KILLS says how often (200, and
# 50 under the sanitizers), SEED repeats a run's moments.

# shellcheck source=tests/cli/collector-lib.sh
. "$(dirname "$0")/collector-lib.sh"
command -v sqlite3 >/dev/null || skip "sqlite3 is not installed"

kills=${KILLS:-200}
[ -n "${KILLS:-}" ] || ! sanitized || kills=50
SEED=${SEED:-$RANDOM}
echo "SEED=$SEED"
RANDOM=$SEED
nodes=20
crowd $nodes

"$load" post -n $nodes -w 10 -t 3600 -a "$tmp/acks" 8650 >"$tmp/said" 2>"$tmp/load" &
sender=$!
check "the senders are ready" wait_for 30 grep -qs ready "$tmp/load"
for ((i = 0; i < kills; i++)); do
	"$collector" --mesh "$mesh" --db "$db" 2>>"$tmp/log" &
	pid=$!
	read -r -t "0.$(printf %03d $((RANDOM % 300)))" <> <(:) || :
	stop KILL
done
start --verbose
# They go on after the last one, too.
# shellcheck disable=SC2317 # called by name
reported() { get /api/v1/nodes | grep -q "\"reports\":[1-9]"; }
check "reports come after the last kill" wait_for 20 reported
kill $sender
wait $sender
check_eq "nothing was refused" $? 0
stop TERM
check_eq "SIGTERM" $? 0
compare "$tmp/acks"
echo "kills $kills, acknowledged $acked, found $found"
cat "$tmp/said"
check "some were acknowledged" [ "$acked" -gt "$kills" ]
check_eq "every acknowledged report is found" "$found" "$acked"
check "beside them only what was on its way at a kill" [ "$beyond" -le $(((kills + 1) * nodes)) ]
check_eq "the file is sound" "$(sqlite3 "$db" 'PRAGMA integrity_check')" ok
finish
