/* SPDX-License-Identifier: MIT */
/*
 * What a node must be before anything is touched, a row for each way in which it is
 * not.
 *
 * links: optimizer/apply/state.c
 * links: tests/fakes/kernel.c tests/fakes/kernel_change.c
 * links: optimizer/apply/preflight.c
 */
#include "optimizer/apply/preflight.h"

#include "tests/unit/apply_node.h"

struct faults {
	char text[4096];
};

static void
take_fault(const char *fault, void *ctx)
{
	struct faults *faults = ctx;
	size_t len = strlen(faults->text);

	(void)snprintf(faults->text + len, sizeof(faults->text) - len, "%s\n", fault);
}

/* As before nrt leaves the hub, or with !direct comes back to it. */
static size_t
check(const char *name, bool direct, struct faults *faults)
{
	struct state state = read_state();
	const struct preflight p = { mesh, mesh_find(mesh, "hkg"), &state, take_fault,
		faults };
	size_t n;

	faults->text[0] = '\0';
	n = preflight_host(&p, direct);
	if (state.may_change && state.has_wireguard)
		n += preflight_pair(&p, mesh_find(mesh, name), direct);
	state_fini(&state);
	return n;
}

/* Each bends a sound world in one way. */
static void
no_cap(void)
{
	fake.no_cap = true;
}
static void
no_wireguard(void)
{
	fake.no_wireguard = true;
}
static void
no_hub(void)
{
	fake.hub_link.ifindex = 0;
}
static void
hub_down(void)
{
	fake.hub_link.up = false;
}
static void
hub_is_dummy(void)
{
	fake.hub_link.wireguard = false;
}
static void
other_key(void)
{
	fake.hub.key.b[0] ^= 1;
}
static void
strict_all(void)
{
	fake.rp_all = 1;
}
static void
strict_default(void)
{
	fake.rp_default = 1;
}
static void
strict_but_loose(void)
{
	fake.rp_hub = 1;
	fake.rp_default = 1;
	fake.rp_all = 2;
}
static void
strict_hub(void)
{
	fake.rp_hub = 1;
}
static void
no_ipv6(void)
{
	fake.v6_off = true;
}
static void
port_taken(void)
{
	fake.port_taken = true;
}
static void
no_fallback(void)
{
	fake.n_routes = 1;
	fake.routes[0].dst.len = 32;
}
static void
no_cover(void)
{
	no_fallback();
	mesh->nodes[mesh->hub].n_prefixes = 0;
}
static void
fallback_elsewhere(void)
{
	fake_add_route("10.50.4.0/24", FAKE_OTHER_IFINDEX, 3);
}
static void
fallback_blackhole(void)
{
	fake.routes[1].type = 6; /* RTN_BLACKHOLE */
}
static void
same_prefix(void)
{
	fake_add_route("10.50.4.1/32", FAKE_HUB_IFINDEX, 4);
}
static void
same_prefix_alone(void)
{
	fake.n_routes = 0;
	same_prefix();
}
static void
same_prefix_other_metric(void)
{
	same_prefix();
	fake.routes[fake.n_routes - 1].metric = 500;
}
static void
direct_is_dummy(void)
{
	stage("nrt");
	fake.direct_link.wireguard = false;
}
static void
direct_other_key(void)
{
	stage("nrt");
	fake.direct.key.b[3] ^= 1;
}
static void
direct_other_port(void)
{
	stage("nrt");
	fake.direct.port = 7777;
}
static void
direct_other_mtu(void)
{
	stage("nrt");
	fake.direct_link.mtu = 1380;
}
static void
direct_strict(void)
{
	stage("nrt");
	fake.rp_direct = 1;
}
static void
direct_half_made(void)
{
	assert_int_equal(kernel_link_add(kernel, 1420), 0);
}
static void
other_source(void)
{
	stage("nrt");
	route("10.50.4.1/32");
	fake.routes[fake.n_routes - 1].src.b[3] = 77;
}
static void
sound(void)
{
}

