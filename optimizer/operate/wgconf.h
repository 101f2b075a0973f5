/* SPDX-License-Identifier: MIT */
/*
 * One [Peer] of a wg-quick file put in or taken out, and not a byte changed elsewhere:
 * comments, order and keys that we know nothing of stay.  `wg-quick save` would write
 * the running peers anew and lose them.  Pure; the caller reads, checks and writes.
 *
 * A section goes from its header to the next.  Comments right above a header belong to
 * it.
 */
#ifndef OPTIMIZER_OPERATE_WGCONF_H
#define OPTIMIZER_OPERATE_WGCONF_H

#include <stdbool.h>
#include <stddef.h>

#include "common/addr.h"
#include "common/wgkey.h"

struct wgconf_peer {
	const char *name; /* for the comment above; NULL = none */
	struct wgkey key;
	const struct prefix *allowed;
	size_t n_allowed;
	const char *endpoint; /* NULL = say nothing of it */
	unsigned keepalive_s; /* 0 = say nothing of it */
};

/* Is there a [Peer] with this key? */
bool wgconf_has(const char *text, size_t len, const struct wgkey *key);

/*
 * The text with that peer: appended, or in place of the lines that say the same of it.
 * To be freed by the caller; *out_len does not count the end.
 */
char *wgconf_put(const char *text, size_t len, const struct wgconf_peer *peer,
    size_t *out_len);

/* The text without the peer, and the comment above it; the same if there is none. */
char *wgconf_drop(const char *text, size_t len, const struct wgkey *key,
    size_t *out_len);

#endif
