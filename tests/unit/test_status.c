/* SPDX-License-Identifier: MIT */
/*
 * Paths and drift on made-up devices: hkg of the doctor's mesh of four.
 *
 * links: optimizer/operate/status.c optimizer/operate/status_drift.c
 * links: optimizer/operate/way.c optimizer/measure_json.c
 * links: optimizer/operate/doctor.c optimizer/operate/doctor_peer.c
 * links: optimizer/operate/doctor_leg.c optimizer/apply/state.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c
 */
#include "optimizer/operate/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/doctor_world.h"

static void
note(const char *text, void *ctx)
{
	char *all = ctx;

	strncat(all, text, 1000 - strlen(all));
	strncat(all, "\n", 1000 - strlen(all));
}

/* The way to a node as words; drift goes to all. */
static void
look(struct world *w, size_t node, char text[WAY_TEXT_MAX], char *all)
{
	unsigned ifindex[NODES];
	struct status st;

	for (int i = 0; i < NODES; i++)
		ifindex[i] = w->peers[i].ifindex;
	status_make(&w->state, w->mesh, w->facts.self, ifindex, &st);
	assert_int_equal(st.n_rows, NODES - 1);
	for (size_t i = 0; i < st.n_rows; i++) {
		if (st.rows[i].node == node)
			way_text(w->mesh, &st.rows[i].way, text);
	}
	*all = '\0';
	(void)status_drift(&st, note, all);
	status_fini(&st);
}

static void
paths(void **unused)
{
	struct world w;
	char text[WAY_TEXT_MAX], all[1024];

	(void)unused;
	make(&w);
	look(&w, DUB, text, all);
	assert_string_equal(text, "direct");
	look(&w, NRT, text, all);
	assert_string_equal(text, "hub");
	assert_string_equal(all, "");
	w.peers[NRT].ifindex = 0;
	look(&w, NRT, text, all);
	assert_string_equal(text, "no route");
	w.peers[NRT].ifindex = 2;
	look(&w, NRT, text, all);
	assert_string_equal(text, "other interface");
	direct_up(&w);
	look(&w, NRT, text, all);
	assert_string_equal(text, "direct");
	w.peers[SIN].ifindex = DIRECT_IF; /* where nobody is allowed it */
	look(&w, SIN, text, all);
	assert_string_equal(text, "no peer");
	w.single[NRT] = w.mesh->nodes[SIN].prefixes[0];
	look(&w, SIN, text, all);
	assert_string_equal(text, "relay:nrt");
	mesh_free(w.mesh);
}

static void
the_longest_allowed_prefix_wins(void **unused)
{
	struct world w;
	char text[WAY_TEXT_MAX], all[1024];

	(void)unused;
	make(&w);
	/* The seed's own topology: a direct peer on the hub interface. */
	w.single[NRT] = w.mesh->nodes[NRT].prefixes[0];
	w.hub_peers[w.hub.n_peers++] =
	    (struct kernel_peer){ .key = w.mesh->nodes[NRT].key,
		    .allowed = &w.single[NRT],
		    .n_allowed = 1 };
	look(&w, NRT, text, all);
	assert_string_equal(text, "direct");
	assert_string_equal(all, "");
	w.hub_peers[1].key.b[0] ^= 1;
	look(&w, NRT, text, all);
	assert_string_equal(text, "unknown peer");
	assert_non_null(strstr(all, "is in no [Node]"));
	mesh_free(w.mesh);
}

