#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# meshopt doctor without a mesh: usage, and what it makes of packet filters. The faults
# themselves are in the lab.

# shellcheck disable=SC2317 # called by run
. "$(dirname "$0")/lib.sh"
in_namespace nm

doctor() { run meshopt doctor --mesh "$MESH" "$@"; }

run meshopt doctor --help
status 0 "--help"
stdout_has "usage: meshopt doctor" "goes to standard output"
doctor hkg nrt
status 2 "two peers are a usage error"
doctor --wait soon
status 2 "--wait soon is a usage error"
doctor
status 1 "on a machine that is no node"
one_sentence "on a machine that is no node"
doctor --node zrh
stderr_has "--node: zrh" "an unknown node is named"
doctor --node hkg zrh
stderr_has 'no node "zrh" in mesh edgeproxy' "an unknown peer, too"
run setpriv --bounding-set -all --inh-caps -all meshopt doctor --mesh "$MESH" --node hkg
status 1 "without CAP_NET_ADMIN"
stderr_has "no CAP_NET_ADMIN" "and says so"
doctor --node hkg
status 1 "without an interface"
stdout_has "BAD  interface      wg0 does not exist" "which is the one finding"
doctor --node hkg --json
stdout_has '"healthy": false' "JSON"

# --- packet filters, of a hub ---

mount -t tmpfs run /run
if ! ip link add wg0 type wireguard 2>/dev/null && ! wireguard-go wg0 >"$TMP/go" 2>&1; then
	echo "SKIP doctor: packet filters: neither WireGuard nor wireguard-go makes an interface here"
	finish
fi
if ! nft list ruleset >"$TMP/nft" 2>&1; then
	echo "SKIP doctor: packet filters: no nf_tables here: $(head -n 1 "$TMP/nft")"
	finish
fi
(umask 077 && wg genkey >"$TMP/key")
wg set wg0 private-key "$TMP/key"
ip addr add 10.50.0.1/24 dev wg0
ip link set wg0 up
awk -v key="$(wg pubkey <"$TMP/key")" '
	/^Name = / { node = $3 }
	node == "dub" && /^PublicKey/ { print "PublicKey = " key; next }
	{ print }' "$DATA/mesh.conf" >"$MESH"

# judge WANT WHAT: what is said of the rules that are there
judge() {
	local verdict
	doctor hkg
	if grep -q 'forward-rules .*lets wg0 to wg0 pass' "$TMP/out"; then
		verdict=open
	elif grep -q '^BAD *forward-rules' "$TMP/out"; then
		verdict=shut
	else
		verdict=unknown
	fi
	check_eq "$2: $1" "$verdict" "$1"
}

# rules WANT WHAT: the rules on stdin
rules() {
	nft flush ruleset
	if ! nft -f - 2>"$TMP/nft"; then
		echo "SKIP doctor: $2: $(head -n 1 "$TMP/nft")"
		return
	fi
	judge "$1" "$2"
}

# chain POLICY, with its rules on stdin
chain() {
	printf 'table ip f {\nchain c {\ntype filter hook forward priority 0; policy %s;\n' "$1"
	cat
	printf '}\n}\n'
}

rules open "no rules" </dev/null
rules shut "policy drop" < <(chain drop </dev/null)
rules open "accepted by name" < <(chain drop <<<'iifname "wg0" oifname "wg0" counter accept')
rules shut "accepted from elsewhere" < <(chain drop <<<'iifname "eth0" oifname "wg0" accept')
rules open "by the beginning of a name" < <(chain drop <<<'iifname "wg*" accept')
rules open "by what it is not" < <(chain drop <<<'iif != "lo" accept')
rules shut "old connections alone" < <(chain drop <<<'ct state established,related accept')
rules unknown "by an address" < <(chain drop <<<'ip saddr 10.50.0.0/16 accept')
rules unknown "by a set" < <(chain drop <<<'iifname { "wg0", "eth1" } accept')
rules shut "rejected" < <(chain accept <<<'iifname "wg0" oifname "wg0" reject')
rules shut "new connections dropped" < <(chain accept <<<'ct state new drop')
rules unknown "dropped by a map" < <(chain accept <<<'iifname vmap { "wg0" : drop }')
rules unknown "accepted by a map" < <(chain drop <<<'iifname vmap { "wg0" : accept }')
rules open "accepted before a map" < <(chain drop <<<'iifname "wg0" accept; ct state vmap { new : drop }')
rules open "limited and logged" < <(chain accept <<<'limit rate 5/second log prefix "f"; counter')
rules shut "limited, then dropped" < <(chain accept <<<'limit rate 5/second log; drop')
rules unknown "dropped beyond a limit" < <(chain accept <<<'limit rate over 5/second drop')
rules unknown "an object by its name" <<-'END'
	table ip f {
		limit l { rate over 5/second }
		chain c {
			type filter hook forward priority 0; policy accept;
			limit name "l"
			drop
		}
	}
END
rules open "jump and return" <<-'END'
	table ip f {
		chain x {
			iifname "wg0" return
			drop
		}
		chain c {
			type filter hook forward priority 0; policy accept;
			jump x
		}
	}
END
rules open "IPv6 alone is dropped" <<-'END'
	table inet f {
		chain c {
			type filter hook forward priority 0; policy accept;
			meta nfproto ipv6 drop
		}
	}
END
rules open "dropped at another hook" <<-'END'
	table ip f {
		chain c {
			type filter hook input priority 0; policy drop;
		}
	}
END

# iptables WANT WHAT RULE...: a rule of its FORWARD chain
iptables() {
	local want=$1 what=$2
	shift 2
	if ! command iptables-nft -P FORWARD ACCEPT 2>"$TMP/nft" ||
	    ! command iptables-nft -A FORWARD "$@" 2>"$TMP/nft"; then
		echo "SKIP doctor: $what: $(head -n 1 "$TMP/nft")"
		return
	fi
	judge "$want" "iptables: $what"
	command iptables-nft -F
}

nft flush ruleset
iptables shut "rejected" -j REJECT
iptables open "rejected from elsewhere" -i eth0 -j REJECT
iptables unknown "rejected by a match" -m mac --mac-source 02:00:00:00:00:01 -j REJECT
iptables open "the MSS clamped" -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
iptables unknown "a queue to a program" -j NFQUEUE --queue-num 1
ip link del wg0
finish
