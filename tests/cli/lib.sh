# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Sourced by the tests of the real programs. Each check prints `ok - what` or
# `not ok - what (...)`; `finish` is the last line and sets the exit status.
#
#	. "$(dirname "$0")/lib.sh"
#	run meshopt plan --budget -1
#	status 2 "a negative budget is a usage error"
#	stderr_has "0 or more" "and says what a budget is"
#
# BUILD is the directory of the programs, TMP a directory that goes away.

set -u
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${BUILD:-$TOP/build}
DATA=$TOP/data/edgeproxy
PATH=$BUILD:$PATH:/usr/sbin:/sbin
export PATH LC_ALL=C.UTF-8 TZ=UTC NO_COLOR=1
TMP=$(mktemp -d /tmp/meshopt-cli.XXXXXX)
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$TMP"' EXIT
failed=0

# The mesh of the examples, with the modes that a fresh checkout may lack.
install -m 0644 "$DATA/mesh.conf" "$TMP/mesh.conf"
# shellcheck disable=SC2034 # for the tests
MESH=$TMP/mesh.conf

pass() { echo "ok - $1"; }
fail() {
	echo "not ok - $1${2:+ ($2)}"
	failed=$((failed + 1))
}
check() {
	local what=$1
	shift
	if "$@"; then pass "$what"; else fail "$what" "$*"; fi
}
check_eq() { if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got '$2', want '$3'"; fi; }

# run CMD...: its exit status in $rc, output in $TMP/out and $TMP/err
run() {
	rc=0
	"$@" >"$TMP/out" 2>"$TMP/err" || rc=$?
}
status() { if [ "$rc" = "$1" ]; then pass "$2"; else fail "$2" "status $rc, want $1: $(head -c 300 "$TMP/err")"; fi; }
stderr_has() { if grep -qF -- "$1" "$TMP/err"; then pass "$2"; else fail "$2" "stderr: $(head -c 300 "$TMP/err")"; fi; }
stdout_has() { if grep -qF -- "$1" "$TMP/out"; then pass "$2"; else fail "$2" "stdout: $(head -c 300 "$TMP/out")"; fi; }
# One line of words for the user, whatever went wrong.
one_sentence() { check_eq "$1: one line on stderr" "$(wc -l <"$TMP/err")" 1; }

# signer MESH-FILE: $TMP/sign, which signs plans, and its PlanKey in the file
signer() {
	local sanitize=
	[[ $BUILD != */san* ]] || sanitize=-fsanitize=address,undefined
	# shellcheck disable=SC2086 # words
	(cd "$TOP" && ${CC:-cc} -I. -D_GNU_SOURCE $sanitize -o "$TMP/sign" tests/cli/sign.c \
		"$BUILD/libcommon.a" -lsodium) || exit 1
	sed -i "s|^Collector.*|&\nPlanKey = $("$TMP/sign")|" "$1"
}

# wait_for SECONDS CMD...: polls; 1 when the time is over
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		read -rt 0.05 <> <(:) || :
	done
}

skip() {
	echo "SKIP $(basename "$0" .sh): $1"
	exit 77
}

# in_namespace FLAGS: run this script again in namespaces of its own (unshare's flags),
# as root where it is root already, else as root of a user namespace
in_namespace() {
	local flags=$1
	[ -z "${IN_NAMESPACE:-}" ] || return 0
	unshare "-$flags" true 2>/dev/null || flags=r$flags
	unshare "-$flags" ip link set lo up 2>/dev/null ||
		skip "no namespace may be made here (unshare -$flags)"
	rm -rf "$TMP"
	export IN_NAMESPACE=1 BUILD
	exec unshare "-$flags" "$BASH" "$0"
}

# neighbour LINK...: a second network namespace, behind a veth pair of each of these names,
# whose ends are up on both sides; `there CMD...` runs in it. It goes with this script.
# shellcheck disable=SC2317 # called by wait_for
neighbour() {
	local link
	elsewhere() {
		[ "$(readlink /proc/self/ns/net)" != "$(readlink "/proc/$there_pid/ns/net")" ]
	}
	unshare -n sleep 300 &
	there_pid=$!
	wait_for 5 elsewhere || exit 1
	for link; do
		ip link add "$link" type veth peer name "$link" netns "$there_pid" || return 1
	done
	for link in lo "$@"; do
		ip link set "$link" up
		there ip link set "$link" up
	done
}
there() { nsenter -t "$there_pid" -n "$@"; }

finish() { exit $((failed > 0)); }
