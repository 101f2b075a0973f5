#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The real prober in a network of its own:
#
#   here: lo    10.50.5.1 (pop, this node)  10.50.0.1 and 198.51.100.1 (hub)
#         wg0   veth --- there: 10.50.1.1 (nat1), stands for the way by the hub
#         wgd0  veth --- there: nat1's link-local address, stands for the direct tunnel
#

# Much below is called by wait_for, and pass cannot fail.
# shellcheck disable=SC2015,SC2317
. "$(dirname "$0")/lib.sh"
in_namespace n

KEY1=He2jX3+iEl7hUaaJG/i3YcSnStEFAcW/rs/lP0Pw+nc=
PORT=8650

bad() { fail "$1" "$(tail -3 "$TMP/err" | tr '\n' ';')"; }

# refuses NAME STATUS WORDS OPTIONS...
refuses() {
	local name=$1 want=$2 words=$3
	shift 3
	run timeout 10 meshopt-prober "$@"
	status "$want" "$name: status"
	stderr_has "$words" "$name: words"
	check_eq "$name: nothing on stdout" "$(cat "$TMP/out")" ""
}

# collect STATUS...: the n-th report gets the n-th status
collect() {
	rm -rf "$TMP/reports"
	mkdir "$TMP/reports"
	"$TMP/peer" collect $PORT "$TMP/reports" "$@" &
	collector=$!
}

end_collector() {
	kill $collector
	wait $collector 2>/dev/null
}

# start OPTIONS...: unprivileged is a command to run it under, empty or not
unprivileged=()
start() {
	: >"$TMP/err" # not by the child alone: the last one's words would still be there
	"${unprivileged[@]}" meshopt-prober --mesh "$TMP/mesh.conf" --node pop --period 100ms \
		--interval 1s --timeout 500ms "$@" 2>"$TMP/err" &
	prober=$!
}

# stop NAME: by SIGTERM, with status 0, in under two seconds
stop() {
	local before=${EPOCHREALTIME/./} rc
	kill "${2:--TERM}" $prober
	wait $prober
	rc=$?
	[ $rc -eq 0 ] || bad "$1: exit $rc after SIGTERM"
	[ $((${EPOCHREALTIME/./} - before)) -lt 2000000 ] || bad "$1: took long to exit"
}

# row N PEER PATH: of the n-th report
row() {
	grep -o "{\"peer\": \"$2\", \"path\": \"$3\"[^}]*}" "$TMP/reports/$1.json" 2>/dev/null
}

# field NAME: of the row on stdin
field() {
	sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p"
}

newest() {
	find "$TMP/reports" -name '*.json' -printf '%f\n' | sed 's/\.json$//' | sort -n | tail -1
}

# The newest report has such a row with samples.
has_samples() {
	row "$(newest)" "$1" "$2" | grep -q min_ms
}

lacks_row() {
	local n
	n=$(newest)
	[ -n "$n" ] && [ -z "$(row "$n" "$1" "$2")" ]
}

# All answered, and not one sample.
is_half_switched() {
	local r
	r=$(row "$(newest)" nat1 "$1")
	[ -n "$r" ] && [ "$(field lost <<<"$r")" = 0 ] &&
		[ "$(field sent <<<"$r")" -gt 5 ] && ! grep -q min_ms <<<"$r"
}

network() {
	neighbour wg0 wgd0
	for c in "" there; do
		$c sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
			net.ipv4.conf.wg0.rp_filter=0 net.ipv4.conf.wgd0.rp_filter=0
	done
	there ip addr add 10.50.1.1/32 dev lo
	there ip -6 addr add "$("$TMP/peer" link-local $KEY1)/64" dev wgd0 nodad
	there ip route add 10.50.5.1 dev wg0
	ip route add 10.50.1.1 dev wg0
}

