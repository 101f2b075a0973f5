/* SPDX-License-Identifier: MIT */
/*
 * The kernel itself, as far as it goes without WireGuard: links, addresses, routes and
 * lookups in a network namespace that the test makes for itself.  An interface of
 * another kind stands in for the direct one.  Skipped where namespaces are not to be
 * had.
 *
 * links: optimizer/apply/kernel_nl.c optimizer/apply/kernel_parse.c
 * links: optimizer/apply/kernel_guard.c
 * links: optimizer/apply/kernel_place.c optimizer/apply/kernel_parse_route.c
 * links: optimizer/apply/kernel_route.c optimizer/apply/kernel_wg.c
 * links: optimizer/apply/kernel_lease.c
 * links: optimizer/apply/kernel_uapi.c optimizer/apply/kernel_uapi_parse.c
 */
#include "optimizer/apply/kernel.h"

#include <errno.h>
#include <poll.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct kernel *kernel;
static bool ready; /* the namespace and its interfaces are there */

static int
set_up(void **unused)
{
	struct err err;

	(void)unused;
	/* The user namespace makes it work for a plain user as well. */
	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0) {
		print_message("no network namespace: %s\n", strerror(errno));
		return 0;
	}
	ready = system("PATH=$PATH:/usr/sbin:/sbin; "
		       "ip link set lo up && "
		       "ip link add wgd0 mtu 1400 type veth peer name other && "
		       "ip link set other up && "
		       "ip addr add 10.50.5.1/24 dev other && "
		       "ip route add 10.50.0.0/16 dev other proto static") == 0;
	return kernel_open("wgd0", &kernel, &err);
}

static int
tear_down(void **unused)
{
	(void)unused;
	kernel_close(kernel);
	return 0;
}

/* Index of the route to this prefix with that protocol, or SIZE_MAX. */
static size_t
find(const struct kernel_route *routes, size_t n, const char *prefix, uint8_t protocol)
{
	struct prefix want;

	assert_int_equal(prefix_parse(prefix, &want), 0);
	for (size_t i = 0; i < n; i++) {
		if (routes[i].dst.len == want.len && routes[i].protocol == protocol &&
		    addr_equal(&routes[i].dst.addr, &want.addr))
			return i;
	}
	return SIZE_MAX;
}

static void
links_and_addresses(void **unused)
{
	struct kernel_link link;
	struct kernel_addr *addrs = NULL;
	struct prefix own, local;
	size_t n;

	(void)unused;
	if (!ready)
		skip();
	assert_true(kernel_may_change(kernel));
	assert_int_equal(kernel_link(kernel, "nosuch0", &link), -ENODEV);
	assert_int_equal(kernel_link(kernel, "wgd0", &link), 0);
	assert_string_equal(link.name, "wgd0");
	assert_int_equal(link.mtu, 1400);
	assert_false(link.wireguard);
	assert_false(link.up);
	assert_int_equal(kernel_link_add(kernel, 1420), -EEXIST);
	assert_int_equal(kernel_link_up(kernel), 0);
	assert_int_equal(kernel_link(kernel, "wgd0", &link), 0);
	assert_true(link.up);

	assert_int_equal(prefix_parse("10.50.5.1/32", &own), 0);
	assert_int_equal(prefix_parse("fe80::1234/64", &local), 0);
	assert_int_equal(kernel_addr_add(kernel, &own), 0);
	assert_int_equal(kernel_addr_add(kernel, &own), -EEXIST);
	assert_int_equal(kernel_addr_add(kernel, &local), 0);
	assert_int_equal(kernel_addrs(kernel, link.ifindex, &addrs, &n), 0);
	assert_true(n >= 2); /* and one that the kernel made up for the veth */
	assert_memory_equal(&addrs[0].prefix, &own, sizeof(own));
	free(addrs);
	assert_int_equal(kernel_addrs(kernel, 0, &addrs, &n), 0);
	assert_true(n >= 4);
	free(addrs);
}

