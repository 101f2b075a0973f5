#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# meshopt-collector under what goes wrong and under what is meant to go wrong: a disk that
# fills up under load, reports that come a hundred times, clocks, bodies that are too big
# or built to be expensive, clients that stall. Nothing that was acknowledged may be lost,
# others must be served, and memory has a ceiling.

# shellcheck source=tests/cli/collector-lib.sh
. "$(dirname "$0")/collector-lib.sh"
command -v sqlite3 >/dev/null || skip "sqlite3 is not installed"
guests=$TOP/build/bench/crowd
[ -x "$guests" ] || skip "$guests is not built"

# at_most WHAT VALUE LIMIT
at_most() {
	if [ "$2" -le "$3" ]; then pass "$1: $2"; else fail "$1" "$2, want $3 at most"; fi
}

# grown WHAT KB: the memory peak since `base` was set
grown() {
	sanitized || at_most "$1: peak memory grew by kB" $(($(peak_kb) - base)) "$2"
}

echo "# clocks"
start --verbose
now=$(now_ms)
check_eq "a clock an hour ahead" "$(report hkg nrt 0 $((now + 3600000)) | post "$hkg")" 400
has "says by how much, and whose" "$(cat "$tmp/out")" "s in the future: set the clock of hkg, or of the collector"
has "about an hour" "$(cat "$tmp/out")" "starts 3"
has "and it shows with the node" "$(get /api/v1/nodes)" "in the future: set the clock of hkg"
check_eq "a clock an hour behind" "$(report hkg nrt 1 $((now - 3610000)) | post "$hkg")" 204
skew=$(get /api/v1/nodes | grep -o '"name":"hkg".*' | grep -o '"skew_s":[0-9]*' | head -1 | cut -d: -f2)
check "shows as skew: ${skew:-none} s" [ "${skew:-0}" -ge 3599 -a "${skew:-0}" -le 3700 ]

echo "# bodies"
base=$(peak_kb)
# head_only LENGTH: a POST that promises so much and sends the start of it
head_only() {
	exec 9<>/dev/tcp/10.50.0.1/8650
	printf 'POST /api/v1/reports HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %s\r\n\r\n[' "$1" >&9
	read -r -t 10 line <&9
	cat <&9 >/dev/null # it hangs up
	exec 9>&-
	echo "${line%$'\r'}"
}
check_eq "1 GB is refused at its first byte" "$(head_only 1073741824)" "HTTP/1.1 413 Content Too Large"
check_eq "so is more than 64 bits" "$(head_only 99999999999999999999999)" "HTTP/1.1 413 Content Too Large"
# Without a length it may have no end: it is read for 8 MB, and then hung up on.
head -c 1G /dev/zero | curl -s -m 30 -o /dev/null --interface "$hkg" -H "$json" -X POST -T - \
	"$url/api/v1/reports"
check "1 GB in chunks is cut off" [ $? != 28 ]
grown "1 GB twice" 16384

echo "# JSON that is built to be expensive"
# bomb WHAT: a MB of it, on stdout
bomb() {
	case $1 in
	deep) yes '[' | tr -d '\n' | head -c 1000000 ;;
	wide) printf '[' && yes '[],' | tr -d '\n' | head -c 999990 && printf '0]' ;;
	objects) printf '[' && yes '{"a":0},' | tr -d '\n' | head -c 999984 && printf '0]' ;;
	keys) printf '{' && seq -f '"%.0f":0,' 1 90000 | tr -d '\n' && printf '"x":0}' ;;
	rows) printf '{"node":"hkg","boot":"0123456789abcdef","seq":1,"start":%s,"length_ms":10000,"stamp":"user","spoofed":0,"local_drop":0,"rows":[' "$((now / 1000 - 10))" &&
		yes '{},' | tr -d '\n' | head -c 999000 && printf '{}]}' ;;
	text) printf '"' && head -c 999990 /dev/zero | tr '\0' 'x' && printf '"' ;;
	esac
}
base=$(peak_kb)
begin=$(now_ms)
for what in deep wide objects keys rows text; do
	bomb $what >"$tmp/bomb"
	for i in 1 2 3; do
		post "$hkg" <"$tmp/bomb" >"$tmp/code.$what.$i" &
		posts[i]=$!
	done
	wait "${posts[@]}"
	check_eq "$what, three at once" "$(cat "$tmp/code.$what".?)" 400400400
done
took=$(($(now_ms) - begin))
check_eq "none of them takes it down" "$(get /healthz)" ok
sanitized || at_most "all of them, ms" $took 10000
# jansson would make 77 MB of each of `wide`, had it not been judged before: 13 measured.
grown "18 bombs of 1 MB" 131072
rows() { # COUNT: a report with so many rows, as JSON, of one peer too many
	report hkg nrt 7 "$now" | sed '/"rows"/,$d'
	echo '"rows": ['
	yes '{"peer":"nrt","path":"hub","sent":1,"lost":1,"late":0,"duplicate":0,"reordered":0},' |
		head -n "$1"
	echo '{}]}'
}
rows 1000000 >"$tmp/bomb"
check_eq "a million rows ($(stat -c %s "$tmp/bomb") bytes)" "$(post "$hkg" <"$tmp/bomb")" 413
grown "a million rows" 131072

