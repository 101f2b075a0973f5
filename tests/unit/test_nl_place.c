/* SPDX-License-Identifier: MIT */
/*
 * Which requests may go to the hub interface in place: each row is a message that is
 * harmless but for one thing.
 *
 * links: optimizer/apply/kernel_nl.c optimizer/apply/kernel_parse.c
 * links: optimizer/apply/kernel_guard.c optimizer/apply/kernel_place.c
 * links: optimizer/apply/kernel_parse_route.c
 */
#include "optimizer/apply/kernel_nl.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define FAMILY	30
#define REDUCE	(WGPEER_F_UPDATE_ONLY | WGPEER_F_REPLACE_ALLOWEDIPS)
#define NO_FLAG UINT32_MAX

static const struct wgkey hub = { { 1 } }, ours = { { 2 } }, theirs = { { 3 } };
static struct prefix cover[2];
static struct kernel k;

/* What a row bends; zero is the harmless message. */
struct bend {
	const char *what;
	bool allowed;
	const char *ifname; /* NULL = wg0; "" = none */
	const struct wgkey *key;
	bool second_key, two_peers, no_peer, two_lists;
	uint32_t flags;	 /* 0 = none */
	int device_attr; /* 0 = none */
	int peer_attr;	 /* likewise */
	const char *prefix[2];
	uint8_t cmd;
};

static int
begin(void **unused)
{
	(void)unused;
	assert_int_equal(prefix_parse("10.50.0.0/16", &cover[0]), 0);
	assert_int_equal(prefix_parse("fd50::/16", &cover[1]), 0);
	kernel_in_place(&k, &hub, cover, 2);
	assert_int_equal(kernel_claim(&k, &ours), 0);
	return 0;
}

static void
put_prefixes(struct nlmsghdr *nlh, const struct bend *b)
{
	struct nlattr *list = mnl_attr_nest_start(nlh, WGPEER_A_ALLOWEDIPS), *nest;
	struct prefix p;

	for (size_t i = 0; i < 2 && b->prefix[i]; i++) {
		assert_int_equal(prefix_parse(b->prefix[i], &p), 0);
		nest = mnl_attr_nest_start(nlh, 0);
		mnl_attr_put_u16(nlh, WGALLOWEDIP_A_FAMILY, p.addr.family);
		mnl_attr_put(nlh, WGALLOWEDIP_A_IPADDR, addr_bytes(&p.addr), p.addr.b);
		mnl_attr_put_u8(nlh, WGALLOWEDIP_A_CIDR_MASK, p.len);
		mnl_attr_nest_end(nlh, nest);
	}
	mnl_attr_nest_end(nlh, list);
}

static void
put_peer(struct nlmsghdr *nlh, const struct bend *b)
{
	struct nlattr *peer = mnl_attr_nest_start(nlh, 0);
	const struct wgkey *key = b->key ? b->key : &ours;

	mnl_attr_put(nlh, WGPEER_A_PUBLIC_KEY, sizeof(*key), key);
	if (b->second_key)
		mnl_attr_put(nlh, WGPEER_A_PUBLIC_KEY, sizeof(*key), &hub);
	if (b->flags)
		mnl_attr_put_u32(nlh, WGPEER_A_FLAGS,
		    b->flags == NO_FLAG ? 0 : b->flags);
	if (b->peer_attr)
		mnl_attr_put(nlh, (uint16_t)b->peer_attr, sizeof(theirs), &theirs);
	put_prefixes(nlh, b);
	if (b->two_lists)
		put_prefixes(nlh, b);
	mnl_attr_nest_end(nlh, peer);
}

static bool
passes(const struct bend *b)
{
	static uint8_t buf[KERNEL_NL_REQUEST];
	struct nlmsghdr *nlh = kernel_nl_request(buf, FAMILY, 0);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	struct nlattr *peers;

	genl->cmd = b->cmd ? b->cmd : WG_CMD_SET_DEVICE;
	if (!b->ifname || *b->ifname)
		mnl_attr_put_strz(nlh, WGDEVICE_A_IFNAME,
		    b->ifname ? b->ifname : "wg0");
	if (b->device_attr)
		mnl_attr_put_u32(nlh, (uint16_t)b->device_attr, 0);
	peers = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
	for (int i = 0; i < (b->no_peer ? 0 : b->two_peers ? 2 : 1); i++)
		put_peer(nlh, b);
	mnl_attr_nest_end(nlh, peers);
	return kernel_nl_in_place(nlh, FAMILY, "wg0", 5, &k.place);
}

