# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The lab's library, sourced by every scenario:
#
#	. "$(dirname "$0")/lib.sh"
#	lab_up MESH.CONF RTT.CSV [NODE...]
#	check_near "hkg to nrt by the hub" "$(ping_ms hkg "${ADDR[nrt]}")" 492 1%
#	finish
#
# What lab_up makes, with 192.0.2.0/24 as the Internet:
#
#	          lab-bridge (a namespace with a bridge)
#	   .1 | port1      .2 | port2      .3 | port3    portN: htb + netem, half of the
#	 [hub] eth0      [hkg] eth0      [nrt] eth0      pair's RTT for each source
#	       wg0 ======== wg0             wg0
#	        ||==========================||           wg0: 10.50.0.0/16 by the hub
#
# The delays are in the network and not in the nodes: a packet that waits in the queue of
# its sender's own device has not been sent yet, and is stamped when it leaves.
#
# A scenario starts with all of this absent, and everything dies with it: it runs
# alone in the guest, or else in a mount, network and process namespace of its own.
#
# Set-up
#   lab_up MESH CSV [NODE...]     all four of the following; only those nodes, if named
#   lab_mesh MESH [NODE...]       reads the mesh file, makes keys, writes the lab's own
#                                 mesh file: the same with the lab's keys and endpoints.
#                                 Of a part of the nodes, [Pair] sections are left out.
#   lab_net CSV                   namespaces, underlay, delays: half a square RTT in ms
#   lab_wg                        hub and spokes on wg0, up last
#   lab_ready                     waits until every spoke pings the hub
#   path_set A B RTT [NETEM...]   a new RTT in ms both ways, and e.g. `loss 10%`
#   path_way A B [NETEM...]       such words for what goes from A to B alone
#   path_rtt A B                  prints the RTT in force between two nodes, in ms
#
# After lab_mesh there are
#   NODES (array), HUB            names; NODES has the hub first
#   ADDR[n] UNDER[n] PREFIX[n]    overlay address, underlay address, AllowedIPs
#   ROLE[n] KEY[n]                role, public key
#   MESH, $TMP/NODE.key           the lab's mesh file, the private keys
#
# Work
#   n NODE CMD...                 runs CMD in a node's namespace
#   bg ID NODE CMD...             the same in the background, output to $RES/ID.log, and
#                                 into the record of session.sh where that is sourced
#   stop ID [SIGNAL]              ends it and returns its exit status; TERM by default
#   join ID                       waits for its own end and returns its exit status
#   ping_ms NODE ADDRESS [COUNT]  prints the mean RTT of the system's ping, - if none
#   stream_start ID A B RATE SECS UDP both ways between the overlay addresses
#   stream_end ID                 waits for its end, prints its two lines
#   stream_stop ID...             the same at once: what was sent until now counts
#   stream_get ID FROM TO KEY     one figure: sent received lost dup reordered gap_ms
#   wait_for SECS CMD...          polls until CMD succeeds; 1 when the time is over
#   now_ms                        prints a steady clock in ms
#   need PROGRAM...               ends the scenario unless those programs are built
#   must CMD...                   ends the scenario unless CMD succeeds
#   die WORDS                     ends the scenario; it counts as one failed check
#
# Checks print `ok - what` or `not ok - what (got .., want ..)`; none ends the scenario
#   check WHAT CMD...             CMD succeeds
#   check_eq WHAT GOT WANT        equal strings
#   check_near WHAT GOT WANT TOL  numbers; TOL absolute or with %
#   check_le, check_ge WHAT GOT LIMIT
#   finish                        the last line of a scenario: marker, exit status
#
# Environment: RES, the directory whose files are kept; LAB_VIRTUAL is 1 on the guest's
# virtual clock, where times are exact and waiting is free, and 0 in real time; DEMO is
# 1 when somebody watches, TTY 1 when on a terminal of COLUMNS x LINES of type TERM.

