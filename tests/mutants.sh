#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A guard that nobody tests is none: build netd and what it stands on, the agent, and the
# publisher's stages without one guard at a time, and see that the suite notices. Ends with
# "N of M mutants killed", status 1 if one lives. The tests are run without any mutant first.
#
# usage: tests/mutants.sh [PATTERN]     after `make`; only names that match; `make mutants`

set -u
cd "$(dirname "$0")/.." || exit
out=build/mutants
rm -rf "$out"
mkdir -p "$out/obj"
netd='test_netd_policy test_netd test_netd_watch test_netd_kill test_netd_fail test_netd_found
	test_netd_machine test_netd_roster test_netd_place test_netd_place_fail test_nl_names
	test_nl_place'
agent='test_agent_way test_agent_watch test_agent_live test_agent_guard test_agent_follow
	test_agent_nat test_agent_turn test_agent_dwell test_pair test_agent_once test_agent_core
	test_agent_model test_agent_place test_agent_event test_agent_uplink test_agent_lifeline
	test_agent_rail
	test_agent_work'
publisher='test_stage'
below='test_preflight test_netd_journal test_netd_book test_netd_ipc test_nl test_nl_talk
	test_netd_place test_netd_fail'
libs="$(pkg-config --libs libmnl libsodium jansson libcurl libmicrohttpd) -lev -lm"
pattern=${1-} all=0
export SEED=1 SCHEDULES=20 # a mutant that only luck kills is one that lives

links() {
	sed -n 's/^ \* links: //p' "tests/unit/$1.c" | xargs -n 1
}

# Everything once, plainly; a mutant replaces one object, or all that a header is in.
compile() {
	gcc -O1 -I. -D_GNU_SOURCE -std=c11 -c -o "$out/obj/${1//\//_}.o" "$1"
}
export -f compile
export out
for t in $netd $agent $publisher $below; do
	links "$t"
	echo "tests/unit/$t.c"
done | sort -u | xargs -P "$(nproc)" -I{} bash -c 'compile {}' || exit

