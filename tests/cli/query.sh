#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# What meshopt-collector answers: statistics and windows, pairs, history, nodes, events,
# plans and metrics, in their forms, with their tags.

# shellcheck disable=SC2015,SC2317 # pass cannot fail; wait_for calls much of this
# shellcheck source=tests/cli/collector-lib.sh
. "$(dirname "$0")/collector-lib.sh"

# ask PATH [curl options]: status; headers in $tmp/head, body in $tmp/out
ask() {
	local path=$1
	shift
	: >"$tmp/out"
	curl -s -m 20 -o "$tmp/out" -D "$tmp/head" -w '%{http_code}' "$@" "$url$path"
}
header() { tr -d '\r' <"$tmp/head" | sed -n "s/^$1: //Ip"; }
body() { cat "$tmp/out"; }
json() { # EXPRESSION: of the body as d
	python3 -c "import json,sys; d=json.load(open('$tmp/out')); print($1)"
}

signer "$mesh" # of plans
sign() { printf %s "$1" | "$tmp/sign" -; }

start --verbose
t0=$(($(now_ms) - 60000))
hkg_nrt=$(row nrt hub 10 1 492000 492000 492000 492000 492000 492000 492000 492000 500000)
check_eq "a report" "$(send hkg "$hkg" 0 "$t0" "$hkg_nrt" "$(row nrt public 4 0 49000 49000 50000 60000)" \
	"$(row sin hub 5 5)")" 204
check_eq "the next" "$(send hkg "$hkg" 1 $((t0 + 10000)) "$(row nrt hub 10 0 492000 492000)" \
	"$(row nrt direct 10 0 49500 49500)")" 204
check_eq "another's" "$(send gru "$gru" 5 "$t0" "$(row nrt public 4 0 250000 250000)")" 204

echo "# forms of the matrix"
check_eq "JSON" "$(ask '/api/v1/matrix?path=hub')" 200
check_eq "rows of the path" "$(json '[(r["dst"],r["sent"],r["lost"]) for r in d["rows"]]')" \
	"[('nrt', 20, 1), ('sin', 5, 5)]"
check_eq "no times without an answer" "$(json '"p50_ms" in d["rows"][1]')" False
check_eq "no sketch unless asked for" "$(json '"sketch" in d["rows"][0]')" False
check_eq "sketch=1" "$(ask '/api/v1/matrix?path=public&sketch=1')" 200
check_eq "is a flat list of bucket, count" \
	"$(json '[len(r["sketch"])%2==0 and sum(r["sketch"][1::2]) for r in d["rows"] if r["src"]=="hkg"]')" "[4]"
# A quantile is the middle of its bucket, within 1.1 % of the sample.
for stat in min:492.000 p50:496.652 p95:496.652 p99:496.652 max:500.000 loss:0.050000 jitter:0.000; do
	check_eq "CSV of ${stat%:*}" "$(get "/api/v1/matrix?path=hub&format=csv&stat=${stat%:*}" |
		awk -F, 'NR == 1 { for (i = 2; i <= NF; i++) if ($i == "nrt") at = i }
			$1 == "hkg" { print $at }')" "${stat#*:}"
done
check_eq "a square in JSON" "$(ask '/api/v1/matrix?path=hub&stat=min')" 200
check_eq "with names, and null for the unknown" \
	"$(json 'd["unit"], d["rows"][d["names"].index("hkg")][d["names"].index("nrt")], d["rows"][0][1]')" \
	"ms 492.0 None"
check_eq "binary" "$(ask '/api/v1/matrix?path=hub&stat=p50&format=bin')" 200
check_eq "has its type" "$(header content-type)" application/vnd.meshopt.matrix
check_eq "and its layout" "$(python3 - "$tmp/out" <<-'PY'
	import json, struct, sys
	b = open(sys.argv[1], "rb").read()
	n = struct.unpack("<I", b[4:8])[0]
	h = json.loads(b[8:8 + n])
	names = h["names"]
	v = struct.unpack("<%dI" % (len(names) ** 2), b[8 + n:])
	at = lambda a, b: v[names.index(a) * len(names) + names.index(b)]
	print(b[:4], n % 4, h["unit"], at("hkg", "nrt"), at("nrt", "hkg") == 2**32 - 1, at("hkg", "hkg"))
