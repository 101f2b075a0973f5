#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# meshopt-collector on its stores: a damaged file, and a PostgreSQL server that goes away,
# comes back, is shared by two collectors, and hangs. What was acknowledged is found, by
# posting it once more: it must be known as a duplicate.

# shellcheck source=tests/cli/collector-lib.sh
. "$(dirname "$0")/collector-lib.sh"
away=${AWAY:-5} # seconds that the server is stopped

base=$(($(now_ms) - 200000))
signer "$mesh"
# duplicates URL: over all nodes
duplicates() {
	curl -s -m 20 "$1/api/v1/nodes" | grep -o '"duplicates":[0-9]*' | cut -d: -f2 |
		awk '{ n += $1 } END { print n + 0 }'
}
# send N [URL]: report number N of hkg; its status
send() {
	report hkg nrt "$1" $((base + $1)) | post "$hkg" | tail -c 3
}

echo "# a damaged file"
start --verbose
for i in $(seq 40); do send "$i" >/dev/null; done
out=$("$collector" --check --db "$db" 2>&1)
check_eq "--check beside a collector: status" $? 0
has "it is sound" "$out" "$db: sound"
stop TERM
out=$("$collector" --check --db "$db" 2>&1)
check_eq "--check without one" "$out" "$db: sound"
size=$(stat -c %s "$db")
truncate -s $((size / 2)) "$db"
out=$("$collector" --check --db "$db" 2>&1)
check_eq "--check of a damaged one: status" $? 1
has "says so" "$out" "the database is damaged"
check_eq "and leaves it where it is" "$(stat -c %s "$db")" $((size / 2))
start --verbose
aside=$(echo "$db".damaged-*Z)
check_eq "the damaged file is there under its name" "$(stat -c %s "$aside")" $((size / 2))
has "the log names it" "$(cat "$tmp/log")" "was damaged: it is $aside now"
has "readyz tells" "$(get /readyz)" "ok, but a damaged database was put aside"
check_eq "and reports are taken" "$(send 1)" 204
stop TERM
start --verbose
has "told at the next start" "$(cat "$tmp/log")" "there is 1 damaged before, the last of them $aside"
stop TERM
rm "$aside"
start --verbose
check_eq "until it is gone" "$(get /readyz)" ok
stop TERM

if [ -z "${MESHOPT_TEST_PG-}" ] || ! "$collector" --check --db "$MESHOPT_TEST_PG" 2>&1 | grep -q tables; then
	echo "# without a server, or without PostgreSQL built in: no more"
	finish
fi

