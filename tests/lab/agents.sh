# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by every
#
# What the scenarios of the agent share, sourced after lib.sh and lab_mesh:
#
#   agents_key               a key for plans, its public half in the mesh file
#   agents_serve             serves $TMP/www on the hub as the collector would
#   agents_pair              all of it for hkg and nrt, which has no Endpoint; the plan for
#                            their tunnel is $DIRECT
#   agent NODE [OPTION...]   starts it, with directories of its own
#   agent_dies NODE          kill -9, both halves
#   agent_forgets NODE       killed and started, and no path dwells any more
#   agents_fresh             that of hkg and nrt, or their start
#   plan EPOCH PAIR...       publishes "hkg-nrt=direct:49:492": path, its RTT, the hub's;
#                            issued AGE seconds ago, by the clock here
#   put FILE                 a plan, to a real collector on the hub; prints its answer
#   every STEP LIMIT CMD...  as wait_for; programs that start often cost more than all else
#   state_of NODE PEER       of its agent.json: hub staged verified leased direct
#   path_of NODE PEER        hub, direct or relay:NODE
#   changes NODE             messages to the kernel that change something
#   logged NODE WORDS        has its agent said so since it was started?
#   routes NODE              how many of ours it has
#   events                   what the real collector was told in the last hour
#   event KIND NODE [PEER [TEXT]]   was it told so?
#   gap_of ID A B            the longest silence of a stream, in either direction, ms
#   most A B                 the greater of two figures; of which one is missing, -
#
# and those of a single pair, hkg and nrt:
#   wish [PAIR...]           the next plan
#   direct                   fresh agents, and the tunnel in use at both ends, for good
#   states, paths            of hkg, and of nrt
#   lost WHAT ID A B WANT    checks how many packets of a stream from A to B were lost,
#                            and that there were any
#   none_lost WHAT ID        waits for its end, checks both

agents_key() {
	meshopt keygen --plan -o "$TMP" >"$TMP/plan.pub" || die "no key for plans"
	sed -i "s|^\\[Mesh\\].*|&\\n$(<"$TMP/plan.pub")|" "$MESH"
}

agents_serve() {
	local at=${ADDR[$HUB]}
	[[ $at != *:* ]] || at="[$at]"
	mkdir -p "$TMP/www/api/v1"
	bg collector "$HUB" busybox httpd -f -p "$at:8650" -h "$TMP/www"
}

agents_pair() {
	need meshopt meshopt-agent seal
	lab_mesh "$DATA/mesh.conf" dub hkg nrt
	sed -i "/^Endpoint = ${UNDER[nrt]}:/d" "$MESH"
	agents_key
	lab_net "$DATA/rtt.csv"
	lab_wg
	lab_ready
	agents_serve
	# shellcheck disable=SC2034 # for scenarios
	DIRECT=hkg-nrt=direct:49:492
}

agent() {
	mkdir -p "$TMP/state.$1" "$TMP/run.$1"
	bg "agent-$1" "$1" meshopt-agent --mesh "$MESH" --state "$TMP/state.$1" \
	    --run "$TMP/run.$1" --freeze "$TMP/freeze.$1" --changes "${CHANGES:-1000/10m}" "${@:2}"
}

agent_dies() {	# agent_dies NODE: kill -9, both halves; what they said is kept
	cat "$RES/agent-$1.log" >>"$RES/agents-$1.log"
	stop "agent-$1" KILL 2>/dev/null
}

agent_forgets() {
	agent_dies "$1"
	rm -f "$TMP/state.$1/dwell"
	agent "$1"
}

agents_fresh() {
	local node
	for node in hkg nrt; do
		if [ -n "${lab_pid[agent-$node]-}" ]; then
			agent_forgets "$node"
		else
			rm -f "$TMP/state.$node/dwell"
			agent "$node"
		fi
	done
}

