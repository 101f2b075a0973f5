#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Branch coverage of netd by its own tests: of its policy, and of what applies and rolls
# back, it must be all. Then how long netd is, without comments and blank lines.
#
# A branch is what gcov calls one, of a build without optimisation. Those of assert() do
# not count, since they are there not to be taken: it is built with -DNDEBUG.
#
# usage: tests/coverage-netd.sh      after `make`, from anywhere; `make coverage-netd`

set -eu
export LC_ALL=C
cd "$(dirname "$0")/.."
out=build/gcov
rm -rf "$out"
mkdir -p "$out"
all='policy keeper keeper_look keeper_peer keeper_place keeper_roster keeper_route keeper_tell keeper_watch book scene'
tests=$(cd tests/unit && echo test_netd*.c)
libs=$(pkg-config --libs libmnl libsodium)

# One program of all the tests: gcov adds up the runs of one program only.
links=() calls=
for test in $tests; do
	name=${test%.c}
	gcc -O0 -I. -D_GNU_SOURCE -std=c11 -Dmain="${name}_main" -c -o "$out/$name.o" \
	    "tests/unit/$test"
	mapfile -t -O "${#links[@]}" links < \
	    <(sed -n 's/^ \* links: //p' "tests/unit/$test" | xargs -n 1)
	echo "int ${name}_main(void);" >>"$out/main.c"
	calls="$calls | ${name}_main()"
done
echo "int main(void) { return 0$calls; }" >>"$out/main.c"
mapfile -t links < <(printf '%s\n' "${links[@]}" | sort -u)
# shellcheck disable=SC2086 # words of pkg-config
gcc --coverage -DNDEBUG -O0 -I. -D_GNU_SOURCE -std=c11 -o "$out/run" "$out"/*.o \
    "$out/main.c" "${links[@]}" build/libcommon.a -lcmocka $libs -lm
"$out/run" >"$out/log" 2>&1 || {
	grep -E -A 3 'ERROR|^not ok' "$out/log"
	exit 1
}

short=0
for file in $all; do
	gcov -b -c -t -o "$out" "$out/run-$file.gcda" 2>/dev/null |
	    awk -v file="optimizer/netd/$file.c" '
		/0:Source:/ { on = index($0, "Source:" file) }
		on && /^ *[-0-9#=*]+: *[0-9]+:/ { line = $0 }
		on && /^branch/ { n++; if (/taken [1-9]/) taken++; else missed[line] }
		END {
			printf "%s: %d of %d branches\n", file, taken, n
			for (line in missed) print "  not all taken:" line
			exit n == 0 || taken < n
		}' || short=1
done

# What the privileged process runs of its own; kernel_*.c beneath it is shared.
for file in optimizer/netd/*.[ch]; do
	echo "$(gcc -fpreprocessed -dD -E -P "$file" 2>/dev/null | grep -c .) lines: $file"
done | sort -rn | awk '{ n += $1; print } END { print n " lines in all" }'
exit $short