echo "# a server"
command -v psql >/dev/null || skip "psql is not installed"
schema=cli$$
psql -qd "$MESHOPT_TEST_PG" -c "CREATE SCHEMA $schema"
db="$MESHOPT_TEST_PG options='-c search_path=$schema'"
acked=()
# keep N: send it and remember whether it was acknowledged
keep() {
	code=$(send "$1")
	[ "$code" != 204 ] || acked+=("$1")
}
start --verbose
for i in $(seq 20); do keep "$i"; done
check_eq "all are taken" ${#acked[@]} 20
check_eq "ready" "$(get /readyz)" ok
"$PG_CTL" stop
keep 21
check_eq "server stopped: 503" "$code" 503
check_eq "not ready" "$(curl -s -o /dev/null -w '%{http_code}' "$url/readyz")" 503
begin=$SECONDS i=22
while [ $((SECONDS - begin)) -lt "$away" ]; do
	keep $i
	[ "$code" = 503 ] || fail "stopped, and still 503" "$code"
	i=$((i + 1))
	read -rt 0.1 <> <(:) || :
done
check_eq "said once" "$(grep -c "PostgreSQL server.*refused until it works" "$tmp/log")" 1
"$PG_CTL" start
# shellcheck disable=SC2317 # called by wait_for
back() { keep "$i" && [ "$code" = 204 ]; }
check "server started: 204 again" wait_for 30 back
check_eq "said in the log" "$(grep -c "the store works again" "$tmp/log")" 1

echo "# a server that is killed under load, twice"
for _ in 1 2; do
	"$PG_CTL" kill &
	killer=$!
	while kill -0 $killer 2>/dev/null; do
		i=$((i + 1))
		keep $i
	done
	"$PG_CTL" start
	i=$((i + 1))
	check "and is back" wait_for 30 back
done

echo "# two collectors on one database, each with the same reports"
other=http://10.50.0.1:8651
"$collector" --mesh "$mesh" --db "$db" --listen 10.50.0.1:8651 2>>"$tmp/log2" &
second=$!
check "the second starts" wait_for 20 curl -s -o /dev/null "$other/healthz"
post_all() { # URL FILE: all at once on one connection, in the order of the file
	while read -r n; do
		report gru nrt "$n" $((base + n)) | tr -d '\n\t' >"$2.$n"
		echo "next"
		printf 'url = "%s/api/v1/reports"\ninterface = "%s"\nheader = "%s"\n' "$1" "$gru" "$json"
		printf 'silent\noutput = "/dev/null"\nwrite-out = "%%{http_code}\\n"\ndata = "@%s"\n' "$2.$n"
	done <"$2" | tail -n +2 >"$2.conf"
	curl -K "$2.conf" >"$2.codes"
}
seq 200 >"$tmp/a"
seq 200 | sort -R >"$tmp/b"
post_all "$url" "$tmp/a" &
first_job=$!
post_all "$other" "$tmp/b"
wait $first_job
check_eq "each took each" "$(cat "$tmp/a.codes" "$tmp/b.codes" | sort | uniq -c | tr -s ' ')" " 400 204"
check_eq "200 are new, 200 known" "$(($(duplicates "$url") + $(duplicates "$other")))" 200
check_eq "200 are in the table" "$(psql -Atd "$db" -c "SELECT count(*) FROM report WHERE src = 'gru'")" 200

echo "# a plan that one of them was given"
tag_of() { curl -s -m 20 -o /dev/null -D - "$@" | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p'; }
put_plan() { curl -s -m 20 -o "$tmp/out" -w '%{http_code}' --interface "$hkg" -X PUT --data-binary "@$2" "$1/api/v1/plan"; }
# shellcheck disable=SC2317 # called by wait_for
has_tag() { [ "$(tag_of "$1/api/v1/plan")" = "$2" ]; }
printf '{"mesh":"edgeproxy","epoch":7}' | "$TMP/sign" - >"$tmp/p7"
printf '{"mesh":"edgeproxy","epoch":8}' | "$TMP/sign" - >"$tmp/p8"
check_eq "published at the first" "$(put_plan "$url" "$tmp/p7")" 204
tag=$(tag_of "$url/api/v1/plan")
check "the second gives it out, with the same tag" wait_for 10 has_tag "$other" "$tag"
curl -s -m 40 -o "$tmp/waited" -w '%{time_total}' -H "If-None-Match: $tag" "$other/api/v1/plan?wait=30" >"$tmp/took" &
waiter=$!
# shellcheck disable=SC2317 # called by wait_for
waits() { [ -n "$(ss -Htn state established "( dport = :8651 )")" ]; }
check "somebody waits at the second" wait_for 10 waits
check_eq "the next plan, at the first" "$(put_plan "$url" "$tmp/p8")" 204
wait $waiter
check_eq "is the answer of the second, byte for byte" "$(cmp "$tmp/waited" "$tmp/p8" 2>&1)" ""
check "in seconds" [ "$(cut -d. -f1 "$tmp/took")" -lt 10 ]
check_eq "and neither takes an older one" "$(put_plan "$other" "$tmp/p7")" 409
check_eq "said in the log" "$(grep -c "plan of epoch 8 published by another collector" "$tmp/log2")" 1

kill "$second"
wait "$second"
check_eq "the second ends well" $? 0

echo "# what was acknowledged"
before=$(duplicates "$url")
for n in "${acked[@]}"; do send "$n" >/dev/null; done
found=$(($(duplicates "$url") - before))
echo "acknowledged ${#acked[@]}, found $found"
check_eq "every acknowledged report is found" $found ${#acked[@]}

echo "# a server that hangs"
"$PG_CTL" freeze
begin=$SECONDS
send 9000 >"$tmp/code" &
sender=$!
check_eq "others are served meanwhile" "$(get /healthz)" ok
wait $sender
check_eq "an answer all the same" "$(cat "$tmp/code")" 503
check "within its limits" [ $((SECONDS - begin)) -le 19 ]
begin=$SECONDS
stop TERM
check_eq "SIGTERM" $? 0
check "is not held up" [ $((SECONDS - begin)) -le 15 ]
"$PG_CTL" thaw
"$PG_CTL" stop
"$collector" --mesh "$mesh" --db "$db" 2>"$tmp/out"
check_eq "no server at the start: status" $? 1
has "in words" "$(cat "$tmp/out")" "the PostgreSQL server: "
"$PG_CTL" start
finish
