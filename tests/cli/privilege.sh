#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The prober as a plain user: with CAP_NET_RAW, with ping sockets, with neither.

# shellcheck disable=SC2015,SC2317 # pass cannot fail; wait_for calls much of this
if [ -z "${PRIVILEGE_NS:-}" ]; then
	# More than one user is needed, which unshare -r does not give: root only.
	{ [ "$(id -u)" = 0 ] && unshare -nm true 2>/dev/null; } || {
		echo "SKIP privilege: only root has two users to try this with"
		exit 77
	}
	PRIVILEGE_NS=1 exec unshare -nm "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"

chmod 755 "$TMP"
cp "$BUILD/meshopt-prober" "$BUILD/meshopt" "$TMP/" # nobody may not be let into the tree
sed -i 's/^DirectPort.*/&\nMethod = stamp/' "$MESH"
chmod 644 "$MESH"
mkdir "$TMP/state"
chown nobody "$TMP/state"
ip link set lo up
ip addr add 10.50.0.1/32 dev lo
ip addr add 10.50.5.1/32 dev lo

said() { grep -q -- "$1" "$TMP/err"; }

# start CAPS OPTIONS...: as nobody
start() {
	local caps=$1
	shift
	setpriv --reuid nobody --regid nogroup --clear-groups --inh-caps "$caps" \
		--ambient-caps "$caps" --bounding-set "$caps" env STATE_DIRECTORY="$TMP/state" \
		"$TMP/meshopt-prober" --mesh "$MESH" --node hkg --period 50ms --interval 200ms \
		--collector http://127.0.0.1:1 -v "$@" 2>"$TMP/err" &
	prober=$!
}

# runs NAME CAPS: it probes, and holds no more than those capabilities
runs() {
	wait_for 10 said "report 2:" && pass "$1: it reports" || fail "$1" "$(cat "$TMP/err")"
	check_eq "$1: capabilities" "$(sed -n 's/^CapPrm:\s*0*//p' /proc/$prober/status)" "$2"
	check_eq "$1: no new privileges" "$(sed -n 's/^NoNewPrivs:\s*//p' /proc/$prober/status)" 1
	check "$1: the spool is its own" [ -d "$TMP/state/spool" ]
	kill $prober
	wait $prober
	check_eq "$1: exit status" $? 0
}

start -all,+net_raw,+net_bind_service
runs "CAP_NET_RAW and port 862" 2000
start -all,+net_raw
wait $prober
check_eq "port 862 without the capability" $? 1
check "and what to do" said "CAP_NET_BIND_SERVICE, or give the mesh a StampPort above 1023"
sed -i 's/^Method = stamp/&\nStampPort = 8620/' "$MESH"
start -all,+net_raw
runs "CAP_NET_RAW alone" 2000
start -all
wait $prober
check_eq "neither capability nor ping socket" $? 1
check "and what to do" said "CAP_NET_RAW.*ping_group_range"
echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range
start -all
runs "a ping socket and no capability" ""
finish
