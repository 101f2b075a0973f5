/* SPDX-License-Identifier: MIT */
/*
 * Peers by our netlink layer, one a message and each acknowledged, to be timed against
 * wg(8).
 *
 *	netlink-bench conf N		N peers as a file for `wg syncconf`
 *	netlink-bench set IFACE N	the same peers by kernel_peer_set(); prints ms
 *	netlink-bench dump IFACE	reads them all; prints their number and ms
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/num.h"
#include "optimizer/apply/kernel.h"

/* Any 32 bytes are a public key; these are the same at every call. */
static struct wgkey
key_of(uint32_t i)
{
	uint64_t state = i * UINT64_C(0x9e3779b97f4a7c15) + 1;
	struct wgkey key;

	for (size_t b = 0; b < sizeof(key.b); b++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		key.b[b] = (uint8_t)(state >> 24);
	}
	return key;
}

static struct prefix
prefix_of(uint32_t i)
{
	return (struct prefix){ { AF_INET, { 10, 99, (uint8_t)(i >> 8), (uint8_t)i } },
		32 };
}

static int
conf(uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		char key[WGKEY_TEXT_MAX], text[PREFIX_TEXT_MAX];
		struct wgkey k = key_of(i);
		struct prefix p = prefix_of(i);

		wgkey_format(&k, key);
		prefix_format(&p, text);
		printf("[Peer]\nPublicKey = %s\nAllowedIPs = %s\n", key, text);
	}
	return 0;
}

static double
ms_since(struct mono start)
{
	return (double)mono_diff(clock_mono(), start) / (double)NS_PER_MS;
}

/* The device shows peers in the order in which they were added. */
static bool
right(const struct kernel_device *dev, uint32_t i)
{
	struct wgkey key = key_of(i);
	struct prefix p = prefix_of(i);
	const struct kernel_peer *peer = i < dev->n_peers ? &dev->peers[i] : NULL;

	return peer && wgkey_compare(&peer->key, &key) == 0 && peer->n_allowed == 1 &&
	       peer->allowed[0].len == p.len &&
	       addr_equal(&peer->allowed[0].addr, &p.addr);
}

/* As netd: what is there is read first, and only what lacks is sent. */
static int
set(struct kernel *k, const char *name, uint32_t n)
{
	struct mono start = clock_mono();
	struct kernel_device *dev;
	int rc = kernel_device(k, name, &dev);

	for (uint32_t i = 0; i < n && rc == 0; i++) {
		struct prefix p = prefix_of(i);
		struct kernel_peer_change change = { .key = key_of(i),
			.allowed = &p,
			.n_allowed = 1 };

		if (!right(dev, i))
			rc = kernel_peer_set(k, &change);
	}
	if (rc < 0)
		log_die("%s: %s", name, strerror(-rc));
	printf("%.1f\n", ms_since(start));
	kernel_device_free(dev);
	return 0;
}

static int
dump(struct kernel *k, const char *name)
{
	struct mono start = clock_mono();
	struct kernel_device *dev;
	int rc = kernel_device(k, name, &dev);

	if (rc < 0)
		log_die("%s: %s", name, strerror(-rc));
	printf("%zu %.1f\n", dev->n_peers, ms_since(start));
	kernel_device_free(dev);
	return 0;
}

int
main(int argc, char *argv[])
{
	struct kernel *k;
	struct err err;
	uint32_t n = 0;
	int rc;

	log_init("netlink-bench", false);
	if (argc < 3 || (argc == 4 && num_u32(argv[3], 1, 65536, &n) < 0))
		log_die("usage: netlink-bench conf N | set IFACE N | dump IFACE");
	if (strcmp(argv[1], "conf") == 0)
		return num_u32(argv[2], 1, 65536, &n) < 0 ? 1 : conf(n);
	if (kernel_open(argv[2], &k, &err) < 0)
		log_die("%s", err.text);
	rc = n ? set(k, argv[2], n) : dump(k, argv[2]);
	kernel_close(k);
	return rc;
}