PY
)" "b'MOMX' 0 us 496652 True 0"
check_eq "Accept asks for CSV as well" "$(ask '/api/v1/matrix?path=hub' -H 'Accept: text/csv')" 200
check_eq "and gets it" "$(header content-type)" text/csv
check_eq "the answer varies by that" "$(header vary)" "Accept, Accept-Encoding"

echo "# tags and packing"
csv='/api/v1/matrix?path=hub&format=csv'
check_eq "a tag" "$(ask "$csv")" 200
tag=$(header etag)
check_eq "may be kept, and is to be asked about" "$(header cache-control)" no-cache
check_eq "unchanged: 304" "$(ask "$csv" -H "If-None-Match: $tag")" 304
check_eq "without a body" "$(wc -c <"$tmp/out" 2>/dev/null || echo 0)" 0
check_eq "in a list, weak" "$(ask "$csv" -H "If-None-Match: \"x\", W/$tag")" 304
check_eq "another: 200" "$(ask "$csv" -H 'If-None-Match: "x"')" 200
check_eq "HEAD has it too" "$(ask "$csv" -I)" 200
check_eq "the same one" "$(header etag)" "$tag"
check_eq "new data" "$(send hkg "$hkg" 2 $((t0 + 20000)) "$(row nrt hub 1 0 600000)" "$(row nrt hub 1 0 600000 | sed 's/hub/direct/')")" 204
check_eq "p50 stays" "$(ask "$csv" -H "If-None-Match: $tag")" 304
check_eq "the maximum does not" "$(get "$csv&stat=max" | grep -c 600.000)" 1
check_eq "a long answer" "$(ask '/api/v1/nodes')" 200
cp "$tmp/out" "$tmp/plain"
plain_tag=$(header etag)
check_eq "packed" "$(ask /api/v1/mesh -H 'Accept-Encoding: br, gzip;q=0.5')" 200
check_eq "says so" "$(header content-encoding)" gzip
packed_tag=$(header etag)
gzip -dc "$tmp/out" >"$tmp/unpacked"
check_eq "the same" "$(ask /api/v1/mesh)" 200
check "the same bytes" cmp "$tmp/out" "$tmp/unpacked"
[ "$(header etag)" != "$packed_tag" ] && [ -n "$plain_tag" ] && pass "two forms, two tags" ||
	fail "two forms, two tags" "$packed_tag"
check_eq "gzip;q=0" "$(ask /api/v1/mesh -H 'Accept-Encoding: gzip;q=0.0')" 200
check_eq "is a refusal" "$(header content-encoding)" ""

check_eq "rows in binary" "$(ask /api/v1/matrix -H 'Accept: application/vnd.meshopt.rows, application/json;q=0.5')" 200
check_eq "have a type of their own" "$(header content-type)" application/vnd.meshopt.rows
cp "$tmp/out" "$tmp/rows"
check_eq "the same by name" "$(ask '/api/v1/matrix?format=rows')" 200
check_eq "begin so" "$(head -c 4 "$tmp/out")" MORW
check_eq "beside JSON" "$(ask '/api/v1/matrix?sketch=1')" 200
check_eq "say the same" "$(python3 - "$tmp/rows" "$tmp/out" <<-'PY'
	import json, sys
	b = open(sys.argv[1], "rb").read()[5:]
	def byte():
	    global b
	    v, b = b[0], b[1:]
	    return v
	def uint():
	    v = shift = 0
	    while True:
	        x = byte()
	        v |= (x & 127) << shift
	        shift += 7
	        if x < 128: return v
	def text():
	    global b
	    n = byte()
	    v, b = b[:n].decode(), b[n:]
	    return v
	mesh = text()
	names = [text() for _ in range(uint())]
	rows = []
	for src in names:
	    while dst := uint():
	        head = byte()
	        row = {"src": src, "dst": names[dst - 1], "path": ["hub", "direct", "public"][head & 3],
	               "sent": uint(), "lost": uint()}
	        uint()
	        if head & 4:
	            row["min_ms"] = uint() / 1000
	            row["mean_ms"] = round(row["min_ms"] + uint() / 1000, 3)
	            row["max_ms"] = round(row["mean_ms"] + uint() / 1000, 3)
	            row["jitter_ms"] = uint() / 1000
	            at, row["sketch"] = 0, []
	            for _ in range(uint()):
	                at += uint()
	                row["sketch"] += [at, uint()]
	        rows.append(row)
	d = json.load(open(sys.argv[2]))
	want = [{k: r[k] for k in r if k not in ("p50_ms", "p95_ms", "p99_ms", "last", "age_s")} for r in d["rows"]]
	print(len(rows) > 3 and not b and mesh == d["mesh"] and rows == want or (rows, want))
