#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# meshopt report against a real collector: over a window and the one before, as text for
# a mail, CSV, JSON and a page.

# shellcheck disable=SC2015 # pass cannot fail
# shellcheck source=tests/cli/collector-lib.sh
. "$(dirname "$0")/collector-lib.sh"
[ -x "$BUILD/meshopt" ] || skip "$BUILD/meshopt is not built"

report_now() { run "$BUILD/meshopt" report --mesh "$mesh" "$@"; }
widest() { wc -L <"$1"; }
# column NAME A B: of the CSV in $TMP/out
column() {
	awk -F, -v name="$1" -v a="$2" -v b="$3" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i }
		($1 == a && $2 == b) || ($1 == b && $2 == a) { print $at }' "$TMP/out"
}

start --verbose
report_now --since 10m
status 4 "nothing measured yet"
stderr_has "no figures yet" "is told"
stdout_has "10 pairs, 0 measured" "and how many there are"
stdout_has "nothing is known of the window before" "not even before"

# The window: ten minutes; the reports of the one before lie in its middle.
now=$(($(now_ms) - 15000)) before=$(($(now_ms) - 900000))
check_eq "before: hkg" "$(send hkg "$hkg" 0 $before "$(row nrt hub 10 0 400000 400000)" \
	"$(row sin hub 10 0 408000)" "$(row syd hub 10 0 500000)")" 204
check_eq "before: gru" "$(send gru "$gru" 0 $before "$(row hkg hub 10 0 300000)")" 204
check_eq "now: hkg" "$(send hkg "$hkg" 1 $now "$(row nrt hub 10 0 492000 492000)" \
	"$(row nrt public 10 0 49000)" "$(row sin hub 10 0 408000)" "$(row syd hub 10 10)" \
	"$(row dub hub 10 0 250000)")" 204
check_eq "now: gru" "$(send gru "$gru" 1 $now "$(row hkg direct 10 0 260000)")" 204

report_now --since 10m --csv
status 0 "CSV"
check_eq "starts as ever" "$(head -1 "$TMP/out")" \
	"a,b,path,now_ms,hub_ms,direct_ms,saves_ms,loss_pct,jitter_ms,p95_ms,before_ms,change_ms,before_loss_pct"
check_eq "the figure before" "$(column before_ms hkg nrt)" 400.000
check_eq "the one now" "$(column now_ms hkg nrt)" 492.000
check_eq "and the change" "$(column change_ms hkg nrt)" 92.000
check_eq "a dead pair has a loss" "$(column loss_pct hkg syd)" 100.000
check_eq "and no RTT" "$(column now_ms hkg syd)" ""
check_eq "a pair that became direct" "$(column path gru hkg),$(column change_ms gru hkg)" direct,-40.000
report_now --csv
check_eq "without --since as ever" "$(head -1 "$TMP/out")" \
	"a,b,path,now_ms,hub_ms,direct_ms,saves_ms,loss_pct,jitter_ms"

report_now --since 10m
status 0 "text"
stdout_has "edgeproxy: the last 10m to 20" "says of when it is"
stdout_has "10 pairs, 4 measured, 1 direct" "the totals"
stdout_has "mean 386.7 ms (before 369.3), loss 25.00 % (before 0.00)" "and the means"
check_eq "80 columns" "$([ "$(widest "$TMP/out")" -le 80 ] && echo fits)" fits
check "the dead pair is the worst" grep -A1 '^worst pairs' "$TMP/out" -q
check_eq "by name" "$(grep -A1 '^worst pairs' "$TMP/out" | tail -1 | cut -d' ' -f1)" hkg-syd
check_eq "a tunnel would help" "$(grep -A1 '^a tunnel would help' "$TMP/out" | tail -1 | tr -s ' ')" \
	"hkg-nrt 492.0 49.0 443.0 10.0"
check_eq "what changed" "$(sed -n '/^changed/,$p' "$TMP/out" | cut -d' ' -f1 | tr '\n' ' ')" \
	"changed hkg-syd hkg-nrt gru-hkg "
report_now --since 10m --pop gru --all-pairs
status 0 "of one node"
stdout_has "10 pairs, 1 measured" "only its pairs"

report_now --since 10m --json
status 0 "JSON"
check_eq "has the totals" "$(python3 -c "import json; d=json.load(open('$TMP/out')); t=d['totals']
print(d['since'], t['pairs'], t['measured'], t['direct'], [p['before_ms'] for p in d['pairs'] if p['b']=='nrt' and p['a']=='hkg'])")" \
	"10m 10 4 1 [400.0]"

report_now --since 10m --html "$TMP/page.html"
status 0 "a page"
check_eq "that needs nothing else" "$(grep -cE 'src=|href=|url\(|@import|<script' "$TMP/page.html")" 0
check_eq "and is whole" "$(tail -1 "$TMP/page.html")" "</body></html>"
python3 - "$TMP/page.html" <<'PY' && pass "every tag has its end" || fail "every tag has its end"
import html.parser, sys
class P(html.parser.HTMLParser):
    stack = []
    def handle_starttag(self, t, a):
        if t not in ("meta", "br"): self.stack.append(t)
    def handle_endtag(self, t):
        assert self.stack.pop() == t, (t, self.getpos())
p = P(); p.feed(open(sys.argv[1]).read()); assert not p.stack
PY
check "the matrix is in it" grep -q '<th>hkg</th>.*492' "$TMP/page.html"
check_eq "nothing is left beside it" "$(find "$TMP" -name 'page.html.*' | wc -l)" 0
report_now --html "$TMP/none/page.html"
status 1 "a page that cannot be written"
stderr_has "none/page.html: No such file or directory" "is told"

report_now --since 0h
status 2 "no time"
stop TERM
report_now --since 10m
status 1 "no collector"
one_sentence "no collector"
check_eq "nothing on stdout for cron to send" "$(wc -c <"$TMP/out")" 0
finish
