#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Branch coverage of netd's policy by its own test: must be all of them.
#
# usage: tests/coverage-netd.sh      after `make`, from anywhere; `make coverage-netd`

set -eu
cd "$(dirname "$0")/.."
out=build/gcov
rm -rf "$out"
mkdir -p "$out"
mapfile -t links < <(sed -n 's/^ \* links: //p' tests/unit/test_netd.c | xargs -n 1)
libs=$(pkg-config --libs libmnl libsodium)
total=0
for test in test_netd_policy test_netd; do
	# One object directory a test: gcov adds up the runs of one program only.
	mkdir -p "$out/$test"
	# shellcheck disable=SC2086 # words of pkg-config
	gcc --coverage -O0 -I. -D_GNU_SOURCE -std=c11 -o "$out/$test/run" \
	    "tests/unit/$test.c" "${links[@]}" build/libcommon.a -lcmocka $libs -lm
	"$out/$test/run" >"$out/$test/log" 2>&1
done

# report TEST FILE: lines "file branches-taken-% of n"
report() {
	(cd "$out/$1" && gcov -b -c "run-$(basename "$2" .c).gcda" 2>/dev/null) |
	    awk -v file="$2" '$0 ~ "^File .*" file { on = 1 }
	        on && /^Taken at least once/ { sub(/.*:/, ""); print file ": branches " $0; exit }'
}
report test_netd_policy optimizer/netd/policy.c
for file in keeper_route keeper_peer keeper_watch keeper book scene; do
	report test_netd "optimizer/netd/$file.c"
done
[[ $(report test_netd_policy optimizer/netd/policy.c) == *"100.00%"* ]] || total=1
exit $total
