#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A guard that nobody tests is none: build netd without one guard at a time, and see
# that the suite notices. Ends with "N of M mutants killed", status 1 if one lives.
#
# usage: tests/mutants.sh      after `make`; `make mutants`

set -u
cd "$(dirname "$0")/.." || exit
out=build/mutants
rm -rf "$out"
mkdir -p "$out"
tests='test_netd_policy test_netd test_netd_watch test_netd_kill test_netd_fail test_netd_found test_netd_place test_nl_names test_nl_place'
libs=$(pkg-config --libs libmnl libsodium)
killed=0 all=0

links() {
	sed -n 's/^ \* links: //p' "tests/unit/$1.c" | xargs -n 1
}

# Everything once, plainly; a mutant replaces one object.
mkdir -p "$out/obj"
for file in $(for t in $tests; do links "$t"; done | sort -u) \
    $(for t in $tests; do echo "tests/unit/$t.c"; done); do
	gcc -O0 -I. -D_GNU_SOURCE -std=c11 -c -o "$out/obj/${file//\//_}.o" "$file" || exit
done

# try NAME SOURCE-IN-ITS-PLACE FLAGS...: is the mutant noticed?
try() {
	local name=$1 original=$2 source=$3 t objects file
	shift 3
	all=$((all + 1))
	if ! gcc -O0 -I. -D_GNU_SOURCE -std=c11 -w "$@" -x c -c -o "$out/mutant.o" "$source"; then
		echo "not ok - $name: does not compile"
		return
	fi
	for t in $tests; do
		[[ " $(links "$t" | tr '\n' ' ') " == *" $original "* ]] || continue
		objects=$out/obj/tests_unit_$t.c.o
		for file in $(links "$t"); do
			if [ "$file" = "$original" ]; then
				objects="$objects $out/mutant.o"
			else
				objects="$objects $out/obj/${file//\//_}.o"
			fi
		done
		# shellcheck disable=SC2086 # words
		gcc -o "$out/run" $objects build/libcommon.a -lcmocka $libs -lm || exit
		if ! timeout 60 "$out/run" >"$out/log" 2>&1; then
			killed=$((killed + 1))
			echo "ok - $name: killed by $t"
			return
		fi
	done
	echo "not ok - $name: lives"
}

policy=optimizer/netd/policy.c
guards=$(grep -oE 'GUARD\([0-9]+' $policy | tr -dc '0-9\n' | sort -n)
[ "$guards" = "$(seq "$(wc -l <<<"$guards")")" ] || {
	echo "the guards of $policy are not numbered 1, 2, 3 ..."
	exit 1
}
for n in $guards; do
	words=$(grep -n "GUARD($n," $policy | head -1 | sed 's/.*GUARD(//; s/.$//')
	try "policy: no guard $words" $policy $policy -DMUTANT="$n"
done

# edit NAME FILE SED-SCRIPT: the file with that change
edit() {
	sed -E "$3" "$2" >"$out/edited.c"
	if cmp -s "$2" "$out/edited.c"; then
		all=$((all + 1))
		echo "not ok - $1: the edit does not apply"
		return
	fi
	try "$1" "$2" "$out/edited.c"
}

route=optimizer/netd/keeper_route.c peer=optimizer/netd/keeper_peer.c
watch=optimizer/netd/keeper_watch.c keeper=optimizer/netd/keeper.c
guard=optimizer/apply/kernel_guard.c
edit "route: a lease is not read back" $route '/rc = check_routes\(k, node, true, err\)/d'
edit "route: a commit is not read back" $route 's/rc = check_routes\(k, node, false, err\)/rc = keeper_look(k, err)/'
edit "route: lookups are not made" $route 's/ifindex != k->state.direct_link.ifindex\)/0)/'
edit "route: half a lease is left" $route '/leasing/,/^}/s/keeper_withdraw\(k, node, &ignored\) < 0/0/'
edit "route: half a commit is left" $route '/ending its lease/,/^}/s/keeper_withdraw\(k, node, &ignored\) < 0/0/'
edit "route: a withdrawal that failed is not gone on with" $route 's/ \&\& !b->doing\)/)/; s/\(void\)keeper_note\(k, node, NETD_WITHDRAW\);//'
edit "route: the lease goes before the route is there" $route 's/^\trc = add_routes\(k, node, err\);/\trc = 0;/'
edit "route: a withdrawal is not waited for" $route 's/b->withdrawn = k->now.mono;//'
edit "peer: what was set is not read back" $peer 's/rc = keeper_peer_check\(k, to, err\);/rc = 0;/'
edit "peer: both ends start" $peer 's/if \(starts && to.family/if (to.family/'
edit "peer: a renewal of what is there is sent" $peer 's/\(!own \|\| missing \|\| change/(1 || missing || change/'
edit "peer: both ends of a reflector start" $peer 's/if \(node == k->mesh->hub\) \{/if (1) {/'
edit "watch: an operator is fought" $watch 's/b->flags \|= NETD_OPERATOR;//'
edit "watch: roaming is an operator" $watch 's/return moved \&\& !heard;/return moved;/'
edit "watch: a flush is repaired for ever" $watch 's/b->flags \|= NETD_FROZEN;/return true;/'
edit "watch: a restart leaves halves" $watch 's/doing == NETD_WITHDRAW \|\| s.partial/0/'
edit "watch: a withdrawal is not gone on with" $watch 's/if \(doing == NETD_WITHDRAW \|\| s.partial/if (s.partial/'
edit "watch: no backstop" $watch 's/^\tif \(!policy_dead\(/\tif (1 || !policy_dead(/'
edit "keeper: no preflight" $keeper '/rc = keeper_preflight\(k,$/,/err\);/d; s/^\tint rc;$/\tint rc = 0;/'
edit "keeper: a reflector on any interface" $keeper 's/ \|\| req->verb == NETD_REFLECT\)/)/'
edit "peer: others' prefixes are taken" $peer 's/rc = check_taken\(k, to, err\);/rc = 0;/'
edit "keeper: tokens are free" $keeper 's/^\tif \(v.charge\)/\tif (0)/'
edit "keeper: any mesh file" $keeper 's/k->greeted = rc == 0 \&\& req->hash == netd_roster_hash\(k->mesh\);/k->greeted = true;/'
edit "keeper: what the mesh file drops keeps its route" $keeper 's/\(void\)keeper_withdraw\(k, i, err\);/;/'
edit "guard: any interface for WireGuard" $guard 's/only\(request, sizeof\(\*genl\), WGDEVICE_A_IFNAME, ifname,/(1 || only(request, sizeof(*genl), WGDEVICE_A_IFNAME, ifname,/; s/strlen\(ifname\) \+ 1\) \&\&$/strlen(ifname) + 1)) \&\&/'
edit "guard: REPLACE_PEERS" $guard 's/if \(mnl_attr_get_type\(attr\) == WGDEVICE_A_FLAGS\)/if (0)/'
edit "guard: REPLACE_ALLOWEDIPS" $guard 's/flags \& ~\(uint32_t\)WGPEER_F_REMOVE_ME/0/'
edit "guard: many peers" $guard 's/return n <= 1;/return true;/'
edit "guard: our own address" $guard 's/return local \&\& far \&\&/return true; return local \&\& far \&\&/'
edit "guard: a route in place of another" $guard 's/if \(request->nlmsg_flags \& \(NLM_F_REPLACE \| NLM_F_APPEND\)\)/if (0)/'

