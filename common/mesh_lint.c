/* SPDX-License-Identifier: MIT */
/*
 * Each rule stands for an outage that somebody had; the comment beside it says which.
 */
#include "common/mesh_lint.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/mesh_lint_list.h"

void
mesh_lint_add(struct lint *l, bool hard, unsigned line, const char *fmt, ...)
{
	struct mesh_fault *f;
	va_list ap;

	l->faults = mem_grow(l->faults, l->n + 1, sizeof(*l->faults));
	f = &l->faults[l->n++];
	f->hard = hard;
	f->line = line;
	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof(f->text), fmt, ap); /* names are short */
	va_end(ap);
}

/* Nodes in an order in which equal ones are neighbours, and later lines come later. */
typedef int node_order(const struct mesh_node *a, const struct mesh_node *b);

struct by {
	const struct mesh *mesh;
	node_order *order;
};

static int
compare(const void *a, const void *b, void *ctx)
{
	const struct by *by = ctx;
	const struct mesh_node *x = &by->mesh->nodes[*(const size_t *)a];
	const struct mesh_node *y = &by->mesh->nodes[*(const size_t *)b];
	int r = by->order(x, y);

	return r ? r : (x->line > y->line) - (x->line < y->line);
}

static int
by_name(const struct mesh_node *a, const struct mesh_node *b)
{
	return strcmp(a->name, b->name);
}

static int
by_key(const struct mesh_node *a, const struct mesh_node *b)
{
	return wgkey_compare(&a->key, &b->key);
}

static int
by_address(const struct mesh_node *a, const struct mesh_node *b)
{
	const struct addr *x = &a->address.addr, *y = &b->address.addr;

	return x->family != y->family ? x->family - y->family
				      : memcmp(x->b, y->b, sizeof(x->b));
}

static int
by_endpoint(const struct mesh_node *a, const struct mesh_node *b)
{
	int r = strcmp(a->endpoint.host, b->endpoint.host);

	return r ? r : (int)a->endpoint.port - (int)b->endpoint.port;
}

static void
check_unique(struct lint *l, node_order *order, const char *what)
{
	const struct mesh *m = l->mesh;
	size_t *index = mem_array(m->n_nodes, sizeof(*index));
	struct by by = { m, order };

	for (size_t i = 0; i < m->n_nodes; i++)
		index[i] = i;
	qsort_r(index, m->n_nodes, sizeof(*index), compare, &by);
	for (size_t i = 1; i < m->n_nodes; i++) {
		const struct mesh_node *a = &m->nodes[index[i - 1]];
		const struct mesh_node *b = &m->nodes[index[i]];

		if (order(a, b) || (order == by_endpoint && !*a->endpoint.host))
			continue;
		mesh_lint_add(l, true, b->line, "%s has the same %s as %s (line %u)",
		    b->name, what, a->name, a->line);
	}
	free(index);
}

struct owned {
	struct prefix prefix;
	const struct mesh_node *node;
};

static int
by_prefix(const void *a, const void *b)
{
	const struct owned *x = a, *y = b;
	int r = memcmp(&x->prefix.addr, &y->prefix.addr, sizeof(x->prefix.addr));

	if (!r)
		r = (int)x->prefix.len - (int)y->prefix.len;
	return r ? r
		 : (x->node->line > y->node->line) - (x->node->line < y->node->line);
}

/*
 * A prefix belongs to exactly one WireGuard peer: the kernel moves an equal one without
 * a word, and does not give it back (measured: no route at all afterwards).
 */