static void
routes_come_and_go(void **unused)
{
	struct kernel_route *routes = NULL, mine = { .protocol = RTPROT_MESHOPT,
		.type = RTN_UNICAST,
		.scope = RT_SCOPE_LINK };
	struct kernel_link wgd0, other;
	struct addr to;
	unsigned ifindex;
	size_t n, i;

	(void)unused;
	if (!ready)
		skip();
	assert_int_equal(kernel_link(kernel, "wgd0", &wgd0), 0);
	assert_int_equal(kernel_link(kernel, "other", &other), 0);
	assert_int_equal(prefix_parse("10.50.4.1/32", &mine.dst), 0);
	assert_int_equal(addr_parse("10.50.5.1", &mine.src), 0);
	assert_int_equal(addr_parse("10.50.4.1", &to), 0);
	assert_int_equal(kernel_lookup(kernel, &to, &ifindex), 0);
	assert_int_equal(ifindex, other.ifindex);

	assert_int_equal(kernel_route_add(kernel, &mine), 0);
	assert_int_equal(kernel_route_add(kernel, &mine), -EEXIST);
	assert_int_equal(kernel_lookup(kernel, &to, &ifindex), 0);
	assert_int_equal(ifindex, wgd0.ifindex);
	assert_int_equal(kernel_routes(kernel, &routes, &n), 0);
	i = find(routes, n, "10.50.4.1/32", RTPROT_MESHOPT);
	assert_true(i != SIZE_MAX);
	assert_int_equal(routes[i].ifindex, wgd0.ifindex);
	assert_true(addr_equal(&routes[i].src, &mine.src));
	assert_int_equal(routes[i].type, RTN_UNICAST);
	assert_false(routes[i].gateway);
	assert_true(find(routes, n, "10.50.0.0/16", RTPROT_STATIC) != SIZE_MAX);
	/* The main table only: the kernel's own for our addresses lie in another. */
	assert_true(find(routes, n, "10.50.5.1/32", RTPROT_KERNEL) == SIZE_MAX);

	/* What was read back is what is deleted, and by no other protocol. */
	mine = routes[i];
	mine.protocol = RTPROT_STATIC;
	assert_int_equal(kernel_route_del(kernel, &mine), -ESRCH);
	assert_int_equal(kernel_route_del(kernel, &routes[i]), 0);
	assert_int_equal(kernel_route_del(kernel, &routes[i]), -ESRCH);
	free(routes);
	assert_int_equal(kernel_lookup(kernel, &to, &ifindex), 0);
	assert_int_equal(ifindex, other.ifindex);
}

static void
ipv6_routes_as_well(void **unused)
{
	struct kernel_route *routes = NULL,
			    mine = { .protocol = RTPROT_MESHOPT, .type = RTN_UNICAST };
	size_t n, i;

	(void)unused;
	if (!ready)
		skip();
	assert_int_equal(prefix_parse("fd00:50::4/128", &mine.dst), 0);
	assert_int_equal(kernel_route_add(kernel, &mine), 0);
	assert_int_equal(kernel_routes(kernel, &routes, &n), 0);
	i = find(routes, n, "fd00:50::4/128", RTPROT_MESHOPT);
	assert_true(i != SIZE_MAX);
	assert_int_equal(kernel_route_del(kernel, &routes[i]), 0);
	free(routes);
}

static void
more_routes_than_one_message(void **unused)
{
	struct kernel_route *routes = NULL, mine = { .protocol = RTPROT_MESHOPT,
		.type = RTN_UNICAST,
		.scope = RT_SCOPE_LINK };
	size_t n, found = 0;

	(void)unused;
	if (!ready)
		skip();
	assert_int_equal(prefix_parse("10.51.0.0/32", &mine.dst), 0);
	for (int i = 0; i < 2000; i++) {
		mine.dst.addr.b[2] = (uint8_t)(i >> 8);
		mine.dst.addr.b[3] = (uint8_t)i;
		assert_int_equal(kernel_route_add(kernel, &mine), 0);
	}
	assert_int_equal(kernel_routes(kernel, &routes, &n), 0);
	for (size_t i = 0; i < n; i++) {
		if (routes[i].protocol != RTPROT_MESHOPT)
			continue;
		found++;
		assert_int_equal(kernel_route_del(kernel, &routes[i]), 0);
	}
	assert_int_equal(found, 2000);
	free(routes);
}