set -u
LAB_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
TOP=$(cd "$LAB_DIR/../.." && pwd)
# shellcheck disable=SC2034 # for scenarios
DATA=$TOP/data/edgeproxy
NAME=$(basename "$0" .sh)
NAME=${NAME#[0-9][0-9]-}
NAME=${NAME#bench-}
NAME=${NAME#deb-}
PATH=$TOP/build:$TOP/build/lab-tools:${LAB_OUT:-$TOP/build/lab}:$PATH:/usr/sbin:/sbin
export PATH LC_ALL=C TZ=UTC

if [ -z "${LAB_PRIVATE-}" ]; then
	if [ "$(id -u)" != 0 ]; then
		echo "lab: namespaces need root; tests/lab/run does without" >&2
		exit 77
	fi
	export LAB_PRIVATE=1
	exec unshare --mount --net --pid --fork --kill-child --mount-proc bash "$0" "$@"
fi

: "${RES:=$TOP/build/lab/out/$NAME}" "${LAB_VIRTUAL:=0}" "${OVERLAY:=10.50.0.0/16}"
: "${DEMO:=0}" "${TTY:=0}" "${COLUMNS:=80}" "${LINES:=24}"
export RES DEMO TTY COLUMNS LINES LAB_VIRTUAL
[ "$TTY" = 1 ] || export NO_COLOR=1
mkdir -p "$RES"
TMP=$(mktemp -d /tmp/lab.XXXXXX)
chmod 0755 "$TMP"	# daemons that drop root read the mesh file there
MESH=$TMP/mesh.conf
NODES=() HUB=
declare -A ADDR=() CIDR=() UNDER=() PREFIX=() ROLE=() KEY=() RTT=()
declare -A lab_index=() lab_pid=()
lab_oks=0 lab_fails=0 lab_done=0 lab_port=7000

lab_exit() {
	[ "$lab_done" = 1 ] || echo "LAB-DEAD $NAME"
	# shellcheck disable=SC2046 # process ids are words
	kill -KILL $(jobs -p) 2>/dev/null
	wait 2>/dev/null
	# The namespaces go with the processes in them and their names with the mount.
	rm -rf "$TMP"
}
trap lab_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

die() {
	echo "lab: $*"
	exit 1
}

must() {
	"$@" || die "failed: $*"
}

need() {
	local program
	for program; do
		command -v "$program" >/dev/null ||
		    die "$program is not built; run 'make'"
	done
}

n() {
	local node=$1
	shift
	ip netns exec "$node" "$@"
}

now_ms() {
	local up
	read -r up _ </proc/uptime
	echo "${up/./}0"
}

# --- set-up ---

# One line a node: name role address allowed-ips.
lab_read_mesh() {
	awk -v wanted=" $* " '
	function flush() {
		if (in_node && (wanted == "  " || index(wanted, " " v["name"] " ")))
			print v["name"], v["role"], v["address"],
			    v["allowedips"] == "" ? "-" : v["allowedips"]
		split("", v)
	}
	{ sub(/#.*/, "") }
	/^[ \t]*\[/ { flush(); in_node = tolower($0) ~ /\[node\]/; next }
	(eq = index($0, "=")) {
		key = tolower(substr($0, 1, eq - 1)); value = substr($0, eq + 1)
		gsub(/[ \t\r]/, "", key); gsub(/[ \t\r]/, "", value)
		v[key] = value
	}
	END { flush() }' "$lab_source"
}

# The mesh file again, with the nodes, keys and endpoints of the file "keys".
lab_write_mesh() {
	awk -v part="$1" '
	function flush(   i, name, line) {
		for (i = 1; i <= count; i++)
			if (text[i] ~ /^[ \t]*[Nn]ame[ \t]*=/) {
				name = text[i]
				sub(/[^=]*=[ \t]*/, "", name)
				sub(/[ \t\r#].*/, "", name)
			}
		if (section == "node" && !(name in key) || section == "pair" && part)
			count = 0
		for (i = 1; i <= count; i++) {
			line = tolower(text[i])
			sub(/=.*/, "", line)
			gsub(/[ \t]/, "", line)
			if (section != "node" || line !~ /^(publickey|endpoint)$/)
				print text[i]
			if (section == "node" && line == "name") {
				print "PublicKey = " key[name]
				print "Endpoint = " endpoint[name]
			}
		}
		count = 0
	}
	NR == FNR { key[$1] = $2; endpoint[$1] = $3; next }
	# What stands above a section, comments and empty lines, belongs to it.
	/^[ \t]*(#|$)/ { above[++held] = $0; next }
	/^[ \t]*\[/ { flush(); section = tolower($0); gsub(/[^a-z]/, "", section) }
	{
		for (i = 1; i <= held; i++)
			text[++count] = above[i]
		held = 0
		text[++count] = $0
	}
	END { flush() }' "$TMP/keys" "$lab_source"
}

lab_mesh() {
	local name role address prefixes private index=1 spokes=()
	lab_source=$1
	shift
	[ -r "$lab_source" ] || die "cannot read $lab_source"
	while read -r name role address prefixes; do
		[ "$prefixes" != - ] || prefixes=${address%%/*}/32
		CIDR[$name]=${address%%,*}
		ADDR[$name]=${CIDR[$name]%/*}
		PREFIX[$name]=$prefixes
		# shellcheck disable=SC2034 # for scenarios
		ROLE[$name]=$role
		if [ "$role" = hub ]; then HUB=$name; else spokes+=("$name"); fi
	done < <(lab_read_mesh "$@")
	[ -n "$HUB" ] || die "no hub among the nodes of $lab_source"
	[ $# -eq 0 ] || [ ${#ADDR[@]} -eq $# ] || die "$lab_source lacks one of: $*"
	NODES=("$HUB" "${spokes[@]}")
	[ ${#NODES[@]} -le 254 ] || die "more than 254 nodes"
	for name in "${NODES[@]}"; do
		private=$(wg genkey)
		(umask 077 && echo "$private" >"$TMP/$name.key")
		KEY[$name]=$(wg pubkey <<<"$private")
		lab_index[$name]=$index
		UNDER[$name]=192.0.2.$index
		echo "$name ${KEY[$name]} 192.0.2.$index:51820"
		index=$((index + 1))
	done >"$TMP/keys"
	(umask 022 && lab_write_mesh $#) >"$MESH"
}

# A file of tc commands for the port of each node, and a list of all RTTs, in one go.
lab_write_delays() {
	awk -F, -v nodes="${NODES[*]}" -v dir="$TMP" '
	{ gsub(/[ \t\r"]/, "") }
	NR == 1 { for (i = 2; i <= NF; i++) column[i] = $i; next }
	{ for (i = 2; i <= NF; i++) rtt[$1, column[i]] = $i }
	END {
		count = split(nodes, name, " ")
		for (i = 1; i <= count; i++) {
			file = dir "/" name[i] ".tc"
			on = " dev port" i " parent 1: "
			print "qdisc add dev port" i " root handle 1: htb default 0" >file
			for (j = 1; j <= count; j++) {
				if (i == j)
					continue
				ms = rtt[name[j], name[i]]
				if (ms == "")
					ms = rtt[name[i], name[j]]
				if (ms == "") {
					print "lab: no RTT of " name[i] " and " name[j]
					exit 1
				}
				print name[j], name[i], ms >(dir "/rtt")
				id = sprintf("%x", 256 + j)
				print "class add" on "classid 1:" id \
				    " htb rate 10gbit quantum 60000" >file
				printf "qdisc add dev port%d parent 1:%s handle %s:" \
				    " netem delay %.0fus limit 20000\n",
				    i, id, id, ms * 500 >file
				print "filter add" on "protocol ip prio 1 u32" \
				    " match ip src 192.0.2." j "/32 flowid 1:" id >file
			}
			close(file)
		}
	}' "$1"
}

lab_net() {
	local name i a b ms
	must lab_write_delays "$1"
	while read -r a b ms; do
		RTT["$a $b"]=$ms
	done <"$TMP/rtt"
	must mkdir -p /run/netns
	must mount -t tmpfs netns /run/netns
	{
		echo "link set lo up"
		echo "netns add lab-bridge"
		for name in "${NODES[@]}"; do
			echo "netns add $name"
			echo "link add port${lab_index[$name]} netns lab-bridge" \
			    "type veth peer name eth0 netns $name"
		done
	} >"$TMP/net.ip"
	must ip -batch "$TMP/net.ip"
	{
		echo "link add br0 type bridge forward_delay 0 stp_state 0"
		for i in "${lab_index[@]}"; do
			echo "link set port$i master br0 up"
		done
		echo "link set br0 up"
	} >"$TMP/bridge.ip"
	must ip -n lab-bridge -batch "$TMP/bridge.ip"
	for name in "${NODES[@]}"; do
		# No waiting for duplicate addresses; any group may ping.
		must n "$name" sysctl -qw net.ipv6.conf.all.accept_dad=0 \
		    net.ipv6.conf.default.accept_dad=0 \
		    net.ipv4.ping_group_range="0 2147483647"
		must ip -n "$name" -batch - <<-END
			link set lo up
			addr add ${UNDER[$name]}/24 dev eth0
			link set eth0 up
		END
		must tc -n lab-bridge -batch "$TMP/$name.tc"
	done
}

# peer NAME LINE...: a section of a file for wg setconf
lab_peer() {
	printf '[Peer]\nPublicKey = %s\n' "${KEY[$1]}"
	shift
	printf '%s\n' "$@"
}

lab_wg() {
	local name spoke
	for name in "${NODES[@]}"; do
		(
			umask 077
			printf '[Interface]\nPrivateKey = %s\nListenPort = 51820\n' \
			    "$(<"$TMP/$name.key")" >"$TMP/$name.wg"
			if [ "$name" = "$HUB" ]; then
				for spoke in "${NODES[@]:1}"; do
					lab_peer "$spoke" \
					    "AllowedIPs = ${PREFIX[$spoke]}"
				done
			else
				# Only the spokes know an endpoint: two ends that both
				# start under traffic may collide for ever.
				lab_peer "$HUB" "AllowedIPs = $OVERLAY" \
				    "Endpoint = ${UNDER[$HUB]}:51820" \
				    "PersistentKeepalive = 25"
			fi >>"$TMP/$name.wg"
		)
		must ip -n "$name" -batch - <<-END
			link add wg0 type wireguard
			addr add ${CIDR[$name]} dev wg0
		END
		must n "$name" wg setconf wg0 "$TMP/$name.wg"
	done
	must n "$HUB" sysctl -qw net.ipv4.ip_forward=1
	# Up last and the hub first: an initiation that finds nobody costs 5 s.
	for name in "${NODES[@]}"; do
		must ip -n "$name" -batch - <<-END
			link set wg0 up
			route replace $OVERLAY dev wg0
		END
	done
}

lab_ready() {
	local name
	for name in "${NODES[@]:1}"; do
		wait_for 20 n "$name" ping -q -c 1 -W 2 "${ADDR[$HUB]}" ||
		    die "$name does not reach the hub"
	done
}

lab_up() {
	local mesh=$1 csv=$2
	shift 2
	lab_mesh "$mesh" "$@"
	lab_net "$csv"
	lab_wg
	lab_ready
}

path_rtt() {
	echo "${RTT["$1 $2"]}"
}

path_set() {
	local a=$1 b=$2 rtt=$3
	shift 3
	RTT["$a $b"]=$rtt
	RTT["$b $a"]=$rtt
	path_way "$a" "$b" "$@"
	path_way "$b" "$a" "$@"
}

path_way() {
	local from=$1 to=$2 id delay
	shift 2
	id=$(printf '%x' $((256 + lab_index[$from])))
	delay=$(awk -v ms="${RTT["$from $to"]}" 'BEGIN { printf "%.0fus", ms * 500 }')
	must tc -n lab-bridge qdisc change dev "port${lab_index[$to]}" parent "1:$id" handle "$id:" \
	    netem delay "$delay" limit 20000 "$@"
}

# --- work ---

bg() {
	local id=$1 node=$2
	shift 2
	[ -z "${SESSION-}" ] || typing "$node" "$* &"
	ip netns exec "$node" "$@" </dev/null >"$RES/$id.log" 2>&1 &
	lab_pid[$id]=$!
}

stop() {
	kill "-${2:-TERM}" "${lab_pid[$1]}" 2>/dev/null
	join "$1"
}

ping_ms() {
	n "$1" ping -q -i 0.2 -c "${3:-10}" "$2" 2>&1 |
	    awk -F/ '/^rtt/ { ms = $5 } END { print ms == "" ? "-" : ms }'
}

join() {
	local pid=${lab_pid[$1]}
	unset "lab_pid[$1]"
	wait "$pid"
}

stream_start() {
	local id=$1 a=$2 b=$3 rate=$4 seconds=$5
	lab_port=$((lab_port + 1))
	bg "$id.$a" "$a" stream "${ADDR[$a]}" "${ADDR[$b]}" \
	    $lab_port "$rate" "$seconds" "$b" "$a"
	bg "$id.$b" "$b" stream "${ADDR[$b]}" "${ADDR[$a]}" \
	    $lab_port "$rate" "$seconds" "$a" "$b"
}

stream_end() {
	local id
	for id in "${!lab_pid[@]}"; do
		if [[ $id == "$1".* ]]; then
			join "$id"
			cat "$RES/$id.log"
		fi
	done
}

stream_stop() {
	local id stream
	for id in "${!lab_pid[@]}"; do
		[[ " $* " != *" ${id%.*} "* ]] || kill "${lab_pid[$id]}"
	done
	for stream; do
		stream_end "$stream"
	done
}

stream_get() {
	local line
	line=" $(grep -s "^stream from=$2 to=$3 " "$RES/$1.$3.log") "
	if [[ $line == *" $4="* ]]; then
		line=${line#*" $4="}
		echo "${line%% *}"
	else
		echo -
	fi
}

wait_for() {
	local end=$(($(now_ms) + $1 * 1000))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(now_ms)" -lt "$end" ] || return 1
		sleep 0.2
	done
}

# --- checks ---

lab_verdict() {	# WHAT GOT WANT STATUS
	if [ "$4" -eq 0 ]; then
		lab_oks=$((lab_oks + 1))
		echo "ok - $1"
	else
		lab_fails=$((lab_fails + 1))
		echo "not ok - $1 (got $2, want $3)"
	fi
}

check() {
	local what=$1 said status
	shift
	said=$("$@" 2>&1)
	status=$?
	lab_verdict "$what" "exit $status${said:+: ${said##*$'\n'}}" "exit 0" $status
}

check_eq() {
	local status=0
	[ "$2" = "$3" ] || status=1
	lab_verdict "$1" "'$2'" "'$3'" $status
}

# What is no number is near nothing.
lab_compare() {
	awk -v got="$1" -v want="$3" -v tol="${4-0}" -v how="$2" 'BEGIN {
		number = "^-?[0-9]*[.]?[0-9]+([eE][-+]?[0-9]+)?$"
		if (got !~ number || want !~ number)
			exit 1
		got += 0; want += 0
		if (tol ~ /%$/)
			tol = want * tol / 100
		off = got > want ? got - want : want - got
		if (how == "near")
			exit off > tol + 1e-9
		exit how == "le" ? got > want : got < want
	}' </dev/null
}

check_near() {
	lab_compare "$2" near "$3" "$4"
	lab_verdict "$1" "$2" "$3 within $4" $?
}

check_le() {
	lab_compare "$2" le "$3"
	lab_verdict "$1" "$2" "at most $3" $?
}

check_ge() {
	lab_compare "$2" ge "$3"
	lab_verdict "$1" "$2" "at least $3" $?
}

finish() {
	[ $((lab_oks + lab_fails)) -gt 0 ] || die "a scenario without a check"
	lab_done=1
	if [ "$lab_fails" -gt 0 ]; then
		echo "LAB-FAIL $NAME"
		exit 1
	fi
	echo "LAB-PASS $NAME"
	exit 0
}
