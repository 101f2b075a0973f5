/* SPDX-License-Identifier: MIT */
#include "common/mesh_alloc.h"

#include <errno.h>
#include <string.h>

/* The last address of a prefix: all host bits set. */
static struct addr
last_of(const struct prefix *p)
{
	struct addr a = prefix_masked(p).addr;

	for (unsigned i = 0; i < addr_bytes(&a); i++) {
		unsigned bits = p->len > i * 8 ? p->len - i * 8 : 0;

		if (bits < 8)
			a.b[i] |= (uint8_t)(0xff >> bits);
	}
	return a;
}

/* The one after; false when there is none. */
static bool
next_of(struct addr *a)
{
	for (unsigned i = addr_bytes(a); i > 0; i--)
		if (++a->b[i - 1] != 0)
			return true;
	return false;
}

/*
 * Who holds this address, and up to where?  The hub's prefixes that cover the subnet
 * are the way to it, not a claim on it.
 */
static const struct mesh_node *
holder(const struct mesh *m, const struct prefix *subnet, const struct addr *a,
    struct addr *last)
{
	*last = *a;
	for (size_t i = 0; i < m->n_nodes; i++) {
		const struct mesh_node *node = &m->nodes[i];

		if (addr_equal(&node->address.addr, a))
			return node;
		for (size_t j = 0; j < node->n_prefixes; j++) {
			const struct prefix *p = &node->prefixes[j];

			if (!prefix_contains(p, a) ||
			    (i == m->hub && prefix_covers(p, subnet)))
				continue;
			*last = last_of(p);
			return node;
		}
	}
	return NULL;
}

/* Networks of one or two addresses, /31 and /127 (RFC 3021, RFC 6164), have no edges.
 */
static bool
is_edge(const struct prefix *subnet, const struct addr *a)
{
	struct addr first = prefix_masked(subnet).addr, last = last_of(subnet);

	if (subnet->len + 1u >= addr_bits(&subnet->addr))
		return false;
	return addr_equal(a, &first) || (a->family == AF_INET && addr_equal(a, &last));
}

static int
no_region(const char *region, struct err *err)
{
	return err_code(err, ENOENT,
	    "the mesh file has no [Region] %s: write one, with Name = %s and its "
	    "Subnet",
	    region, region);
}

int
mesh_alloc_next(const struct mesh *mesh, const char *region, struct prefix *out,
    struct err *err)
{
	const struct mesh_region *r = mesh_region(mesh, region);
	const struct mesh_node *node, *last_holder = NULL;
	char text[PREFIX_TEXT_MAX];
	struct addr a, last;

	if (!r)
		return no_region(region, err);
	a = r->subnet.addr;
	do {
		if (is_edge(&r->subnet, &a))
			continue;
		node = holder(mesh, &r->subnet, &a, &last);
		if (!node) {
			out->addr = a;
			out->len = r->subnet.len;
			return 0;
		}
		last_holder = node;
		a = last;
	} while (next_of(&a) && prefix_contains(&r->subnet, &a));
	prefix_format(&r->subnet, text);
	return err_code(err, ENOSPC,
	    "region %s: no address of %s is free%s%s; give the region a wider Subnet",
	    region, text, last_holder ? ", the last are held by " : "",
	    last_holder ? last_holder->name : "");
}

static bool
hub_reaches(const struct mesh *m, const struct addr *a)
{
	const struct prefix host = { *a, (uint8_t)addr_bits(a) };

	for (size_t i = 0; m->hub != SIZE_MAX && i < m->nodes[m->hub].n_prefixes; i++)
		if (prefix_covers(&m->nodes[m->hub].prefixes[i], &host) &&
		    m->nodes[m->hub].prefixes[i].len < host.len)
			return true;
	return m->hub == SIZE_MAX;
}

int
mesh_alloc_check(const struct mesh *mesh, const char *region, const struct addr *addr,
    struct err *err)
{
	const struct mesh_region *r = *region ? mesh_region(mesh, region) : NULL;
	struct prefix host = { *addr, (uint8_t)addr_bits(addr) };
	const struct prefix *within = r ? &r->subnet : &host;
	char a[ADDR_TEXT_MAX], net[PREFIX_TEXT_MAX];
	const struct mesh_node *node;
	struct addr last;

	if (*region && !r)
		return no_region(region, err);
	addr_format(addr, a);
	prefix_format(within, net);
	if (!prefix_contains(within, addr))
		return err_code(err, ERANGE, "%s is outside %s, the Subnet of %s", a,
		    net, region);
	if (r && is_edge(within, addr))
		return err_code(err, ERANGE,
		    "%s is the first or last address of %s, which no node can have", a,
		    net);
	node = holder(mesh, within, addr, &last);
	if (node && addr_equal(&node->address.addr, addr))
		return err_code(err, EADDRINUSE, "%s is the Address of %s", a,
		    node->name);
	if (node)
		return err_code(err, EADDRINUSE,
		    "%s is inside the AllowedIPs of %s; take one outside them", a,
		    node->name);
	if (!hub_reaches(mesh, addr))
		return err_code(err, ERANGE,
		    "%s is outside the AllowedIPs of the hub %s, so that nobody could "
		    "reach it; widen them first",
		    a, mesh->nodes[mesh->hub].name);
	return 0;
}
