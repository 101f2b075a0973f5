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
# The keeper's tests as one program: gcov adds up the runs of one program only.
{
	for test in test_netd test_netd_watch test_netd_kill test_netd_fail; do
		echo "#define main ${test}_main"
		echo "#include \"tests/unit/$test.c\""
		echo "#undef main"
	done
	echo "int main(void) { return test_netd_main() | test_netd_watch_main() | test_netd_kill_main() | test_netd_fail_main(); }"
} >"$out/all_keeper.c"
cp tests/unit/test_netd_policy.c "$out/all_policy.c"
for test in all_policy all_keeper; do
	mkdir -p "$out/$test"
	# shellcheck disable=SC2086 # words of pkg-config
	gcc --coverage -O0 -I. -D_GNU_SOURCE -std=c11 -o "$out/$test/run" \
	    "$out/$test.c" "${links[@]}" build/libcommon.a -lcmocka $libs -lm
	"$out/$test/run" >"$out/$test/log" 2>&1
done

# report TEST FILE: lines "file branches-taken-% of n"
report() {
	(cd "$out/$1" && gcov -b -c "run-$(basename "$2" .c).gcda" 2>/dev/null) |
	    awk -v file="$2" '$0 ~ "^File .*" file { on = 1 }
	        on && /^Taken at least once/ { sub(/.*:/, ""); print file ": branches " $0; exit }'
}
report all_policy optimizer/netd/policy.c
for file in keeper_route keeper_peer keeper_watch keeper book scene; do
	report all_keeper "optimizer/netd/$file.c"
done
[[ $(report all_policy optimizer/netd/policy.c) == *"100.00%"* ]] || total=1
exit $total
