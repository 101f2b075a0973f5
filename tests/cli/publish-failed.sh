#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# meshopt plan --publish against a real collector, when pairs do not stand: each leaves the
# plan, is left out for its time, and holds up no other.
# shellcheck disable=SC2119 # publish has what it needs

# shellcheck source=tests/cli/publish-lib.sh
. "$(dirname "$0")/publish-lib.sh"

(cd "$TOP" && ${CC:-cc} -D_GNU_SOURCE -shared -fPIC -o "$TMP/clock.so" tests/cli/clock.c) || exit 1
export CLOCK_AHEAD=$TMP/ahead ASAN_OPTIONS=verify_asan_link_order=0
# later MINUTES: what the publisher's clock says from now on
later() { echo $(($1 * 60)) >"$CLOCK_AHEAD"; }
before=0
# pairs: those off the hub
pairs() { in_force | cut -s -d' ' -f2-; }
# ahead CMD...: by that clock
ahead() { LD_PRELOAD=$TMP/clock.so "$@"; }

everyone "${nodes[@]}"
later 0
ahead publish
check_eq "the canary" "$(pairs)" hkg-sin
tell hkg staged sin
tell sin staged hkg
later 29
ahead publish
stderr_has "both ends of hkg-sin" "staged for half an hour, it is waited for"
later 31
ahead publish
stderr_has "waits for hkg-sin, which did not stand, to leave" "and no longer"
check_eq "it leaves the plan" "$(pairs)" ""
later 36
ahead publish
stderr_has "hkg-sin: left out" "five minutes after it is still left out"
check_eq "and another is the canary" "$(pairs)" hkg-syd
ahead run "$meshopt" why hkg sin --mesh "$mesh" --collector "$url" --budget 3
stdout_has "left out of plans for 54 min" "why says for how long yet"
later 92
ahead publish
check_eq "after its hour it comes last" "$(pairs)" ""
later 97
ahead publish
check_eq "after one that was never tried" "$(pairs)" hkg-nrt
stop TERM

# A path by a relay that does not stand, though the tunnels do that it is made of.
rm -f "$db"*
later 0
start
sed -i '0,/^Name = nrt/s//Name = nrt\nRelay = yes\nEndpoint = 192.0.2.33:51820/' "$mesh"
question=(--budget 3 --pop hkg --relays nrt)
measured() {
	case $1 in
	hkg) rows=("$(many nrt hub 492000)" "$(many nrt public 49000)" "$(many sin hub 408000)") ;;
	nrt) rows=("$(many sin hub 400000)" "$(many sin public 60000)") ;;
	dub) rows=("$(many hkg hub 250000)") ;;
	*) rows=("$(many dub hub 200000)") ;;
	esac
}
everyone "${nodes[@]}"
publish
good nrt sin
good hkg nrt
publish
publish
check_eq "two tunnels, and a path by them" "$(pairs)" "hkg-nrt hkg-sin nrt-sin"
tell sin direct hkg
tell hkg demoted sin
publish
stderr_has "hkg-sin: left out" "it did not stand"
check_eq "and goes to the hub, not by the relay again" "$(pairs)" "hkg-nrt nrt-sin"
publish
stderr_has "0 pairs leave the hub, 0 go back" "the tunnels stay"
if grep -q "the next stage waits" "$TMP/err"; then
	fail "and nothing waits for it" "$(cat "$TMP/err")"
else
	pass "and nothing waits for it"
fi
question=(--budget 3 --all-pairs --pop lhr --no-relays)
publish
stderr_has "1 go back to it, 1 are left for later" "a plan for other pairs: these go one by one"
check_eq "so that there is one yet" "$(pairs | wc -w)" 1
publish
check_eq "and then none" "$(pairs)" ""
tell hkg withdrawn nrt
tell nrt withdrawn hkg
question=(--budget 3 --pop hkg --relays nrt)
publish
check_eq "what the plan itself took back did not fail" "$(grep "left out" "$TMP/err")" \
	"meshopt: hkg-sin: left out, as its tunnel did not stand"
stop TERM
finish
