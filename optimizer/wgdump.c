/* SPDX-License-Identifier: MIT */
/*
 * `wg show IF dump` (wg(8)): a line of the interface, then one a peer, words apart by
 * tabs; and what holds for every way to read an interface.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/num.h"
#include "optimizer/wgquick.h"

#define FIELDS_MAX 9
#define LINE_MAX_B 16384

struct dump {
	const char *name;
	struct wgquick *w;
	unsigned line;
	size_t more; /* 1 of `wg show all dump`, which begins with the interface */
	char interface[IF_NAMESIZE];
	struct err *err;
};

/* Cut in place; the number of words, or FIELDS_MAX + 1 when there are more. */
static size_t
split(char *line, char *field[FIELDS_MAX])
{
	size_t n = 0;

	line[strcspn(line, "\r\n")] = '\0';
	for (char *s = line; s;) {
		char *tab = strchr(s, '\t');

		if (n == FIELDS_MAX)
			return FIELDS_MAX + 1;
		field[n++] = s;
		if (tab)
			*tab++ = '\0';
		s = tab;
	}
	return n;
}

static int
bad(const struct dump *d, const char *what)
{
	return err_set(d->err, "%s:%u: %s in the output of `wg show IF dump`", d->name,
	    d->line, what);
}

static bool
is_none(const char *s)
{
	return strcmp(s, "(none)") == 0;
}

static int
take_interface(struct dump *d, char **f, size_t n)
{
	struct wgkey key;
	uint32_t port;
	int r = 0;

	d->more = n == 5;
	if (n != 4 && n != 5)
		return bad(d, "neither 4 nor 5 words");
	if (d->more && strlen(f[0]) >= sizeof(d->interface))
		return bad(d, "no interface name");
	(void)snprintf(d->interface, sizeof(d->interface), "%s",
	    d->more ? f[0] : ""); /* fits */
	f += d->more;
	/* Without the rights for it, wg shows no private key, but the public one. */
	if (!is_none(f[0])) {
		r = wgkey_parse(f[0], &key) < 0 || wgkey_public(&key, &d->w->key) < 0
			? bad(d, "no private key")
			: 0;
		wgkey_wipe(&key);
		d->w->has_key = r == 0;
	} else if (!is_none(f[1])) {
		d->w->has_key = wgkey_parse(f[1], &d->w->key) == 0;
		r = d->w->has_key ? 0 : bad(d, "no public key");
	}
	if (r == 0 && num_u32(f[2], 0, 65535, &port) < 0)
		r = bad(d, "no port");
	if (r == 0) {
		d->w->port = (uint16_t)port;
		d->w->line = 1;
		d->w->running = true;
	}
	return r;
}

static int
take_peer(struct dump *d, char **f, size_t n)
{
	struct wgquick_peer *p;
	uint32_t keepalive = 0;

	if (n != 8 + d->more)
		return bad(d, "not 8 words, or 9 of `wg show all dump`,");
	if (d->more && strcmp(f[0], d->interface) != 0)
		return err_set(d->err,
		    "%s:%u: a second interface, %.15s; give `wg show %s dump` of one",
		    d->name, d->line, f[0], d->interface);
	f += d->more;
	if (d->w->n_peers == MESH_NODES_MAX)
		return bad(d, "too many peers");
	p = wgquick_add_peer(d->w);
	p->line = d->line;
	if (wgkey_parse(f[0], &p->key) < 0)
		return bad(d, "no public key");
	if (!is_none(f[1]))
		wgquick_add_line(&p->kept,
		    "PresharedKey = (a secret, which a mesh file does not hold)");
	if (!is_none(f[2]) && endpoint_parse(f[2], &p->endpoint) < 0)
		return bad(d, "no endpoint");
	if (!is_none(f[3]) &&
	    wgquick_prefixes(f[3], true, &p->allowed, &p->n_allowed) < 0)
		return bad(d, "no allowed IPs");
	p->has_keepalive = strcmp(f[7], "off") != 0;
	if (p->has_keepalive && num_u32(f[7], 1, 65535, &keepalive) < 0)
		return bad(d, "no keepalive");
	p->keepalive_s = (uint16_t)keepalive;
	return 0;
}

