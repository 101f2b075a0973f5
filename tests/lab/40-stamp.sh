#!/bin/bash
# SPDX-License-Identifier: MIT
# shellcheck disable=SC2317 # functions are called by wait_for
#
# STAMP inside kernel WireGuard: that its device hands out stamps of what is sent, that
# STAMP and ICMP measure the same, and what becomes of a path on which ICMP is cut.
#
# Timeout: 300

. "$(dirname "$0")/lib.sh"

need meshopt meshopt-prober
lab_up "$DATA/mesh.conf" "$DATA/rtt.csv" dub hkg nrt
sed -i 's/^\[Mesh\]/&\nMethod = both\nCollector = http:\/\/127.0.0.1:1/; /^Collector = http:..10/d' "$MESH"
head -c 32 /dev/urandom | base64 >"$TMP/stamp.key"
chmod 600 "$TMP/stamp.key"

for node in dub hkg nrt; do
	bg "prober-$node" "$node" meshopt-prober --mesh "$MESH" --period 200ms --interval 4s \
	    --metrics 127.0.0.1:9101 --stamp-key "$TMP/stamp.key"
done
logged() { grep -q -- "$2" "$RES/prober-$1.log"; }
for node in dub hkg nrt; do
	wait_for 20 logged "$node" "$node of mesh" || die "the prober of $node does not start"
done

# ping_csv: hkg's view
ping_csv() {
	n hkg meshopt ping --mesh "$MESH" --stamp-key "$TMP/stamp.key" -c 20 --csv \
	    dub nrt >"$RES/$1.csv" 2>"$RES/$1.err"
}
# cell FILE NODE PATH METHOD COLUMN
cell() {
	awk -F, -v node="$2" -v path="$3" -v method="$4" -v column="$5" '
		NR == 1 { for (i = 1; i <= NF; i++) if ($i == column) at = i }
		$1 == node && $2 == path && $3 == method { print $at }' "$RES/$1.csv"
}

ping_csv clear
for node in dub nrt; do
	want=$(path_rtt hkg dub)
	[ $node = dub ] || want=$(awk -v a="$want" -v b="$(path_rtt dub nrt)" 'BEGIN { print a + b }')
	for method in icmp stamp; do
		check_eq "hkg to $node by $method: answers" "$(cell clear $node overlay $method answered)" 20
		# An RTT is there only if the stamp of what was sent came, too.
		check_near "hkg to $node by $method: median, ms" \
		    "$(cell clear $node overlay $method p50_ms)" "$want" 1
	done
	check_near "hkg to $node: STAMP as ICMP" "$(cell clear $node overlay stamp p50_ms)" \
	    "$(cell clear $node overlay icmp p50_ms)" 0.5
done
check_near "hkg to dub outside the tunnel, by STAMP" "$(cell clear dub public stamp p50_ms)" \
    "$(path_rtt hkg dub)" 1

# ICMP is cut at nrt: its path must not look dead.
n nrt sysctl -qw net.ipv4.icmp_echo_ignore_all=1
ping_csv cut
check_eq "ICMP cut: no answer by ICMP" "$(cell cut nrt overlay icmp answered)" 0
check_eq "ICMP cut: all by STAMP" "$(cell cut nrt overlay stamp answered)" 20
wait_for 40 logged hkg "nrt: hub: ICMP is policed" ||
    echo "lab: $(tail -3 "$RES/prober-hkg.log")"
check "ICMP cut: the prober says so" logged hkg "nrt: hub: ICMP is policed"
n nrt sysctl -qw net.ipv4.icmp_echo_ignore_all=0
wait_for 40 logged hkg "ICMP is no longer policed"
check "and when it is over" logged hkg "ICMP is no longer policed"

# A full packet in the tunnel is 1420 bytes, and the tunnel takes it.
n hkg meshopt ping --mesh "$MESH" --method icmp -c 2 --mtu --csv dub >"$RES/mtu.csv"
check_eq "the tunnel's MTU" "$(cell mtu dub overlay icmp mtu)" 1420
check_eq "the underlay's" "$(cell mtu dub public icmp mtu)" 1500

for node in dub hkg nrt; do
	stop "prober-$node"
	check_eq "the prober of $node ends" $? 0
done
finish
