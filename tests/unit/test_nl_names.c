/* SPDX-License-Identifier: MIT */
/*
 * Which requests name the direct interface and nothing else: the assertion that stands
 * before every change of the kernel.
 *
 * links: optimizer/apply/kernel_nl.c optimizer/apply/kernel_parse.c
 * links: optimizer/apply/kernel_guard.c
 * links: optimizer/apply/kernel_place.c optimizer/apply/kernel_parse_route.c
 */
#include "optimizer/apply/kernel_nl.h"

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

#define FAMILY 30

static struct nlmsghdr *
request(uint16_t type, uint16_t flags, const void *head, size_t len)
{
	static uint8_t buf[KERNEL_NL_REQUEST];
	struct nlmsghdr *nlh = kernel_nl_request(buf, type, flags);

	memcpy(mnl_nlmsg_put_extra_header(nlh, len), head, len);
	return nlh;
}

static void
only_the_direct_interface_may_be_named(void **unused)
{
	const struct genlmsghdr set = { .cmd = WG_CMD_SET_DEVICE };
	const struct genlmsghdr get = { .cmd = WG_CMD_GET_DEVICE };
	const struct ifinfomsg none = { 0 }, nine = { .ifi_index = 9 },
			       five = { .ifi_index = 5 };
	const struct ifaddrmsg addr9 = { .ifa_index = 9 }, addr5 = { .ifa_index = 5 };
	const struct rtmsg rtm = { 0 };
	struct nlmsghdr *nlh;

	(void)unused;
#define NAMES(nlh) kernel_nl_names(nlh, FAMILY, "wgd0", 9)
	nlh = request(FAMILY, 0, &set, sizeof(set));
	assert_false(NAMES(nlh));
	mnl_attr_put_strz(nlh, WGDEVICE_A_IFNAME, "wgd0");
	assert_true(NAMES(nlh));
	mnl_attr_put_strz(nlh, WGDEVICE_A_IFNAME, "wg0"); /* the last one would count */
	assert_false(NAMES(nlh));
	nlh = request(FAMILY, 0, &set, sizeof(set));
	mnl_attr_put_strz(nlh, WGDEVICE_A_IFNAME, "wgd01");
	assert_false(NAMES(nlh));
	nlh = request(FAMILY, 0, &get, sizeof(get));
	mnl_attr_put_strz(nlh, WGDEVICE_A_IFNAME, "wgd0");
	assert_false(NAMES(nlh));

	nlh = request(RTM_NEWLINK, NLM_F_EXCL, &none, sizeof(none));
	assert_false(NAMES(nlh));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "wgd0");
	assert_true(NAMES(nlh));
	nlh = request(RTM_NEWLINK, 0, &none, sizeof(none));
	mnl_attr_put_strz(nlh, IFLA_IFNAME, "wgd0"); /* may change what exists */
	assert_false(NAMES(nlh));
	assert_true(NAMES(request(RTM_NEWLINK, 0, &nine, sizeof(nine))));
	assert_false(NAMES(request(RTM_NEWLINK, 0, &five, sizeof(five))));
	assert_true(NAMES(request(RTM_DELLINK, 0, &nine, sizeof(nine))));
	assert_false(NAMES(request(RTM_DELLINK, 0, &five, sizeof(five))));
	assert_false(NAMES(request(RTM_DELLINK, 0, &none, sizeof(none))));
	assert_true(NAMES(request(RTM_NEWADDR, 0, &addr9, sizeof(addr9))));
	assert_false(NAMES(request(RTM_NEWADDR, 0, &addr5, sizeof(addr5))));
	assert_false(NAMES(request(RTM_NEWADDR, NLM_F_REPLACE, &addr9, sizeof(addr9))));

	for (int i = 0; i < 2; i++) {
		uint16_t type = i ? RTM_DELROUTE : RTM_NEWROUTE;

		nlh = request(type, 0, &rtm, sizeof(rtm));
		assert_false(NAMES(nlh)); /* a delete without it matches any */
		mnl_attr_put_u32(nlh, RTA_OIF, 9);
		assert_true(NAMES(nlh));
		nlh = request(type, 0, &rtm, sizeof(rtm));
		mnl_attr_put_u32(nlh, RTA_OIF, 5);
		assert_false(NAMES(nlh));
		/* An interface that is gone is nobody. */
		nlh = request(type, 0, &rtm, sizeof(rtm));
		mnl_attr_put_u32(nlh, RTA_OIF, 0);
		assert_false(kernel_nl_names(nlh, FAMILY, "wgd0", 0));
	}
	assert_false(NAMES(request(RTM_NEWRULE, 0, &rtm, sizeof(rtm))));
	nlh = request(RTM_NEWROUTE, NLM_F_REPLACE, &rtm, sizeof(rtm));
	mnl_attr_put_u32(nlh, RTA_OIF, 9);
	assert_false(NAMES(nlh));
}

