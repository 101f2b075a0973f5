/* SPDX-License-Identifier: MIT */
/*
 * netd on a machine that changes: leases that an operator touches, the hub interface,
 * the journal's file, the mesh file.
 *
 * links: optimizer/netd/policy.c optimizer/netd/scene.c optimizer/netd/book.c
 * links: optimizer/netd/netd.c optimizer/netd/journal.c optimizer/netd/keeper.c
 * links: optimizer/netd/keeper_look.c optimizer/netd/keeper_tell.c
 * links: optimizer/netd/keeper_peer.c optimizer/netd/keeper_route.c
 * links: optimizer/netd/keeper_watch.c
 * links: optimizer/netd/keeper_roster.c
 * links: optimizer/netd/keeper_place.c optimizer/apply/state.c
 * links: optimizer/apply/preflight.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c
 */
#include <sys/stat.h>

#include "tests/unit/netd_test.h"

/* --- leases --- */

static struct kernel_addr *
lease_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), 0);
	for (size_t i = 0;; i++) {
		assert_true(i < fake.n_addrs);
		if (scene_same(&fake.addrs[i].peer, &prefix))
			return &fake.addrs[i];
	}
}

static void
a_lease_made_to_last(void **unused)
{
	struct kernel_addr *a;

	(void)unused;
	assert_int_equal(netd_stage(SIN), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	a = lease_of("10.50.4.2/32");
	fake.addr_until[a - fake.addrs].ns = 0; /* `ip addr change ... forever` */
	a->lease_s = 0;
	netd_wait(100);
	assert_int_equal(path(SIN), NETD_LEASED);
	assert_int_equal(w.node[SIN].lease_s, UINT32_MAX);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
	assert_int_equal(path(SIN), NETD_HUB);
}

/* What the kernel tells of the last moment of one is 0 s, as of what never ends. */
static void
a_lease_in_its_last_moment(void **unused)
{
	char *text = strdup(netd_mesh_text), *at;

	(void)unused;
	at = strstr(text, "10.50.4.3/32, 10.50.6.0/24, ");
	memmove(at, at + 28, strlen(at + 28) + 1); /* of IPv6 only */
	memcpy(strstr(text, "10.50.4.3/24"), "fd50:6::1/64", 12);
	w.mesh_text = text;
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), 0);
	netd_wait(50);
	fake.routes[fake.n_routes - 1].expires_s = 0;
	netd_poll();
	assert_int_not_equal(path(SYD), NETD_DIRECT);
	fake_drop_route(fake.n_routes - 1);
	netd_wait(20);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SYD].flags, 0); /* nobody has deleted it */
	free(text);
}

static void
a_lease_on_an_interface_that_is_down(void **unused)
{
	(void)unused;
	assert_int_equal(netd_stage(SIN), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SIN, NETD_NONE), 0);
	fake.direct_link.up = false; /* the kernel takes its routes, not addresses */
	assert_int_equal(path(SIN), NETD_HUB);
	fake.direct_link.up = true;
	assert_int_equal(path(SIN), NETD_LEASED);
}

static void
prefixes_with_two_peers(void **unused)
{
	struct prefix prefix;
	struct kernel_peer_change change = { .key = { { 0x5a } },
		.allowed = &prefix,
		.n_allowed = 1 };

	(void)unused;
	assert_int_equal(netd_stage(SYD), 0);
	assert_int_equal(prefix_parse("10.50.6.0/24", &prefix), 0);
	assert_int_equal(kernel_peer_set(w.kernel, &change), 0);
	assert_int_equal(netd_ask(NETD_LEASE, SYD, NETD_NONE), -ENOENT);
	assert_int_equal(path(SYD), NETD_HUB);
	assert_int_equal(w.node[SYD].holder, NETD_NONE);
	assert_int_equal(w.node[SYD].peer, NETD_DIFFERS);
}

static void
nothing_goes_while_something_arrives(void **unused)
{
	(void)unused;
	promote(SYD);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), 0);
	for (int s = 0; s < 300; s += 10) {
		peer_of(SYD)->rx_bytes += 10000;
		netd_wait(10);
	}
	assert_int_equal(netd_ask(NETD_UNSTAGE, SYD, NETD_NONE), -EBUSY);
	netd_wait(130);
	assert_int_equal(netd_ask(NETD_UNSTAGE, SYD, NETD_NONE), 0);
}

/* --- the machine --- */

static void
without_the_hub_interface(void **unused)
{
	(void)unused;
	promote(SIN);
	fake.hub_link.ifindex = 0;
	netd_poll();
	assert_int_equal(netd_stage(SYD), -ENETDOWN);
	assert_int_equal(path(SIN), NETD_DIRECT);
	assert_int_equal(w.self.flags & NETD_HUB_UP, 0);
	assert_non_null(strstr(w.self.verdict, "wg0: no such interface"));
	assert_int_equal(netd_restart(), 0);
	assert_int_equal(netd_hello(), 0);
	assert_int_equal(path(SIN), NETD_DIRECT);
	assert_int_equal(w.self.hub_handshake_age_ms, -1);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SIN, NETD_NONE), 0);
}

static void
the_first_fault_is_told(void **unused)
{
	(void)unused;
	fake.rp_hub = 1;
	fake.v6_off = true;
	w.freeze = true;
	assert_int_equal(netd_state(), 0);
	assert_non_null(strstr(w.self.verdict, "wg0: rp_filter"));
	assert_null(strstr(w.self.verdict, "IPv6"));
	assert_int_equal(w.self.flags & NETD_FREEZE_FILE, NETD_FREEZE_FILE);
}