echo "# heads"
# raw TEXT: the first line of the answer
raw() {
	local line=

	exec 9<>/dev/tcp/10.50.0.1/8650
	printf %b "$1" >"$tmp/raw"
	cat "$tmp/raw" >&9 2>/dev/null
	read -r -t 10 line <&9
	exec 9>&-
	echo "${line%$'\r'}"
}
long=$(head -c 20000 /dev/zero | tr '\0' x)
check_eq "a header of 20 kB" "$(raw "GET /healthz HTTP/1.1\r\nHost: a\r\nX: $long\r\n\r\n")" \
	"HTTP/1.1 431 Request Header Fields Too Large"
check_eq "a path of 20 kB" "$(raw "GET /$long HTTP/1.1\r\nHost: a\r\n\r\n")" \
	"HTTP/1.1 414 URI Too Long"
check_eq "NUL in a query" "$(raw 'GET /api/v1/matrix?path=hub%00x HTTP/1.1\r\nHost: a\r\n\r\n')" \
	"HTTP/1.1 400 Bad Request"
check_eq "length and chunks" "$(raw 'POST /api/v1/reports HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n')" \
	"HTTP/1.1 400 Bad Request"
check_eq "two Hosts" "$(raw 'GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n')" \
	"HTTP/1.1 400 Bad Request"
for i in {10..59}; do # half open, for good
	eval "exec $i<>/dev/tcp/10.50.0.1/8650" && printf 'POST /api/v1/reports HT' >&"$i"
done
check_eq "fifty halves of a head keep nobody from being served" "$(get /healthz)" ok
begin=$(now_ms)
stop TERM
check_eq "nor from stopping: SIGTERM" $? 0
at_most "after ms" $(($(now_ms) - begin)) 3000
for i in {10..59}; do eval "exec $i>&-"; done

crowd 20
db=$tmp/crowd.db
echo "# slow clients"
start --verbose
"$load" post -n 20 -k 20 8650 >/dev/null 2>&1
base=$(peak_kb)
"$guests" stall 250 8650 >"$tmp/stalled" 2>"$tmp/ready" &
stalled=$!
check "250 slow clients" wait_for 30 grep -qs ready "$tmp/ready"
"$guests" get -t 3 8650 /api/v1/nodes >"$tmp/said"
check_eq "others are answered" $? 0
echo "beside 250 slow clients: $(cat "$tmp/said")"
# When 125 ask for the whole matrix at once, one in between may be told to come again.
busy=$(sed 's/.*busy \([0-9]*\).*/\1/' "$tmp/said")
check "hardly any of them is told to come again: $busy" [ "$((100 * busy))" -lt \
	"$(sed 's/requests \([0-9]*\).*/\1/' "$tmp/said")" ]
p99=$(sed 's/.*p99_ms \([0-9]*\).*/\1/' "$tmp/said")
sanitized || at_most "99 of 100 within ms" "$p99" 100
"$load" post -n 20 -k 20 -b $((now - 4000000)) 8650 >"$tmp/said" 2>/dev/null
check_eq "and reports are taken" "$(cut -d' ' -f1,2 "$tmp/said")" "acked 400"
grown "250 slow clients" 65536
kill $stalled
wait $stalled

echo "# each report a hundred times"
: >"$tmp/acks"
"$load" post -n 20 -k 5 -r 100 -b $((now - 8000000)) -a "$tmp/acks" 8650 >"$tmp/said" 2>/dev/null
check_eq "each is answered" "$(cut -d' ' -f1,2 "$tmp/said")" "acked 10000"
check_eq "99 of 100 are known as duplicates" "$(get /api/v1/nodes | grep -o '"duplicates":[0-9]*' |
	cut -d: -f2 | awk '{ n += $1 } END { print n }')" 9900
compare "$tmp/acks"
check_eq "and the file has each once" "$found of $acked, $beyond others" "100 of 100, 800 others"
stop TERM

echo "# a disk that fills up under load"
mkdir "$tmp/small"
if mount -t tmpfs -o size=8m none "$tmp/small" 2>/dev/null; then
	db=$tmp/small/collector.db
	start --verbose
	# shellcheck disable=SC2317 # called by name
	full() { [ "$(curl -s -o /dev/null -w '%{http_code}' "$url/readyz")" = 503 ]; }
	# shellcheck disable=SC2317 # called by name
	working() { [ "$(get /readyz)" = ok ]; }
	"$load" post -n 20 -w 10 -t 600 -a "$tmp/acks" 8650 >"$tmp/said" 2>"$tmp/load" &
	sender=$!
	check "it fills up, and says that it is not ready" wait_for 60 full
	check_eq "it is alive" "$(get /healthz)" ok
	has "the log says what to do" "$(cat "$tmp/log")" "no room on the disk: free some"
	mount -o remount,size=64m "$tmp/small"
	check "with room again it is ready" wait_for 30 working
	read -r -t 1 <> <(:) || : # of more reports
	kill $sender
	wait $sender
	check_eq "nothing was refused for good" $? 0
	stop TERM
	check_eq "SIGTERM" $? 0
	compare "$tmp/acks"
	cat "$tmp/said"
	check "some were told to come again" grep -q 'busy [1-9]' "$tmp/said"
	check_eq "every acknowledged report is found" "$found" "$acked"
	check_eq "the file is sound" "$(sqlite3 "$db" 'PRAGMA integrity_check')" ok
	umount "$tmp/small"
else
	echo "SKIP disk full: no tmpfs may be mounted here"
fi
finish