static void
drifts(void **unused)
{
	struct world w;
	char text[WAY_TEXT_MAX], all[1024];

	(void)unused;
	make(&w);
	at_hub(&w);
	look(&w, NRT, text, all);
	assert_string_equal(all, "");
	assert_int_equal(prefix_parse("10.50.9.0/24", &w.single[NRT]), 0);
	look(&w, NRT, text, all);
	assert_string_equal(all,
	    "wg0: nrt lacks 10.50.4.1/32 in its AllowedIPs\n"
	    "wg0: nrt has 10.50.9.0/24 in its AllowedIPs, which is not its own\n");
	at_hub(&w);
	w.hub_peers[0].endpoint = addr("192.0.2.77");
	w.hub_peers[0].port = 7;
	w.hub.n_peers--;
	look(&w, NRT, text, all);
	assert_string_equal(all,
	    "wg0: hkg is called at 192.0.2.77 port 7, and the mesh file says "
	    "192.0.2.2 port 51820\nwg0: sin is not a peer\n");
	mesh_free(w.mesh);

	make(&w);
	assert_int_equal(prefix_parse("10.50.0.0/22", &w.wide), 0);
	look(&w, NRT, text, all);
	assert_string_equal(all,
	    "wg0: no AllowedIPs cover 10.50.4.1/32 of nrt, nor others\n");
	w.hub.n_peers = 0;
	look(&w, NRT, text, all);
	assert_non_null(strstr(all, "wg0: dub is not a peer\n"));
	w.state.hub = NULL;
	look(&w, NRT, text, all);
	assert_string_equal(all, "wg0: there is no such WireGuard interface\n");
	mesh_free(w.mesh);
}

/* What netd sets where a node is behind NAT: a peer that shows an endpoint. */
static void
a_reflector_has_no_prefixes(void **unused)
{
	struct world w;
	char text[WAY_TEXT_MAX], all[1024];

	(void)unused;
	make(&w);
	direct_up(&w);
	w.direct_peer.n_allowed = 0;
	look(&w, DUB, text, all);
	assert_string_equal(all, "wgd0: nrt lacks 10.50.4.1/32 in its AllowedIPs\n");
	w.direct_peer.key = w.mesh->nodes[DUB].key;
	look(&w, DUB, text, all);
	assert_string_equal(all, "");
	assert_int_equal(prefix_parse("10.50.9.0/24", &w.single[NRT]), 0);
	w.direct_peer.n_allowed = 1;
	look(&w, DUB, text, all);
	assert_non_null(strstr(all, "wgd0: dub has 10.50.9.0/24 in its AllowedIPs"));
	at_hub(&w);
	w.direct_peer.key = w.mesh->nodes[SIN].key;
	w.direct_peer.n_allowed = 0;
	look(&w, NRT, text, all);
	assert_string_equal(all, "");
	mesh_free(w.mesh);
}

static void
a_relay_has_what_it_carries(void **unused)
{
	struct prefix allowed[2], local;
	struct kernel_peer peers[2];
	struct world w;
	char text[WAY_TEXT_MAX], all[1024];

	(void)unused;
	make(&w);
	direct_up(&w);
	allowed[0] = w.mesh->nodes[NRT].prefixes[0];
	allowed[1] = w.mesh->nodes[SIN].prefixes[0];
	local = (struct prefix){ wgkey_link_local(&w.mesh->nodes[SIN].key), 128 };
	peers[0] = w.direct_peer;
	peers[0].allowed = allowed;
	peers[0].n_allowed = 2;
	peers[1] = (struct kernel_peer){ .key = w.mesh->nodes[SIN].key,
		.allowed = &local,
		.n_allowed = 1 };
	w.direct.peers = peers;
	w.direct.n_peers = 2;
	w.peers[SIN].ifindex = DIRECT_IF;
	look(&w, SIN, text, all);
	assert_string_equal(text, "relay:nrt");
	assert_string_equal(all,
	    "wgd0: nrt has 10.50.4.2/32 in its AllowedIPs, which is not its own\n"
	    "wgd0: sin lacks 10.50.4.2/32 in its AllowedIPs\n");
	w.mesh->nodes[NRT].relay = true;
	look(&w, SIN, text, all);
	assert_string_equal(all, "");
	/* But neither the hub's nor ours, nor anything on the hub's interface. */
	allowed[1] = w.mesh->nodes[DUB].prefixes[0];
	look(&w, SIN, text, all);
	assert_non_null(strstr(all, "wgd0: nrt has 10.50.0.0/16 in its AllowedIPs"));
	assert_non_null(strstr(all, "wgd0: sin lacks 10.50.4.2/32"));
	allowed[1] = w.mesh->nodes[HKG].prefixes[0];
	look(&w, SIN, text, all);
	assert_non_null(strstr(all, "wgd0: nrt has 10.50.5.1/32 in its AllowedIPs"));
	allowed[1] = w.mesh->nodes[SIN].prefixes[0];
	w.direct.n_peers = 1;
	w.hub_peers[w.hub.n_peers++] = peers[0];
	w.hub_peers[1].port = 51820;
	look(&w, SIN, text, all);
	assert_string_equal(all,
	    "wg0: nrt has 10.50.4.2/32 in its AllowedIPs, which is not its own\n");
	mesh_free(w.mesh);
}