static void
check_overlaps(struct lint *l)
{
	const struct mesh *m = l->mesh;
	struct owned *all = NULL, *widest;
	char p[PREFIX_TEXT_MAX], q[PREFIX_TEXT_MAX];
	size_t n = 0;

	for (size_t i = 0; i < m->n_nodes; i++) {
		if (i == m->hub)
			continue; /* its prefix covers the others on purpose */
		for (size_t j = 0; j < m->nodes[i].n_prefixes; j++) {
			all = mem_grow(all, n + 1, sizeof(*all));
			all[n++] =
			    (struct owned){ m->nodes[i].prefixes[j], &m->nodes[i] };
		}
	}
	if (n)
		qsort(all, n, sizeof(*all), by_prefix);
	/* Prefixes nest or are apart: it is enough to hold the last one outside. */
	widest = all;
	for (size_t i = 1; i < n; i++) {
		if (!prefix_covers(&widest->prefix, &all[i].prefix)) {
			widest = &all[i];
			continue;
		}
		prefix_format(&all[i].prefix, p);
		prefix_format(&widest->prefix, q);
		mesh_lint_add(l, true, all[i].node->line,
		    "%s: %s overlaps %s of %s (line %u)", all[i].node->name, p, q,
		    widest->node->name, widest->node->line);
	}
	free(all);
}

static bool
is_unusable(const struct addr *a)
{
	static const uint8_t zero[16];

	if (memcmp(a->b, zero, sizeof(zero)) == 0)
		return true;
	if (a->family == AF_INET)
		return a->b[0] == 127 || a->b[0] == 0 || a->b[0] >= 224 ||
		       (a->b[0] == 169 && a->b[1] == 254);
	return a->b[0] == 0xff || (a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80) ||
	       (memcmp(a->b, zero, 15) == 0 && a->b[15] == 1);
}

static bool
hub_covers(const struct mesh *m, const struct prefix *p, bool strictly)
{
	const struct mesh_node *hub = &m->nodes[m->hub];

	for (size_t i = 0; i < hub->n_prefixes; i++)
		if (prefix_covers(&hub->prefixes[i], p) &&
		    (!strictly || hub->prefixes[i].len < p->len))
			return true;
	return false;
}

static void
check_prefixes(struct lint *l, size_t index)
{
	const struct mesh *m = l->mesh;
	const struct mesh_node *node = &m->nodes[index];
	char text[PREFIX_TEXT_MAX];
	bool own = false;

	for (size_t i = 0; i < node->n_prefixes; i++) {
		const struct prefix *p = &node->prefixes[i];

		own |= prefix_contains(p, &node->address.addr);
		prefix_format(p, text);
		if (p->len == 0 || is_unusable(&p->addr))
			mesh_lint_add(l, true, node->line,
			    "%s: %s is everything, or not an address that a node can "
			    "own",
			    node->name, text);
		else if (m->hub != SIZE_MAX && index != m->hub &&
			 !hub_covers(m, p, true))
			/* Without it a pair that leaves its tunnel has no way back. */
			mesh_lint_add(l, true, node->line,
			    "%s: %s is not inside a shorter prefix of the hub %s: add "
			    "one "
			    "that covers the overlay to the hub's AllowedIPs",
			    node->name, text, m->nodes[m->hub].name);
	}
	if (!own)
		mesh_lint_add(l, true, node->line,
		    "%s: its Address is outside its own AllowedIPs", node->name);
}

static void
check_node(struct lint *l, size_t index)
{
	const struct mesh *m = l->mesh;
	const struct mesh_node *node = &m->nodes[index];
	const struct endpoint *ep = &node->endpoint;
	struct prefix host = { ep->addr, (uint8_t)addr_bits(&ep->addr) };

	check_prefixes(l, index);
	if (is_unusable(&node->address.addr))
		mesh_lint_add(l, true, node->line,
		    "%s: its Address cannot be an overlay address", node->name);
	if (wgkey_is_zero(&node->key))
		mesh_lint_add(l, true, node->line, "%s: its PublicKey is all zero",
		    node->name);
	if (!*ep->host) {
		if (node->role == MESH_HUB)
			mesh_lint_add(l, true, node->line,
			    "%s: a hub needs an Endpoint, or no spoke can reach it",
			    node->name);
		return;
	}
	/* The tunnel would have to carry its own packets. */
	if (ep->addr.family && m->hub != SIZE_MAX && hub_covers(m, &host, false))
		mesh_lint_add(l, true, node->line,
		    "%s: its Endpoint %s lies inside the overlay", node->name,
		    ep->host);
	/* Two WireGuard interfaces cannot share a port (EADDRINUSE). */
	if (!m->in_place && ep->port == m->direct_port)
		mesh_lint_add(l, true, node->line,
		    "%s: the port of its Endpoint is DirectPort, which the direct "
		    "tunnels "
		    "need for themselves",
		    node->name);
	if (ep->port == m->stamp_port && (node->method & MESH_STAMP))
		mesh_lint_add(l, true, node->line,
		    "%s: the port of its Endpoint is StampPort, which its STAMP "
		    "reflector needs",
		    node->name);
}