place=optimizer/netd/keeper_place.c byte=optimizer/apply/kernel_place.c
edit "place: a lease is not read back" $place '/rc = keeper_peer_complete/,/rc == 0\) \{/s/rc = keeper_peer_check\(k, node, err\);/rc = 0;/'
edit "place: a lease that fails is left" $place '/keeper_end\(k, node, BOOK_LEASED\)/,/return rc/s/keeper_withdraw\(k, node, \&ignored\) < 0/0/'
edit "place: what is given back is not read back" $place 's/if \(s.path != NETD_HUB\)$/if (0)/'
edit "place: a commit of what is not whole" $place '/keeper_place_commit/,/^}/s/rc = keeper_peer_check\(k, node, err\);/rc = 0;/'
edit "place: leases last for ever" $place 's/\(all \|\| b->lease_until.ns <= k->now.mono.ns\)/all/'
edit "place: an end leaves leases" $place 's/\(all \|\| b->lease_until/(b->lease_until/'
edit "place: a restart forgets its peers" $place 's/if \(b->peer \|\| b->doing == NETD_STAGE\)/if (0)/'
edit "watch: a restart keeps what was not committed" $watch 's/\(k->mesh->in_place \&\& s.leased\)/0/'
edit "watch: another interface of that name" $watch 's/\(k->mesh->in_place \&\& k->watched \&\&/(0 \&\&/'
edit "byte: the hub's peer can be claimed" $byte '/^kernel_claim/,/^}/s/if \(wgkey_compare\(\&place->hub, key\) == 0\)/if (0)/'
edit "byte: a peer of somebody else's" $byte 's/ \|\| !mine\(place, \&key\)\)/)/'
edit "byte: key, port and mark of the device" $byte 's/if \(mnl_attr_get_type\(attr\) != WGDEVICE_A_PEERS\)/if (0)/'
edit "byte: many peers" $byte 's/return named \&\& n == 1;/return named;/'
edit "byte: any interface" $byte 's/if \(mnl_attr_get_payload_len\(attr\) != strlen\(ifname\) \+ 1 \|\|/if (0 \&\&/'
edit "byte: the hub's own prefix" $byte 's/place->cover\[i\].len < prefix.len/place->cover[i].len <= prefix.len/'
edit "byte: any prefix" $byte 's/if \(!prefix_harmless\(nest, probe_only, place\)\)/if (0)/'
edit "byte: a REPLACE that leaves more" $byte 's/prefixes_harmless\(allowed, flags != 0, place\)/prefixes_harmless(allowed, false, place)/'
edit "byte: any flag" $byte 's/flags \&\& flags != WGPEER_F_REMOVE_ME/0 \&\& flags != WGPEER_F_REMOVE_ME/'
edit "byte: two lists of prefixes" $byte 's/if \(allowed\)$/if (0)/'
edit "byte: a preshared key" $byte '/case WGPEER_A_PERSISTENT/,/default:/s/default:/default: break; case 99:/'
edit "byte: any address" $byte 's/ \|\| !link_local\(\&addr\)\)/)/'
edit "byte: links and routes" $byte 's/request->nlmsg_type == RTM_NEWADDR \&\&/request->nlmsg_type != RTM_NEWADDR ||/'

echo "$killed of $all mutants killed"
[ "$killed" = "$all" ]
