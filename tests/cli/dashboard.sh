#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What we hand to Prometheus and Grafana: sound, and about series that there are.

. "$(dirname "$0")/lib.sh"

rules=$TOP/dist/prometheus/meshopt.rules.yml
board=$TOP/dist/grafana/meshopt.json
command -v promtool >/dev/null || skip "promtool is not installed"

run promtool check rules "$rules"
status 0 "the alert rules are sound"
run promtool test rules "$TOP/tests/prometheus/meshopt.test.yml"
status 0 "each alert comes when it must, and not before"

# Every question of the dashboard, as a recording rule for promtool to judge.
run python3 - "$board" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert [i["name"] for i in d["__inputs"]] == ["DS_PROMETHEUS"]
ids, seen, n = set(), set(), 0
print("groups:\n- name: board\n  rules:")
for p in d["panels"]:
    assert p["id"] not in ids and p["datasource"]["uid"] == "${DS_PROMETHEUS}"
    ids.add(p["id"])
    g = p["gridPos"]
    for x in range(g["x"], g["x"] + g["w"]):
        for y in range(g["y"], g["y"] + g["h"]):
            assert x < 24 and (x, y) not in seen, p["title"]
            seen.add((x, y))
    for t in p["targets"]:
        n += 1
        expr = t["expr"].replace("$__rate_interval", "5m")
        print("  - record: board:q%d\n    expr: %s" % (n, json.dumps(expr)))
PY
status 0 "the dashboard is JSON of Grafana's shape, and its panels do not overlap"
cp "$TMP/out" "$TMP/board.yml"
run promtool check rules "$TMP/board.yml"
status 0 "its questions are sound"

# Names that are asked for and that no program serves.
grep -ohE 'meshopt_[a-z_]+' "$rules" "$board" | sed -E 's/_(bucket|sum|count)$//' | sort -u >"$TMP/asked"
grep -ohE '"meshopt_[a-z_]+' "$TOP/collector/api_metrics.c" | tr -d '"' | sort -u >"$TMP/served"
check_eq "all series that are asked for are served" "$(comm -23 "$TMP/asked" "$TMP/served" | tr '\n' ' ')" ""
check_eq "and they are some" "$([ "$(wc -l <"$TMP/asked")" -ge 10 ] && echo many)" many
finish
