/* SPDX-License-Identifier: MIT */
/*
 * A reply of the UAPI socket: whatever it holds, what was read of it is within bounds
 * and no more than the bytes can have said.
 *
 * links: optimizer/apply/kernel_uapi_parse.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "optimizer/apply/kernel_uapi.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct kernel_device dev = { 0 };
	struct wgkey secret = { { 0 } };
	char *copy = malloc(len ? len : 1); /* of its very size, for the sanitizer */
	int rc;

	if (!copy)
		abort();
	if (len)
		memcpy(copy, in, len);
	rc = kernel_uapi_parse(copy, len, &dev, &secret);
	assert(rc <= 0);
	assert(dev.n_peers <= len / strlen("public_key="));
	for (size_t i = 0; i < dev.n_peers; i++) {
		const struct kernel_peer *peer = &dev.peers[i];

		assert(peer->n_allowed <= len / strlen("allowed_ip=::"));
		assert(peer->handshake.ns >= 0);
		for (size_t j = 0; j < peer->n_allowed; j++)
			assert(
			    peer->allowed[j].len <= addr_bits(&peer->allowed[j].addr));
	}
	kernel_uapi_parse_fini(&dev);
	free(copy);
	return 0;
}