PY
)" True
check_eq "out of the store too" "$(ask '/api/v1/matrix?format=rows&since=24h&path=hub')" 200
check_eq "no stat" "$(ask '/api/v1/matrix?format=rows&path=hub&stat=min')" 400

echo "# windows"
check_eq "since" "$(ask '/api/v1/matrix?path=hub&since=24h')" 200
check_eq "out of the store" "$(json '[(r["dst"],r["sent"],r["lost"],r["min_ms"]) for r in d["rows"] if r["dst"]=="nrt"]')" \
	"[('nrt', 21, 1, 492.0)]"
from=$(((t0 + 9000) / 1000)) to=$(((t0 + 11000) / 1000))
check_eq "a slice by Unix time" "$(ask "/api/v1/matrix?path=hub&since=$from&until=$to")" 200
check_eq "has that report alone" "$(json '[r["sent"] for r in d["rows"]]')" "[10]"
rfc=$(date -u -d "@$from" +%FT%TZ)
check_eq "by RFC 3339, with an offset" "$(ask "/api/v1/matrix?path=hub&since=$rfc&until=$(TZ=XXX-1 date -d "@$to" +%FT%T+01:00)")" 200
check_eq "is the same" "$(json '[r["sent"] for r in d["rows"]]')" "[10]"
check_eq "before all" "$(ask '/api/v1/matrix?since=2020-01-01T00:00:00Z&until=2020-01-02T00:00:00Z')" 200
check_eq "is empty" "$(json 'd["rows"]')" "[]"
for q in since=x 'since=24h&window=30' until=1h 'since=1h&until=2h' stat=p50 'path=hub&format=bin&sketch=1' \
	'path=hub&path=hub' sketch=2 limit=5 since= 'since=2026-02-30T00:00:00Z'; do
	check_eq "matrix?$q" "$(ask "/api/v1/matrix?$q")" 400
	has "says why" "$(body)" '"detail":"'
done

echo "# pairs"
check_eq "a pair" "$(ask '/api/v1/pairs/hkg/nrt?since=10m&step=10s')" 200
check_eq "each report is a point" "$(json '[len(d["paths"][p]) for p in ("hub","direct","public")]')" "[3, 2, 1]"
check_eq "with its quantiles" "$(json '[d["paths"]["public"][0][k+"_ms"] for k in ("min","p5","p50","max")]')" \
	"[49.0, 49.0, 49.0, 60.0]"
check_eq "and the loss" "$(json '[(p["sent"],p["lost"]) for p in d["paths"]["hub"]]')" "[(10, 1), (10, 0), (1, 0)]"
check_eq "of a day" "$(ask '/api/v1/pairs/hkg/nrt?path=hub')" 200
check_eq "in steps of 5 minutes" "$(json 'd["step_s"], sum(p["sent"] for p in d["paths"]["hub"]), list(d["paths"])')" \
	"300 21 ['hub']"
check_eq "as CSV" "$(ask '/api/v1/pairs/hkg/nrt?since=10m&step=10s&format=csv')" 200
check_eq "with a line a point" "$(grep -c '^[0-9]*,hub,' "$tmp/out")" 3
check_eq "the tag holds" "$(ask '/api/v1/pairs/hkg/nrt' -o /dev/null && ask '/api/v1/pairs/hkg/nrt' -H "If-None-Match: $(header etag)")" 200304
for p in hkg hkg/ hkg/mars hkg/hkg /nrt hkg/nrt/ "$(printf 'x%.0s' {1..100})/nrt"; do
	check_eq "pairs/$p" "$(ask "/api/v1/pairs/$p")" 404
done
check_eq "a step of 1 s" "$(ask '/api/v1/pairs/hkg/nrt?step=1s')" 400
check_eq "too many steps" "$(ask '/api/v1/pairs/hkg/nrt?since=30d&step=10s')" 400