int
wgdump_read(FILE *in, char *first, const char *name, struct wgquick *out,
    struct err *err)
{
	struct dump d = { .name = name, .w = out, .line = 1, .err = err };
	char line[LINE_MAX_B], *field[FIELDS_MAX];
	int r;

	r = take_interface(&d, field, split(first, field));
	while (r == 0 && fgets(line, sizeof(line), in)) {
		d.line++;
		if (!strchr(line, '\n') && !feof(in))
			r = bad(&d, "too long a line");
		else
			r = take_peer(&d, field, split(line, field));
	}
	explicit_bzero(line, sizeof(line));
	if (r == 0 && ferror(in))
		r = err_code(err, EIO, "%s: %s", name, strerror(errno));
	return r;
}

struct claim {
	const struct wgquick_peer *peer;
	const struct prefix *prefix; /* NULL: its key */
};

static int
by_key(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	return wgkey_compare(&x->peer->key, &y->peer->key);
}

static int
by_prefix(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int r = memcmp(&x->prefix->addr, &y->prefix->addr, sizeof(x->prefix->addr));

	return r ? r : (int)x->prefix->len - (int)y->prefix->len;
}

static int
check_peers(const struct wgquick *w, const char *name, struct claim *list,
    struct err *err)
{
	for (size_t i = 0; i < w->n_peers; i++) {
		const struct wgquick_peer *p = &w->peers[i];

		list[i].peer = p;
		if (wgkey_is_zero(&p->key))
			return err_set(err, "%s:%u: this [Peer] has no PublicKey", name,
			    p->line);
		if (w->has_key && wgkey_compare(&p->key, &w->key) == 0)
			return err_set(err,
			    "%s:%u: this [Peer] has the key of the interface itself",
			    name, p->line);
		for (size_t j = 0; j < p->n_allowed; j++)
			if (p->allowed[j].len == 0)
				return err_set(err,
				    "%s:%u: AllowedIPs: a prefix that is everything "
				    "has no place in an overlay: name the overlay's",
				    name, p->line);
	}
	if (w->n_peers)
		qsort(list, w->n_peers, sizeof(*list), by_key);
	for (size_t i = 1; i < w->n_peers; i++)
		if (by_key(&list[i - 1], &list[i]) == 0)
			return err_set(err,
			    "%s:%u: a [Peer] with the key of the one in line %u", name,
			    list[i].peer->line, list[i - 1].peer->line);
	return 0;
}

/* The kernel gives an equal prefix to the last peer that asks, without a word. */
static int
check_prefixes(const struct wgquick *w, const char *name, struct err *err)
{
	struct claim *list = NULL;
	char text[PREFIX_TEXT_MAX];
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; i < w->n_peers; i++) {
		const struct wgquick_peer *p = &w->peers[i];

		list = mem_grow(list, n + p->n_allowed + 1, sizeof(*list));
		for (size_t j = 0; j < p->n_allowed; j++)
			list[n++] = (struct claim){ p, &p->allowed[j] };
	}
	if (n)
		qsort(list, n, sizeof(*list), by_prefix);
	for (size_t i = 1; i < n && r == 0; i++) {
		if (by_prefix(&list[i - 1], &list[i]) != 0 ||
		    list[i - 1].peer == list[i].peer)
			continue;
		prefix_format(list[i].prefix, text);
		r = err_set(err,
		    "%s:%u: %s is in the AllowedIPs of the [Peer] in line %u as well",
		    name, list[i].peer->line, text, list[i - 1].peer->line);
	}
	free(list);
	return r;
}

int
wgquick_check(const struct wgquick *w, const char *name, struct err *err)
{
	struct claim *list = mem_array(w->n_peers + 1, sizeof(*list));
	int r = check_peers(w, name, list, err);

	free(list);
	return r < 0 ? r : check_prefixes(w, name, err);
}
