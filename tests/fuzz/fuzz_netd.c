/* SPDX-License-Identifier: MIT */
/*
 * The messages between the halves of the agent, in both directions: what passes the
 * check is within its ranges, byte for byte what came.
 *
 * links: optimizer/netd/netd.c
 */
#include <assert.h>
#include <string.h>

#include "optimizer/netd/netd.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

/* The magic numbers, or a fuzzer would only ever find those. */
static void
mend(uint8_t *buf, size_t len)
{
	struct netd_request req;
	union netd_answer a;

	netd_request_init(&req, NETD_STATE);
	netd_answer_init(&a, NETD_REPLY, 0);
	if (len == sizeof(req))
		memcpy(buf, &req, 6);
	else if (len > 6)
		memcpy(buf, &a, 6);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static const size_t sizes[] = { sizeof(struct netd_reply),
		sizeof(struct netd_node), sizeof(struct netd_self) };
	uint8_t buf[1024] = { 0 };
	struct netd_request req;
	union netd_answer a;

	if (len == 0 || len > sizeof(buf))
		return 0;
	memcpy(buf, in, len);
	if (netd_request_check(in, len, &req) == 0)
		assert(len == sizeof(req) && memcmp(&req, in, len) == 0);
	mend(buf, sizeof(req));
	if (netd_request_check(buf, sizeof(req), &req) == 0) {
		assert(req.verb > 0 && req.verb < NETD_VERBS);
		assert(req.seconds <= NETD_LEASE_MAX_S);
		assert(req.flags == 0 || req.verb == NETD_LEASE);
		assert(req.family == 0 || req.verb == NETD_STAGE);
	}
	for (size_t i = 0; i < 3; i++) {
		mend(buf, sizes[i]);
		if (netd_answer_check(buf, sizes[i], 5, &a) < 0)
			continue;
		if (a.head.kind == NETD_REPLY)
			assert(strlen(a.reply.text) < sizeof(a.reply.text));
		if (a.head.kind == NETD_NODE)
			assert(a.node.node < 5 && a.node.path < NETD_PATHS);
		if (a.head.kind == NETD_SELF)
			assert(strlen(a.self.verdict) < sizeof(a.self.verdict));
	}
	return 0;
}
