#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# docs/openapi.yaml against the real collector: every address and every value of every
# parameter is asked for, each answer must be of a status, a type and a shape that is
# written there, and no route of the program may be missing.

# shellcheck source=tests/cli/collector-lib.sh
. "$(dirname "$0")/collector-lib.sh"
python3 -c 'import yaml' 2>/dev/null || skip "python3-yaml is not installed"

start --verbose
t0=$(($(now_ms) - 15000))
check_eq "a report" "$(send hkg "$hkg" 0 "$t0" "$(row nrt hub 10 1 492000 492000)" \
	"$(row nrt public 4 0 49000)" "$(row sin hub 5 5)")" 204
check_eq "an event" "$(curl -s -o /dev/null -w '%{http_code}' --interface "$hkg" -H 'Content-Type: application/json' \
	-d "{\"boot\":\"0123456789abcdef\",\"events\":[{\"seq\":0,\"at\":$((t0 / 1000)),\"kind\":\"path\",\"text\":\"x\",\"peer\":\"nrt\"}]}" \
	"$url/api/v1/events")" 204

python3 - "$TOP/docs/openapi.yaml" "$url" "$TOP/collector/api.c" <<'PY' >"$TMP/said" 2>&1
import json, re, sys, urllib.error, urllib.request, yaml
doc = yaml.safe_load(open(sys.argv[1]))
base, failed, asked = sys.argv[2], 0, 0

def deref(x):
    while "$ref" in x:
        at = doc
        for part in x["$ref"][2:].split("/"):
            at = at[part]
        x = at
    return x

def shape(schema, value, where):
    """What is wrong with value, or None."""
    s = deref(schema)
    if "anyOf" in s:
        faults = [shape(x, value, where) for x in s["anyOf"]]
        return None if None in faults else faults[0]
    if value is None:
        return None if s.get("nullable") else where + ": null"
    kind = {"object": dict, "array": list, "string": str, "integer": int,
            "number": (int, float), "boolean": bool}[s["type"]]
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        return "%s: not a %s: %r" % (where, s["type"], value)
    if "enum" in s and value not in s["enum"]:
        return "%s: %r is not in the list" % (where, value)
    if s.get("format") == "date-time" and not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value):
        return "%s: %r is no time" % (where, value)
    if s["type"] == "array":
        for i, x in enumerate(value):
            fault = shape(s["items"], x, "%s[%d]" % (where, i))
            if fault: return fault
    if s["type"] == "object" and "properties" in s or "additionalProperties" in s:
        for key in s.get("required", []):
            if key not in value: return "%s.%s: missing" % (where, key)
        for key, x in value.items():
            sub = s.get("properties", {}).get(key, s.get("additionalProperties"))
            if sub is None: return "%s.%s: not in the description" % (where, key)
            fault = shape(sub, x, where + "." + key)
            if fault: return fault
    return None

def ask(method, path, op, want=None, data=None):
    global failed, asked
    asked += 1
    req = urllib.request.Request(base + path, method=method, data=data)
    try:
        r = urllib.request.urlopen(req, timeout=20)
    except urllib.error.HTTPError as e:
        r = e
    body, status = r.read(), str(r.status)
    said = deref(op["responses"].get(status, {}))
    kind = (r.headers.get("Content-Type") or "").split(";")[0]
    fault = None
    if not said:
        fault = "status %s is not described: %s" % (status, body[:200])
    elif want and status != want:
        fault = "status %s, want %s: %s" % (status, want, body[:200])
    elif "content" in said and kind not in said["content"]:
        fault = "type %s is not described" % kind
    elif kind == "application/json":
        fault = shape(said["content"][kind]["schema"], json.loads(body), "")
    if fault:
        failed += 1
        print("%s %s: %s" % (method, path, fault))

def values(p):
    s = p["schema"]
    return s.get("enum") or [p["example"]]

for path, ops in doc["paths"].items():
    op = ops.get("get")
    if op:
        params = [deref(p) for p in op.get("parameters", [])]
        url = path
        for p in params:
            if p["in"] == "path":
                url = url.replace("{%s}" % p["name"], p["example"])
        query = [p for p in params if p["in"] == "query"]
        ask("GET", url, op)
        for p in query:
            for v in values(p):
                # A square needs a path, and an end or a tier a beginning.
                more = {"stat": "&path=hub", "format": "&path=hub", "until": "&since=1h", "tier": "&since=1h"}.get(p["name"], "")
                if more.startswith("&path") and "path" not in [x["name"] for x in query]:
                    more = ""
                none = url == "/api/v1/plan"
                ask("GET", "%s?%s=%s%s" % (url, p["name"], v, more), op, "404" if none else "200")
        if query and "400" in op["responses"]:
            ask("GET", url + "?nonsense=1", op, "400")
    for method in ("post", "put"):
        if method in ops:
            ask(method.upper(), path, ops[method], data=b"nonsense")

routes = set(re.findall(r'"(/(?:healthz|readyz|metrics|api/v1/[a-z]+)/?)"', open(sys.argv[3]).read()))
routes = {r.rstrip("/") for r in routes}
known = {p.split("/{")[0] for p in doc["paths"]}
for r in routes ^ known:
    failed += 1
    print("%s: in one of program and description only" % r)
print("asked %d times, %d routes, %d faults" % (asked, len(routes), failed))
sys.exit(failed > 0)
PY
rc=$?
check_eq "the description holds ($(tail -1 "$TMP/said"))" "$rc $(grep -v '^asked' "$TMP/said" | head -5)" "0 "
check_eq "and much was asked" "$(awk '/^asked/ { print ($2 > 50 && $4 >= 10) }' "$TMP/said")" 1
stop TERM
finish
