/* SPDX-License-Identifier: MIT */
/*
 * What a WireGuard interface is configured with, as wg-quick(8), `wg showconf` and
 * `wg show IF dump` write it.  Strict: what it does not know is an error with file and
 * line, what a mesh file has no word for is kept as text.  A private key goes no
 * further than its public half.
 */
#ifndef OPTIMIZER_WGQUICK_H
#define OPTIMIZER_WGQUICK_H

#include <stdbool.h>
#include <stdio.h>

#include "common/addr.h"
#include "common/err.h"
#include "common/mesh.h"
#include "common/wgkey.h"

#define WGQUICK_LABEL_MAX 128

struct wgquick_lines {
	char **line; /* owned, and so is each */
	size_t n;
};

struct wgquick_peer {
	struct wgkey key;
	struct endpoint endpoint; /* host "" = none */
	struct prefix *allowed;	  /* owned, host bits cleared */
	size_t n_allowed;
	bool has_keepalive;
	uint16_t keepalive_s;
	char label[WGQUICK_LABEL_MAX]; /* the comment that names it; "" = none */
	bool friendly;		       /* the label is a friendly_name */
	struct wgquick_lines said;     /* its "#: Key = Value" lines */
	struct wgquick_lines kept;     /* without a word in the mesh file */
	unsigned line;		       /* of its [Peer] */
	uint32_t seen;		       /* inside wgquick.c */
};

struct wgquick {
	bool has_key;
	struct wgkey key; /* public */
	struct prefix *address;
	size_t n_address;
	uint16_t port, mtu; /* 0 = not said */
	struct wgquick_lines said, kept;
	struct wgquick_peer *peers;
	size_t n_peers;
	bool running;  /* what the kernel has, endpoints learned among it */
	unsigned line; /* of [Interface] */
	uint32_t seen;
};

/* Both kinds of text, told apart by their first line.  name is for messages. */
int wgquick_read(FILE *in, const char *name, struct wgquick *out, struct err *err);
void wgquick_fini(struct wgquick *w);

/* For other readers of the same facts: cap and append. */
struct wgquick_peer *wgquick_add_peer(struct wgquick *w);
void wgquick_add_line(struct wgquick_lines *lines, const char *text);
/* A list of prefixes into *list: 0 or -EINVAL. */
int wgquick_prefixes(const char *value, bool masked, struct prefix **list, size_t *n);

/*
 * What no single line shows: a peer without key, or with the interface's own; two peers
 * with one key or one prefix; a prefix that is everything.
 */
int wgquick_check(const struct wgquick *w, const char *name, struct err *err);

/* Inside: `wg show IF dump`, from its second line on; first is the first. */
int wgdump_read(FILE *in, char *first, const char *name, struct wgquick *out,
    struct err *err);

#endif
