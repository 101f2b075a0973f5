/* SPDX-License-Identifier: MIT */
/*
 * The doctor's judgement on made-up facts: hkg of a mesh of four, healthy but for one
 * thing, which must be named and be the only one that is.
 *
 * links: optimizer/operate/doctor.c optimizer/operate/doctor_peer.c
 * links: optimizer/operate/doctor_leg.c optimizer/operate/way.c
 * links: optimizer/apply/state.c tests/fakes/kernel.c tests/fakes/kernel_change.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/doctor_world.h"

static void
silent_hub(struct world *w)
{
	for (int i = 0; i < NODES; i++) {
		w->peers[i].small = lost;
		w->peers[i].full = (struct doctor_probe){ .rtt_us = -1 };
	}
}

static void
healthy(struct world *w)
{
	(void)w;
}
static void
no_interface(struct world *w)
{
	w->state.hub_link.ifindex = 0;
}
static void
other_kind(struct world *w)
{
	w->state.hub = NULL;
}
static void
down(struct world *w)
{
	w->state.hub_link.up = false;
}
static void
no_address(struct world *w)
{
	w->facts.has_address = false;
}
static void
other_key(struct world *w)
{
	w->hub.key.b[0] ^= 1;
}
static void
future(struct world *w)
{
	w->hub_peers[0].handshake = AGO(-600);
	silent_hub(w);
}
static void
strict_alone(struct world *w)
{
	w->state.rp_all = 1;
}
static void
strict_drops(struct world *w)
{
	w->state.rp_all = 1;
	w->facts.rp_drops = 3;
}
static void
strict_beside(struct world *w)
{
	direct_up(w);
	w->state.rp_direct = 1;
}
static void
strict_in_place(struct world *w)
{
	/* One interface, so there is one way in. */
	w->mesh->in_place = true;
	w->state.rp_hub = w->state.rp_direct = 1;
	w->state.direct = &w->hub;
	w->state.direct_link = w->state.hub_link;
}
static void
no_hub_peer(struct world *w)
{
	w->hub.n_peers = 0;
	silent_hub(w);
}
static void
no_route(struct world *w)
{
	w->peers[NRT].ifindex = 0;
	w->peers[NRT].small = lost;
}
static void
astray(struct world *w)
{
	w->peers[NRT].ifindex = 2;
	w->peers[NRT].small = lost;
}
static void
narrow_allowed(struct world *w)
{
	assert_int_equal(prefix_parse("10.50.0.0/22", &w->wide), 0);
	for (int i = HKG; i < NODES; i++)
		w->peers[i].small = lost;
	w->peers[SIN].ifindex = 0; /* two faults, two names */
}
static void
moved(struct world *w)
{
	silent_hub(w);
	w->peers[DUB].resolved[0] = addr("192.0.2.99");
	w->peers[DUB].n_resolved = 1;
}
static void
nameless(struct world *w)
{
	silent_hub(w);
	w->peers[DUB].unresolved = true;
}
static void
closed(struct world *w)
{
	silent_hub(w);
	w->peers[DUB].udp_error = ECONNREFUSED;
}
static void
filtered(struct world *w)
{
	silent_hub(w);
	w->peers[DUB].public = answered(205000);
}
static void
dead(struct world *w)
{
	silent_hub(w);
}
static void
shakes_only(struct world *w)
{
	silent_hub(w);
	w->hub_peers[0].handshake = AGO(1);
}
static void
deaf_hub(struct world *w)
{
	w->peers[NRT].small = w->peers[SIN].small = lost;
}
static void
one_away(struct world *w)
{
	w->peers[NRT].small = lost;
}
static void
black_hole(struct world *w)
{
	w->peers[NRT].full = lost;
}
static void
black_hole_hub(struct world *w)
{
	for (int i = 0; i < NODES; i++)
		w->peers[i].full = lost;
}
static void
narrow_but_told(struct world *w)
{
	w->peers[NRT].full = lost;
	w->peers[NRT].full.icmp_type = 3;
	w->peers[SIN].full = lost;
	w->peers[SIN].full.error = EMSGSIZE;
}
static void
direct(struct world *w)
{
	direct_up(w);
}
static void
detour(struct world *w)
{
	direct_up(w);
	w->peers[NRT].ifindex = HUB_IF;
	w->peers[NRT].small = answered(492000);
}
static void
no_gain(struct world *w)
{
	detour(w);
	w->peers[NRT].tunnel = answered(485000);
}
static void
hub_lacks_peer(struct world *w)
{
	at_hub(w);
	w->hub_peers[1].key.b[0] ^= 1;
	w->peers[NRT].small = lost;
}
static void
hub_mixes_up(struct world *w)
{
	at_hub(w);
	w->hub_peers[1].n_allowed = 0;
	w->peers[NRT].small = lost;
}
static void
forwards_not(struct world *w)
{
	at_hub(w);
	w->state.forwards = false;
}
static void
filter_shut(struct world *w)
{
	at_hub(w);
	w->facts.forward = KERNEL_NFT_SHUT;
}
static void
filter_unknown(struct world *w)
{
	at_hub(w);
	w->facts.forward = KERNEL_NFT_UNKNOWN;
}
static void
never_called(struct world *w)
{
	at_hub(w);
	w->hub_peers[1].handshake.ns = w->peers[NRT].before.ns = 0;
	w->peers[NRT].small = lost;
}

