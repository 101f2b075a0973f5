/* SPDX-License-Identifier: MIT */
/*
 * Netlink replies as the kernel writes them, built here byte by byte: dumps split over
 * messages, conversations that end badly, attributes that are not what they say.
 *
 * links: optimizer/apply/kernel_nl.c optimizer/apply/kernel_parse.c
 * links: optimizer/apply/kernel_guard.c
 * links: optimizer/apply/kernel_place.c optimizer/apply/kernel_parse_route.c
 */
#include "optimizer/apply/kernel_nl.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SEQ    7
#define PORT   4711
#define FAMILY 30

static const struct nlmsghdr question = { .nlmsg_seq = SEQ, .nlmsg_pid = PORT };

/* One datagram under construction. */
static char wire[KERNEL_NL_BUFFER];
static size_t wire_len;

static struct nlmsghdr *
begin(uint16_t type)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(wire + wire_len);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_MULTI;
	nlh->nlmsg_seq = SEQ;
	nlh->nlmsg_pid = PORT;
	return nlh;
}

static void
end(const struct nlmsghdr *nlh)
{
	wire_len += NLMSG_ALIGN(nlh->nlmsg_len);
}

static void
done(int code)
{
	struct nlmsghdr *nlh = begin(NLMSG_DONE);

	*(int *)mnl_nlmsg_put_extra_header(nlh, sizeof(int)) = code;
	end(nlh);
}

static struct nlmsghdr *
begin_wg(void)
{
	struct nlmsghdr *nlh = begin(FAMILY);

	((struct genlmsghdr *)mnl_nlmsg_put_extra_header(nlh,
	     sizeof(struct genlmsghdr)))
	    ->cmd = WG_CMD_GET_DEVICE;
	return nlh;
}

static void
put_device(struct nlmsghdr *nlh, uint8_t key)
{
	struct wgkey k;

	memset(&k, 0xee, sizeof(k)); /* must not turn up anywhere */
	mnl_attr_put(nlh, WGDEVICE_A_PRIVATE_KEY, sizeof(k), &k);
	memset(&k, key, sizeof(k));
	mnl_attr_put(nlh, WGDEVICE_A_PUBLIC_KEY, sizeof(k), &k);
	mnl_attr_put_u16(nlh, WGDEVICE_A_LISTEN_PORT, 51821);
	mnl_attr_put_u32(nlh, 200, 1); /* of a newer kernel */
}

static struct nlattr *
begin_peer(struct nlmsghdr *nlh, uint8_t key)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, 0);
	struct wgkey k;

	memset(&k, key, sizeof(k));
	mnl_attr_put(nlh, WGPEER_A_PUBLIC_KEY, sizeof(k), &k);
	return nest;
}

/* 10.0.FIRST.0/24 and so on. */
static void
put_allowed(struct nlmsghdr *nlh, uint8_t first, int count)
{
	struct nlattr *all = mnl_attr_nest_start(nlh, WGPEER_A_ALLOWEDIPS), *one;

	for (int i = 0; i < count; i++) {
		uint8_t ip[4] = { 10, 0, (uint8_t)(first + i), 0 };

		one = mnl_attr_nest_start(nlh, 0);
		mnl_attr_put_u8(nlh, WGALLOWEDIP_A_CIDR_MASK, 24);
		mnl_attr_put(nlh, WGALLOWEDIP_A_IPADDR, sizeof(ip), ip);
		mnl_attr_put_u16(nlh, WGALLOWEDIP_A_FAMILY, AF_INET);
		mnl_attr_nest_end(nlh, one);
	}
	mnl_attr_nest_end(nlh, all);
}

static int
device_cb(const struct nlmsghdr *nlh, void *ctx)
{
	return kernel_parse_device(nlh, ctx);
}

static int
walk(struct kernel_device *dev)
{
	return kernel_nl_walk(wire, wire_len, &question, device_cb, dev);
}

static int
set_up(void **unused)
{
	(void)unused;
	memset(wire, 0, sizeof(wire));
	wire_len = 0;
	return 0;
}