# objects N TEST FILE: what TEST links, with mutant N of FILE in its place
objects() {
	local file

	for file in $(links "$2"); do
		if [ "$file" = "$3" ]; then
			echo "$out/$1.o"
		elif [[ $3 == *.h && $file == optimizer/agent/* ]]; then
			echo "$out/$1/${file//\//_}.o"
		else
			echo "$out/obj/${file//\//_}.o"
		fi
	done
	# One of the library's goes before the library.
	[[ $3 != common/* ]] || echo "$out/$1.o"
}

# program N TEST FILE: TEST with mutant N of FILE, into build/mutants/N.run
program() {
	# shellcheck disable=SC2046,SC2086 # words
	gcc -o "$out/$1.run" "$out/obj/tests_unit_$2.c.o" $(objects "$1" "$2" "$3") \
	    build/libcommon.a -lcmocka $libs
}

# passes N LOG: does it?
passes() {
	{ timeout 300 "$out/$1.run" >"$2" 2>&1; } 2>/dev/null
}

# A test that is red by itself would kill every mutant.
sound() {	# sound TEST
	program "$1" "$1" '' && passes "$1" "$out/$1.log" && return
	echo "$1 fails without any mutant: see $out/$1.log"
	touch "$out/unsound"
}
for t in $(xargs -n 1 <<<"$netd $agent $publisher $below" | sort -u); do
	while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
	sound "$t" &
done
wait
[ ! -e "$out/unsound" ] || exit 1

# build N FILE FLAGS...: mutant N, whose text is in build/mutants/N.c or N/FILE.h
build() {
	local n=$1 file=$2 each
	shift 2
	if [[ $file == *.c ]]; then
		gcc -O1 -I. -D_GNU_SOURCE -std=c11 -w "$@" -c -o "$out/$n.o" "$out/$n.c"
		return
	fi
	for each in optimizer/agent/*.c; do
		grep -q "\"$file\"\|way_core.h\|core_state.h" "$each" || continue
		gcc -O1 "-I$out/$n" -I. -D_GNU_SOURCE -std=c11 -w -c \
		    -o "$out/$n/${each//\//_}.o" "$each" || return
	done
	for each in optimizer/agent/*.c; do
		[ -e "$out/$n/${each//\//_}.o" ] || ln -s "$PWD/$out/obj/${each//\//_}.o" "$out/$n/${each//\//_}.o"
	done
}

# judge N NAME FILE TESTS FLAGS...: is the mutant noticed?
judge() {
	local n=$1 name=$2 file=$3 tests=$4 t
	shift 4
	if ! build "$n" "$file" "$@"; then
		echo "not ok - $name: does not compile"
		return
	fi
	for t in $tests; do
		[[ $file == common/* || $file == *.h || " $(links "$t" | tr '\n' ' ') " == *" $file "* ]] || continue
		program "$n" "$t" "$file" || exit
		if ! passes "$n" "$out/$n.log"; then
			echo "ok - $name: killed by $t"
			return
		fi
	done
	echo "not ok - $name: lives"
}

# start NAME FILE FLAGS...: judge it beside others, as many as there are CPUs
start() {
	while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
	judge "$all" "$1" "$2" "$tests" "${@:3}" >"$out/$all.said" &
}

# edit NAME FILE SED-SCRIPT: the file with that change
edit() {
	local into=$out/$((all + 1)).c

	[[ $1 == *$pattern* ]] || return 0
	all=$((all + 1))
	if [[ $2 == *.h ]]; then
		into=$out/$all/$2
		mkdir -p "${into%/*}"
	fi
	sed -E "$3" "$2" >"$into"
	if cmp -s "$2" "$into"; then
		echo "not ok - $1: the edit does not apply" >"$out/$all.said"
	else
		start "$1" "$2"
	fi
}

# --- netd ---

tests=$netd
policy=optimizer/netd/policy.c
guards=$(grep -oE 'GUARD\([0-9]+' $policy | tr -dc '0-9\n' | sort -n)
[ "$guards" = "$(seq "$(wc -l <<<"$guards")")" ] || {
	echo "the guards of $policy are not numbered 1, 2, 3 ..."
	exit 1
}
for n in $guards; do
	words=$(grep -n "GUARD($n," $policy | head -1 | sed 's/.*GUARD(//; s/.$//')
	[[ "policy: no guard $words" == *$pattern* ]] || continue
	all=$((all + 1))
	cp $policy "$out/$all.c"
	start "policy: no guard $words" $policy -DMUTANT="$n"
done

route=optimizer/netd/keeper_route.c peer=optimizer/netd/keeper_peer.c
watch=optimizer/netd/keeper_watch.c keeper=optimizer/netd/keeper.c tell=optimizer/netd/keeper_tell.c
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
edit "peer: a withdrawal that failed is forgotten for a STAGE" $peer 's/if \(b->doing == NETD_WITHDRAW\)/if (0)/'
edit "peer: both ends start" $peer 's/if \(starts && to.family/if (to.family/'
edit "peer: a renewal of what is there is sent" $peer 's/\(!own \|\| missing \|\| change/(1 || missing || change/'
edit "peer: both ends of a reflector start" $peer 's/if \(node == k->mesh->hub\) \{/if (1) {/'
edit "peer: a reflector is fought for" $peer 's/if \(!there \&\& b->reflects/if (0 \&\& b->reflects/'
edit "peer: a reflector looks for a hub where it was" $peer 's/!addr_equal\(\&own->endpoint, \&to\)\)\)$/0))/'
edit "watch: nobody looks where a reflector's hub is" $watch 's/\(void\)keeper_reflect\(k, hub, \&ignored\);/;/'
edit "watch: an operator is fought" $watch 's/b->flags \|= NETD_OPERATOR;//'
edit "watch: roaming is an operator" $watch 's/return moved \&\& !heard;/return moved;/'
edit "peer: an endpoint of ours is an operator's" $peer 's/k->seen\[node\].endpoint.family = 0;/;/'
edit "watch: a flush is repaired for ever" $watch 's/b->flags \|= NETD_FROZEN;/return true;/'
edit "watch: what a panic took is put back" $watch 's/b->stage == BOOK_DIRECT && k->now.freeze/0/'
edit "watch: a restart leaves halves" $watch 's/back = s.partial \|\| /back = /'
edit "watch: a withdrawal is not gone on with" $watch 's/if \(doing == NETD_WITHDRAW\)/if (0)/'
edit "watch: what was not read is judged" $watch 's/if \(k->blind\)/if (0)/'
edit "watch: no backstop" $watch 's/^\tif \(!policy_dead\(/\tif (1 || !policy_dead(/'
edit "keeper: no preflight" $keeper '/rc = keeper_preflight\(k,$/,/err\);/d; s/^\tint rc;$/\tint rc = 0;/'
edit "keeper: a reflector on any interface" $keeper 's/ \|\| req->verb == NETD_REFLECT\)/)/'
edit "tell: no word of the clock" $tell 's/ \&\& preflight_clock\(\&p\) == 0\)/)/'
edit "tell: no word of a relay that does not forward" $tell 's/\(void\)preflight_relay\(\&p\);/;/'
edit "keeper: the clock keeps from a lease" $keeper 's/^\tif \(preflight_host\(\&p, true\) == 0 \&\&$/\tif (preflight_host(\&p, true) + preflight_clock(\&p) == 0 \&\&/'
edit "peer: others' prefixes are taken" $peer 's/rc = keeper_peer_taken\(k, to, err\);/rc = 0;/'
edit "keeper: tokens are free" $keeper 's/^\tif \(v.charge\)/\tif (0)/'
edit "keeper: what a full disk did not take is forgotten" $keeper 's/if \(k->journal_rc \|\| /if (/'
edit "keeper: any mesh file" $keeper 's/k->greeted = rc == 0 \&\& req->hash == netd_roster_hash\(k->mesh\);/k->greeted = true;/'
edit "scene: a lease in its last moment is for ever" optimizer/netd/scene.c 's/!is_lease\(scene->ours\[i\]\)/scene->ours[i]->expires_s == 0/'
roster=optimizer/netd/keeper_roster.c book=optimizer/netd/book.c
edit "roster: what the mesh file drops keeps its route" $roster 's/rc = keeper_orphans\(k, err\)/rc = 0/'
edit "roster: a path whose relay is none stays" $roster 's/if \(!peers \&\& !is_whole\(k, i, \&s\)\)/if (!peers \&\& !k)/'
edit "roster: prefixes stay with a peer that is not given them" $roster 's/n_extra \&\& !k->mesh->in_place/0/'
edit "roster: an edit of the file is an operator" $roster 's/rc = keeper_peer_complete\(k, node, NULL, err\);/rc = 0;/'
edit "roster: an operator is an edit of the file" $roster 's/return k->book.node\[node\].given != .*/return true;/'
edit "roster: an operator's peer is mended" $roster 's/own \&\& b->peer \&\& !b->flags/own \&\& b->peer/'
edit "roster: a revoked key stays" $roster 's/rc = keeper_former_remove\(k, NETD_NONE, err\);/rc = 0;/'
edit "roster: a revoked key goes while its end may send" $roster 's/mono_diff\(k->now.mono, k->roster_at\) >= POLICY_SETTLE/true/'
edit "roster: a reflector under a revoked key stays" $roster 's/if \(own \&\& k->book.node\[i\].reflects/if (!k \&\& own/'
edit "roster: in place any peer that looks like ours goes" $roster 's/return book_had\(.*/return true;/'
edit "book: a restart takes an edit of the file for a hand" $book 's/^\tput\(\&out, b->given, 8\);/\tput(\&out, 0, 8);/'
edit "book: who is no relay any more stays one" $book 's/ \|\| mesh->nodes\[node\].relay \? node/ || true ? node/'
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
edit "watch: another interface of that name" $watch 's/ \&\& !\(k->mesh->in_place \&\& was .*k->watched\)//'
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

# --- beneath netd: what is checked first, its memory, its messages, netlink ---

tests=$below
first=optimizer/apply/preflight.c journal=optimizer/netd/journal.c book=optimizer/netd/book.c
edit "preflight: without the capability" $first 's/if \(!c->state->may_change\)/if (0)/'
edit "preflight: without WireGuard" $first 's/else if \(!c->state->has_wireguard\)/else if (0)/'
edit "preflight: another key" $first 's/else if \(!hub->has_key .*\) \{/else if (0) {/'
edit "preflight: the hub interface is down" $first 's/else if \(!c->state->hub_link.up\)/else if (0)/'
edit "preflight: a port in use" $first 's/if \(!c->state->port_free\)/if (0)/'
edit "preflight: an interface with another key" $first 's/if \(!dev->has_key \|\| wgkey_compare.*/if (0)/'
edit "preflight: an interface with another port" $first 's/else if \(dev->port != .*/else if (0)/'
edit "preflight: an interface with another MTU" $first 's/if \(link->mtu != .*/if (0)/'
edit "preflight: strict rp_filter" $first 's/if \(effective == 1\)/if (0)/'
edit "preflight: strict rp_filter of all" $first 's/all > value \? all : value/value/'
edit "preflight: strict rp_filter of the hub interface" $first 's/^\tif \(!c->mesh->in_place\)$/\tif (0)/'
edit "preflight: strict rp_filter of the direct interface" $first 's/if \(!c->mesh->in_place \&\& c->state->rp_all != 1\)/if (0)/'
edit "preflight: no IPv6" $first 's/if \(c->state->v6_off\)/if (0)/'
edit "preflight: in place by wireguard-go" $first 's/if \(c->state->hub_link.userspace\)/if (0)/'
edit "preflight: in place over routes of the other way" $first 's/protocol != RTPROT_MESHOPT\)/protocol != RTPROT_MESHOPT || 1)/'
edit "preflight: somebody's route" $first 's/if \(!state_ours\(c->state, route\)\)/if (0)/'
edit "preflight: our route with another source" $first 's/else if \(route->src.family \&\& .*/else if (0)/'
edit "preflight: allowed-ips that are equal" $first 's/list\[i\].len < prefix->len/list[i].len <= prefix->len/'
edit "preflight: allowed-ips of another peer" $first 's/if \(wgkey_compare\(&has->key, &hub->key\) == 0 \&\&/if (/'
edit "preflight: nothing to fall back to" $first 's/if \(!hub \|\| hub->type != RTN_UNICAST\)/if (!hub)\n\t\t;\n\telse if (hub->type != RTN_UNICAST)/'
edit "preflight: a black hole to fall back to" $first 's/if \(!hub \|\| hub->type != RTN_UNICAST\)/if (!hub)/'
edit "preflight: what leaves by another interface" $first 's/else if \(hub->ifindex != c->state->hub_link.ifindex\)/else if (0)/'
edit "preflight: an endpoint inside the overlay" $first 's/if \(prefix_contains\(/if (0 \&\& prefix_contains(/'

edit "journal: no CRC" $journal 's/bigend_get\(record \+ JOURNAL_RECORD - 4, 4\) ==$/0 ==/; s/^(\t\t   )crc32c\(0, record, JOURNAL_RECORD - 4\);/\10;/'
edit "journal: another kind of file" $journal 's/bigend_get\(record, 4\) == MAGIC \&\&/1 \&\&/'
edit "journal: another version" $journal 's/bigend_get\(record \+ 4, 4\) == JOURNAL_VERSION \&\&/1 \&\&/'
edit "journal: any sequence" $journal 's/\(j->end > 0 \&\& .* != j->seq \+ 1\)/0/'
edit "journal: not synced" $journal 's/if \(j->io.sync\(j->fd\) < 0\)/if (0)/'
edit "journal: synced again after a failure" $journal '/^journal_append/,/^}/s/j->rewrite = true;/;/'
edit "journal: appended to what is to be rewritten" $journal '/^journal_append/,/^}/s/^\tif \(j->rewrite\)$/\tif (0)/'
edit "journal: half a write is one" $journal 's/len -= \(size_t\)n;/len = 0;/'
edit "journal: an interrupted write has failed" $journal '/^write_all/,/^}/s/errno == EINTR/0/'
edit "journal: damage is not kept for a person" $journal 's/if \(link\(path, bad\) < 0\)/if (0)/'
edit "journal: goes on behind damage" $journal '/^journal_open/,/^}/s/j->rewrite = true;/;/'
edit "journal: a rewrite is not synced" $journal 's/j->io.sync\(fd\) < 0 \|\| rename/rename/'
edit "journal: a new name is not synced" $journal 's/rc = sync_directory\(j\);/rc = 0;/'
edit "journal: a new name that was not synced is one" $journal 's/j->rewrite = rc < 0;/j->rewrite = false;/'
edit "book: another boot is this one" $book 's/same_boot = memcmp.*/same_boot = true;/'
edit "book: another way of switching is this one" $book 's/same_boot \&= get\(&in, 1\) == .*/(void)get(\&in, 1);/'
edit "book: times of the future" $book 's/age < -ahead_ns \? ahead_ns : -age/-age/'
edit "book: times that cannot be" $book 's/wall == 0 \|\| wall > INT64_MAX \|\| mono > INT64_MAX/wall == 0/'
edit "book: a restart gives tokens back" $book '/memcpy\(book->full, full, sizeof\(full\)\);/d'
edit "book: any stage" $book 's/if \(b.stage >= BOOK_STAGES \|\| /if (/'
edit "book: any verb" $book 's/b.doing >= NETD_VERBS \|\|$/0 ||/'
edit "book: any flag" $book 's/\(get\(&in, 2\) \& FLAGS\)/get(\&in, 2)/'
edit "book: words without an end" $book 's/b.foreign\[sizeof\(b.foreign\) - 1\] != .*\)$/0)/'
edit "book: names without an end" $book 's/name\[MESH_NAME_MAX - 1\] \? SIZE_MAX : //'
edit "book: of a node with another key" $book '/^book_unpack/,/^}/s/^(\t *)wgkey_compare\(.*, \&key\) != 0\) \{/\10) {/'
edit "book: carried to a node with another key" $book '/^book_carry/,/^}/s/wgkey_compare\(.*\) != 0\)/0)/'

ipc=optimizer/netd/netd.c nl=optimizer/apply/kernel_nl.c
edit "request: any size" $ipc 's/if \(len != sizeof\(req\)\)/if (0)/'
edit "request: any magic" $ipc 's/req.magic != REQUEST_MAGIC \|\| //'
edit "request: any version" $ipc 's/ req.version != NETD_VERSION \|\|$/ 0 ||/'
edit "request: no verb" $ipc 's/req.verb == 0 \|\| //'
edit "request: any verb" $ipc 's/req.verb >= NETD_VERBS \|\| //'
edit "request: what is to be zero" $ipc 's/ req.zero != 0 \|\|$/ 0 ||/'
edit "request: what is reserved" $ipc 's/^\t    req.reserved != 0\)/\t    0)/'
edit "request: any node" $ipc 's/if \(req.node == NETD_NONE \?.*/if (0)/'
edit "request: any relay" $ipc 's/if \(req.via == NETD_NONE \?.*/if (0)/'
edit "request: leases as short as you like" $ipc 's/req.seconds < NETD_LEASE_MIN_S \|\| //'
edit "request: leases as long as you like" $ipc 's/ \|\| req.seconds > NETD_LEASE_MAX_S//'
edit "request: seconds where none are" $ipc 's/: req.seconds != 0\)/: 0)/'
edit "request: any flag" $ipc 's/if \(req.flags \& ~verbs\[req.verb\].flags \|\| /if (/'
edit "request: a hash where none is" $ipc 's/ \|\| \(req.hash != 0 \&\& !\(takes \& HASH\)\)\)/)/'
edit "request: hints of IPv4 where none are" $ipc 's/return taken \&\& req->port != 0 \&\& memcmp/return req->port != 0 \&\& memcmp/'
edit "request: hints of IPv6 where none are" $ipc 's/return taken \&\& req->port != 0;/return req->port != 0;/'
edit "request: a hint without a port" $ipc 's/return taken \&\& req->port != 0/return taken/'
edit "request: bytes behind an address" $ipc 's/ \&\& memcmp\(req->addr \+ 4, zero, 12\) == 0;/;/'
edit "request: an address without a family" $ipc 's/return req->port == 0 \&\& .*/return true;/'
edit "answer: any size" $ipc 's/ \|\| len != netd_answer_size\(head.kind\)\)/)/'
edit "answer: any magic" $ipc 's/head.magic != ANSWER_MAGIC \|\| //'
edit "answer: any version" $ipc 's/ head.version != NETD_VERSION \|\|$/ 0 ||/'
edit "answer: text without an end" $ipc 's/if \(len == size\)/if (0)/'
edit "answer: bytes behind a text" $ipc '/^text_ok/,/^}/s/if \(text\[i\] != .*/if (0)/'
edit "answer: any error" $ipc 's/out->reply.error <= 0 \&\& out->reply.error >= -4095/1/'
edit "answer: any node" $ipc 's/return r->node < n_nodes \&\& /return /'
edit "answer: any relay" $ipc 's/index_ok\(r->via, n_nodes\) \&\&$/1 \&\&/'
edit "answer: any holder" $ipc 's/index_ok\(r->holder, n_nodes\) \&\& //'
edit "answer: any path" $ipc 's/r->path < NETD_PATHS \&\&$/1 \&\&/'
edit "answer: any state of a peer" $ipc 's/r->peer < NETD_PEERS \&\& //'
edit "answer: what is to be zero" $ipc 's/r->zero == 0 \&\& r->reserved == 0 \&\&/1 \&\&/'
edit "answer: any family" $ipc 's/\(r->family == 0 \|\| .* AF_INET6\) \&\&$/1 \&\&/'
edit "answer: any flag of a node" $ipc 's/!\(r->flags \& ~NETD_NODE_FLAGS\)/1/'
edit "answer: any age" $ipc 's/ r->handshake_age_ms >= -1 \&\&$/ 1 \&\&/'
edit "answer: any flag of itself" $ipc 's/!\(out->self.flags \& ~NETD_SELF_FLAGS\) \&\&/1 \&\&/'
edit "answer: to another request" $ipc 's/out->head.id != c->last_id/0/'
edit "answer: to no request" $ipc 's/ \|\| !c->waiting \|\|$/ ||/'
edit "asker: two requests at a time" $ipc 's/^\tif \(c->waiting\)$/\tif (0)/'
for each in 'mix_text(&hash, mesh->name)' 'mix_text(&hash, mesh->collector)' \
    'mix_text(&hash, mesh->interface)' 'mix_text(&hash, mesh->direct_interface)' \
    'mix(&hash, &mesh->direct_port,.*' 'mix(&hash, &(uint8_t){ mesh->in_place }, 1)' \
    'mix_text(&hash, node->name)' 'mix(&hash, &(uint8_t){ (uint8_t)node->role }, 1)' \
    'mix_prefix(&hash, &node->address)' 'mix_prefix(&hash, &node->prefixes\[j\])' \
    'mix(&hash, node->key.b, .*' 'mix_text(&hash, node->endpoint.host)' \
    'mix(&hash, &node->endpoint.port,.*' 'mix(&hash, &(uint8_t){ node->relay }, 1)'; do
	edit "hash: without ${each//[\\.\*]/}" $ipc "s/$(sed -E 's/[(){}]/\\&/g' <<<"$each");/;/"
done
edit "netlink: any sender" $nl 's/msg.msg_namelen == sizeof\(from\) \&\& from.nl_pid == 0/1/'
edit "netlink: half a datagram" $nl 's/if \(msg.msg_flags \& MSG_TRUNC\)/if (0)/'
edit "netlink: a dump that was overtaken" $nl 's/if \(nlh->nlmsg_flags \& NLM_F_DUMP_INTR\)/if (0)/'
edit "netlink: and is not read again" $nl 's/i < DUMP_TRIES \&\&/i < 1 \&\&/'
edit "netlink: and is not forgotten" $nl 's/dump->again\(dump->ctx\);/;/'
edit "netlink: keys stay" $nl 's/if \(bus == KERNEL_NL_GENERIC\)/if (0)/'
edit "netlink: keys of a conversation that broke stay" $nl 's/rc < 0 \? KERNEL_NL_BUFFER : most/most/'
edit "netlink: keys of a longer datagram stay" $nl 's/if \(len > 0 \&\& \(size_t\)len > most\)/if (len > 0)/'
edit "netlink: a broken conversation goes on" $nl '/must not be read as the next/,/^}/s/hang_up\(k, bus\);/;/'
edit "netlink: any change is sent" $nl 's/return -EXDEV;/;/'
edit "netlink: what ends in its padding" $nl 's/NLMSG_ALIGN\(nlh->nlmsg_len\) > \(unsigned\)left\)/0)/'
edit "netlink: another conversation's sequence" $nl 's/if \(nlh->nlmsg_seq != request->nlmsg_seq \|\|/if (/'
edit "netlink: another conversation's port" $nl 's/^\t\t    nlh->nlmsg_pid != request->nlmsg_pid\)/\t\t    0)/'
edit "netlink: an overrun is nothing" $nl 's/if \(nlh->nlmsg_type == NLMSG_OVERRUN\)/if (0)/'
edit "netlink: what was read is not heard" $nl '/^kernel_nl_walk/,/^}/s/if \(rc < 0\)/if (0)/'
edit "netlink: a good error" $nl 's/return code > 0 \? -EBADMSG : code;/return code;/'

# --- the agent: which plans it follows ---

tests=$agent
guard=optimizer/agent/guard.c order=optimizer/agent/order.c follow=optimizer/agent/follow.c
keep=optimizer/agent/keep.c
edit "agent: any signature" common/signed.c 's/crypto_sign_final_verify\(.*\) != 0/0/'
edit "agent: no key is any key" $follow 's/wgkey_is_zero\(&mesh->plan_key\)/0/'
edit "agent: the guards' verdict is not heard" $follow 's/is_forced\(f, order.epoch\), err\) == GUARD_REFUSE\)/is_forced(f, order.epoch), err) == (enum guard_verdict)9)/'
edit "agent: any epoch is forced" $follow 's/ \&\& allowed == epoch;/;/'
edit "agent: force lifts the epoch, too" $guard 's/if \(past->order \&\& order->epoch/if (!forced \&\& past->order \&\& order->epoch/'
edit "agent: force lifts nothing" $guard 's/past->order \&\& !forced \&\&/past->order \&\&/'
edit "agent: acts before the plan is on disk" $follow 's/rc = keep_write\(f->dir, FOLLOW_FILE, bytes, len\);/rc = 0;/'
edit "agent: a plan that cannot be kept is followed" $follow '/rc = keep_write\(f->dir, FOLLOW_FILE/,/return FOLLOW_REFUSED/s/if \(rc < 0\)/if (0)/'
edit "agent: what was written is not synced" $keep 's/return fsync\(fd\) < 0 \? -errno : 0;/return 0;/'
edit "agent: the new name is not synced" $keep 's/rc = fsync\(fd\) < 0 \? -errno : 0;/rc = 0;/'
edit "agent: the plan is written over the old one" $keep 's/fd = open\(temp, O_WRONLY/fd = open(path, O_WRONLY/; s/rename\(temp, path\)/0/'
edit "agent: what does not fit the roster has no epoch" $follow 's/if \(order.epoch\)/if (rc == 0)/'
edit "agent: what does not fit the roster limits the next" $follow 's/f->unfit \|\| is_forced/is_forced/'
edit "agent: a reload forgets the epoch" $follow 's/f->order.epoch > epoch \? f->order.epoch : epoch/f->order.epoch/'
edit "guard: any epoch" $guard 's/past->order \&\& order->epoch <= past->order->epoch/0/'
edit "guard: the same epoch again" $guard 's/order->epoch <= past->order->epoch\)/order->epoch < past->order->epoch)/'
edit "guard: plans of the future" $guard 's/^\tif \(order->issued.ns > now.ns \+ GUARD_FUTURE_NS\) \{/\tif (0) {/'
edit "guard: plans of the future are fresh" $guard 's/if \(order->issued.ns > now.ns \+ GUARD_FUTURE_NS \|\| left < 0\)/if (left < 0)/'
edit "guard: stale plans begin changes" $guard 's/if \(guard_fresh_ns\(order, now\) == 0\)/if (0)/'
edit "guard: a stale plan stays fresh" $guard 's/ \|\| left < 0\)/)/; s/return left < ttl \? left : ttl;/return ttl;/'
edit "guard: a plan is good for as long as it says" $guard 's/order->ttl_ns < GUARD_TTL_NS \? order->ttl_ns : GUARD_TTL_NS/order->ttl_ns/'
edit "guard: any size" $guard 's/judge_size\(mesh, past, order, now, err\) < 0/0/'
edit "guard: none where there were some" $guard 's/order->n == 0 \&\& past->order->n > 0/0/'
edit "guard: any number of pairs" $guard 's/c->pairs > most/0/'
edit "guard: no stage in a small mesh" $guard 's/GUARD_CHANGE_MIN, periods/1, periods/'
edit "guard: removals are no change" $guard '/if \(!q\)/,/removed\+\+/s/c->pairs\+\+;/;/'
edit "guard: any number is removed" $guard 's/c->removed > removed/0/'
edit "guard: any number of one node" $guard 's/c->node_left\[i\] > most/0/'
edit "guard: another relay is no change" $guard 's/ \&\& p->via == q->via;/;/'
edit "guard: for ever the same allowance" $guard 's/1 \+ \(away > 0 \? away \/ GUARD_PERIOD_NS : 0\)/1/'
edit "guard: no ten minutes between" $guard 's/1 \+ \(away > 0 \? away \/ GUARD_PERIOD_NS : 0\)/1000/'
edit "guard: the clock that went back" $guard 's/away > 0 \? away \/ GUARD_PERIOD_NS : 0/away \/ GUARD_PERIOD_NS/'
edit "agent: not published" $follow 's/rc == 0 \&\& !plan->issue/0/'
edit "order: of another mesh" $order 's/if \(strcmp\(plan->mesh, mesh->name\) != 0\)/if (0)/'
edit "order: an unknown name" $order 's/if \(r->node\[i\] == SIZE_MAX\)/if (0)/'
edit "order: beyond its names" $order 's/if \(route->a >= r->plan->n_names \|\| route->b/if (route->b/'
edit "order: beyond its names, the other end" $order 's/ \|\| route->b >= r->plan->n_names//'
edit "order: a relay beyond its names" $order 's/route->path == PLAN_RELAY \&\& route->via >= r->plan->n_names/0/'
edit "order: a hint of no node" $order 's/if \(issue->hints\[i\].node >= r->plan->n_names\)/if (0)/'
edit "order: any number of pairs" $order 's/if \(r->order->n == ORDER_PAIRS_MAX\)/if (0)/'
edit "order: a pair with the hub" $order 's/if \(p->a == r->mesh->hub \|\| p->b == r->mesh->hub\)/if (0)/'
edit "order: pinned to the hub" $order 's/if \(pin \&\& pin->pin == MESH_PIN_HUB\)/if (0)/'
edit "order: pinned direct" $order 's/if \(pin \&\& pin->pin == MESH_PIN_DIRECT \&\& p->path == WAY_BY_RELAY\)/if (0)/'
edit "order: nobody can start" $order 's/if \(p->path == WAY_BY_TUNNEL \&\& !reachable\(r, p->a\) \&\& !reachable\(r, p->b\)\)/if (0)/'
edit "order: the hub or an end as the relay" $order 's/if \(p->via == r->mesh->hub \|\| p->via == p->a \|\| p->via == p->b\)/if (0)/'
edit "order: any relay" $order 's/if \(!r->mesh->nodes\[p->via\].relay\)/if (0)/'
edit "order: a relay without tunnels" $order 's/if \(!legs\[i\] \|\| legs\[i\]->path != WAY_BY_TUNNEL\)/if (0)/'
edit "order: a relay behind a relay" $order 's/ \|\| legs\[i\]->path != WAY_BY_TUNNEL\)/)/'
edit "order: a pair twice" $order 's/if \(i > 0 \&\& by_ends\(p - 1, p\) == 0\)/if (0)/'
edit "order: a relay's tunnels are a relay's at its ends alone" $order 's/if \(p->via == self\)/if (0)/'
edit "order: a relay's tunnels are a relay's there alone" $order 's/if \(p->a == self \|\| p->b == self\)/if (0)/'
edit "order: any number of tunnels" $order 's/\+\+tunnels\[p->a\] > ORDER_DIRECT_MAX \|\|/0 ||/'
edit "order: any number of tunnels of the other end" $order 's/\+\+tunnels\[p->b\] > ORDER_DIRECT_MAX/0/'
edit "agent: a plan that does not fit is the one that we have" $follow 's/if \(f->has \&\& !f->unfit \&\&/if (f->has \&\&/'

# --- the agent: what it does with a pair ---

way=optimizer/agent/way.c watch=optimizer/agent/way_watch.c live=optimizer/agent/live.c
way_core=optimizer/agent/way_core.h nat=optimizer/agent/way_nat.c by_hub=optimizer/agent/way_hub.c
edit "way: begins before it has looked" $way 's/if \(w->seen_at.ns == 0 \|\| /if (/'
edit "way: begins by an old plan" $way_core 's/return v->fresh \&\& /return /'
edit "way: begins though frozen" $way_core 's/ \&\& !v->frozen \&\& !w->seen.foreign/ \&\& !w->seen.foreign/'
edit "way: no dwell" $way_core 's/ \&\& v->now.ns >= w->hold_until.ns;/;/'
edit "way: no wait after a failure" $way_core 's/v->now.ns >= w->retry_at.ns;/1;/'
edit "way: an old handshake is one" $way_core 's/ \&\&$/;/; /< WAY_HANDSHAKE_NS;/d'
edit "way: fights an operator" $way 's/if \(w->seen.foreign\)$/if (0)/'
edit "way: an operator's dead routes stay" $way 's/return next_foreign\(w, v\);/return WAY_REST;/'
edit "way: an operator's routes go without a hub" $way '/next_foreign\(/,/^}/s/ \|\| !hub_answers\(w, v\) \|\|/ ||/'
edit "way: an operator's routes go though well" $way '/next_foreign\(/,/^}/s/!is_worse\(w, v\)/0/'
edit "way: nothing when the hub is silent" $way 's/^\tif \(v->hub_silent\)$/\tif (0)/'
edit "way: a relay path before its tunnels" $way 's/if \(w->wish.path == WAY_BY_RELAY \&\& !v->relay_ready\)/if (0)/'
edit "way: leases what is not verified" $way 's/if \(w->verified \&\& is_well\(w\)/if (is_well(w)/'
edit "way: leases what does not answer now" $way 's/if \(w->verified \&\& is_well\(w\)/if (w->verified/'
edit "way: leases while the hub misses" $way 's/ \&\& v->hub->misses == 0 \&\& way/ \&\& way/'
edit "way: leases before the far end takes it" $way 's/w->accept.good >= WAY_ACCEPTS/1/'
edit "way: commits at once" $way 's/^\t    w->rounds >= WAY_ROUNDS \&\&$/\t    1 \&\&/'
edit "way: commits within a minute" $way 's/mono_diff\(v->now, w->leased_at\) >= WAY_LEASE_S \* NS_PER_S/1/'
edit "way: commits what is not verified" $way 's/ \&\& !w->emergency \&\& w->verified \&\&$/ \&\& !w->emergency \&\&/'
edit "way: commits an emergency" $way 's/if \(way_core_wished\(w\) \&\& !w->emergency \&\& w->verified/if (way_core_wished(w) \&\& w->verified/'
edit "way: commits what nobody wishes" $way 's/if \(way_core_wished\(w\) \&\& !w->emergency \&\& w->verified/if (!w->emergency \&\& w->verified/'
edit "way: renews what is dead" $way 's/ \|\| !is_well\(w\) \|\|$/ ||/'
edit "way: renews all the time" $way 's/mono_diff\(v->now, w->renewed_at\) >= WAY_RENEW_NS \&\&/1 \&\&/'
edit "way: renews what nobody wishes" $way 's/\(way_core_wished\(w\) \|\| w->emergency\)\)$/1)/'
edit "way: leaves though the hub is silent" $way 's/if \(!hub_answers\(w, v\)\)/if (0)/'
edit "way: leaves though the hub misses" $way 's/if \(v->hub_silent \|\| v->hub->misses >= LIVE_MISSES\)/if (v->hub_silent)/'
edit "way: leaves though the hub answered only before" $way 's/: live_answers_since\(v->hub, w->live.first_miss\);/: true;/'
edit "way: leaves by the plan for a hub never heard" $way 's/\? v->hub->good > 0$/? true/'
edit "way: does not leave what is silent" $way 's/if \(live_is_silent\(&w->live\) /if (0 /'
edit "way: does not leave what loses" $way 's/if \(live_loss_permille\(\&w->live\) >= most\)/if (0)/'
edit "way: leaves what loses less" $way 's/int most = .*/int most = WAY_LOSS_NEW;/'
edit "way: a lease may lose as much as a path" $way 's/int most = .*/int most = WAY_LOSS_PERMILLE;/'
edit "way: a lifeline may not lose" $way 's/w->seen.route == WAY_LEASE_ROUTE \&\& !w->emergency;$/w->seen.route == WAY_LEASE_ROUTE;/'
edit "way: commits before it renews" $way 's/if \(mono_diff\(v->now, w->renewed_at\) >= WAY_RENEW_NS/if (w->rounds < WAY_ROUNDS \&\& mono_diff(v->now, w->renewed_at) >= WAY_RENEW_NS/'
edit "way: does not leave what is slow" $way 's/w->slow_since.ns \&\&$/0 \&\&/'
edit "way: slow for a moment is slow" $way 's/mono_diff\(v->now, w->slow_since\) >= WAY_SLOW_NS/1/'
edit "way: emergencies must be fast" $way 's/if \(!w->emergency \&\& w->slow_since.ns/if (w->slow_since.ns/'
edit "way: a failed round changes nothing" $way 's/return w->seen.route == WAY_LEASE_ROUTE \&\& !w->emergency/return 0 \&\& !w->emergency/'
edit "way: a fault brings no dwell" $way '/^must_leave/,/^}/s/hold\(w, v\);//'
edit "way: a plan brings a dwell" $way 's/^\treturn !way_core_wished\(w\) \&\& v->fresh/\thold(w, v);\n&/'
edit "way: leaves by an old plan" $way 's/return !way_core_wished\(w\) \&\& v->fresh \&\&/return !way_core_wished(w) \&\&/'
edit "way: leaves by the plan though frozen" $way 's/ \&\& v->fresh \&\& !v->frozen \&\& may_part/ \&\& v->fresh \&\& may_part/'
edit "way: both ends go back at once" $way 's/ \&\& may_part\(w, v\) \&\&$/ \&\&/'
edit "way: the end that follows waits for ever" $way 's/mono_diff\(v->now, w->part_since\) >= WAY_PART_MAX_NS \|\|/0 ||/'
edit "way: the end that follows saw the other a moment ago" $way 's/mono_diff\(v->now, w->far_since\) >= WAY_PART_NS\)/1)/'
edit "way: back as soon as the hub answers" $by_hub 's/mono_diff\(v->now, v->hub_back\) >= WAY_BACK_NS \&\&$/1 \&\&/'
edit "way: an emergency cuts the dwell short" $way 's/\(!way_core_wished\(w\) \|\| v->now.ns < w->hold_until.ns\)/(!way_core_wished(w))/'
edit "way: carries what was never verified" $way 's/ \|\| !w->proved \|\| / || /'
edit "way: carries by what died with the hub" $way 's/!live_answers_since\(&w->live, silent->first_miss\)/0/'
edit "way: carries by one answer" $way 's/w->live.good < LIVE_MISSES \|\|/w->live.good < 1 ||/'
edit "way: takes away what the far end uses" $way 's/ \&\& way_hub_left\(w, v\) \? WAY_UNSTAGE/ ? WAY_UNSTAGE/'
edit "way: moves what the far end uses" $way 's/return way_hub_left\(w, v\) \&\&$/return true \&\&/'
edit "way: takes away at once" $way 's/ idle_ns >= WAY_RETIRE_NS \&\&//'
edit "way: takes away though frozen" $way 's/!w->idle_since.ns \|\| v->frozen\)/!w->idle_since.ns)/'
edit "way: the far end left a moment ago" $by_hub 's/mono_diff\(v->now, w->far_since\) >= WAY_FAR_NS \&\&$/1 \&\&/'
edit "way: the far end still sends" $by_hub 's/mono_diff\(v->now, w->quiet_since\) >= WAY_QUIET_NS \&\&$/1 \&\&/'
edit "way: the far end was heard long ago" $by_hub 's/mono_diff\(v->now, w->far_at\) <= WAY_FAR_NS \/ 2/1/'
edit "way: the far end answers by the tunnel" $by_hub 's/if \(!by_hub\)/if (0)/'
edit "way: moves to a relay that is not ready" $way 's/\(w->wish.path != WAY_BY_RELAY \|\| v->relay_ready\)/1/'
edit "way: a refusal is asked again at once" $way '/^refused/,/^}/s/^\tswitch \(act\) \{/\treturn;\n&/'
edit "way: the old proof of a new peer" $way '/^way_see/,/^}/s/w->proved = false;//'
edit "way: the old proof of another wish" $way '/^way_want/,/^}/s/way_core_forget\(w\);/;/'
edit "way: the old proof after leaving" $way '/case WAY_WITHDRAW:$/,/break/s/way_core_forget\(w\);//'
edit "way: staged by a hint that came later" $way 's/w->told_port = w->asked.hint_port;/w->told_port = w->wish.hint_port;/'
edit "way: staged by a wish that came later" $way 's/w->seen.staged = w->asked.path;/w->seen.staged = w->wish.path;/'
edit "watch: tests before a handshake" $watch 's/^\t       way_core_shaken\(w, v->now\) \&\& /\t       /'
edit "watch: tests what may not begin" $watch 's/ \&\& way_core_may_test\(w, v\) \&\&$/ \&\&/'
edit "watch: a restart in the dwell leaves no lifeline" $watch 's/\(way_core_may_start\(w, v\) \|\| !w->proved\);/way_core_may_start(w, v);/'
edit "watch: a failed test passes" $watch 's/^\tw->verified = false;$/\tw->verified = w->proved = true;/'
edit "watch: one test is enough" $watch 's/ \&\& w->rounds < WAY_PROOFS\)/ \&\& 0)/'
edit "watch: three tests, but not in a row" $watch '/^test_failed/,/^}/s/w->rounds = 0;//'
edit "watch: the tests of another path count" $way_core 's/^\tw->rounds = 0;//'
edit "watch: tests again at once" $watch '/^test_failed/,/^}/s/w->retry_at = .*/;/'
edit "watch: a lease whose test failed is not renewed" $watch '/^test_failed/,/^}/s/if \(w->seen.route\)/if (0)/'
edit "way: a lifeline waits as its last test does" $way '/^leased/,/^}/s/w->retry_at = v->now;/;/'
edit "watch: promises need not be kept" $watch 's/\.promise_us = w->wish.promise_us,/.promise_us = -1,/'
edit "watch: emergencies must keep promises" $watch 's/^\tif \(w->emergency\)$/\tif (0)/'
edit "watch: a deaf far end" $watch 's/ \|\| w->accept.misses < WAY_DEAF\)/ || 1)/'
edit "watch: as long as the hub is slow" $watch 's/WAY_SLOW_PERCENT \/ 100/1/'
edit "watch: slow once is slow for ever" $watch '/^watch_rtt/,/^}/s/w->slow_since.ns = 0;/;/'
edit "watch: blames the path for what the hub lost" $watch 's/live_forgive\(&w->live\);/;/'
edit "watch: an emergency becomes a wish at once" $watch 's/ \&\& way_hub_back\(w, v\)\)/)/'
edit "watch: an emergency becomes a wish in its dwell" $watch 's/ \&\& v->now.ns >= w->hold_until.ns \&\&$/ \&\&/'
edit "watch: what was not leased stays an emergency" $watch 's/if \(!w->seen.route \&\& !v->hub_silent \&\& .*/if (0)/'
edit "way: an emergency that is over before its lease is none" $way 's/w->emergency = w->urgent;//'
edit "watch: the standby is probed slowly though the hub misses" $watch 's/v->hub->misses > 0 \? WAY_FAST : WAY_SLOW/WAY_SLOW/'
edit "watch: a path in use is probed slowly" $watch '/^way_pace/,/^}/s/return WAY_FAST;/return WAY_SLOW;/'
edit "nat: both ends start" $nat '/^way_nat_waits/,/^}/s/!w->starts \|\| //; s/^\tif \(w->starts \&\& w->seen.staged/\tif (w->seen.staged/'
edit "nat: starts before the other is ready" $nat '/^way_nat_waits/,/^}/s/return mono_diff\(.*/return false;/'
edit "nat: starts before its NAT is open" $nat 's/if \(hinted\(w\) \&\& w->punched.ns == 0\)/if (0)/'
edit "nat: opens its NAT though frozen or stale" $nat 's/ \|\| !way_core_may_start\(w, v\)\)/)/'
edit "hub: a path is begun before the hub is measured" $by_hub '/^way_hub_allows/,/^}/s/return mono_diff\(v->now, w->hub.since\) >= WAIT_NS \&\&$/return true \&\&/'
edit "hub: two answers are a measurement" $by_hub 's/w->hub.n >= WAY_HUB_ANSWERS/w->hub.n >= 2/'
edit "hub: what is slower is begun" $by_hub 's/return w->live.rtt_us < hub_us \|\| .*/return true;/'
edit "hub: what is slower is tried again at once" $by_hub 's/w->hold_until = mono_add\(v->now, WAY_HOLD_NS\);//'
edit "hub: what the mesh file pins is judged" $by_hub 's/ \&\& !w->pinned//'
edit "hub: a relay's tunnel must be faster" $by_hub 's/if \(w->wish.leg\)/if (0)/'
edit "hub: a relay's tunnel may be as slow as it likes" $by_hub 's/hub_us = hub_us \* WAY_SLOW_PERCENT \/ 100;/hub_us = INT64_MAX;/'
edit "hub: what was typed is judged" $by_hub 's/ \&\& !w->pinned \&\& !w->once;/ \&\& !w->pinned;/'
edit "hub: the plan's figure is believed" $by_hub 's/if \(w->hub.rtt_us < 0 \|\|$/if (1 ||/'
edit "hub: the plan's figure is not heard" $by_hub 's/\(w->wish.hub_us >= 0 \&\& w->wish.hub_us < w->hub.rtt_us\)/0/'
edit "hub: answers by the tunnel are the hub's" $by_hub 's/: 2 \* rtt_us - direct_us;/: rtt_us;/'
edit "hub: all legs are as long there as back" $by_hub 's/h->skew_us \+= .*/;/'
edit "hub: legs are for ever as they were" $by_hub 's/h->skew_us = h->settled = 0;/;/'
edit "hub: a path is measured once for ever" $by_hub '/^way_hub_begin/,/^}/s/w->hub.n = 0;//'
edit "hub: a far end that is cut off is not missed" $by_hub 's/return live_is_silent\(&w->hub.live\) \&\&/return 0 \&\&/'
edit "hub: a far end that never answered is missed" $by_hub 's/ \&\& w->hub.live.answer_sent.ns > 0 \&\&$/ \&\&/'
edit "hub: a far end that came to be mute is missed" $way '/case WAY_WITHDRAW:$/,/break/s/way_hub_restart\(w\);//'
edit "hub: back to a leg that is dead" $by_hub 's/\(w->hub.lost_at.ns == 0 \|\|$/(1 ||/'
edit "hub: a leg is missed in place" $by_hub 's/ \&\& !w->in_place \&\& !w->once;/ \&\& !w->once;/'
edit "hub: a pair in use is asked each second" $by_hub 's/return w->emergency \? WAY_SLOW : WAY_RARE;/return WAY_SLOW;/'
edit "live: two misses are silence" $live 's/^\tl->misses\+\+;/\tl->misses += 1 + (l->misses == 1);/'
edit "live: misses are not counted" $live 's/^\tl->misses\+\+;//'
edit "live: an answer ends no row of misses" $live '/flight\[i\].seq != seq/,/good\+\+/s/l->misses = 0;//'
edit "live: late answers keep the hub no more" $live 's/if \(l->lenient \&\& /if (0 \&\& /'
edit "live: late answers keep every path" $live 's/if \(l->lenient \&\& /if (/'
edit "live: losses are not counted" $live 's/^\tl->lost\[0\]\+\+;//'
edit "live: a few probes are a share" $live 's/sent < LOSS_PROBES_MIN \? -1 : //'
edit "live: a moment is a minute" $live 's/if \(l->filled < LIVE_BUCKETS\)/if (0)/'
edit "live: a sleep is a minute" $live '/2 \* LIVE_BUCKETS/,/return/s/live_forgive\(l\);//'
edit "live: no patience with a short path" $live 's/return TIMEOUT_MIN_NS;/return ns;/'
edit "live: no patience with a long path" $live 's/return ns > TIMEOUT_MAX_NS \? ns : TIMEOUT_MAX_NS;/return TIMEOUT_MAX_NS;/'
edit "live: an older answer counts as the newest" $live 's/if \(l->flight\[i\].sent.ns > l->answer_sent.ns\)/if (1)/'

core=optimizer/agent/core.c ask=optimizer/agent/core_ask.c probe=optimizer/agent/core_probe.c pair=optimizer/apply/pair.c
edit "core: two requests at a time" $ask 's/^\tif \(c->asking\)$/\tif (0)/'
edit "core: withdrawing waits for its turn" $ask '/^urgency/,/^}/s/return 0;/return 5;/'
edit "core: freshness never ends" $core 's/\.fresh = now.ns < c->fresh_until.ns,/.fresh = true,/'
edit "core: fresh before any plan" $core 's/c->fresh_until.ns = LIVE_NEVER;/c->fresh_until.ns = INT64_MAX;/'
edit "core: a freeze is not seen" $core 's/\.frozen = c->self.frozen/.frozen = false/'
edit "core: a leased tunnel is a relay's" $core 's/v.relay_ready = via->seen.route == WAY_FIRM_ROUTE \&\&/v.relay_ready = via->seen.route \&\&/'
edit "core: a silent tunnel is a relay's" $core 's/ \&\&$/ \&\&/; s/^\t\t\t\t!live_is_silent\(&via->live\);/\t\t\t\t1;/'
edit "core: the hub's silence is never over" $core '/^watch_hub/,/^}/s/c->hub_back = now;/;/'
edit "core: does not look again" $ask 's/int best = now.ns >= c->next_look.ns \? 2 : 9;/int best = c->self.verdict[0] || now.ns == c->next_look.ns ? 2 : 9;/'
edit "probe: the hub is not asked at the same moment" $probe 's/beats\(c, hub_pace\(c, now\)\)\)/beats(c, WAY_SLOW))/'
edit "probe: the far end's answer by any way" $probe 's/way_far\(w, by_hub, rtt_us, c->now\);/way_far(w, true, rtt_us, c->now);/'
edit "probe: answers to probes of before a reload" $probe 's/return c->has_sent \&\& seq >= c->first_seq;/return true;/'
edit "probe: acceptance is asked by the routes" $probe 's/\.pinned = core_state_is_way\(c, i\) \&\& kind != CORE_FAR,/.pinned = core_state_is_way(c, i) \&\& kind < CORE_ACCEPT,/'
dwell=optimizer/agent/dwell.c
edit "dwell: a restart forgets it" $dwell 's/if \(i != SIZE_MAX \&\& until.ns > now.ns\)/if (0)/'
edit "dwell: a reboot forgets it" $dwell 's/same_boot = line\[0\] \&\& strcmp\(line, d->boot\) == 0;/same_boot = true;/'
edit "dwell: an unknown boot is this one" $dwell 's/same_boot = line\[0\] \&\& /same_boot = /'
edit "dwell: longer than any" $dwell 's/if \(same_boot \&\& \(int64_t\)value \* NS_PER_MS < most.ns\)/if (same_boot)/'
edit "dwell: damage is believed" $dwell 's/if \(strcmp\(text \+ len, crc\) != 0\)/if (0)/'
edit "dwell: damage is no dwell" $dwell 's/core_hold\(core, i, mono_add\(now, WAY_HOLD_NS\)\);/;/'
edit "dwell: is not written" $dwell 's/^\t\tchanged = true;/\t\tchanged = false;/'
edit "dwell: is written at each look" $dwell 's/ \|\| mono_diff\(until, d->kept\[i\]\) < SLACK_NS\)/)/'
edit "dwell: a full disk is not tried again" $dwell 's/d->said != 0 \&\& now.ns >= d->retry_at.ns/false/'
work=optimizer/agent/work.c
edit "work: what is learnt in the turn of a reload is lost" $work '/^adopt/,/^}/s/pass_events\(w\);//'
edit "work: another interface is taken" $work 's/strcmp\(old->interface, mesh->interface\) == 0/1/'
edit "work: another direct interface is taken" $work 's/strcmp\(old->direct_interface, mesh->direct_interface\) == 0/1/'
edit "work: a file that netd does not have is kept" $work 's/if \(!w->drive.stale\)/if (1)/'
edit "work: a file that netd never has is kept" $work 's/w->reload = \+\+w->strange <= STRANGE_MAX;/w->reload = true;/'
edit "work: starts over with a file that nobody can read" $work 's/w->strange = 0; .*//'
edit "nat: both ends of a pair start" optimizer/agent/core_nat.c 's/w->starts = mesh_initiator.*/w->starts = true;/'
edit "nat: the hub tells of a moving endpoint all the time" optimizer/agent/core_nat.c 's/if \(w->told.family \&\& mono_diff\(c->now, w->punched\) < TELL_NS\)/if (0)/'
edit "nat: an endpoint is told but once" optimizer/agent/core_nat.c 's/if \(same \&\& !is_due_again\(w, c->now\)\)/if (same)/'
edit "nat: an old endpoint is told as often" optimizer/agent/core_nat.c 's/= mono_diff\(w->punched, w->lead_from\)/= 0/'
edit "nat: an old endpoint is hardly told any more" optimizer/agent/core_nat.c 's/stood_ns > SELDOM_NS/0/'
edit "uplink: the collector is asked all the time" optimizer/agent/uplink.c 's/\?wait=%d/?later=%d/'
edit "uplink: what is there comes again" optimizer/agent/uplink.c 's/\.etag = u->etag,//'
edit "uplink: a plan that was refused is not looked at again" optimizer/agent/uplink.c 's/if \(!u->opts.plan\(a->body, a->len, u->opts.ctx\)\)/if (!u->opts.plan(a->body, a->len, u->opts.ctx) \&\& 0)/'
edit "uplink: a reload asks for no plan" optimizer/agent/uplink.c '/^uplink_again/,/^}/s/u->etag\[0\] =.*/(void)u;/'
edit "uplink: a collector that fails is asked no more" optimizer/agent/uplink.c 's/: jitter\(u->opts.retry_s\)\);/: 1e6);/'
edit "uplink: a stranger's events are dropped" optimizer/agent/uplink.c 's/a->status == 413/a->status == 403/'
edit "uplink: events are dropped where none are taken" optimizer/agent/uplink.c 's/a->status == 413/a->status == 404/'
edit "uplink: events are dropped when there are many" optimizer/agent/uplink.c 's/a->status == 413/a->status == 429/'
edit "uplink: a bad event stays for ever" optimizer/agent/uplink.c 's/bool bad = .*/bool bad = false;/'
edit "http: no If-None-Match" optimizer/agent/http.c 's/If-None-Match: /If-Never: /'
edit "http: no ETag" optimizer/agent/http.c 's/"etag:"/"tag:"/'
edit "events: a bad one takes all with it" optimizer/agent/event_json.c 's/\(fate == EVENT_JSON_REFUSED \&\& s->out == 1\)/fate == EVENT_JSON_REFUSED/'
edit "events: small bodies for ever" optimizer/agent/event_json.c 's/s->most = 2 \* s->most < .*/;/'
edit "events: of too many those under way go" optimizer/agent/event_json.c 's/json_array_remove\(s->list, s->out\)/json_array_remove(s->list, 0)/'
edit "events: never too many" optimizer/agent/event_json.c 's/if \(json_array_size\(s->list\) >= EVENT_SPOOL_MAX\)/if (0)/'
edit "core: that its reflector is somebody's is told by nobody" $core 's/if \(hub->foreign \&\& !c->hub_foreign\)/if (0)/'
edit "nat: reflectors though frozen" optimizer/agent/core_nat.c 's/ \|\| c->self.frozen//'
edit "pair: nine of ten small ones" $pair 's/small->answered < PAIR_PROBES\)/small->answered < PAIR_PROBES - 1)/'
edit "pair: nine of ten full-size ones" $pair 's/full->answered < PAIR_PROBES\)/full->answered < PAIR_PROBES - 1)/'
edit "pair: any RTT" $pair 's/limit >= 0 \&\& median > limit\)/0)/'
edit "pair: no RTT" $pair 's/limit >= 0 \&\& median < 0\)/0)/'
edit "pair: answers after the verdict" $pair '/^pair_answered/,/^}/s/if \(p->phase != PAIR_PROBING\)/if (0)/'
edit "pair: a full-size probe that does not fit" $pair 's/^\t\tpair_lost\(p, size\);/\t\tpair_answered(p, size, 1);/'

# --- the agent: in place ---

place=optimizer/agent/way_place.c word=optimizer/agent/core_word.c
edit "place: who starts moves though the other is not ready" $place 's/return w->heard == WAY_MOVED \|\| \(w->starts.*/return w->heard == WAY_MOVED || w->starts;/'
edit "place: both start" $place 's/\(w->starts \&\& w->heard == WAY_READY\)/w->heard == WAY_READY/'
edit "place: nobody follows" $place 's/return w->heard == WAY_MOVED \|\| /return /'
edit "place: any number is promised" $word 's/word == WAY_READY \&\& tokens-- == 0/0/'
edit "place: words are believed for ever" $place 's/ \&\& mono_diff\(now, w->heard_at\) < WAY_WORD_NS;/;/'
edit "place: nobody goes back with the other" $place 's/^\tif \(w->together\)$/\tif (0)/'
edit "place: no time to follow" $place 's/mono_diff\(v->now, w->leased_at\) < WAY_FOLLOW_NS;/0;/'
edit "place: time to follow for ever" $place 's/mono_diff\(v->now, w->leased_at\) < WAY_FOLLOW_NS;/1;/'
edit "place: one that did not follow is tried again at once" $place 's/w->hold_until = mono_add\(v->now, WAY_HOLD_NS\);//'
edit "place: the tunnel is probed, not the path" optimizer/agent/core_probe.c 's/bool as_data = .*/bool as_data = false;/'
edit "place: moves to what is slower than the hub" $place 's/ \&\& way_hub_allows\(w, v\);/;/'
edit "place: words keep a peer that should go" $place 's/return way_pace\(w, v\) != WAY_SILENT \&\& /return /'
edit "place: the end that hears of a plan first waits" $way 's/w->starts \|\| w->in_place \|\|/w->starts ||/'

edit "core: a fault is no more than a plan's word" $core 's/way_dwells\(w, c->now\) \? CORE_DEMOTED/0 ? CORE_DEMOTED/'
edit "core: what a new plan finds there is not told" $core 's/tell\(c, CORE_DIRECT, i, "as it was before this plan"\)//'
edit "way: a lease is as good as permanent" $way 's/return w->seen.route == WAY_FIRM_ROUTE \&\& way_core_wished/return w->seen.route \&\& way_core_wished/'
edit "core: a plan's word is a fault" $core 's/way_dwells\(w, c->now\) \? CORE_DEMOTED/1 ? CORE_DEMOTED/'

# --- the core once, in the foreground ---

edit "once: a peer is taken away" $way 's/return !w->once \&\& /return /'
edit "once: what no plan speaks of is changed" $way 's/ \|\| w->wish.leave\)/)/'
edit "once: the lease is waited for" $way 's/\(w->once \|\| mono/(mono/'
edit "once: reflectors that nobody reads" optimizer/agent/core_nat.c 's/ \|\| c->opts.once//'
edit "once: a round that failed is begun anew" $watch '/^test_failed/,/^}/s/w->round_at = .*;/;/'
edit "once: a leg is missed" $by_hub 's/ \&\& !w->in_place \&\& !w->once;/ \&\& !w->in_place;/'

# --- the publisher's stages ---

tests=$publisher
stage=optimizer/decide/stage.c events=optimizer/decide/stage_events.c
edit "stage: no canary" $stage 's/return STAGE_CANARY;/return STAGE_SECOND;/'
edit "stage: the canary is the best" $stage 's/canary \? -worth\(m, r\) : worth/worth/'
edit "stage: what failed is the canary again" $stage 's/if \(p->failed != q->failed\)/if (0)/'
edit "stage: what failed is forgotten" $stage 's/r->since = failed_at\(m, r\);/r->since.ns = 0;/'
edit "stage: what failed is never forgotten" $stage 's/if \(.*>= STAGE_REMEMBER_NS\)/if (0)/'
edit "stage: all at once" $stage 's/if \(m->out->added < room\)/if (1)/'
edit "stage: a tenth after the canary" $stage 's/stand < STAGE_CANARY \+ STAGE_SECOND \&\& all > STAGE_SECOND/0/'
edit "stage: all go back at once" $stage 's/m->out->removed < most \&\& //'
edit "stage: a quarter is not the limit" $stage 's/if \(most > room\)/if (1)/'
edit "stage: a tenth is not the limit" $stage 's/if \(most > room\)/if (0)/'
edit "stage: tunnels go before the relay paths by them" $stage 's/remove_by\(m, most, true\);/remove_by(m, most, false);/'
edit "stage: a tunnel goes though a relay path needs it" $stage 's/relay \|\| !is_leg\(m, have\)/1/'
edit "stage: a tunnel moves though a relay path needs it" $stage 's/\(have \&\& have->path == PLAN_DIRECT \&\& is_leg\(m, have\)\)/0/'
edit "stage: a tunnel of a relay path that is gone stays" $stage 's/now \&\& now->path != PLAN_HUB/now/'
edit "stage: what is not asked about goes at once" optimizer/decide/stage_routes.c 's/if \(present\)/if (0)/'
edit "stage: what is of the mesh no more stays" optimizer/decide/stage_routes.c 's/if \(r.a != PLAN_NOBODY \&\& r.b != PLAN_NOBODY\)//'
edit "stage: goes back and forth in one" $stage 's/room -= removed;/;/'
edit "stage: waits for no verdict" $stage 's/if \(awaits_verdict\(&m\) \|\| /if (/'
edit "stage: silence is good" $stage 's/if \(v == STAGE_GOOD\)/if (v != STAGE_BAD)/'
edit "stage: what was good is forgotten" $stage 's/return have->good \?/return 0 ?/'
edit "stage: what was good stays so" $stage 's/if \(stage_left_out\(&past, ends\[0\]/if (!have->good \&\& stage_left_out(\&past, ends[0]/'
edit "stage: a silent pair is waited for" $stage 's/if \(stage_left_out\(&past, ends\[0\]/if (have->good \&\& stage_left_out(\&past, ends[0]/'
edit "stage: a relay path before its tunnels" $stage 's/if \(!may_come\(m, r\) \|\|/if (/'
edit "stage: a relay path before the second tunnel" $stage '/^may_come/,/^}/s/ \&\&$/;/'
edit "verdict: one end is enough" $events 's/x \&\& y \&\& x->kind == STAGE_DIRECT \&\& y->kind == STAGE_DIRECT/x \&\& x->kind == STAGE_DIRECT/'
edit "verdict: the other end is enough" $events 's/x \&\& y \&\& x->kind == STAGE_DIRECT \&\& y->kind == STAGE_DIRECT/y \&\& y->kind == STAGE_DIRECT/'
edit "verdict: nobody objects" $events 's/if \(is_bad\(x\) \|\| is_bad\(y\)\)/if (0)/'
edit "verdict: one end may object" $events 's/if \(is_bad\(x\) \|\| is_bad\(y\)\)/if (is_bad(x))/'
edit "verdict: the other end may object" $events 's/if \(is_bad\(x\) \|\| is_bad\(y\)\)/if (is_bad(y))/'
edit "verdict: refused is not bad" $events 's/ \|\| e->kind == STAGE_REFUSED\)/)/'
edit "verdict: the first word counts" $events 's/p->at.ns < q->at.ns \? -1 : 1/p->at.ns < q->at.ns ? 1 : -1/'
edit "verdict: words of before this path count" $events 's/return e \&\& since.ns \&\& .*/return e;/'
edit "verdict: clocks are all the same" $events 's/since.ns - STAGE_CLOCKS_NS/since.ns/'
edit "verdict: a bad word is as new as any" $events 's/is_bad\(x\) \? x->at.ns : 0/x ? x->at.ns : 0/'
edit "verdict: a bad word is as new as the other's" $events 's/if \(is_bad\(y\) \&\& y->at/if (y \&\& y->at/'
edit "verdict: bad pairs come at once" $events 's/return past.* < STAGE_LEFT_OUT_NS;/return false;/'
edit "verdict: bad pairs never come" $events 's/return past.* < STAGE_LEFT_OUT_NS;/return true;/'
edit "verdict: bad pairs stay after an hour" $events 's/if \(v == STAGE_BAD\)$/if (v == STAGE_BAD \&\& past->now.ns - failed->ns < STAGE_LEFT_OUT_NS)/'
edit "verdict: the plan remembers nothing" $events 's/if \(r \&\& r->since.ns > failed->ns\)/if (0)/'
edit "verdict: silent pairs stay" $events 's/\*failed = past->now;/return false;/'
edit "verdict: silent pairs go at once" $events 's/past->now.ns - since.ns <= STAGE_SILENT_NS/0/'
edit "verdict: what was good may not be silent" $events 's/ \|\| r->good//'
edit "publisher: few nodes report" $events 's/return reporting \* 100 >= nodes \* STAGE_REPORTING_PCT;/return true;/'
edit "publisher: any noise is slower" $events 's/ \&\& is_us > was_us \+ SLOWER_US;/;/'
edit "publisher: any share is slower" $events 's/is_us \* SLOWER_DEN > was_us \* SLOWER_NUM \&\& //'
edit "publisher: many became slower at once" $events 's/return slower > 1 \&\& .*/return false;/'
edit "publisher: one became slower" $events 's/return slower > 1 \&\& /return /'

wait
cat $(seq -f "$out/%.0f.said" "$all")
killed=$(cat "$out"/*.said | grep -c '^ok')
echo "$killed of $all mutants killed"
[ "$killed" = "$all" ]
