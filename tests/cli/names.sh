#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Endpoints with DNS names: looked up behind the prober's back, again and again.

# shellcheck disable=SC2015,SC2317 # pass cannot fail; wait_for calls much of this
. "$(dirname "$0")/lib.sh"
in_namespace nm

said() { grep -q -- "$1" "$TMP/err"; }

# metric NAME LABELS: its value
metric() {
	curl -s "http://127.0.0.1:9101/metrics" | awk -v name="$1{$2}" '$1 == name { print $2 }'
}
rises() { # rises NAME LABELS: within this second
	local before after
	before=$(metric "$1" "$2")
	read -rt 0.6 <> <(:) || :
	after=$(metric "$1" "$2")
	[ -n "$before" ] && [ "${after:-0}" -gt "$before" ]
}
answered_public() { rises meshopt_probe_responses_total 'peer="dub",path="public"'; }

start() {
	: >"$TMP/err" # of the last one, or its words pass for this one's
	meshopt-prober --mesh "$TMP/mesh.conf" --node hkg --period 50ms --interval 200ms \
		--timeout 100ms --collector http://127.0.0.1:1 --metrics 127.0.0.1:9101 \
		2>"$TMP/err" &
	prober=$!
}

stop() {
	kill $prober
	wait $prober
	check_eq "$1: exit status" $? 0
}

sed -i 's/^Endpoint = 54.171.48.207:/Endpoint = dub.meshopt.test:/' "$TMP/mesh.conf"
grep -q dub.meshopt.test "$TMP/mesh.conf" || exit 1
ip link set lo up
ip addr add 10.50.0.1/32 dev lo
ip addr add 198.51.100.1/32 dev lo
ip addr add 198.51.100.2/32 dev lo
echo "127.0.0.1 localhost" >"$TMP/hosts"
echo "hosts: files dns" >"$TMP/nsswitch"
# A server that never answers: the loopback swallows what goes to port 53 here.
echo "nameserver 198.51.100.2" >"$TMP/resolv"
for f in hosts nsswitch.conf resolv.conf; do
	mount --bind "$TMP/${f%.conf}" "$(readlink -f /etc/$f)" || {
		echo "SKIP names: /etc/$f cannot be replaced here"
		exit 77
	}
done
${CC:-cc} -D_GNU_SOURCE -x c -o "$TMP/hole" - <<'EOF2' || exit 1
#include <arpa/inet.h>
#include <unistd.h>
int
main(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(53),
		.sin_addr.s_addr = inet_addr("198.51.100.2") };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		return 1;
	for (;;)
		(void)pause();
}
EOF2
"$TMP/hole" &
hole=$!

start
wait_for 10 rises meshopt_probe_responses_total 'peer="dub",path="hub"' &&
	pass "while a name is looked up the others are probed" || fail "blocked by DNS"
check_eq "its public path is not" "$(metric meshopt_probe_requests_total 'peer="dub",path="public"')" ""
stop "in the middle of a lookup"
kill $hole
wait $hole 2>/dev/null
start
wait_for 10 said "dub.meshopt.test: .* is not probed until it is found" &&
	pass "a name that is not found is told" || fail "not told" "$(cat "$TMP/err")"
echo "198.51.100.1 dub.meshopt.test" >>/etc/hosts
kill -HUP $prober
wait_for 10 answered_public && pass "found later, it is probed" || fail "found later"
check "and that is told" said "dub.meshopt.test: is 198.51.100.1"
printf '127.0.0.1 localhost\n198.51.100.2 dub.meshopt.test\n' >/etc/hosts
kill -HUP $prober
wait_for 10 said "dub.meshopt.test: is 198.51.100.2" && pass "it moves, and we with it" ||
	fail "it moves" "$(cat "$TMP/err" /etc/hosts)"
check "and goes on" answered_public
echo "127.0.0.1 localhost" >/etc/hosts
kill -HUP $prober
wait_for 20 said "its last address is kept" && pass "it is gone: told" || fail "gone: told"
check "and probed on as before" answered_public
stop "names"
finish