echo "# history"
check_eq "as CSV" "$(ask '/api/v1/history?since=10m&step=1m&format=csv')" 200
has "is headed for replay" "$(head -1 "$tmp/out")" "a,b,2"
check_eq "has the pair, once" "$(cut -d, -f1,2 "$tmp/out" | sed 1d | sort | tr '\n' ' ')" "gru,nrt nrt,hkg "
check_eq "in one slice" "$(grep ^nrt,hkg "$tmp/out" | tr , '\n' | grep -c '^49')" 1
check_eq "as JSON" "$(ask '/api/v1/history?since=10m&step=1m&path=hub')" 200
check_eq "the same shape" "$(json '[len(p["ms"])==len(d["slices"]) for p in d["pairs"]]')" "[True]"
if [ -x "$BUILD/meshopt" ]; then
	# Three slices of two pairs, long over.
	past=$((($(now_ms) / 600000 - 6) * 600000))
	for i in 0 1 2; do
		check_eq "past $i: hkg" "$(send hkg "$hkg" $((20 + i)) $((past + i * 600000)) \
			"$(row nrt public 9 0 49000)" "$(row gru public 9 0 90000)")" 204
		check_eq "past $i: gru" "$(send gru "$gru" $((20 + i)) $((past + i * 600000)) \
			"$(row nrt public 9 0 250000)")" 204
	done
	run "$BUILD/meshopt" replay --budget 1 --collector "$url" --since $((past / 1000)) \
		--until $((past / 1000 + 1800)) --slice 10m --json
	status 0 "replay of what the collector has kept"
	check_eq "its slices" "$(python3 -c "import json; d=json.load(open('$TMP/out')); print(len(d['steps']))")" 2
	run "$BUILD/meshopt" replay --budget 1 --collector "$url" --since soon
	status 1 "since when?"
	run "$BUILD/meshopt" replay --budget 1 --collector "$url" "$mesh"
	status 2 "a history and a collector"
fi
for q in step=10s path=all stat=loss 'since=30d&step=1m'; do
	check_eq "history?$q" "$(ask "/api/v1/history?$q")" 400
done

echo "# nodes and mesh"
check_eq "nodes" "$(ask /api/v1/nodes)" 200
check_eq "the prober's version" "$(json '[n["version"] for n in d["nodes"] if n["name"]=="hkg"]')" "['9.8.7']"
has "why one is silent" "$(body)" 'no report of it is known: is meshopt-prober running there'
check_eq "its report is refused" "$(send nrt 10.50.2.1 0 "$t0")" 400
ask /api/v1/nodes >/dev/null
has "then that is why" "$(body)" '"why":"its reports are refused: '
check_eq "as CSV" "$(ask '/api/v1/nodes?format=csv')" 200
check_eq "a line a node" "$(wc -l <"$tmp/out")" 13
check_eq "mesh" "$(ask /api/v1/mesh)" 200
check_eq "has the roster" "$(json 'd["hub"], len(d["nodes"]), sorted(d["nodes"][0])')" \
	"dub 12 ['address', 'endpoint', 'name', 'region', 'relay', 'role', 'weight']"
check_eq "and no key" "$(grep -c "$(sed -n 's/^PublicKey = //p' "$mesh" | head -1)" "$tmp/out")" 0

echo "# events"
# event SEQ KIND MORE
event() {
	printf '{"boot":"0123456789abcdef","events":[{"seq":%d,"at":%d,"kind":"%s","text":"hub -> direct"%s}]}' \
		"$1" $((t0 / 1000)) "$2" "$3"
}
post_events() { curl -s -m 20 -o "$tmp/out" -w '%{http_code}' --interface "$1" -H "$json_type" -d "$2" "$url/api/v1/events"; }
json_type='Content-Type: application/json'
check_eq "an event" "$(post_events "$hkg" "$(event 0 path ',"peer":"nrt"')")" 204
check_eq "again" "$(post_events "$hkg" "$(event 0 path ',"peer":"nrt"')")" 204
check_eq "another" "$(post_events "$hkg" "$(event 1 start '')")" 204
check_eq "of another pair" "$(post_events "$gru" "$(event 0 path ',"peer":"sin"')")" 204
check_eq "listed" "$(ask /api/v1/events)" 200
check_eq "once each, whose they are" "$(json 'sorted((e["node"],e["kind"],e.get("peer")) for e in d["events"])' 2>&1 | tail -1)" \
	"[('gru', 'path', 'sin'), ('hkg', 'path', 'nrt'), ('hkg', 'start', None)]"
