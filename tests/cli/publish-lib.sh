# shellcheck shell=bash disable=SC2034 # for the tests
# SPDX-License-Identifier: MIT
#
# For the tests of meshopt plan --publish: all nodes of the mesh on one collector that
# runs, a key that signs, and the functions to report, to tell events and to publish.

# shellcheck source=tests/cli/collector-lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/collector-lib.sh"
[ -x "$BUILD/meshopt" ] || skip "$BUILD/meshopt is not built"
meshopt=$BUILD/meshopt

# Every node of the mesh speaks from its own address.
mapfile -t nodes < <(sed -n 's/^Name = //p' "$mesh" | tail -n +2)
mapfile -t addrs < <(sed -n 's|^Address = \(.*\)/.*|\1|p' "$mesh")
for i in "${!addrs[@]}"; do
	ip addr replace "${addrs[$i]}/32" dev lo
done
declare -A at
for i in "${!nodes[@]}"; do at[${nodes[$i]}]=${addrs[$i]}; done
check_eq "each node has an address" "${#nodes[@]}" "${#addrs[@]}"

run "$meshopt" keygen --plan -o "$tmp"
status 0 "a key to sign with"
grep -q '^PlanKey' "$tmp/out" || fail "keygen says the PlanKey" "$(cat "$tmp/out")"
sed -i "/^\[Mesh\]/a $(grep '^PlanKey' "$tmp/out")" "$mesh"

start --verbose
# many PEER PATH US: forty answers, enough to decide by
many() {
	# shellcheck disable=SC2046 # a list of numbers
	row "$1" "$2" 40 0 $(seq "$3" $(($3 + 39)))
}
# measured NODE: its rows; hkg's tell of three slow ways, and of the short ones beside them
measured() {
	case $1 in
	hkg) rows=("$(many nrt hub 492000)" "$(many nrt public 49000)"
		"$(many sin hub 408000)" "$(many sin public 38000)"
		"$(many syd hub 500000)" "$(many syd public 122000)") ;;
	dub) rows=("$(many hkg hub 250000)") ;;
	*) rows=("$(many dub hub 200000)") ;;
	esac
}
seq=0
# everyone [NODE...]: a report of each node
everyone() {
	local now node rows
	now=$(($(now_ms) - 11000 + seq))
	for node in "$@"; do
		measured "$node"
		[ "$(send "$node" "${at[$node]}" $seq $now "${rows[@]}")" = 204 ] ||
			fail "report of $node" "$(cat "$tmp/out")"
	done
	seq=$((seq + 1))
}

event_seq=0
# good NODE NODE: both ends say that they are direct
good() {
	tell "$1" direct "$2"
	tell "$2" direct "$1"
}
# tell NODE KIND PEER [SECONDS-AGO]
tell() {
	local code
	event_seq=$((event_seq + 1))
	code=$(printf '{"node":"%s","boot":"0123456789abcdef","events":[{"seq":%d,"at":%d,
		"kind":"%s","peer":"%s","text":"told by the test"}]}' "$1" $event_seq \
		$(($(date +%s) - ${4:-0})) "$2" "$3" |
		curl -s -m 20 -o "$tmp/out" -w '%{http_code}' --interface "${at[$1]}" -H "$json" \
			--data-binary @- "$url/api/v1/events")
	[ "$code" = 204 ] || fail "event of $1" "$code: $(cat "$tmp/out")"
}

question=(--budget 3 --pop hkg --no-relays)
publish() {
	run "$meshopt" plan --mesh "$mesh" --collector "$url" "${question[@]}" \
		--key "$tmp/plan.key" --publish "$@"
}
# The pairs off the hub in the plan that the collector gives out, and which one it is of its key.
before=0
in_force() {
	get '/api/v1/plan' | tail -n +3 | python3 -c "import json, sys; p = json.load(sys.stdin)
print(p['epoch'] - $before, *sorted(r['a'] + '-' + r['b'] for r in p['routes'] if r['path'] != 'hub'))" 2>&1 | tail -1
}
