#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The page: how its files are served, and then itself, in a real Chromium without a
# screen, on the twelve nodes of edgeproxy and on a thousand. Pictures of all views are
# left in build/page-shots. The page is the same in a build with sanitizers, so there only
# the serving is looked at.

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

while read -r ip; do
	ip addr replace "$ip/32" dev lo
done < <(sed -n 's|^Address = \(.*\)/.*|\1|p' "$mesh")
meshopt=$BUILD/meshopt
run "$meshopt" keygen --plan -o "$tmp"
status 0 "a key for plans"
sed -i "/^\[Mesh\]/a $(grep '^PlanKey' "$tmp/out")" "$mesh"
start --verbose --overlay-only

echo "# how it is served"
for file in "$TOP"/collector/page/*; do
	name=page/${file##*/}
	[ "$name" != page/index.html ] || name=
	code=$(ask "/$name" -H 'Accept-Encoding: gzip')
	check_eq "/$name" "$code $(header content-encoding)" "200 gzip"
	gzip -dc "$tmp/out" | cmp -s - "$file" || fail "/$name" "is not the file of the tree"
	tag=$(header etag)
	code=$(ask "/$name")
	cmp -s "$tmp/out" "$file" || fail "/$name without gzip" "$code: not the file of the tree"
	[ "$(header content-encoding)$(header etag)" != "$tag" ] || fail "/$name" "two forms, one tag"
	case ${file##*.} in
	html) want='text/html; charset=utf-8' ;;
	css) want='text/css; charset=utf-8' ;;
	js) want='text/javascript; charset=utf-8' ;;
	svg) want='image/svg+xml' ;;
	esac
	[ "$(header content-type)" = "$want" ] || fail "/$name" "type $(header content-type)"
done
check_eq "unchanged: 304" "$(ask / -H 'Accept-Encoding: gzip' &&
	ask / -H 'Accept-Encoding: gzip' -H "If-None-Match: $(header etag)")" 200304
check_eq "nothing but itself may run" "$(header content-security-policy)" \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
check_eq "no type is guessed, no address is told" \
	"$(header x-content-type-options) $(header referrer-policy)" "nosniff no-referrer"
check_eq "HEAD" "$(ask /page/app.js -I)" 200
check_eq "another file" "$(ask /page/../mesh.conf --path-as-is)" 404
check_eq "who is no node, with --overlay-only" "$(ask / --interface 127.0.0.1)$(ask /page/app.js --interface 127.0.0.1)" 403403
check_eq "a node" "$(ask / --interface "$hkg")" 200
check_eq "POST" "$(ask / -d x)" 405
# One gzip of the same file is the next one: the build can be repeated.
check "no time in what is packed" cmp -s <(gzip -9nc "$TOP/collector/page/app.js") "$BUILD/page/app.js.gz"

if sanitized; then
	stop TERM
	finish
fi
for tool in chromium chromedriver; do
	command -v $tool >/dev/null || why="$tool is not installed"
done
/usr/bin/python3 -c "import selenium" 2>/dev/null || why="python3-selenium is not installed"
if [ -n "${why-}" ]; then
	echo "SKIP page: in the browser: $why"
	stop TERM
	finish
fi

echo "# an hour of twelve nodes"
data() { /usr/bin/python3 "$TOP/tests/cli/page_data.py" "$url" "$DATA/rtt.csv" "$1"; }
check "reports" data reports
publish() {
	run "$meshopt" plan --mesh "$mesh" --collector "$url" --budget 4 --pop hkg \
		--key "$tmp/plan.key" --publish --force
}
mkdir -p "$TOP/build/page-shots"
# The browser opens the page before the first plan, and before anything happened.
mkfifo "$tmp/ask" "$tmp/told"
/usr/bin/python3 "$TOP/tests/cli/page.py" "$url" "$TOP/build/page-shots" <"$tmp/told" >"$tmp/ask" 2>"$tmp/browser" &
browser=$!
exec 3>"$tmp/told"
# The browser's test says what it wants of the shell: a line beginning with "do".
while IFS= read -r line <&4; do
	case $line in
	'do events') data events && publish && publish ;;
	'do more') data more ;;
	'do stop') stop TERM ;;
	'do start') start --verbose ;;
	'do crowd')
		stop TERM
		crowd 1000
		db=$tmp/crowd.db
		start --verbose
		"$load" post -n 1000 -k 1 8650 >"$tmp/load" 2>&1 || fail "a thousand reports" "$(cat "$tmp/load")"
		;;
	*)
		echo "$line"
		[[ $line != 'not ok'* ]] || failed=$((failed + 1))
		continue
		;;
	esac
	echo "$url" >&3
done 4<"$tmp/ask"
wait "$browser" || fail "the browser's test ends" "$(tail -5 "$tmp/browser")"
stop TERM
finish
