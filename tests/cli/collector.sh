#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# meshopt-collector from outside: what it takes, what it refuses and in which words, what
# it shows, and that it keeps what it has acknowledged.

# shellcheck source=tests/cli/collector-lib.sh
. "$(dirname "$0")/collector-lib.sh"

start --verbose
binary='Content-Type: application/vnd.meshopt.report'
t0=$(($(now_ms) - 20000))

echo "# a report, and where it shows"
check_eq "JSON report is stored" "$(report hkg nrt 0 "$t0" | post "$hkg")" 204
out=$(get /api/v1/matrix)
has "matrix has the row" "$out" '{"src":"hkg","dst":"nrt","path":"hub","sent":10,"lost":0,"min_ms":492.100,"mean_ms":492.200,"p50_ms":492.400,"p95_ms":492.400,"p99_ms":492.400,"max_ms":492.400,"jitter_ms":0.100,"last":"'
has "matrix says its window" "$out" '"window_s":300,'
csv=$(get '/api/v1/matrix?format=csv&path=hub')
check_eq "CSV heads the columns in roster order" "$(head -1 <<<"$csv")" \
	",dub,gru,iad,ord,lax,lhr,fra,cdg,nrt,sin,syd,hkg"
check_eq "CSV has the cell and leaves out the unknown" "$(grep ^hkg <<<"$csv")" \
	"hkg,,,,,,,,,492.400,,,0"
check_eq "CSV has a row for each node" "$(wc -l <<<"$csv")" 13
check_eq "CSV of the minimum" \
	"$(get '/api/v1/matrix?format=csv&path=hub&stat=min' | grep ^hkg)" \
	"hkg,,,,,,,,,492.100,,,0"
check_eq "CSV of another path is empty" \
	"$(get '/api/v1/matrix?format=csv&path=direct' | grep ^hkg)" "hkg,,,,,,,,,,,,0"
has "another path has no rows" "$(get '/api/v1/matrix?path=public')" '"rows":[]'

echo "# idempotence"
report hkg nrt 0 "$t0" >"$tmp/r"
codes=$(for _ in $(seq 100); do post "$hkg" <"$tmp/r"; done)
check_eq "100 times more: 204 each" "$codes" "$(printf '204%.0s' $(seq 100))"
has "it counts once" "$(get /api/v1/matrix)" '"sent":10,'
has "duplicates are counted" "$(get /api/v1/nodes)" '"gaps":0,"duplicates":100,'
check_eq "next report" "$(report hkg nrt 3 $((t0 + 10000)) | post "$hkg")" 204
has "two reports are merged" "$(get /api/v1/matrix)" '"sent":20,'
nodes=$(get /api/v1/nodes)
has "two missing numbers are two gaps" "$nodes" '"reports":2,"gaps":2,'
has "the node reports" "$nodes" '"name":"hkg","role":"pop","address":"10.50.5.1","state":"reporting"'
has "the others never did" "$nodes" '"name":"nrt","role":"backend","address":"10.50.4.1","state":"never"'
has "the boot is shown" "$nodes" '"boot":"0123456789abcdef","seq":3'

echo "# refusals"
check_eq "another node's name" "$(report gru nrt 0 "$t0" | post "$hkg")" 400
has "says who is who" "$(cat "$tmp/out")" \
	'"detail":"the report is of node gru, the address that it came from is of hkg"'
check_eq "a peer outside the mesh" "$(report hkg mars 4 "$t0" | post "$hkg")" 400
has "names it" "$(cat "$tmp/out")" "mars is not in the collector's mesh file"
check_eq "itself as a peer" "$(report hkg hkg 4 "$t0" | post "$hkg")" 400
check_eq "from the future" "$(report hkg nrt 4 $((t0 + 60000)) | post "$hkg")" 400
has "speaks of the clock" "$(cat "$tmp/out")" "in the future: set the clock of hkg"
check_eq "an address of no node" "$(report hkg nrt 4 "$t0" | post 127.0.0.1)" 403
has "says what to do" "$(cat "$tmp/out")" '{"error":"forbidden","detail":"127.0.0.1 is'
check_eq "garbage as JSON" "$(head -c 500 /dev/urandom | post "$hkg")" 400
check_eq "garbage as binary" "$(head -c 500 /dev/urandom |
	type=$binary post "$hkg")" 400
check_eq "an empty body" "$(post "$hkg" </dev/null)" 400
check_eq "another media type" "$(report hkg nrt 4 "$t0" |
	type='Content-Type: text/csv' post "$hkg")" 415
has "says which are taken" "$(cat "$tmp/out")" "application/vnd.meshopt.report or"
check_eq "no media type" "$(report hkg nrt 4 "$t0" | type='Content-Type:' post "$hkg")" 415
check_eq "media type with a parameter" "$(report hkg nrt 1 $((t0 - 20000)) |
	type='Content-Type: Application/JSON; charset=utf-8' post "$hkg")" 204