check_eq "of a node" "$(ask '/api/v1/events?node=sin')" 200
check_eq "or about it" "$(json '[e["node"] for e in d["events"]]')" "['gru']"
check_eq "the newest" "$(ask '/api/v1/events?limit=1')" 200
check_eq "alone" "$(json 'len(d["events"])')" 1
check_eq "of a pair" "$(ask '/api/v1/pairs/hkg/nrt?since=10m')" 200
check_eq "with its history" "$(json 'sorted(e["kind"] for e in d["events"])')" "['path', 'start']"
check_eq "of no node of the mesh" "$(post_events 127.0.0.1 "$(event 0 path '')")" 403
for bad in '{}' 'x' '[]' "$(event 0 'no blanks' '')" "$(event 0 path ',"peer":"hkg"')" \
	"$(event 0 path ',"peer":"mars"')" "$(event -1 path '')" \
	"$(event 0 path '' | sed 's/"at":[0-9]*/"at":"soon"/')" \
	"$(event 0 path '' | sed 's/"at":[0-9]*/"at":9999999999/')"; do
	check_eq "refused: $bad" "$(post_events "$hkg" "$bad")" 400
done

echo "# plans"
put_plan() { curl -s -m 20 -o "$tmp/out" -w '%{http_code}' --interface "$1" -X PUT --data-binary "@$2" "$url/api/v1/plan"; }
check_eq "none yet" "$(ask /api/v1/plan)" 404
sign '{"mesh":"edgeproxy","epoch":7,"value":1329000000}' >"$tmp/p7"
sign '{"mesh":"edgeproxy","epoch":8}' >"$tmp/p8"
sign '{"mesh":"other","epoch":9}' >"$tmp/other"
sign '{"mesh":"edgeproxy"}' >"$tmp/none"
sed 's/"epoch":8/"epoch":9/' "$tmp/p8" >"$tmp/forged"
check_eq "from outside" "$(put_plan 127.0.0.1 "$tmp/p7")" 403
check_eq "published" "$(put_plan "$hkg" "$tmp/p7")" 204
check_eq "there" "$(ask /api/v1/plan)" 200
check "byte for byte" cmp "$tmp/out" "$tmp/p7"
check_eq "by its type" "$(header content-type)" application/vnd.meshopt.plan
tag=$(header etag)
check_eq "its payload" "$(ask '/api/v1/plan?format=json')" 200
check_eq "alone" "$(json 'd["epoch"]')" 7
check_eq "the same again" "$(put_plan "$hkg" "$tmp/p7")" 204
check_eq "signed for another text" "$(put_plan "$hkg" "$tmp/forged")" 403
check_eq "of another mesh" "$(put_plan "$hkg" "$tmp/other")" 400
check_eq "without an epoch" "$(put_plan "$hkg" "$tmp/none")" 400
check_eq "no envelope" "$(put_plan "$hkg" "$mesh")" 400
check_eq "unchanged" "$(ask /api/v1/plan -H "If-None-Match: $tag")" 304
begin=$(now_ms)
check_eq "waiting in vain" "$(ask '/api/v1/plan?wait=1' -H "If-None-Match: $tag")" 304
took=$(($(now_ms) - begin))
if [ $took -ge 900 ]; then pass "for a second"; else fail "for a second" "$took ms"; fi
curl -s -m 30 -o "$tmp/waited" -H "If-None-Match: $tag" "$url/api/v1/plan?wait=30" &
waiter=$!
# It is suspended when a second request of its connection count shows; the answer to a
# plan that comes before would be the plan as well.
check_eq "the next plan" "$(put_plan "$hkg" "$tmp/p8")" 204
wait $waiter
check "the waiter has it" cmp "$tmp/waited" "$tmp/p8"
check_eq "an older one" "$(put_plan "$hkg" "$tmp/p7")" 409
stop TERM
start --verbose
check_eq "after a restart" "$(ask /api/v1/plan)" 200
check "it is there" cmp "$tmp/out" "$tmp/p8"

# A key was stolen: the highest epoch that there is, and then another PlanKey.
sign '{"mesh":"edgeproxy","epoch":9007199254740991}' >"$tmp/thief"
check_eq "as long as its key is in the mesh file" "$(put_plan "$hkg" "$tmp/thief")" 204
stop TERM
export SEED=8
sed -i "s|^PlanKey.*|PlanKey = $("$tmp/sign")|" "$mesh"
sign '{"mesh":"edgeproxy","epoch":7}' >"$tmp/n7"
sign '{"mesh":"edgeproxy","epoch":8}' >"$tmp/n8"
start --verbose
check_eq "another PlanKey: nothing is given out that the old one signed" "$(ask /api/v1/plan)" 404
check_eq "nor taken" "$(put_plan "$hkg" "$tmp/p8")" 403
check_eq "its own are, whatever epoch the old one came to" "$(put_plan "$hkg" "$tmp/n8")" 204
check_eq "and are counted" "$(put_plan "$hkg" "$tmp/n7")" 409
check_eq "the same again" "$(put_plan "$hkg" "$tmp/n8")" 204
stop TERM
start --verbose
check_eq "after a restart" "$(ask /api/v1/plan)" 200
check "it is there" cmp "$tmp/out" "$tmp/n8"
check_eq "events too" "$(ask /api/v1/events)" 200
check_eq "all of them" "$(json 'len(d["events"])')" 3