/* flags < 0: none; n peers that have them. */
static struct nlmsghdr *
set_device(int device_flags, int peer_flags, int n)
{
	const struct genlmsghdr set = { .cmd = WG_CMD_SET_DEVICE };
	struct nlmsghdr *nlh = request(FAMILY, 0, &set, sizeof(set));
	struct nlattr *peers, *peer;

	mnl_attr_put_strz(nlh, WGDEVICE_A_IFNAME, "wgd0");
	if (device_flags >= 0)
		mnl_attr_put_u32(nlh, WGDEVICE_A_FLAGS, (uint32_t)device_flags);
	peers = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
	for (int i = 0; i < n; i++) {
		peer = mnl_attr_nest_start(nlh, 0);
		if (peer_flags >= 0)
			mnl_attr_put_u32(nlh, WGPEER_A_FLAGS, (uint32_t)peer_flags);
		mnl_attr_nest_end(nlh, peer);
	}
	mnl_attr_nest_end(nlh, peers);
	return nlh;
}

static void
nothing_is_replaced(void **unused)
{
	(void)unused;
	assert_true(NAMES(set_device(-1, -1, 0)));
	assert_true(NAMES(set_device(-1, -1, 1)));
	assert_true(NAMES(set_device(-1, 0, 1)));
	assert_true(NAMES(set_device(-1, WGPEER_F_REMOVE_ME, 1)));
	assert_false(NAMES(set_device(-1, WGPEER_F_REMOVE_ME, 2)));
	assert_false(NAMES(set_device(-1, WGPEER_F_REPLACE_ALLOWEDIPS, 1)));
	assert_false(NAMES(set_device(-1, WGPEER_F_UPDATE_ONLY, 1)));
	assert_false(NAMES(set_device(WGDEVICE_F_REPLACE_PEERS, -1, 0)));
	assert_false(NAMES(set_device(0, -1, 1)));
}

/* Our own address would take with it the routes of all who have it as their source. */
static void
only_leases_are_taken_away(void **unused)
{
	const struct ifaddrmsg nine = { .ifa_index = 9 }, five = { .ifa_index = 5 };
	const uint32_t own = 1, far = 2;

	(void)unused;
	for (int i = 0; i < 2; i++) {
		uint16_t type = i ? RTM_DELADDR : RTM_NEWADDR;
		struct nlmsghdr *nlh =
		    request(type, NLM_F_REPLACE, &nine, sizeof(nine));

		assert_false(NAMES(nlh));
		mnl_attr_put_u32(nlh, IFA_LOCAL, own);
		assert_false(NAMES(nlh));
		mnl_attr_put_u32(nlh, IFA_ADDRESS, own);
		assert_false(NAMES(nlh));
		mnl_attr_put_u32(nlh, IFA_ADDRESS, far);
		assert_true(NAMES(nlh));
		nlh = request(type, NLM_F_REPLACE, &five, sizeof(five));
		mnl_attr_put_u32(nlh, IFA_LOCAL, own);
		mnl_attr_put_u32(nlh, IFA_ADDRESS, far);
		assert_false(NAMES(nlh));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_direct_interface_may_be_named),
		cmocka_unit_test(nothing_is_replaced),
		cmocka_unit_test(only_leases_are_taken_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