static void
a_device_is_read(void **unused)
{
	struct kernel_device dev = { 0 };
	struct nlmsghdr *nlh = begin_wg();
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(33) };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons(51821),
		.sin_addr.s_addr = htonl(0xc0000203) };
	int64_t time[2] = { 1700000000, 250000000 };
	struct nlattr *peers, *peer;
	struct endpoint want;

	(void)unused;
	put_device(nlh, 1);
	peers = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
	peer = begin_peer(nlh, 2);
	mnl_attr_put(nlh, WGPEER_A_ENDPOINT, sizeof(v4), &v4);
	mnl_attr_put(nlh, WGPEER_A_LAST_HANDSHAKE_TIME, sizeof(time), time);
	mnl_attr_put_u16(nlh, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 25);
	put_allowed(nlh, 0, 2);
	mnl_attr_nest_end(nlh, peer);
	peer = begin_peer(nlh, 3);
	mnl_attr_put(nlh, WGPEER_A_ENDPOINT, sizeof(v6), &v6);
	mnl_attr_nest_end(nlh, peer);
	mnl_attr_nest_end(nlh, peers);
	end(nlh);
	done(0);

	assert_int_equal(walk(&dev), 0);
	assert_true(dev.has_key);
	assert_int_equal(dev.key.b[31], 1);
	assert_int_equal(dev.port, 51821);
	assert_int_equal(dev.n_peers, 2);
	assert_int_equal(dev.peers[0].keepalive_s, 25);
	assert_int_equal(dev.peers[0].handshake.ns, 1700000000250000000);
	assert_int_equal(dev.peers[0].n_allowed, 2);
	assert_int_equal(dev.peers[0].allowed[1].len, 24);
	assert_int_equal(endpoint_parse("192.0.2.3:51821", &want), 0);
	assert_true(addr_equal(&dev.peers[0].endpoint, &want.addr));
	assert_int_equal(dev.peers[0].port, 51821);
	assert_int_equal(dev.peers[1].endpoint.family, AF_INET6);
	assert_int_equal(dev.peers[1].port, 33);
	assert_int_equal(dev.peers[1].handshake.ns, 0);
	kernel_parse_device_fini(&dev);
}

static void
peers_that_were_split_are_one(void **unused)
{
	/* key and prefixes of each piece, messages apart at 0 */
	static const struct {
		uint8_t key, first;
		int count;
	} pieces[] = { { 2, 0, 3 }, { 3, 10, 0 }, { 0, 0, 0 }, { 3, 10, 2 },
		{ 0, 0, 0 }, { 3, 12, 2 }, { 4, 20, 1 }, { 2, 30, 1 } };
	static const size_t want[] = { 3, 4, 1, 1 };
	struct kernel_device dev = { 0 };
	struct nlmsghdr *nlh = begin_wg();
	struct nlattr *peers, *peer;

	(void)unused;
	put_device(nlh, 1);
	peers = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		if (pieces[i].key == 0) {
			mnl_attr_nest_end(nlh, peers);
			end(nlh);
			nlh = begin_wg();
			/* Sometimes the kernel says the device again. */
			if (i == 4)
				put_device(nlh, 1);
			peers = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
			continue;
		}
		peer = begin_peer(nlh, pieces[i].key);
		if (pieces[i].count)
			put_allowed(nlh, pieces[i].first, pieces[i].count);
		mnl_attr_nest_end(nlh, peer);
	}
	mnl_attr_nest_end(nlh, peers);
	end(nlh);
	done(0);
	assert_int_equal(walk(&dev), 0);
	assert_int_equal(dev.n_peers, 4); /* key 2 at the end is no neighbour */
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(dev.peers[i].n_allowed, want[i]);
	assert_int_equal(dev.peers[1].allowed[3].addr.b[2], 13);
	kernel_parse_device_fini(&dev);
}

static void
a_conversation_ends_as_it_ends(void **unused)
{
	struct kernel_device dev = { 0 };
	struct nlmsghdr *nlh;

	(void)unused;
	/* Nothing but a stranger's messages: go on listening. */
	nlh = begin(NLMSG_DONE);
	nlh->nlmsg_seq++;
	end(nlh);
	nlh = begin(NLMSG_ERROR);
	nlh->nlmsg_pid++;
	end(nlh);
	assert_int_equal(walk(&dev), 1);

	set_up(NULL);
	done(-EOPNOTSUPP);
	assert_int_equal(walk(&dev), -EOPNOTSUPP);

	set_up(NULL);
	end(begin(NLMSG_DONE)); /* empty, as old kernels have it */
	assert_int_equal(walk(&dev), 0);

	set_up(NULL);
	end(begin(NLMSG_ERROR)); /* but an error has a number */
	assert_int_equal(walk(&dev), -EBADMSG);

	set_up(NULL);
	done(5);
	assert_int_equal(walk(&dev), -EBADMSG);

	set_up(NULL);
	nlh = begin_wg();
	nlh->nlmsg_flags |= NLM_F_DUMP_INTR;
	end(nlh);
	done(0);
	assert_int_equal(walk(&dev), -EINTR);

	set_up(NULL);
	end(begin(NLMSG_OVERRUN));
	assert_int_equal(walk(&dev), -ENOBUFS);
}