# One node must not crowd out what others say.
flood() { # flood FIRST COUNT
	printf '{"boot":"0123456789abcdef","events":['
	seq "$1" $(($1 + $2 - 1)) | sed "s|.*|{\"seq\":&,\"at\":$((t0 / 1000)),\"kind\":\"path\",\"text\":\"x\"}|" | paste -sd,
	printf ']}'
}
check_eq "as many as come after a day alone" "$(post_events "$gru" "$(flood 100 990)")" 204
check_eq "and no more of that node" "$(post_events "$gru" "$(flood 2000 20)")" 429
has "says so" "$(body)" "more events of one node"
check_eq "but of others" "$(post_events "$hkg" "$(event 2 path '')")" 204

echo "# metrics"
t0=$(($(now_ms) - 15000)) # they tell of the last minute
check_eq "news" "$(send hkg "$hkg" 9 "$t0" "$(row nrt hub 4 0 492000)" "$(row sin hub 5 5)")" 204
check_eq "from another" "$(send gru "$gru" 9 "$t0" "$(row nrt public 4 0 250000)")" 204
check_eq "the page" "$(ask /metrics)" 200
check_eq "its type" "$(header content-type)" "text/plain; version=0.0.4; charset=utf-8"
if command -v promtool >/dev/null; then
	check "promtool finds no fault" promtool check metrics <"$tmp/out"
else
	echo "SKIP query: promtool: not installed"
fi
cp "$tmp/out" "$tmp/page"
metric() { awk -v name="$1" '$1 == name { print $2 }' "$tmp/page"; }
check_eq "RTT" "$(metric 'meshopt_pair_rtt_seconds{src="gru",dst="nrt",path="public",quantile="0.5"}')" 0.250000
check_eq "loss of a dead pair" "$(metric 'meshopt_pair_loss_ratio{src="hkg",dst="sin",path="hub"}')" 1.000000
check_eq "has no RTT" "$(grep -c 'rtt_seconds{src="hkg",dst="sin"' "$tmp/page")" 0
check_eq "nor has a silent node" "$(grep -c 'src="lax"' "$tmp/page")" 0
check_eq "a node without a report has no time" \
	"$(grep -c 'last_report_timestamp_seconds{node="lax"}' "$tmp/page")" 0
check_eq "the epoch" "$(metric meshopt_plan_epoch)" 8
check_eq "nothing is infinite or not a number" "$(grep -cE ' (NaN|[+-]?Inf|-1)$' "$tmp/page")" 0
stop TERM

start --verbose --metrics-pairs 131 --overlay-only
check_eq "the page with fewer pairs" "$(ask /metrics --interface "$hkg")" 200
check_eq "has none" "$(grep -c '^meshopt_pair' "$tmp/out")" 0
check_eq "--overlay-only: from outside" "$(ask /api/v1/matrix --interface 127.0.0.1)" 403
has "is told" "$(body)" "over the overlay"
check_eq "metrics as well" "$(ask /metrics --interface 127.0.0.1)" 403
check_eq "from a node" "$(ask /api/v1/matrix --interface "$hkg")" 200
check_eq "health is for all" "$(ask /healthz --interface 127.0.0.1)" 200
# Somebody waits while it ends: they get an answer.
ask /api/v1/plan --interface "$hkg" >/dev/null
curl -s -m 30 -o /dev/null -w '%{http_code}' --interface "$hkg" -H "If-None-Match: $(header etag)" \
	"$url/api/v1/plan?wait=30" >"$tmp/code" &
waiter=$!
waits() { [ "$(ss -Htn state established "( dport = :8650 )" | wc -l)" -ge 1 ]; }
wait_for 5 waits
stop TERM
check_eq "SIGTERM while somebody waits" $? 0
wait $waiter
check_eq "they get an answer" "$(cat "$tmp/code")" 304
finish
