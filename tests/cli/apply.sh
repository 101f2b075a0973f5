#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# meshopt apply as far as it goes without a tunnel: usage, plans that are no good, and a
# node that is none. What reads the kernel does so in a network namespace of its own; the
# lab has the rest.

# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"

plan() { # plan FILE MESH PATH
	cat >"$1" <<-END
		{"mesh": "$2", "tunnels": [],
		 "routes": [{"a": "hkg", "b": "nrt", "path": "$3", "ms": 49, "hub_ms": 492},
		            {"a": "hkg", "b": "sin", "path": "hub", "ms": 408, "hub_ms": 408}]}
	END
}

apply() { run meshopt apply --mesh "$MESH" --node hkg "$@"; }

plan "$TMP/plan.json" edgeproxy direct

run meshopt apply --help
status 0 "--help"
stdout_has "--undo" "--help goes to stdout"

apply
status 2 "no plan is a usage error"
stderr_has "which plan?" "and says what is missing"
apply "$TMP/plan.json" "$TMP/plan.json"
status 2 "two plans are a usage error"
apply --undo "$TMP/plan.json"
status 2 "--undo with a plan is a usage error"
apply --wait soon "$TMP/plan.json"
status 2 "--wait soon is a usage error"
stderr_has '--wait: "soon" is not a time' "and quotes it"
apply --force "$TMP/plan.json"
status 2 "an unknown option is a usage error"

apply "$TMP/none.json"
status 1 "a plan that is not there"
one_sentence "a plan that is not there"
echo '{"mesh": "edgeproxy"' >"$TMP/cut.json"
apply "$TMP/cut.json"
status 1 "a plan that was cut"
one_sentence "a plan that was cut"
stderr_has "$TMP/cut.json: line" "and named"
plan "$TMP/other.json" othermesh direct
apply "$TMP/other.json"
status 1 "another mesh's plan"
stderr_has "made for the mesh othermesh, but the mesh file is of edgeproxy" "and names both"
plan "$TMP/relay.json" edgeproxy relay:sin
apply "$TMP/relay.json"
status 1 "by a node that does not relay"
stderr_has "nrt to hkg: sin is no relay" "and names it"
sed 's/"nrt"/"zrh"/' "$TMP/plan.json" >"$TMP/stranger.json"
apply "$TMP/stranger.json"
status 1 "a node that the mesh lacks"
stderr_has "zrh: the mesh file has no such node" "and names it"
run meshopt apply --mesh "$MESH" --node zrh "$TMP/plan.json"
status 1 "--node zrh"
stderr_has "--node: zrh" "and names it"
run meshopt apply --mesh "$TMP/none.conf" "$TMP/plan.json"
status 1 "a mesh file that is not there"

netns=(unshare --net)
"${netns[@]}" true 2>/dev/null || netns=(unshare --user --map-root-user --net)
if ! "${netns[@]}" true 2>/dev/null; then
	echo "SKIP apply: what needs a network of its own: no namespace may be made here"
else
	# shellcheck disable=SC2317 # called by run
	alone() { "${netns[@]}" "$@"; }
	run alone meshopt apply --mesh "$MESH" "$TMP/plan.json"
	status 1 "on a machine that is no node"
	one_sentence "on a machine that is no node"
	run alone meshopt apply --mesh "$MESH" --node hkg --yes "$TMP/plan.json"
	status 1 "without a hub tunnel, or without WireGuard"
	stderr_has "nothing was touched" "and nothing was touched"
	run alone meshopt apply --mesh "$MESH" --undo --yes
	status 0 "--undo with nothing to undo"
	stdout_has "nothing to undo" "and says so"
	run alone setpriv --bounding-set -all --inh-caps -all \
		meshopt apply --mesh "$MESH" --node hkg --yes "$TMP/plan.json"
	status 1 "without CAP_NET_ADMIN"
	stderr_has "no CAP_NET_ADMIN: run it as root" "and says so"
fi
finish