for size in 1048577 3000000 20000000; do
	check_eq "a body of $size bytes" "$(head -c $size /dev/zero | post "$hkg")" 413
	code=$(head -c $size /dev/zero | post "$hkg" -H 'Transfer-Encoding: chunked')
	# Over 8 MB it is cut off: without a length it may have no end.
	[ $size -lt 8000000 ] || [ "$code" = 413 ] || code=413
	check_eq "the same in chunks" "$code" 413
done
check_eq "the largest body that is read" "$(head -c 1048576 /dev/zero | post "$hkg")" 400
has "refusals are counted with a reason" "$(get /api/v1/nodes)" '"refused_reason":"'
check_eq "unknown path" "$(curl -s -o "$tmp/out" -w '%{http_code}' "$url/api/v2")" 404
has "as JSON" "$(cat "$tmp/out")" '{"error":"not found","detail":"'
check_eq "NUL in a path" "$(curl -s -o /dev/null -w '%{http_code}' "$url/healthz%00x")" 404
check_eq "wrong method" "$(curl -s -o /dev/null -D "$tmp/head" -w '%{http_code}' -X DELETE \
	"$url/api/v1/matrix")" 405
has "tells the right one" "$(cat "$tmp/head")" "Allow: GET, HEAD"
curl -s -o /dev/null -D "$tmp/head" "$url/api/v1/reports"
has "reports are to be posted" "$(cat "$tmp/head")" "Allow: POST"
check_eq "HEAD" "$(curl -s -I -w '%{http_code}' -o /dev/null "$url/api/v1/matrix")" 200
for q in window=0 window=301 window=x path=relay format=xml stat=p50 nonsense=1 \
	format=csv 'format=csv&path=all' 'format=csv&path=hub&stat=p42' \
	'a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q'; do
	check_eq "matrix?$q" "$(curl -s -o /dev/null -w '%{http_code}' "$url/api/v1/matrix?$q")" 400
done

echo "# HTTP that is not sound"
# raw TEXT: the first line of the answer
raw() {
	local line=

	exec 9<>/dev/tcp/10.50.0.1/8650
	# In one piece: an answer to the first half would make the second one a reset.
	printf %b "$1" >"$tmp/raw"
	cat "$tmp/raw" >&9
	read -r -t 5 line <&9
	exec 9>&-
	echo "${line%$'\r'}"
}
check_eq "two Hosts" "$(raw 'GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')" \
	"HTTP/1.1 400 Bad Request"
check_eq "no Host" "$(raw 'GET /healthz HTTP/1.1\r\n\r\n')" "HTTP/1.1 400 Bad Request"
check_eq "length and chunks in a POST" "$(raw 'POST /api/v1/reports HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')" \
	"HTTP/1.1 400 Bad Request"
check_eq "length and chunks in a GET" "$(raw 'GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')" \
	"HTTP/1.1 400 Bad Request"
check_eq "two lengths" "$(raw 'POST /api/v1/reports HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde')" \
	"HTTP/1.1 400 Bad Request"
check_eq "another coding" "$(raw 'POST /api/v1/reports HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n')" \
	"HTTP/1.1 400 Bad Request"
check_eq "the server still answers" "$(get /healthz)" ok
check_eq "and is ready" "$(get /readyz)" ok

echo "# durability and restart"
check_eq "a report" "$(report gru hkg 0 "$t0" | post "$gru")" 204
stop KILL
start --verbose
has "it survives kill -9 after 204" "$(get /api/v1/matrix)" '"src":"gru","dst":"hkg"'
has "with its times" "$(get '/api/v1/matrix?format=csv&path=hub' | grep ^gru)" 492.400
check_eq "and is known as a duplicate" "$(report gru hkg 0 "$t0" | post "$gru")" 204
has "counted so" "$(get /api/v1/nodes)" '"reports":1,"gaps":0,"duplicates":1,'
if command -v sqlite3 >/dev/null; then
	sqlite3 "$db" "SELECT writefile('$tmp/bin', body) FROM report LIMIT 1" >/dev/null
	check_eq "a binary report" "$(type=$binary post "$hkg" <"$tmp/bin")" 204
	n=$(stat -c %s "$tmp/bin")
	codes=$(for i in $(seq 0 $((n - 1))); do
		head -c "$i" "$tmp/bin" | type=$binary post "$hkg"
	done)
	check_eq "cut at each of its $n bytes" "${codes//400/}" ""
	check_eq "with a byte behind" "$( (cat "$tmp/bin" && echo) | type=$binary post "$hkg")" 400
fi
begin=$(now_ms)
stop TERM
check_eq "SIGTERM: status 0" $? 0
took=$(($(now_ms) - begin))
if [ $took -lt 2000 ]; then pass "within 2 s"; else fail "within 2 s" "$took ms"; fi
check_eq "no WAL is left behind" "$(cd "$tmp" && echo collector.db*)" collector.db