static void
note(const struct doctor_finding *f, void *ctx)
{
	struct world *w = ctx;

	assert_true(f->verdict[0] && f->evidence[0]);
	if (!f->bad)
		return;
	assert_true(f->next[0]);
	if (w->named[0])
		strncat(w->named, " ", sizeof(w->named) - strlen(w->named) - 1);
	strncat(w->named, doctor_check_name(f->check),
	    sizeof(w->named) - strlen(w->named) - 1);
}

static void
each_fault_by_its_name(void **unused)
{
	static const struct {
		void (*break_it)(struct world *w);
		const char *want;
	} cases[] = {
		{ healthy, "" },
		{ at_hub, "" },
		{ direct, "" },
		{ no_interface, "interface" },
		{ other_kind, "interface" },
		{ down, "interface" },
		{ no_address, "interface" },
		{ other_key, "key" },
		{ future, "clock" },
		{ strict_alone, "" },
		{ strict_drops, "rp-filter" },
		{ strict_beside, "rp-filter" },
		{ strict_in_place, "" },
		{ no_hub_peer, "peer" },
		{ no_route, "route" },
		{ astray, "route" },
		{ narrow_allowed, "allowed-ips route" },
		{ moved, "endpoint" },
		{ nameless, "endpoint" },
		{ closed, "udp-port" },
		{ filtered, "udp-port" },
		{ dead, "handshake" },
		{ shakes_only, "answer" },
		{ deaf_hub, "forwarding" },
		{ one_away, "answer" },
		{ black_hole, "mtu" },
		{ black_hole_hub, "mtu" },
		{ narrow_but_told, "" },
		{ detour, "detour" },
		{ no_gain, "" },
		{ hub_lacks_peer, "peer" },
		{ hub_mixes_up, "allowed-ips" },
		{ forwards_not, "ip-forward" },
		{ filter_shut, "forward-rules" },
		{ filter_unknown, "" },
		{ never_called, "handshake" },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world w;
		size_t bad;

		make(&w);
		cases[i].break_it(&w);
		bad = doctor_judge(&w.facts, SIZE_MAX, note, &w);
		if (strcmp(w.named, cases[i].want) != 0 || (bad > 0) != !!*w.named)
			fail_msg("case %zu: named '%s', want '%s'", i, w.named,
			    cases[i].want);
		mesh_free(w.mesh);
	}
}

static void
one_peer_is_all_that_is_told(void **unused)
{
	struct world w;

	(void)unused;
	make(&w);
	w.peers[NRT].small = lost;
	assert_int_equal(doctor_judge(&w.facts, SIN, note, &w), 0);
	assert_int_equal(doctor_judge(&w.facts, NRT, note, &w), 1);
	mesh_free(w.mesh);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_by_its_name),
		cmocka_unit_test(one_peer_is_all_that_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