/* --- the journal --- */

static void
a_damaged_journal(void **unused)
{
	FILE *f;

	(void)unused;
	promote(SIN);
	f = fopen(w.journal, "r+");
	assert_non_null(f);
	assert_int_equal(fputs("nonsense", f), 1);
	(void)fclose(f); /* of few bytes */
	assert_int_equal(netd_restart(), 0);
	assert_non_null(strstr(keeper_words(w.keeper), "set aside as .bad"));
	assert_int_equal(netd_hello(), 0);
	netd_wait(30);
	assert_int_equal(path(SIN), NETD_DIRECT); /* the kernel is right */
	assert_int_equal(w.node[SIN].flags, 0);
	assert_int_equal(w.self.flags & NETD_RESTARTED, NETD_RESTARTED);
	assert_int_equal(netd_restart(), 0);
	assert_string_equal(keeper_words(w.keeper), "");
}

static void
no_journal_no_netd(void **unused)
{
	(void)unused;
	promote(SIN);
	keeper_close(w.keeper);
	assert_int_equal(unlink(w.journal), 0);
	assert_int_equal(mkdir(w.journal, 0700), 0);
	assert_int_equal(netd_open(), -EISDIR);
	assert_null(w.keeper);
	assert_int_equal(rmdir(w.journal), 0);
	assert_int_equal(routes_of(RTPROT_MESHOPT), 1); /* as it was */
	assert_int_equal(netd_restart(), 0);
}

/* --- the mesh file --- */

/* The mesh file with `to` in the place of `from`. */
static const char *
edited(const char *from, const char *to)
{
	static char text[2][sizeof(netd_mesh_text) + 64];
	static int turn;
	const char *at = strstr(netd_mesh_text, from);

	turn = !turn;
	(void)snprintf(text[turn], sizeof(text[turn]), "%.*s%s%s",
	    (int)(at - netd_mesh_text), netd_mesh_text, to,
	    at + strlen(from)); /* fits */
	return text[turn];
}

static void
another_mesh_file(void **unused)
{
	const char *syd = strstr(netd_mesh_text, "[Node]\nName = syd");

	(void)unused;
	promote(SYD);
	promote(SIN);
	/* syd is no more. */
	assert_int_equal(hello_with(edited(syd, "")), 0);
	assert_int_equal(path(SIN), NETD_DIRECT);
	assert_int_equal(w.self.n_routes, 1);
	assert_int_equal(netd_ask(NETD_STAGE, SYD, NETD_NONE), -EINVAL);
}

/* A node that is now another goes by the hub; the rest stays as it is. */
static void
what_the_mesh_file_changes(void **unused)
{
	static const char *const rows[][2] = {
		{ "9yHQmzbLKEyM+F1x7obbX0WNaR25XhAcUOdU9SLBeEo=",
		    "vA0nh8Fj4rJ0hoPUAdWrXjM5qyQ0hiqrKNpUL7TrBCg=" },
		{ "10.50.6.0/24, fd50:6::/64", "10.50.6.0/24" },
		{ "10.50.6.0/24, fd50:6::/64", "10.50.8.0/24, fd50:6::/64" },
	};

	for (int i = 0; i < 6; i++) {
		bool leased = i % 2;

		if (leased)
			promote(SYD);
		else
			assert_int_equal(netd_stage(SYD), 0);
		promote(SIN);
		assert_int_equal(hello_with(edited(rows[i / 2][0], rows[i / 2][1])), 0);
		assert_int_equal(path(SIN), NETD_DIRECT);
		assert_int_equal(w.self.n_routes, 1);
		netd_wait(20);
		assert_int_equal(path(SYD), NETD_HUB);
		assert_int_equal(w.node[SYD].flags | w.node[SIN].flags, 0);
		(void)finish(unused);
		(void)begin(unused);
	}
}

static void
a_mesh_file_that_cannot_be_read(void **unused)
{
	(void)unused;
	promote(SYD);
	w.no_mesh = true;
	assert_int_equal(hello_with(edited("10.50.6.0/24, ", "")), -ESTALE);
	assert_string_equal(w.reply.text, "mesh.conf: no such file");
	assert_int_equal(netd_ask(NETD_STAGE, SIN, NETD_NONE), -ESTALE);
	assert_int_equal(routes_of(RTPROT_MESHOPT), 3); /* as it was */
	/* The kernel's handle is for one interface. */
	w.no_mesh = false;
	assert_int_equal(hello_with(edited("[Node]\nName = dub",
			     "DirectInterface = wgd9\n[Node]\nName = dub")),
	    -ESTALE);
	assert_non_null(strstr(w.reply.text, "the direct interface is another"));
	assert_int_equal(routes_of(RTPROT_MESHOPT), 3);
	assert_int_equal(netd_ask(NETD_WITHDRAW, SYD, NETD_NONE), 0);
	assert_int_equal(routes_of(RTPROT_MESHOPT), 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(a_lease_made_to_last),
		T(a_lease_on_an_interface_that_is_down),
		T(a_lease_in_its_last_moment),
		T(prefixes_with_two_peers),
		T(nothing_goes_while_something_arrives),
		T(without_the_hub_interface),
		T(the_first_fault_is_told),
		T(a_damaged_journal),
		T(no_journal_no_netd),
		T(another_mesh_file),
		T(what_the_mesh_file_changes),
		T(a_mesh_file_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