echo "# what stands in the way of a start"
# fails STATUS PART ARGUMENTS...: the program ends with STATUS and one line with PART
fails() {
	local status=$1 part=$2 out

	shift 2
	out=$("$collector" "$@" 2>&1 >/dev/null)
	check_eq "$part: status" $? "$status"
	has "$part" "$out" "$part"
}
start --verbose
fails 1 "10.50.0.1:8650: in use by another program" --mesh "$mesh" --db "$tmp/other.db"
fails 1 "collector.db: in use by another meshopt-collector" --mesh "$mesh" --db "$db" \
	--listen 127.0.0.1:8651
stop TERM
fails 1 "192.0.2.1:80: not an address of this machine" --mesh "$mesh" --db "$db" \
	--listen 192.0.2.1:80
fails 1 "--device no0: no such interface" --mesh "$mesh" --db "$db" --device no0
fails 1 "$tmp/none/db: no such folder" --mesh "$mesh" --db "$tmp/none/db"
fails 1 "$tmp: " --mesh "$mesh" --db "$tmp"
fails 1 "/dev/null: not an ordinary file" --mesh "$mesh" --db /dev/null
fails 1 "$tmp/none.conf" --mesh "$tmp/none.conf" --db "$db"
grep -v ^Collector "$mesh" >"$tmp/m2"
chmod 644 "$tmp/m2"
fails 1 "mesh edgeproxy has no Collector" --mesh "$tmp/m2" --db "$db"
sed 's,^Collector.*,Collector = http://collector.example:8650,' "$mesh" >"$tmp/m2"
fails 1 "give --listen ADDR:PORT" --mesh "$tmp/m2" --db "$db"
echo "this is not a database, and 100 bytes would not make it one" >"$tmp/text"
fails 1 "not a database: give --db another file" --mesh "$mesh" --db "$tmp/text"
has "and is left alone" "$(cat "$tmp/text")" "this is not a database, and 100"
fails 2 "--listen 10.50.0.1: give ADDR:PORT" --listen 10.50.0.1
fails 2 "--window 2h: give a time from 10s to 1h" --window 2h
fails 2 "--keep shorter than --window" --keep 1m
fails 2 "--keep soon: give times such as" --keep soon
fails 2 "argument extra" extra
fails 2 "--help lists the options" --frobnicate
check_eq "--version" "$("$collector" --version | cut -d' ' -f1)" meshopt-collector
has "--help" "$("$collector" --help)" "--listen ADDR:PORT"
check_eq "two interfaces: only the one" "$(
	ip link add veth0 type veth peer name veth1 2>/dev/null
	ip addr add 10.51.0.1/24 dev veth0 && ip link set veth0 up && ip link set veth1 up
	"$collector" --mesh "$mesh" --db "$tmp/v.db" --listen 10.50.0.1:8652 \
		--device veth0 2>/dev/null &
	for _ in $(seq 50); do
		[ -s "$tmp/v.db" ] && break
		read -r -t 0.02 <> <(:) || :
	done
	curl -s -o /dev/null http://10.50.0.1:8652/healthz
	echo "$? $(kill %1 && echo up)"
)" "7 up"

echo "# a full disk"
mkdir "$tmp/small"
if mount -t tmpfs -o size=1m none "$tmp/small" 2>/dev/null; then
	keep=$db
	db=$tmp/small/collector.db
	start --verbose
	head -c 900000 /dev/zero >"$tmp/small/ballast" 2>/dev/null
	for i in $(seq 200); do
		code=$(report hkg nrt "$i" $((t0 - i)) | post "$hkg" -D "$tmp/head")
		[ "$code" = 204 ] || break
	done
	check_eq "the report that does not fit" "$code" 503
	has "asks for patience" "$(cat "$tmp/head")" "Retry-After: 5"
	for i in 1 2 3; do
		code=$(report hkg nrt 999 $((t0 - 999)) | post "$hkg")
	done
	check_eq "and again" "$code" 503
	check_eq "not ready" "$(curl -s -o /dev/null -w '%{http_code}' "$url/readyz")" 503
	check_eq "but alive" "$(get /healthz)" ok
	check_eq "said once in the log" "$(grep -c "no room on the disk: free some" "$tmp/log")" 1
	rm "$tmp/small/ballast"
	check_eq "room again" "$(report hkg nrt 999 $((t0 - 999)) | post "$hkg")" 204
	check_eq "ready again" "$(get /readyz)" ok
	check_eq "said in the log" "$(grep -c "the store works again" "$tmp/log")" 1
	stop TERM
	check_eq "SIGTERM" $? 0
	db=$keep
	umount "$tmp/small"
else
	echo "# skipped: no tmpfs may be mounted here"
fi

finish
