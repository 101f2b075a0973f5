/* SPDX-License-Identifier: MIT */
/*
 * A datagram of a GET_DEVICE reply: whatever it holds, the walk ends, and what was read
 * of it is within its own bounds.  The first byte of each message's type is left to the
 * fuzzer; sequence and port are set right, or nothing would ever be looked at.
 *
 * links: optimizer/apply/kernel_nl.c optimizer/apply/kernel_parse.c
 * links: optimizer/apply/kernel_guard.c
 * links: optimizer/apply/kernel_place.c optimizer/apply/kernel_parse_route.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "optimizer/apply/kernel_nl.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static int
each(const struct nlmsghdr *nlh, void *ctx)
{
	struct kernel_link link;
	struct kernel_addr addr;
	struct kernel_route route;
	uint16_t family;

	/* The other replies are walked in the same way. */
	if (kernel_parse_link(nlh, &link) == 0)
		assert(link.ifindex > 0 && strlen(link.name) < sizeof(link.name));
	if (kernel_parse_addr(nlh, &addr) == 0)
		assert(addr.prefix.len <= addr_bits(&addr.prefix.addr));
	if (kernel_parse_route(nlh, &route) == 0)
		assert(route.dst.len <= addr_bits(&route.dst.addr));
	(void)kernel_parse_family(nlh, &family); /* any 16 bits are a family */
	return kernel_parse_device(nlh, ctx);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	const struct nlmsghdr question = { 0 };
	struct kernel_device dev = { 0 };
	uint8_t *copy;
	int rc;

	if (len > KERNEL_NL_BUFFER)
		return 0;
	copy = malloc(len ? len : 1); /* of its very size, for the sanitizer */
	if (!copy)
		abort();
	if (len)
		memcpy(copy, in, len);
	for (size_t at = 0; at + sizeof(question) <= len;) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)(void *)(copy + at);

		nlh->nlmsg_seq = 0;
		nlh->nlmsg_pid = 0;
		if (nlh->nlmsg_len < sizeof(*nlh) || nlh->nlmsg_len > len)
			break;
		at += NLMSG_ALIGN((size_t)nlh->nlmsg_len);
	}
	rc = kernel_nl_walk(copy, len, &question, each, &dev);
	assert(rc <= 1);
	/* A prefix takes 28 bytes on the wire, a peer 40. */
	assert(dev.n_peers <= len / 40);
	for (size_t i = 0; i < dev.n_peers; i++) {
		assert(dev.peers[i].n_allowed <= len / 20);
		for (size_t j = 0; j < dev.peers[i].n_allowed; j++)
			assert(dev.peers[i].allowed[j].len <=
			       addr_bits(&dev.peers[i].allowed[j].addr));
	}
	kernel_parse_device_fini(&dev);
	free(copy);
	return 0;
}
