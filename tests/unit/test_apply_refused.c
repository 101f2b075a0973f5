/* SPDX-License-Identifier: MIT */
/*
 * Whole runs that must not switch: whatever goes wrong, the routing table is as before
 * and the reason is in words.
 *
 * links: optimizer/apply/goals.c optimizer/apply/state.c optimizer/apply/preflight.c
 * links: optimizer/apply/steps.c optimizer/apply/steps_text.c optimizer/apply/pair.c
 * links: optimizer/apply/run_pairs.c optimizer/apply/run.c optimizer/decide/plan.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c tests/fakes/air.c
 */
#include <errno.h>

#include "tests/unit/apply_run.h"

static void
no_handshake(void **unused)
{
	struct table before = table();
	struct mono began = fake.now;

	(void)unused;
	fake.handshake_after_ns = -1;
	assert_int_equal(run("nrt=direct:49", true), 0);
	assert_int_equal(result.failed, 1);
	assert_int_equal(result.done, 0);
	assert_non_null(strstr(why(0), "nrt: no handshake in 60 s"));
	assert_non_null(strstr(why(0), "open on hkg?"));
	assert_int_equal(mono_diff(fake.now, began), 60 * NS_PER_S);
	assert_true(air.longest_wait_ns <= NS_PER_S);
	assert_int_equal(air.sent, 0);
	assert_table(&before);
}

static void
the_one_that_starts_names_the_other_port(void **unused)
{
	(void)unused;
	fake.handshake_after_ns = -1;
	assert_int_equal(run("sin=direct:49", true), 0);
	assert_non_null(strstr(why(0), "open on sin?"));
	/* The kernel got what a starter needs. */
	assert_int_equal(fake.direct.peers[0].keepalive_s, 25);
	assert_int_equal(fake.direct.peers[0].port, 51821);
}

static void
an_mtu_black_hole(void **unused)
{
	struct table before = table();

	(void)unused;
	air.eats_full = true;
	assert_int_equal(run("nrt=direct:49", true), 0);
	assert_non_null(strstr(why(0), "0 of 10 full-size probes (1372 bytes)"));
	assert_int_equal(fake.calls[FAKE_ROUTE_ADD], 0);
	assert_table(&before);
}

static void
an_rtt_far_from_the_promise(void **unused)
{
	(void)unused;
	air.rtt_ns = 270600 * NS_PER_US;
	assert_int_equal(run("nrt=direct:49", true), 0);
	assert_non_null(
	    strstr(why(0), "270.6 ms in the tunnel, but the plan promised 49.0"));
	assert_int_equal(fake.calls[FAKE_ROUTE_ADD], 0);
}

static void
a_route_that_is_not_accepted(void **unused)
{
	struct table before = table();

	(void)unused;
	/* The second of syd's two: the first must go again. */
	fake.fail_call = FAKE_ROUTE_ADD;
	fake.fail_rc = -ENOBUFS;
	fake.fail_after = 1;
	assert_int_equal(run("syd=direct:49", true), 0);
	assert_int_equal(result.failed, 1);
	assert_non_null(strstr(why(0), "syd: add route 10.50.6.0/24"));
	assert_non_null(strstr(why(0), strerror(ENOBUFS)));
	assert_int_equal(fake.calls[FAKE_ROUTE_ADD], 2);
	assert_int_equal(fake.calls[FAKE_ROUTE_DEL], 1);
	assert_table(&before);
}

static void
a_route_that_does_not_win(void **unused)
{
	struct table before = table();

	(void)unused;
	fake.rule_wins = true;
	assert_int_equal(run("syd=direct:49", true), 0);
	assert_non_null(
	    strstr(why(0), "10.50.4.3/32 still leaves by another interface"));
	assert_int_equal(fake.calls[FAKE_ROUTE_DEL], 2);
	assert_table(&before);
}

static void
a_route_that_is_not_there(void **unused)
{
	struct table before = table();

	(void)unused;
	fake.deaf_routes = true;
	assert_int_equal(run("nrt=direct:49", true), 0);
	assert_non_null(strstr(why(0), "the kernel does not show the route"));
	assert_table(&before);
}

static void
a_roll_back_that_fails_is_said(void **unused)
{
	(void)unused;
	fake.rule_wins = true;
	fake.fail_call = FAKE_ROUTE_DEL;
	fake.fail_rc = -EPERM;
	assert_int_equal(run("nrt=direct:49", true), 0);
	assert_non_null(
	    strstr(why(0), "could not be taken back: meshopt apply --undo --yes"));
}

static void
a_peer_that_is_not_there(void **unused)
{
	(void)unused;
	fake.deaf_peers = true;
	assert_int_equal(run("nrt=direct:49", true), 0);
	assert_non_null(strstr(why(0), "did not take its peer"));
	assert_int_equal(fake.calls[FAKE_ROUTE_ADD], 0);
}