static void
a_node_is_judged(void **unused)
{
	static const struct {
		void (*bend)(void);
		const char *want; /* NULL: nothing to say */
	} rows[] = {
		{ sound, NULL },
		{ no_cap, "no CAP_NET_ADMIN: run it as root: sudo meshopt apply" },
		{ no_wireguard, "the kernel has no WireGuard: modprobe wireguard" },
		{ no_hub, "wg0: no such interface: bring the hub tunnel up first: "
			  "wg-quick up wg0" },
		{ hub_down, "wg0: is down: ip link set wg0 up" },
		{ hub_is_dummy, "wg0: not a WireGuard interface" },
		{ other_key, "wg0: this node's key differs from the mesh file" },
		{ strict_all, "sysctl -w net.ipv4.conf.all.rp_filter=2" },
		{ strict_hub, "sysctl -w net.ipv4.conf.wg0.rp_filter=2" },
		{ strict_default, "sysctl -w net.ipv4.conf.default.rp_filter=2" },
		{ strict_but_loose, NULL },
		{ no_ipv6, "sysctl -w net.ipv6.conf.default.disable_ipv6=0" },
		{ port_taken, "UDP port 51821 is in use: stop who holds it (ss -lunp "
			      "sport = :51821)" },
		{ no_fallback,
		    "nrt: no route to fall back to, wider than 10.50.4.1/32: ip route "
		    "replace 10.50.0.0/16 dev wg0" },
		{ no_cover, "ip route replace PREFIX dev wg0" },
		{ fallback_elsewhere,
		    "nrt: 10.50.4.1/32 leaves by another interface and not by wg0" },
		{ fallback_blackhole, "nrt: no route to fall back to" },
		{ same_prefix,
		    "route to exactly 10.50.4.1/32 is there (by wg0, protocol 4): let "
		    "a "
		    "wider one stand, and ip route del 10.50.4.1/32 proto 4" },
		{ same_prefix_alone, "nrt: no route to fall back to" },
		{ same_prefix_other_metric, "route to exactly 10.50.4.1/32 is there" },
		{ direct_is_dummy,
		    "wgd0: not a WireGuard interface: rename it, or ip link del wgd0" },
		{ direct_other_key, "so it is not ours: ip link del wgd0" },
		{ direct_other_port, "wgd0: listens on port 7777, but DirectPort is "
				     "51821: ip link del wgd0" },
		{ direct_other_mtu, "ip link set wgd0 mtu 1420" },
		{ direct_strict, "sysctl -w net.ipv4.conf.wgd0.rp_filter=2" },
		{ direct_half_made, NULL },
		{ other_source, "nrt: our route to 10.50.4.1/32 has another source" },
	};
	struct faults faults;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		(void)tear_down(unused);
		(void)set_up(unused);
		rows[i].bend();
		print_message("%zu: %zu faults\n", i, check("nrt", true, &faults));
		print_message("%s", faults.text);
		if (rows[i].want)
			assert_non_null(strstr(faults.text, rows[i].want));
		else
			assert_string_equal(faults.text, "");
	}
}

static void
what_a_switch_needs_is_not_asked_without_one(void **unused)
{
	struct faults faults;

	(void)unused;
	strict_all();
	no_ipv6();
	port_taken();
	assert_int_equal(check("nrt", false, &faults), 0);
	/* But taking a route back needs somewhere to go. */
	stage("nrt");
	route("10.50.4.1/32");
	assert_int_equal(check("nrt", false, &faults), 0);
	fake.routes[1].dst.len = 32;
	fake.routes[0].dst.len = 32;
	assert_int_equal(check("nrt", false, &faults), 1);
}

static void
an_endpoint_inside_the_overlay_is_refused(void **unused)
{
	struct faults faults;

	(void)unused;
	assert_int_equal(check("sin", true, &faults), 0);
	assert_int_equal(addr_parse("10.50.4.9",
			     &mesh->nodes[mesh_find(mesh, "sin")].endpoint.addr),
	    0);
	assert_int_equal(check("sin", true, &faults), 1);
	assert_non_null(strstr(faults.text, "lies inside the overlay"));
}

static void
a_clock_that_went_back_is_told(void **unused)
{
	struct state state;
	struct faults faults = { "" };
	struct preflight p = { mesh, mesh_find(mesh, "hkg"), &state, take_fault,
		&faults };

	(void)unused;
	stage("nrt");
	state = read_state();
	assert_int_equal(preflight_clock(&p), 0);
	state.now.ns -= 64 * NS_PER_S; /* its handshake was 60 s ago */
	assert_int_equal(preflight_clock(&p), 0);
	state.now.ns -= 2 * NS_PER_S;
	assert_int_equal(preflight_clock(&p), 1);
	assert_non_null(strstr(faults.text, "the clock went back"));
	assert_non_null(strstr(faults.text, "timedatectl set-ntp true"));
	/* It is asked by itself: a path that stands needs no new handshake. */
	assert_int_equal(preflight_host(&p, true), 0);
	assert_int_equal(preflight_pair(&p, mesh_find(mesh, "nrt"), true), 0);
	state_fini(&state);
}

