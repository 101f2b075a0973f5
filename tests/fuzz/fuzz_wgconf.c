/* SPDX-License-Identifier: MIT */
/*
 * The editor of wg-quick files: after putting a peer in it is there, after dropping
 * each of its kind it is not, and what was put into a file without it comes out again
 * with nothing else changed but empty lines at the end.
 *
 * links: optimizer/operate/wgconf.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "optimizer/operate/wgconf.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static size_t
without_end(const char *text, size_t len)
{
	while (len && strchr(" \t\r\n", text[len - 1]) && text[len - 1])
		len--;
	return len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static const char text[] = "GxuSsvO9/raKe5WctZQfX5tkHOrTf0PLJWmHEzrw1Go=";
	struct prefix prefix = { .addr.family = AF_INET, .len = 8 };
	struct wgconf_peer peer = { .name = "hkg", .allowed = &prefix, .n_allowed = 1 };
	char *copy = malloc(len ? len : 1), *with, *back; /* of its very size */
	size_t with_len, back_len;
	bool had;

	if (!copy || wgkey_parse(text, &peer.key) < 0)
		abort();
	if (len)
		memcpy(copy, in, len);
	had = wgconf_has(copy, len, &peer.key);
	with = wgconf_put(copy, len, &peer, &with_len);
	assert(with && wgconf_has(with, with_len, &peer.key));
	back = wgconf_drop(with, with_len, &peer.key, &back_len);
	assert(back && back_len < with_len);
	if (!had) {
		assert(!wgconf_has(back, back_len, &peer.key));
		assert(without_end(back, back_len) == without_end(copy, len));
		assert(memcmp(back, copy, without_end(copy, len)) == 0);
	}
	free(copy);
	free(with);
	free(back);
	return 0;
}