static void
only_a_peer_of_ours_and_only_its_own(void **unused)
{
	static const struct bend rows[] = {
		{ .what = "nothing", .allowed = true },
		{ "its probe address and prefixes", true,
		    .prefix = { "fe80::5:1/128", "10.50.4.1/32" } },
		{ "one of IPv6", true, .prefix = { "fd50:6::/64" } },
		{ "it goes", true, .flags = WGPEER_F_REMOVE_ME },
		{ "it shrinks", true, .flags = REDUCE, .prefix = { "fe80::5:1/128" } },
		{ "no flag at all", true, .flags = NO_FLAG },
		{ .what = "the hub's peer", .key = &hub },
		{ .what = "somebody's peer", .key = &theirs },
		{ .what = "ours, then the hub's", .second_key = true },
		{ .what = "two peers", .two_peers = true },
		{ .what = "no peer", .no_peer = true },
		{ .what = "another interface", .ifname = "wg1" },
		{ .what = "one whose name begins so", .ifname = "wg01" },
		{ .what = "no interface", .ifname = "" },
		{ .what = "another command", .cmd = 99 },
		{ .what = "the port", .device_attr = WGDEVICE_A_LISTEN_PORT },
		{ .what = "the mark", .device_attr = WGDEVICE_A_FWMARK },
		{ .what = "the key", .device_attr = WGDEVICE_A_PRIVATE_KEY },
		{ .what = "REPLACE_PEERS", .device_attr = WGDEVICE_A_FLAGS },
		{ .what = "an index", .device_attr = WGDEVICE_A_IFINDEX },
		{ .what = "a preshared key", .peer_attr = WGPEER_A_PRESHARED_KEY },
		{ .what = "the hub's prefix", .prefix = { "10.50.0.0/16" } },
		{ .what = "and its other", .prefix = { "10.50.4.1/32", "fd50::/16" } },
		{ .what = "a wider one", .prefix = { "10.0.0.0/8" } },
		{ .what = "everything", .prefix = { "0.0.0.0/0" } },
		{ .what = "elsewhere", .prefix = { "10.51.0.1/32" } },
		{ .what = "all link-local", .prefix = { "fe80::/64" } },
		{ .what = "REPLACE alone", .flags = WGPEER_F_REPLACE_ALLOWEDIPS },
		{ .what = "UPDATE alone", .flags = WGPEER_F_UPDATE_ONLY },
		{ .what = "all flags", .flags = REDUCE | WGPEER_F_REMOVE_ME },
		{ .what = "a REPLACE that leaves more",
		    .flags = REDUCE,
		    .prefix = { "fe80::5:1/128", "10.50.4.1/32" } },
		{ .what = "two lists",
		    .two_lists = true,
		    .prefix = { "fe80::5:1/128" } },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (passes(&rows[i]) != rows[i].allowed)
			fail_msg("%s: %s", rows[i].what,
			    rows[i].allowed ? "refused" : "let through");
	}
}

static void
claims_are_made_and_given_up(void **unused)
{
	struct wgkey key = { { 9 } };
	int i;

	(void)unused;
	assert_int_equal(kernel_claim(&k, &hub), -EPERM);
	kernel_disclaim(&k, &theirs); /* never claimed */
	assert_true(passes(&(struct bend){ 0 }));
	kernel_disclaim(&k, &ours);
	assert_false(passes(&(struct bend){ 0 }));
	assert_int_equal(kernel_claim(&k, &theirs), 0);
	assert_int_equal(kernel_claim(&k, &theirs), 0); /* no second place for it */
	assert_true(passes(&(struct bend){ .key = &theirs }));
	for (i = 1; i < KERNEL_CLAIMS_MAX; i++) {
		key.b[1] = (uint8_t)i;
		assert_int_equal(kernel_claim(&k, &key), 0);
	}
	key.b[2] = 1;
	assert_int_equal(kernel_claim(&k, &key), -ENOSPC);
	kernel_in_place(&k, &hub, cover, 2);
	assert_false(passes(&(struct bend){ .key = &theirs }));
}

static bool
addr_passes(uint16_t type, uint16_t flags, struct ifaddrmsg head, const char *text)
{
	static uint8_t buf[KERNEL_NL_REQUEST];
	struct nlmsghdr *nlh = kernel_nl_request(buf, type, flags);
	struct addr addr;

	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(head)), &head, sizeof(head));
	if (text) {
		assert_int_equal(addr_parse(text, &addr), 0);
		mnl_attr_put(nlh, IFA_LOCAL, addr_bytes(&addr), addr.b);
		mnl_attr_put(nlh, IFA_ADDRESS, addr_bytes(&addr), addr.b);
	}
	return kernel_nl_in_place(nlh, FAMILY, "wg0", 5, &k.place);
}

static void
a_probe_address_and_nothing_else_of_the_network(void **unused)
{
	const struct ifaddrmsg five = { .ifa_family = AF_INET6, .ifa_index = 5 },
			       nine = { .ifa_family = AF_INET6, .ifa_index = 9 },
			       v4 = { .ifa_family = AF_INET, .ifa_index = 5 };
	const uint16_t others[] = { RTM_NEWLINK, RTM_DELLINK, RTM_SETLINK, RTM_DELADDR,
		RTM_NEWROUTE, RTM_DELROUTE, RTM_NEWRULE };

	(void)unused;
	assert_true(addr_passes(RTM_NEWADDR, NLM_F_EXCL, five, "fe80::1"));
	assert_false(addr_passes(RTM_NEWADDR, NLM_F_REPLACE, five, "fe80::1"));
	assert_false(addr_passes(RTM_NEWADDR, 0, nine, "fe80::1"));
	assert_false(addr_passes(RTM_NEWADDR, 0, five, "fd50::1"));
	assert_false(addr_passes(RTM_NEWADDR, 0, five, NULL));
	assert_false(addr_passes(RTM_NEWADDR, 0, v4, "10.50.5.1"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(addr_passes(others[i], NLM_F_EXCL, five, "fe80::1"));
}

#define T(f) cmocka_unit_test_setup(f, begin)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		T(only_a_peer_of_ours_and_only_its_own),
		T(claims_are_made_and_given_up),
		T(a_probe_address_and_nothing_else_of_the_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