static void
check_pairs(struct lint *l)
{
	const struct mesh *m = l->mesh;

	for (size_t i = 0; i < m->n_pairs; i++) {
		const struct mesh_pair *p = &m->pairs[i];
		const struct mesh_node *a = &m->nodes[p->a], *b = &m->nodes[p->b];

		if (p->a == p->b)
			mesh_lint_add(l, true, p->line, "[Pair] of %s with itself",
			    a->name);
		else if (i > 0 && p[-1].a == p->a && p[-1].b == p->b)
			mesh_lint_add(l, true, p->line, "[Pair] %s, %s is there twice",
			    a->name, b->name);
		else if (p->pin == MESH_PIN_DIRECT &&
			 (p->a == m->hub || p->b == m->hub))
			mesh_lint_add(l, true, p->line,
			    "[Pair] %s, %s: the hub has its tunnel to every node "
			    "already",
			    a->name, b->name);
	}
}

static void
check_hub(struct lint *l)
{
	const struct mesh *m = l->mesh;

	if (m->hub == SIZE_MAX) {
		mesh_lint_add(l, true, 0, "no [Node] has Role = hub");
		return;
	}
	for (size_t i = m->hub + 1; i < m->n_nodes; i++)
		if (m->nodes[i].role == MESH_HUB)
			mesh_lint_add(l, true, m->nodes[i].line,
			    "%s is a second hub, after %s (line %u); there is one",
			    m->nodes[i].name, m->nodes[m->hub].name,
			    m->nodes[m->hub].line);
	if (!m->in_place && strcmp(m->interface, m->direct_interface) == 0)
		mesh_lint_add(l, true, 0, "Interface and DirectInterface are both %s",
		    m->interface);
	if (!m->in_place && m->stamp_port == m->direct_port)
		mesh_lint_add(l, true, 0, "StampPort and DirectPort are both %u",
		    m->stamp_port);
}

static int
by_line(const void *a, const void *b)
{
	const struct mesh_fault *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return strcmp(x->text, y->text);
}

/* Tell in the order of the file, and free. */
static size_t
tell(struct lint *l, mesh_fault_cb *report, void *ctx)
{
	size_t hard = 0;

	if (l->n)
		qsort(l->faults, l->n, sizeof(*l->faults), by_line);
	for (size_t i = 0; i < l->n; i++) {
		hard += l->faults[i].hard;
		report(&l->faults[i], ctx);
	}
	free(l->faults);
	return hard;
}

size_t
mesh_lint(const struct mesh *mesh, mesh_fault_cb *report, void *ctx)
{
	struct lint l = { .mesh = mesh };

	check_hub(&l);
	check_unique(&l, by_name, "name");
	check_unique(&l, by_address, "overlay address");
	check_unique(&l, by_key, "PublicKey");
	check_unique(&l, by_endpoint, "Endpoint");
	for (size_t i = 0; i < mesh->n_nodes; i++)
		check_node(&l, i);
	check_overlaps(&l);
	check_pairs(&l);
	mesh_lint_region(&l);
	mesh_lint_nodes(&l);
	return tell(&l, report, ctx);
}

void
mesh_lint_age(const struct mesh *mesh, struct wall now, mesh_fault_cb *report,
    void *ctx)
{
	struct lint l = { .mesh = mesh };

	mesh_lint_keys(&l, now);
	(void)tell(&l, report, ctx); /* warnings all */
}