write_mesh() {
	cat >"$TMP/mesh.conf" <<-EOF
		[Mesh]
		Name = t
		${1:-Collector = http://127.0.0.1:$PORT}
		[Node]
		Name = hub
		Role = hub
		Address = 10.50.0.1/24
		AllowedIPs = 10.50.0.0/16
		PublicKey = bzM6rw/efq+75VGhBgkCRChDnKfFlXQY560ejhvKCQY=
		Endpoint = 198.51.100.1:51820
		[Node]
		Name = pop
		Role = pop
		Address = 10.50.5.1/24
		PublicKey = GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go=
		Endpoint = 198.51.100.2:51820
		[Node]
		Name = nat1
		Role = backend
		Address = 10.50.1.1/24
		PublicKey = $KEY1
	EOF
	chmod 644 "$TMP/mesh.conf"
}

test_bad_input() {
	write_mesh
	refuses "unreadable mesh" 1 "$TMP/none: No such file" --mesh "$TMP/none"
	refuses "no own address" 1 "--node NAME" --mesh "$TMP/mesh.conf"
	refuses "unknown node" 1 "--node nix: mesh t has no such node" \
		--mesh "$TMP/mesh.conf" --node nix
	chmod 666 "$TMP/mesh.conf"
	refuses "mesh that others may write" 1 "chmod go-w" --mesh "$TMP/mesh.conf"
	write_mesh "Nonsense = 1"
	refuses "mesh with a fault" 1 "$TMP/mesh.conf:3" --mesh "$TMP/mesh.conf" --node pop
	write_mesh "# no collector"
	refuses "no collector" 1 "--collector URL" --mesh "$TMP/mesh.conf" --node pop
	write_mesh
	refuses "collector that is no URL" 2 "--collector: not an http" \
		--mesh "$TMP/mesh.conf" --node pop --collector 10.50.0.1:8650
	refuses "collector by FTP" 2 "--collector: not an http" --collector ftp://x
	refuses "unknown option" 2 "usage: meshopt-prober" --nix
	refuses "argument" 2 "x: this program takes options only" x
	refuses "time that is none" 2 "--period 1x: not a time" --period 1x
	refuses "interval under period" 2 "shorter than --period" --interval 500ms
	meshopt-prober --help | grep -q "^usage:" && pass "--help" || bad "--help"
	meshopt-prober --version | grep -q "^meshopt-prober [0-9]" &&
		pass "--version" || bad "--version"
}

test_no_privilege() {
	timeout 10 setpriv --bounding-set=-net_raw meshopt-prober \
		--mesh "$TMP/mesh.conf" --node pop 2>"$TMP/err"
	[ $? -eq 1 ] && grep -q "CAP_NET_RAW.*ping_group_range" "$TMP/err" &&
		pass "no privilege" || bad "no privilege"
}

test_own_addresses() {
	ip addr add 10.50.5.1/32 dev lo
	collect 204
	meshopt-prober --mesh "$TMP/mesh.conf" --interval 1s 2>"$TMP/err" &
	prober=$!
	wait_for 5 grep -q "pop of mesh t" "$TMP/err" && pass "finds itself" || bad "finds itself"
	stop "finds itself" -INT
	end_collector
	ip addr add 10.50.0.1/32 dev lo
	ip addr add 198.51.100.1/32 dev lo
	refuses "two nodes at once" 1 "--node NAME" --mesh "$TMP/mesh.conf"
}

# is_sane ROW: ten probes a second, RTTs of a loopback
is_sane() {
	[ "$(field sent <<<"$1")" -ge 5 ] && [ "$(field lost <<<"$1")" -eq 0 ] &&
		awk -v min="$(field min_ms <<<"$1")" -v max="$(field max_ms <<<"$1")" \
			'BEGIN { exit !(min > 0.0005 && min <= max && max < 1000) }'
}

test_report() {
	local n path rows=0
	collect 204
	start
	wait_for 10 test -e "$TMP/reports/2.json" || bad "$1: no report"
	stop "$1"
	end_collector
	grep -qF " $1, stamps kernel," "$TMP/err" || bad "$1: not said at start"
	grep -q '"node": "pop".*"seq": 2, .*"stamp": "kernel", "spoofed": 0' \
		"$TMP/reports/2.json" || bad "$1: head of report"
	for path in "hub hub" "hub public" "nat1 hub" "nat1 direct"; do
		# shellcheck disable=SC2086
		if is_sane "$(row 2 $path)"; then
			rows=$((rows + 1))
		else
			bad "$1: $path: $(row 2 $path)"
		fi
	done
	n=$(grep -o '"peer"' "$TMP/reports/2.json" | wc -l)
	[ "$n" -eq 4 ] && [ $rows -eq 4 ] && pass "report by $1" || bad "$1: $n rows"
}

# Route there and back by the direct interface, one side after the other.
test_switch() {
	collect 204
	start -v
	wait_for 10 has_samples nat1 direct && has_samples nat1 hub &&
		pass "staged: hub and tunnel" || bad "staged"
	there ip route replace 10.50.5.1 dev wgd0
	wait_for 10 is_half_switched hub && pass "half switched" || bad "half switched"
	ip route replace 10.50.1.1 dev wgd0
	wait_for 10 lacks_row nat1 hub && wait_for 10 has_samples nat1 direct &&
		pass "switched to direct" || bad "switched to direct"
	there ip route replace 10.50.5.1 dev wg0
	wait_for 10 is_half_switched direct && pass "half back" || bad "half back"
	ip route replace 10.50.1.1 dev wg0
	wait_for 10 has_samples nat1 hub && pass "back by the hub" || bad "back by the hub"
	ip link set wgd0 down
	wait_for 10 lacks_row nat1 direct && pass "no tunnel, no row" || bad "no tunnel, no row"
	ip link set wgd0 up
	wait_for 10 has_samples nat1 direct && pass "tunnel comes back" ||
		bad "tunnel comes back"
	grep -q "tunnel probe" "$TMP/err" && bad "words about the tunnel"
	ip route del 10.50.1.1
	wait_for 10 is_lost && pass "no route: sent and lost" || bad "no route"
	[ "$(grep -c "nat1: overlay probe: send" "$TMP/err")" -eq 1 ] || bad "one line of it"
	ip route add 10.50.1.1 dev wg0
	wait_for 5 grep -q "nat1: overlay probe: sending again" "$TMP/err" || bad "no all-clear"
	stop "switch"
	end_collector
}

is_lost() {
	local r
	r=$(row "$(newest)" nat1 hub)
	[ -n "$r" ] && [ "$(field sent <<<"$r")" = "$(field lost <<<"$r")" ]
}

# is_forged: two false answers and one double a probe, and none of them believed
is_forged() {
	local n r sent spoofed
	n=$(newest)
	r=$(row "$n" nat1 hub)
	[ -n "$r" ] || return 1
	spoofed=$(field spoofed <"$TMP/reports/$n.json")
	sent=$(field sent <<<"$r")
	[ "$sent" -gt 5 ] && [ "$(field lost <<<"$r")" = 0 ] &&
		[ "$(field duplicate <<<"$r")" = "$sent" ] &&
		[ "$spoofed" -ge $((2 * sent - 2)) ] && [ "$spoofed" -le $((2 * sent + 2)) ]
}

# Nothing but forgeries: a dead host must look dead.
is_dead_and_forged() {
	is_lost && [ "$(field spoofed <"$TMP/reports/$(newest).json")" -gt 5 ]
}

test_forged() {
	local forger
	there sysctl -qw net.ipv4.icmp_echo_ignore_all=1
	there ip addr add 10.50.1.2/32 dev lo
	nsenter -t "$there_pid" -n "$TMP/peer" forge "$2" &
	forger=$!
	collect 204
	start
	wait_for 10 "$3" && pass "forged answers: $1" || bad "forged answers: $1"
	stop "forged"
	end_collector
	kill $forger
	wait $forger 2>/dev/null
	there sysctl -qw net.ipv4.icmp_echo_ignore_all=0
	there ip addr del 10.50.1.2/32 dev lo
}

test_collector_away() {
	rm -rf "$TMP/reports"
	start -v
	wait_for 5 grep -q "away: .*reports wait in memory" "$TMP/err" || bad "says nothing"
	wait_for 10 grep -q "report 3:" "$TMP/err" # all in vain
	[ "$(grep -c away "$TMP/err")" -eq 1 ] || bad "away: more than one line"
	collect 204
	wait_for 20 grep -q "back, .* 0 lost" "$TMP/err" && wait_for 5 test -e "$TMP/reports/2.json"
	stop "away"
	end_collector
	# The newest first, and the first one has not been forgotten.
	grep -q '"seq": 0,' "$TMP"/reports/*.json && ! grep -q '"seq": 0,' "$TMP/reports/0.json" &&
		pass "collector away" || bad "collector away"
	start
	wait_for 5 grep -q "away" "$TMP/err" || bad "away at exit: says nothing"
	stop "away at exit"
}

test_statuses() {
	collect 503 400 400 204
	start
	wait_for 15 test -e "$TMP/reports/4.json" || bad "statuses: no report"
	stop "statuses"
	end_collector
	cmp -s "$TMP/reports/0.json" "$TMP/reports/1.json" && bad "503: the older was sent first"
	grep -q 'HTTP 503: {"error": "told to"}' "$TMP/err" && grep -q "back," "$TMP/err" &&
		pass "503" || bad "503"
	[ "$(grep -c "refuses a report: HTTP 400" "$TMP/err")" -eq 2 ] &&
		[ "$(sort -u "$TMP"/reports/[1-4].json | wc -l)" -eq 4 ] &&
		pass "400" || bad "400"
}

test_reload() {
	collect 204
	start
	wait_for 5 test -e "$TMP/reports/0.json"
	cp "$TMP/mesh.conf" "$TMP/mesh.old"
	echo "Nonsense = 1" >>"$TMP/mesh.conf"
	kill -HUP $prober
	wait_for 5 grep -q "reload: .*Nonsense.*the old mesh stays" "$TMP/err" &&
		pass "reload of a bad file" || bad "reload of a bad file"
	cat "$TMP/mesh.old" - >"$TMP/mesh.conf" <<-EOF
		[Node]
		Name = nat2
		Role = backend
		Address = 198.18.0.1/24
		PublicKey = rImgzxPu9MuhqLpcvXQ9xckSSA+AGbDOpBGvTUOwaHQ=
	EOF
	sed -i '/^Name = nat1/,/^PublicKey/d' "$TMP/mesh.conf"
	sed -i 's/198.18.0.1/10.50.2.1/' "$TMP/mesh.conf"
	sed -i '/^\[Node\]$/{N;/\n\[Node\]$/s/^\[Node\]\n//}' "$TMP/mesh.conf"
	ip addr add 10.50.2.1/32 dev lo
	kill -HUP $prober
	wait_for 5 grep -q "reload: 3 nodes" "$TMP/err" || bad "reload"
	wait_for 10 has_samples nat2 hub && wait_for 10 lacks_row nat1 hub &&
		pass "reload" || bad "reload"
	has_samples hub public || bad "reload: what stayed is not probed"
	stop "reload"
	end_collector
	cp "$TMP/mesh.old" "$TMP/mesh.conf"
}

test_privilege_and_notify() {
	"$TMP/peer" notify "$TMP/notify" >"$TMP/ready" &
	wait_for 5 test -S "$TMP/notify"
	NOTIFY_SOCKET=$TMP/notify start --collector http://127.0.0.1:1/
	wait_for 5 grep -qx "READY=1" "$TMP/ready" && pass "READY=1" || bad "READY=1"
	grep -q "^CapEff:.0000000000002000$" /proc/$prober/status &&
		grep -q "^CapPrm:.0000000000002000$" /proc/$prober/status &&
		pass "CAP_NET_RAW only" || bad "capabilities: $(grep ^Cap /proc/$prober/status)"
	stop "notify"
}

cd "$TOP" || exit
case $BUILD in *san*) sanitize=-fsanitize=address,undefined ;; *) sanitize= ;; esac
# shellcheck disable=SC2086 # none or one
${CC:-cc} -I. -D_GNU_SOURCE $sanitize -o "$TMP/peer" tests/cli/prober_peer.c \
    "$BUILD/libcommon.a" -ljansson -lsodium -lm || exit 1
test_bad_input
test_no_privilege
network || exit 1
test_own_addresses
test_report "raw socket"
test_forged "raw socket" 1 is_forged
echo "0 0" >/proc/sys/net/ipv4/ping_group_range
test_report "ping socket (IPv6: raw socket)"
unprivileged=(setpriv --bounding-set=-net_raw)
test_report "ping socket"
unprivileged=()
test_switch
test_forged "ping socket" 1 is_forged
test_forged "a dead host stays dead" 0 is_dead_and_forged
test_collector_away
test_statuses
test_reload
test_privilege_and_notify
finish
