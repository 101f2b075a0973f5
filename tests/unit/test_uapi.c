/* SPDX-License-Identifier: MIT */
/*
 * Replies of the UAPI socket, as wireguard-go 0.0.20220316 writes them and as nobody
 * should.
 *
 * links: optimizer/apply/kernel_uapi_parse.c
 */
#include "optimizer/apply/kernel_uapi.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SECRET "40a246feb129a9a1d84e4f262bfd1446cae3f8db34f0e64ad63655b59d15a35c"
#define PEER   "ee9209aed15a3d68f35f2669e2d2d62732362b6eabb6fdc8ab4eec5deeb00a02"
#define OTHER  "0e9209aed15a3d68f35f2669e2d2d62732362b6eabb6fdc8ab4eec5deeb00a02"

static int
parse(const char *text, struct kernel_device *dev)
{
	*dev = (struct kernel_device){ 0 };
	return kernel_uapi_parse(text, strlen(text), dev, NULL);
}

static void
a_device_with_two_peers(void **unused)
{
	static const char text[] =
	    "private_key=" SECRET "\nlisten_port=5555\nfwmark=3\npublic_key=" PEER
	    "\npreshared_key=" OTHER "\nprotocol_version=1\nendpoint=127.0.0.1:99\n"
	    "last_handshake_time_sec=1700000000\nlast_handshake_time_nsec=500\n"
	    "tx_bytes=148\nrx_bytes=18446744073\npersistent_keepalive_interval=25\n"
	    "allowed_ip=10.0.0.0/24\nallowed_ip=fd00::/64\npublic_key=" OTHER
	    "\nendpoint=[2001:db8::1]:51820\nallowed_ip=10.0.1.1/32\nerrno=0\n\n";
	struct wgkey secret = { { 0 } };
	struct kernel_device dev = { 0 };
	char key[WGKEY_TEXT_MAX], hex[KERNEL_UAPI_HEX], prefix[PREFIX_TEXT_MAX];

	(void)unused;
	assert_int_equal(kernel_uapi_parse(text, strlen(text), &dev, &secret), 0);
	assert_true(dev.has_key);
	/* What `wg show` said of that very device. */
	wgkey_format(&dev.key, key);
	assert_string_equal(key, "hgtITa/zspJyKdqEVfeqBCriYicXK3q4EDSsCaNm3XM=");
	kernel_uapi_hex(&secret, hex);
	assert_string_equal(hex, SECRET);
	assert_int_equal(dev.port, 5555);
	assert_int_equal(dev.n_peers, 2);
	wgkey_format(&dev.peers[0].key, key);
	assert_string_equal(key, "7pIJrtFaPWjzXyZp4tLWJzI2K26rtv3Iq07sXe6wCgI=");
	assert_int_equal(dev.peers[0].port, 99);
	assert_int_equal(dev.peers[0].keepalive_s, 25);
	assert_true(dev.peers[0].handshake.ns == 1700000000 * NS_PER_S + 500);
	assert_true(dev.peers[0].tx_bytes == 148);
	assert_true(dev.peers[0].rx_bytes == 18446744073);
	assert_int_equal(dev.peers[0].n_allowed, 2);
	prefix_format(&dev.peers[0].allowed[1], prefix);
	assert_string_equal(prefix, "fd00::/64");
	assert_int_equal(dev.peers[1].endpoint.family, AF_INET6);
	assert_int_equal(dev.peers[1].n_allowed, 1);
	kernel_uapi_parse_fini(&dev);
}

static void
answers_of_a_set(void **unused)
{
	struct kernel_device dev;

	(void)unused;
	assert_int_equal(parse("errno=0\n\n", &dev), 0);
	assert_int_equal(parse("errno=-22\n\n", &dev), -22);
	assert_int_equal(parse("errno=98\n\n", &dev), -98);
}

static void
nothing_else_is_a_reply(void **unused)
{
	static const char *const bad[] = {
		"",
		"\n",
		"\n\n",
		"errno=0",
		"errno=0\n",
		"errno=0\n\n\n",
		"errno=0\n\nerrno=0\n\n",
		"errno=0\nerrno=0\n\n",
		"errno=\n\n",
		"errno=--1\n\n",
		"errno=99999\n\n",
		"listen_port=1\n\n",
		"listen_port=65536\nerrno=0\n\n",
		"listen_port=\nerrno=0\n\n",
		"listen_port=1x\nerrno=0\n\n",
		"private_key=00\nerrno=0\n\n",
		"listen_port\nerrno=0\n\n",
		"public_key=zz\nerrno=0\n\n",
		"private_key=" SECRET "0\nerrno=0\n\n",
		"public_key=" PEER "\nallowed_ip=10.0.0.0/33\nerrno=0\n\n",
		"public_key=" PEER "\nendpoint=host.example:1\nerrno=0\n\n",
		"public_key=" PEER "\nlast_handshake_time_sec=-1\nerrno=0\n\n",
		"public_key=" PEER
		"\nlast_handshake_time_sec=9223372036854775807\nerrno=0\n\n",
		"public_key=" PEER "\nlast_handshake_time_nsec=1000000000\nerrno=0\n\n",
		"public_key=" PEER "\nrx_bytes=99999999999999999999\nerrno=0\n\n",
		"x=0123456789012345678901234567890123456789012345678901234567890123456"
		"789012345678901234567890123456789012345678901234567890123456789\n"
		"errno=0\n\n",
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct kernel_device dev;

		if (parse(bad[i], &dev) != -EBADMSG)
			fail_msg("taken: %s", bad[i]);
		kernel_uapi_parse_fini(&dev);
	}
}

static void
a_device_without_a_key(void **unused)
{
	struct kernel_device dev;

	(void)unused;
	assert_int_equal(parse("private_key="
			       "0000000000000000000000000000000000000000000000000000000"
			       "000000000\nlisten_port=0\nerrno=0\n\n",
			     &dev),
	    0);
	assert_false(dev.has_key);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_with_two_peers),
		cmocka_unit_test(answers_of_a_set),
		cmocka_unit_test(nothing_else_is_a_reply),
		cmocka_unit_test(a_device_without_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