static void
a_relay_must_forward(void **unused)
{
	struct state state;
	struct faults faults = { "" };
	struct preflight p = { mesh, mesh_find(mesh, "sin"), &state, take_fault,
		&faults };

	(void)unused;
	state = read_state();
	assert_int_equal(preflight_relay(&p), 0);
	state_fini(&state);
	fake.no_forward = true;
	state = read_state();
	assert_int_equal(preflight_relay(&p), 1);
	assert_non_null(strstr(faults.text, "sin has Relay = yes"));
	assert_non_null(strstr(faults.text, "sysctl -w net.ipv4.ip_forward=1"));
	p.self = mesh_find(mesh, "hkg");
	assert_int_equal(preflight_relay(&p), 0);
	state_fini(&state);
	/* Of the overlay's own family. */
	assert_int_equal(addr_parse("fd50::1", &mesh->nodes[mesh->hub].address.addr),
	    0);
	p.self = mesh_find(mesh, "sin");
	state = read_state();
	assert_int_equal(preflight_relay(&p), 0);
	state_fini(&state);
	fake.no_forward6 = true;
	state = read_state();
	assert_int_equal(preflight_relay(&p), 1);
	assert_non_null(strstr(faults.text, "net.ipv6.conf.all.forwarding=1"));
	state_fini(&state);
}

static void
in_place_the_hubs_peer_must_be_wider(void **unused)
{
	static const char *const allowed[] = { "10.50.4.1/32" };
	struct faults faults;
	char wants[256], key[WGKEY_TEXT_MAX];

	(void)unused;
	mesh->in_place = true;
	memcpy(mesh->direct_interface, mesh->interface, sizeof(mesh->interface));
	kernel_close(kernel);
	assert_int_equal(kernel_open("wg0", &kernel, NULL), 0);
	fake_in_place(&mesh->nodes[mesh->hub].key, allowed, 1);
	assert_int_equal(check("nrt", true, &faults), 1);
	wgkey_format(&mesh->nodes[mesh->hub].key, key);
	(void)snprintf(wants, sizeof(wants),
	    "wg set wg0 peer %s allowed-ips LIST,10.50.0.0/16, with LIST from wg show "
	    "wg0 allowed-ips",
	    key); /* fits */
	print_message("%s", faults.text);
	assert_non_null(strstr(faults.text, wants));
	fake.direct.peers[0].allowed[0].len = 24;
	assert_int_equal(check("nrt", true, &faults), 0);
}

/* With the direct peers on the hub's interface; `who` holds what nrt falls back to. */
static void
in_place(const char *who, const char *prefix, bool userspace, struct faults *faults)
{
	struct state state = read_state();
	struct kernel_device *hub = state.hub, with = *hub;
	struct prefix allowed;
	struct kernel_peer peer = { .key = node(who)->key,
		.allowed = &allowed,
		.n_allowed = 1 };
	const struct preflight p = { mesh, mesh_find(mesh, "hkg"), &state, take_fault,
		faults };

	assert_int_equal(prefix_parse(prefix, &allowed), 0);
	with.peers = &peer;
	with.n_peers = 1;
	state.hub = &with;
	state.hub_link.userspace = userspace;
	mesh->in_place = true;
	faults->text[0] = '\0';
	(void)preflight_host(&p, true); /* it is the words that are looked at */
	(void)preflight_pair(&p, mesh_find(mesh, "nrt"), true);
	mesh->in_place = false;
	state.hub = hub;
	state_fini(&state);
}

static void
what_in_place_needs(void **unused)
{
	struct faults faults;

	(void)unused;
	in_place("dub", "10.50.0.0/16", false, &faults);
	assert_string_equal(faults.text, "");
	strict_all(); /* there is one way in */
	in_place("dub", "10.50.0.0/16", false, &faults);
	assert_string_equal(faults.text, "");
	in_place("dub", "10.50.4.1/32", false, &faults);
	assert_non_null(
	    strstr(faults.text, "nothing wider than 10.50.4.1/32 to fall back to"));
	in_place("sin", "10.50.0.0/16", false, &faults);
	assert_non_null(
	    strstr(faults.text, "nothing wider than 10.50.4.1/32 to fall back to"));
	in_place("dub", "10.50.0.0/16", true, &faults);
	assert_non_null(strstr(faults.text, "needs the kernel's WireGuard"));
	stage("syd");
	route("10.50.6.0/24"); /* of side by side */
	in_place("dub", "10.50.0.0/16", false, &faults);
	assert_non_null(strstr(faults.text, "ip route flush proto 213"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(a_node_is_judged),
		CASE(what_a_switch_needs_is_not_asked_without_one),
		CASE(an_endpoint_inside_the_overlay_is_refused),
		CASE(in_place_the_hubs_peer_must_be_wider),
		CASE(a_clock_that_went_back_is_told),
		CASE(a_relay_must_forward),
		CASE(what_in_place_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