plan() {
	local epoch=$1 pair a b path ms hub routes=() tunnels=()
	shift
	for pair; do
		IFS='-=' read -r a b path <<<"$pair"
		hub=${path##*:} path=${path%:*}
		ms=${path##*:} path=${path%:*}
		routes+=("{\"a\": \"$a\", \"b\": \"$b\", \"path\": \"$path\", \"ms\": $ms, \"hub_ms\": $hub}")
	done
	printf '{"mesh": "edgeproxy", "epoch": %d, "issued": "%s", "ttl_s": 900, "tunnels": [%s], "routes": [%s]}' \
	    "$epoch" "$(date -u -d "@$(($(date +%s) - ${AGE:-0}))" +%Y-%m-%dT%H:%M:%SZ)" \
	    "$(IFS=,; echo "${tunnels[*]}")" \
	    "$(IFS=,; echo "${routes[*]}")" >"$TMP/payload"
	seal "$TMP/plan.key" <"$TMP/payload" >"$TMP/sealed" || die "seal"
	mv "$TMP/sealed" "$TMP/www/api/v1/plan"
}

put() {	# as the publisher does
	# shellcheck disable=SC2016 # is for the inner shell
	n "$HUB" bash -c 'exec 3<>"/dev/tcp/$1/8650" || exit
		printf "PUT /api/v1/plan HTTP/1.1\r\nHost: c\r\nConnection: close\r\n" >&3
		printf "Content-Type: application/vnd.meshopt.plan\r\n" >&3
		printf "Content-Length: %d\r\n\r\n" "$(stat -c %s "$2")" >&3
		cat "$2" >&3
		read -r -t 20 _ status _ <&3
		echo "$status"' - "${ADDR[$HUB]}" "$1"
}

every() {
	local step=$1 end=$(($(now_ms) + $2 * 1000))
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt "$end" ] || return 1
		sleep "$step"
	done
}

of_pair() {	# of_pair NODE PEER KEY
	awk -v peer="\"$2\"," -v key="\"$3\":" '$1 == "\"peer\":" { ours = $2 == peer }
	    ours && $1 == key { gsub(/[",]/, "", $2); print $2; found = 1; exit }
	    END { if (!found) print "hub" }' "$TMP/run.$1/agent.json"
}
state_of() { of_pair "$1" "$2" state; }
path_of() { of_pair "$1" "$2" path; }
changes() { awk '$1 == "\"changes\":" { print $2 + 0 }' "$TMP/run.$1/agent.json"; }

both_are() {	# both_are STATE A B
	[ "$(state_of "$2" "$3")" = "$1" ] && [ "$(state_of "$3" "$2")" = "$1" ]
}

logged() { grep -q "$2" "$RES/agent-$1.log"; }	# logged NODE WORDS

routes() { ip -n "$1" -N route show proto 213 | wc -l; }	# of ours

events() { n "$HUB" busybox wget -q -O - "http://${ADDR[$HUB]}:8650/api/v1/events?since=1h"; }
event() {	# by its fields in their order
	events | tr '{' '\n' |
	    grep -q "\"kind\":\"$1\",\"node\":\"$2\"${3:+,\"peer\":\"$3\"},.*${4-}"
}

most() {
	awk -v a="$1" -v b="$2" 'BEGIN {
		print (a !~ /^[0-9.]+$/ || b !~ /^[0-9.]+$/ ? "-" : (a + 0 > b + 0 ? a : b)) }'
}
gap_of() { most "$(stream_get "$1" "$2" "$3" gap_ms)" "$(stream_get "$1" "$3" "$2" gap_ms)"; }

# shellcheck disable=SC2034 # for scenarios
epoch=0
wish() {
	epoch=$((epoch + 1))
	plan $epoch "$@"
}

states() { echo "$(state_of hkg nrt) $(state_of nrt hkg)"; }
paths() { echo "$(path_of hkg nrt) $(path_of nrt hkg)"; }

direct() {
	agents_fresh
	wish hkg-nrt=direct:49:492
	every 3 120 both_are direct hkg nrt || die "not direct: $(states)"
}

lost() {
	local sent
	sent=$(stream_get "$2" "$3" "$4" sent)
	check_eq "$1: $3 to $4 lost" "$(stream_get "$2" "$3" "$4" lost)" "$5"
	check_ge "$1: of so many" "$sent" 1
}

none_lost() {
	stream_end "$2" >/dev/null
	lost "$1" "$2" hkg nrt 0
	lost "$1" "$2" nrt hkg 0
}