static void
one_pair_does_not_stop_another(void **unused)
{
	const struct mesh_node *sin = &mesh->nodes[mesh_find(mesh, "sin")];

	(void)unused;
	fake.silent = mesh->nodes[mesh_find(mesh, "nrt")].key;
	air.eats = wgkey_link_local(&sin->key);
	assert_int_equal(run("nrt=direct:49 sin=direct:49 syd=direct:49", true), 0);
	assert_int_equal(result.done, 1);
	assert_int_equal(result.failed, 2);
	assert_non_null(strstr(why(0), "nrt: no handshake"));
	assert_non_null(strstr(why(1), "sin: 0 of 10 probes"));
	assert_string_equal(why(2), "");
	assert_true(result.pair[2].as_wanted);
	assert_int_equal(ours("0.0.0.0/0"), 2);
	assert_int_equal(ours("10.50.4.3/32"), 1);
}

static void
what_forbids_a_switch_leaves_no_trace(void **unused)
{
	(void)unused;
	fake.rp_all = 1;
	assert_true(run("nrt=direct:49", true) < 0);
	assert_true(result.refused);
	fake.rp_all = 0;
	fake.hub.key.b[0] ^= 1;
	assert_true(run("nrt=direct:49", true) < 0);
	fake.hub.key.b[0] ^= 1;
	fake.no_wireguard = true;
	assert_true(run("nrt=direct:49", true) < 0);
	fake.no_wireguard = false;
	fake.no_cap = true;
	assert_true(run("nrt=direct:49", true) < 0);
	assert_int_equal(fake_changes(), 0);
	assert_int_equal(air.sent, 0);
}

static void
an_interface_that_cannot_be_finished_goes_again(void **unused)
{
	static const struct {
		enum fake_call call;
		int rc;
		unsigned after;
		const char *want;
	} rows[] = {
		{ FAKE_LINK_ADD, -EOPNOTSUPP, 0, "wgd0: create WireGuard interface" },
		{ FAKE_KEY_COPY, -EPERM, 0, "wgd0: set the key of wg0" },
		{ FAKE_LINK_UP, -EADDRINUSE, 0, "another program holds the port" },
		{ FAKE_ADDR_ADD, -ENOBUFS, 1, "wgd0: add address fe80::" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)tear_down(unused);
		(void)set_up(unused);
		fake.fail_call = rows[i].call;
		fake.fail_rc = rows[i].rc;
		fake.fail_after = rows[i].after;
		assert_int_equal(run("nrt=direct:49", true), rows[i].rc);
		print_message("%s\n", err.text);
		assert_non_null(strstr(err.text, rows[i].want));
		assert_int_equal(fake.direct_link.ifindex, 0);
		assert_int_equal(fake.n_addrs, 0);
		assert_int_equal(fake.calls[FAKE_PEER_SET], 0);
	}
}

static void
an_interface_of_before_is_not_removed(void **unused)
{
	(void)unused;
	assert_int_equal(run("nrt=direct:49", true), 0);
	fake.n_addrs = 0;
	fake.fail_call = FAKE_ADDR_ADD;
	fake.fail_rc = -ENOBUFS;
	fake.fail_after = fake.calls[FAKE_ADDR_ADD] + 1;
	assert_int_equal(run("nrt=direct:49", true), -ENOBUFS);
	assert_int_equal(fake.calls[FAKE_LINK_DEL], 0);
	assert_int_equal(fake.direct_link.ifindex, FAKE_DIRECT_IFINDEX);
}

static void
without_probes_nothing_switches(void **unused)
{
	(void)unused;
	air.open_rc = -EACCES;
	assert_int_equal(run("nrt=direct:49", true), -EACCES);
	assert_string_equal(err.text, "no ICMP for you");
	assert_int_equal(fake.calls[FAKE_PEER_SET], 0);
	assert_int_equal(fake.calls[FAKE_ROUTE_ADD], 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(no_handshake),
		CASE(the_one_that_starts_names_the_other_port),
		CASE(an_mtu_black_hole),
		CASE(an_rtt_far_from_the_promise),
		CASE(a_route_that_is_not_accepted),
		CASE(a_route_that_does_not_win),
		CASE(a_route_that_is_not_there),
		CASE(a_roll_back_that_fails_is_said),
		CASE(a_peer_that_is_not_there),
		CASE(one_pair_does_not_stop_another),
		CASE(what_forbids_a_switch_leaves_no_trace),
		CASE(an_interface_that_cannot_be_finished_goes_again),
		CASE(an_interface_of_before_is_not_removed),
		CASE(without_probes_nothing_switches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