static void
sysctls_and_ports(void **unused)
{
	uint32_t value;

	(void)unused;
	if (!ready)
		skip();
	assert_int_equal(kernel_sysctl(kernel, "net/ipv4/conf/wgd0/rp_filter", &value),
	    0);
	assert_true(value <= 2);
	assert_int_equal(kernel_sysctl(kernel, "net/ipv4/conf/no/rp_filter", &value),
	    -ENOENT);
	assert_int_equal(kernel_port_free(kernel, 51821), 0);
}

static void
without_wireguard_it_is_said(void **unused)
{
	struct kernel_device *dev = NULL;

	(void)unused;
	if (!ready)
		skip();
	assert_int_equal(setenv("WG_QUICK_USERSPACE_IMPLEMENTATION", "/none", 1), 0);
	if (kernel_has_wireguard(kernel)) {
		/* Not a WireGuard interface, and the wrong family of error otherwise.
		 */
		assert_int_equal(kernel_device(kernel, "wgd0", &dev), -EOPNOTSUPP);
		return;
	}
	assert_int_equal(kernel_device(kernel, "wgd0", &dev), -ENOENT);
	assert_null(dev);
	assert_int_equal(kernel_key_copy(kernel, "wgd0", 51821), -ENOENT);
	assert_int_equal(kernel_link_del(kernel), 0);
	assert_int_equal(kernel_link_del(kernel), -ENODEV);
	assert_int_equal(kernel_link_add(kernel, 1420), -EOPNOTSUPP);
}

static void
lease(const char *own, const char *prefix, struct kernel_lease *out)
{
	assert_int_equal(addr_parse(own, &out->own), 0);
	assert_int_equal(prefix_parse(prefix, &out->prefix), 0);
	out->seconds = 60;
}

static void
leases_of_both_families(void **unused)
{
	struct kernel_lease v4, v6;
	struct kernel_route *routes = NULL;
	struct kernel_addr *addrs = NULL;
	struct kernel_link link;
	struct prefix own;
	uint64_t changes;
	size_t n, i;

	(void)unused;
	if (!ready)
		skip();
	lease("10.50.5.1", "10.50.9.0/24", &v4);
	lease("2001:db8:5::1", "2001:db8:9::/64", &v6);
	assert_int_equal(prefix_parse("2001:db8:5::1/128", &own), 0);
	assert_int_equal(system("PATH=$PATH:/usr/sbin:/sbin; "
				"ip link add wgd0 mtu 1400 type veth peer name far && "
				"ip link set far up"),
	    0);
	assert_int_equal(kernel_link_up(kernel), 0);
	assert_int_equal(kernel_addr_add(kernel, &own), 0);
	assert_int_equal(kernel_link(kernel, "wgd0", &link), 0);
	changes = kernel_changes(kernel);
	for (int round = 0; round < 2; round++) { /* made, renewed */
		assert_int_equal(kernel_lease_set(kernel, &v4), 0);
		assert_int_equal(kernel_lease_set(kernel, &v6), 0);
		assert_int_equal(kernel_addrs(kernel, link.ifindex, &addrs, &n), 0);
		for (i = 0; i < n && addrs[i].peer.addr.family == 0; i++)
			;
		assert_true(i < n);
		assert_true(addr_equal(&addrs[i].prefix.addr, &v4.own));
		assert_true(addr_equal(&addrs[i].peer.addr, &v4.prefix.addr));
		assert_int_equal(addrs[i].peer.len, 24);
		assert_in_range(addrs[i].lease_s, v4.seconds - 5, v4.seconds);
		free(addrs);
		assert_int_equal(kernel_routes(kernel, &routes, &n), 0);
		i = find(routes, n, "10.50.9.0/24", RTPROT_KERNEL);
		assert_true(i < n);
		assert_true(addr_equal(&routes[i].src, &v4.own));
		i = find(routes, n, "2001:db8:9::/64", RTPROT_MESHOPT);
		assert_true(i < n);
		assert_int_equal(routes[i].metric, KERNEL_LEASE_METRIC);
		assert_in_range(routes[i].expires_s, v6.seconds - 5, v6.seconds + 1);
		free(routes);
		v4.seconds = v6.seconds = 100;
	}
	assert_int_equal(kernel_changes(kernel), changes + 4);
	assert_int_equal(kernel_lease_del(kernel, &v4), 0);
	assert_int_equal(kernel_lease_del(kernel, &v6), 0);
	assert_int_equal(kernel_lease_del(kernel, &v4), -EADDRNOTAVAIL);
	assert_int_equal(kernel_lease_del(kernel, &v6), -ESRCH);
	assert_int_equal(kernel_routes(kernel, &routes, &n), 0);
	assert_true(find(routes, n, "10.50.9.0/24", RTPROT_KERNEL) == SIZE_MAX);
	free(routes);
	v4.seconds = 0;
	assert_int_equal(kernel_lease_set(kernel, &v4), -EINVAL); /* for ever */
}