/* One interface: a tunnel stands by there, and then has the node's prefixes. */
static void
in_place(void **unused)
{
	struct prefix allowed[2];
	struct world w;
	char text[WAY_TEXT_MAX], all[1024];

	(void)unused;
	make(&w);
	direct_up(&w);
	w.mesh->in_place = true;
	memcpy(w.mesh->direct_interface, w.mesh->interface, sizeof(w.mesh->interface));
	allowed[0] = (struct prefix){ wgkey_link_local(&w.mesh->nodes[NRT].key), 128 };
	allowed[1] = w.mesh->nodes[NRT].prefixes[0];
	w.hub_peers[1] = w.direct_peer;
	w.hub_peers[1].port = 51820;
	w.hub_peers[1].allowed = allowed;
	w.hub_peers[1].n_allowed = 1;
	w.hub.n_peers = 2;
	w.state.direct = &w.hub;
	w.state.direct_link = w.state.hub_link;
	w.peers[NRT].ifindex = HUB_IF;
	look(&w, NRT, text, all);
	assert_string_equal(text, "hub");
	assert_string_equal(all, "");
	w.hub_peers[1].n_allowed = 2;
	look(&w, NRT, text, all);
	assert_string_equal(text, "direct");
	assert_string_equal(all, "");
	w.hub_peers[1].key.b[0] ^= 1;
	look(&w, NRT, text, all);
	assert_non_null(strstr(all, "is in no [Node] of the mesh file\n"));
	assert_ptr_equal(strchr(all, '\n'), all + strlen(all) - 1);
	mesh_free(w.mesh);
}

static void
figures_of_either_end(void **unused)
{
	struct measure_row rows[] = {
		{ .src = "hkg", .dst = "nrt", .path = PATH_HUB, .p50_us = 492000 },
		{ .src = "nrt", .dst = "hkg", .path = PATH_HUB, .p50_us = 111 },
		{ .src = "nrt",
		    .dst = "hkg",
		    .path = PATH_DIRECT,
		    .p50_us = -1,
		    .mean_us = 49000 },
		{ .src = "nrt", .dst = "sin", .path = PATH_HUB, .p50_us = 5 },
	};
	struct measure m = { "m", rows, 4 };
	unsigned ifindex[NODES] = { HUB_IF, 0, HUB_IF, HUB_IF };
	struct world w;
	struct status st;

	(void)unused;
	make(&w);
	status_make(&w.state, w.mesh, HKG, ifindex, &st);
	status_add_rtt(&st, &m);
	assert_int_equal(st.rows[1].node, NRT);
	assert_true(st.rows[1].hub_us == 492000);
	assert_true(st.rows[1].direct_us == 49000);
	assert_true(st.rows[2].hub_us == -1);
	status_fini(&st);
	mesh_free(w.mesh);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(the_longest_allowed_prefix_wins),
		cmocka_unit_test(drifts),
		cmocka_unit_test(a_reflector_has_no_prefixes),
		cmocka_unit_test(a_relay_has_what_it_carries),
		cmocka_unit_test(in_place),
		cmocka_unit_test(figures_of_either_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