static void
bytes_that_are_no_messages(void **unused)
{
	struct kernel_device dev = { 0 };
	struct nlmsghdr *nlh;

	(void)unused;
	end(begin(NLMSG_NOOP));
	end(begin_wg());
	assert_int_equal(walk(&dev), 1);
	wire_len += 3; /* no room for a header */
	assert_int_equal(walk(&dev), -EBADMSG);

	set_up(NULL);
	nlh = begin_wg();
	nlh->nlmsg_len += 100; /* longer than what came */
	wire_len = nlh->nlmsg_len - 100;
	assert_int_equal(walk(&dev), -EBADMSG);

	/* Lengths that are negative in an int; the last once was walked for ever. */
	for (uint32_t i = 0; i < 3; i++) {
		set_up(NULL);
		begin_wg()->nlmsg_len =
		    (uint32_t[]){ 0x80000010, 0xfffffff0, 0xffffffff }[i];
		wire_len = 64;
		assert_int_equal(walk(&dev), -EBADMSG);
	}

	set_up(NULL);
	nlh = begin_wg();
	nlh->nlmsg_len++; /* not padded */
	wire_len = nlh->nlmsg_len;
	assert_int_equal(walk(&dev), -EBADMSG);
	assert_int_equal(dev.n_peers, 0);
}

static void
what_is_not_a_peer_is_refused(void **unused)
{
	struct kernel_device dev = { 0 };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	uint8_t bytes[64] = { 0 };
	int64_t before_1970[2] = { -1, 0 }, ns[2] = { 1, 1000000000 };
	struct {
		const char *name;
		uint16_t type;
		size_t len;
		const void *data;
	} rows[] = {
		{ "short key", WGPEER_A_PUBLIC_KEY, 31, bytes },
		{ "no family", WGPEER_A_ENDPOINT, 16, bytes },
		{ "half an IPv6 endpoint", WGPEER_A_ENDPOINT, 16, &v6 },
		{ "short endpoint", WGPEER_A_ENDPOINT, 4, bytes },
		{ "short keepalive", WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, 1, bytes },
		{ "before 1970", WGPEER_A_LAST_HANDSHAKE_TIME, 16, before_1970 },
		{ "too many ns", WGPEER_A_LAST_HANDSHAKE_TIME, 16, ns },
		{ "half a time", WGPEER_A_LAST_HANDSHAKE_TIME, 8, bytes },
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct nlmsghdr *nlh;
		struct nlattr *peers, *peer;

		set_up(NULL);
		nlh = begin_wg();
		peers = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
		peer = rows[i].type == WGPEER_A_PUBLIC_KEY ? mnl_attr_nest_start(nlh, 0)
							   : begin_peer(nlh, 2);
		mnl_attr_put(nlh, rows[i].type, rows[i].len, rows[i].data);
		mnl_attr_nest_end(nlh, peer);
		mnl_attr_nest_end(nlh, peers);
		end(nlh);
		print_message("%s\n", rows[i].name);
		assert_int_equal(walk(&dev), -EBADMSG);
		kernel_parse_device_fini(&dev);
	}
}

static void
a_prefix_is_judged(void **unused)
{
	static const struct {
		uint16_t family;
		uint8_t len, bytes;
		int want;
	} rows[] = {
		{ AF_INET, 32, 4, 1 },
		{ AF_INET, 0, 4, 1 },
		{ AF_INET6, 128, 16, 1 },
		{ AF_INET, 33, 4, -EBADMSG },
		{ AF_INET6, 129, 16, -EBADMSG },
		{ AF_INET6, 64, 4, -EBADMSG },
		{ AF_UNIX, 24, 4, -EBADMSG },
		{ 0x0202, 24, 4, -EBADMSG },
	};
	uint8_t ip[16] = { 10 };

	(void)unused;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct kernel_device dev = { 0 };
		struct nlmsghdr *nlh;
		struct nlattr *nests[4];

		set_up(NULL);
		nlh = begin_wg();
		nests[0] = mnl_attr_nest_start(nlh, WGDEVICE_A_PEERS);
		nests[1] = begin_peer(nlh, 2);
		nests[2] = mnl_attr_nest_start(nlh, WGPEER_A_ALLOWEDIPS);
		nests[3] = mnl_attr_nest_start(nlh, 0);
		mnl_attr_put_u16(nlh, WGALLOWEDIP_A_FAMILY, rows[i].family);
		mnl_attr_put(nlh, WGALLOWEDIP_A_IPADDR, rows[i].bytes, ip);
		mnl_attr_put_u8(nlh, WGALLOWEDIP_A_CIDR_MASK, rows[i].len);
		for (int j = 3; j >= 0; j--)
			mnl_attr_nest_end(nlh, nests[j]);
		end(nlh);
		assert_int_equal(walk(&dev), rows[i].want);
		kernel_parse_device_fini(&dev);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_device_is_read, set_up),
		cmocka_unit_test_setup(peers_that_were_split_are_one, set_up),
		cmocka_unit_test_setup(a_conversation_ends_as_it_ends, set_up),
		cmocka_unit_test_setup(bytes_that_are_no_messages, set_up),
		cmocka_unit_test_setup(what_is_not_a_peer_is_refused, set_up),
		cmocka_unit_test_setup(a_prefix_is_judged, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
