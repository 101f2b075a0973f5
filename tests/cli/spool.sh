#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The real prober and its spool: kill -9, a torn segment, a full disk, a second prober.

# shellcheck disable=SC2015,SC2317 # pass cannot fail; wait_for calls much of this
. "$(dirname "$0")/lib.sh"
in_namespace nm

PORT=8650
SPOOL=$TMP/spool

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

start() {
	: >"$TMP/err" # of the last one, or its words pass for this one's
	meshopt-prober --mesh "$TMP/mesh.conf" --node hkg --period 100ms --interval 200ms \
		--timeout 100ms --collector http://127.0.0.1:$PORT "$@" 2>"$TMP/err" &
	prober=$!
}

# stop SIGNAL
stop() {
	kill "-$1" $prober
	wait $prober 2>/dev/null
}

# said WORDS: in the log of the prober
said() { grep -q -- "$1" "$TMP/err"; }

# heads: "boot seq" of each report that came in
heads() {
	sed -n 's/.*"boot": "\{0,1\}\([0-9a-f]*\).*"seq": \([0-9]*\),.*/\1 \2/p' \
		"$TMP"/reports/*.json
}

# came N: so many different reports have come in
came() { [ "$(heads | sort -u | wc -l)" -ge "$1" ]; }

segments() { find "$SPOOL" -name '*.seg' -size +0; }

# has_bytes N: so much waits on the disk
has_bytes() { [ "$(segments | xargs -r cat | wc -c)" -ge "$1" ]; }

test_kill() {
	local waiting
	start --spool "$SPOOL" -v
	wait_for 10 said "report 6:"
	said "away: .*reports wait in $SPOOL" && pass "says where reports wait" ||
		fail "says where reports wait" "$(cat "$TMP/err")"
	stop KILL
	has_bytes 500 && pass "after kill -9 the reports are on the disk" || fail "on disk"
	collect 204
	start --spool "$SPOOL"
	wait_for 10 said "reports of a former run wait"
	waiting=$(sed -n 's/.*: \([0-9]*\) reports of a former run wait/\1/p' "$TMP/err")
	check "at least six wait (${waiting:-none})" [ "${waiting:-0}" -ge 6 ]
	wait_for 10 came $((waiting + 2)) && pass "all of them are delivered" ||
		fail "all of them are delivered" "$(heads | wc -l) came"
	check_eq "none of them twice" "$(heads | sort | uniq -d)" ""
	check_eq "the newest of the former run comes before its oldest" \
		"$(for i in $(seq 0 $((waiting - 1))); do
			sed -n 's/.*"seq": \([0-9]*\),.*/\1/p' "$TMP/reports/$i.json"
		done | sort -cnr 2>&1)" ""
	stop TERM
	end_collector
	check_eq "nothing is left to send" "$(start_and_count)" 0
}

# start_and_count: how many reports a new prober finds
start_and_count() {
	start --spool "$SPOOL"
	wait_for 10 said "hkg of mesh"
	wait_for 1 said "former run" || :
	stop KILL
	sed -n 's/.*: \([0-9]*\) reports of a former run wait/\1/p' "$TMP/err" | grep . || echo 0
}

test_torn() {
	local segment before
	rm -rf "$SPOOL"
	start --spool "$SPOOL" -v
	wait_for 10 said "report 5:"
	stop KILL
	segment=$(segments | head -1)
	before=$(start_and_count)
	truncate -s -7 "$segment"
	check_eq "a torn segment costs one report" "$(start_and_count)" $((before - 1))
	check "and it is said" said "damaged bytes passed over"
	printf X | dd of="$segment" bs=1 seek=50 conv=notrunc status=none
	check_eq "a changed byte costs one more" "$(start_and_count)" $((before - 2))
}

test_full() {
	rm -rf "$SPOOL"
	mkdir "$SPOOL"
	mount -t tmpfs -o size=16k none "$SPOOL" || {
		echo "SKIP spool: a full disk: tmpfs cannot be mounted here"
		return
	}
	dd if=/dev/zero of="$SPOOL/filler" bs=1k count=14 status=none 2>/dev/null
	start --spool "$SPOOL" -v
	wait_for 20 said "No space left on device; reports wait in memory" &&
		pass "a full disk is reported" || fail "a full disk is reported"
	check_eq "once" "$(grep -c "No space left" "$TMP/err")" 1
	rm "$SPOOL/filler"
	wait_for 10 said "can be written again" && pass "and its end, too" ||
		fail "and its end, too"
	collect 204
	wait_for 30 said "back, " && wait_for 10 said ", 0 lost meanwhile" &&
		pass "and nothing is lost" || fail "and nothing is lost" "$(tail -2 "$TMP/err")"
	stop TERM
	end_collector
	umount "$SPOOL"
}

test_two() {
	rm -rf "$SPOOL"
	start --spool "$SPOOL"
	wait_for 10 said "hkg of mesh"
	run timeout 10 meshopt-prober --mesh "$TMP/mesh.conf" --node hkg --spool "$SPOOL"
	status 1 "a second prober does not take the same spool"
	stderr_has "another prober uses it" "and says why"
	stop TERM
}

test_state_directory() {
	rm -rf "$TMP/state"
	mkdir "$TMP/state"
	export STATE_DIRECTORY=$TMP/state
	start
	wait_for 10 said "reports wait in $TMP/state/spool" &&
		pass "STATE_DIRECTORY is where the spool is" || fail "STATE_DIRECTORY"
	stop TERM
	unset STATE_DIRECTORY
	start
	wait_for 10 said "reports wait in memory" && pass "without it, in memory" ||
		fail "in memory"
	stop TERM
}

cd "$TOP" || exit
case $BUILD in *san*) sanitize=-fsanitize=address,undefined ;; *) sanitize= ;; esac
# shellcheck disable=SC2086 # none or one
${CC:-cc} -I. -D_GNU_SOURCE $sanitize -o "$TMP/peer" tests/cli/prober_peer.c \
    "$BUILD/libcommon.a" -ljansson -lsodium -lm || exit 1
ip link set lo up
ip addr add 10.50.0.1/32 dev lo
test_kill
test_torn
test_full
test_two
test_state_directory
finish