/*
 * Read until nothing has come for a while: duplicate address detection ends a second
 * after an address was added, and says so.
 */
static void
settle(int fd, const unsigned ifindex[2])
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int rc = 1;

	while (poll(&pfd, 1, 1500) > 0 && rc >= 0)
		rc = kernel_monitor_read(kernel, ifindex);
	assert_true(rc >= 0);
}

static void
the_kernel_tells_what_happens(void **unused)
{
	struct kernel_lease v4;
	struct kernel_link link;
	unsigned ifindex[2] = { 0 };
	int fd;

	(void)unused;
	if (!ready)
		skip();
	assert_int_equal(kernel_link(kernel, "wgd0", &link), 0);
	ifindex[0] = link.ifindex;
	assert_int_equal(kernel_monitor(kernel, &fd), 0);
	assert_true(fd >= 0);
	settle(fd, ifindex);
	assert_int_equal(system("PATH=$PATH:/usr/sbin:/sbin; "
				"ip route add 203.0.113.0/24 dev lo"),
	    0);
	assert_int_equal(kernel_monitor_read(kernel, ifindex), 0); /* not ours */
	lease("10.50.5.1", "10.50.9.0/24", &v4);
	assert_int_equal(kernel_lease_set(kernel, &v4), 0);
	assert_int_equal(kernel_monitor_read(kernel, ifindex), 1);
	settle(fd, ifindex);
	assert_int_equal(kernel_monitor_read(kernel, ifindex), 0);
	assert_int_equal(system("PATH=$PATH:/usr/sbin:/sbin; "
				"ip link set wgd0 down"),
	    0);
	assert_int_equal(kernel_monitor_read(kernel, ifindex), 1);
}

/* L1: more than fits is no silence. */
static void
an_overrun_is_told(void **unused)
{
	struct kernel_lease v4;
	struct kernel_link link;
	unsigned ifindex[2] = { 0 };
	int fd, rc, room = 1;

	(void)unused;
	if (!ready)
		skip();
	lease("10.50.5.1", "10.50.9.0/24", &v4);
	assert_int_equal(kernel_link_up(kernel), 0);
	assert_int_equal(kernel_link(kernel, "wgd0", &link), 0);
	ifindex[0] = link.ifindex;
	assert_int_equal(kernel_monitor(kernel, &fd), 0);
	do
		rc = kernel_monitor_read(kernel, ifindex);
	while (rc == 1);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(kernel_lease_set(kernel, &v4), 0);
		assert_int_equal(kernel_lease_del(kernel, &v4), 0);
	}
	assert_int_equal(kernel_monitor_read(kernel, ifindex), -ENOBUFS);
	do /* what had fitted */
		rc = kernel_monitor_read(kernel, ifindex);
	while (rc == 1);
	assert_int_equal(rc, 0);
	room = 100000; /* no longer: an address comes with routes of its own */
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	assert_int_equal(kernel_lease_set(kernel, &v4), 0);
	assert_int_equal(kernel_monitor_read(kernel, ifindex), 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_and_addresses),
		cmocka_unit_test(routes_come_and_go),
		cmocka_unit_test(ipv6_routes_as_well),
		cmocka_unit_test(more_routes_than_one_message),
		cmocka_unit_test(sysctls_and_ports),
		cmocka_unit_test(without_wireguard_it_is_said),
		cmocka_unit_test(leases_of_both_families),
		cmocka_unit_test(the_kernel_tells_what_happens),
		cmocka_unit_test(an_overrun_is_told),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
