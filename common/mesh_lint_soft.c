/* SPDX-License-Identifier: MIT */
/*
 * The rules of good housekeeping: regions, settings that should agree, keys that grow
 * old.  A mesh that breaks them works, so most are warnings.
 */
#include <string.h>

#include "common/mesh_lint_list.h"

/* The seed's rule: new keys every 6 to 12 months. */
#define KEY_AGE_DAYS 365
#define NS_PER_DAY   (INT64_C(86400) * NS_PER_S)

/* One subnet a region keeps AllowedIPs short and routes readable. */
static void
check_shared(struct lint *l)
{
	const struct mesh *m = l->mesh;

	for (size_t i = 0; i < m->n_nodes; i++) {
		const struct mesh_node *a = &m->nodes[i];

		for (size_t j = 0; *a->region && j < i; j++) {
			const struct mesh_node *b = &m->nodes[j];

			if (!*b->region || strcmp(a->region, b->region) == 0 ||
			    a->address.len == addr_bits(&a->address.addr) ||
			    !prefix_overlaps(&a->address, &b->address))
				continue;
			mesh_lint_add(l, false, a->line,
			    "%s (%s) shares a subnet with %s (%s): give each region "
			    "its "
			    "own",
			    a->name, a->region, b->name, b->region);
			break;
		}
	}
}

/*
 * Overlapping subnets are refused: the next free address of the one could be the next
 * free one of the other as well.
 */
static void
check_subnets(struct lint *l)
{
	const struct mesh *m = l->mesh;
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < m->n_regions; i++) {
		const struct mesh_region *a = &m->regions[i];
		bool covered = m->hub == SIZE_MAX;

		for (size_t j = 0; j < i; j++) {
			const struct mesh_region *b = &m->regions[j];

			if (strcmp(a->name, b->name) == 0)
				mesh_lint_add(l, true, a->line,
				    "region %s is there twice (line %u)", a->name,
				    b->line);
			else if (prefix_overlaps(&a->subnet, &b->subnet))
				mesh_lint_add(l, true, a->line,
				    "the Subnet of region %s overlaps that of %s (line "
				    "%u)",
				    a->name, b->name, b->line);
		}
		for (size_t j = 0; !covered && j < m->nodes[m->hub].n_prefixes; j++)
			covered =
			    prefix_covers(&m->nodes[m->hub].prefixes[j], &a->subnet);
		prefix_format(&a->subnet, text);
		if (!covered)
			mesh_lint_add(l, false, a->line,
			    "region %s: %s is outside the AllowedIPs of the hub %s, "
			    "so that a node there could not be reached",
			    a->name, text, m->nodes[m->hub].name);
	}
}

/* A warning only: a node that is being moved must not stop a fleet. */
static void
check_members(struct lint *l)
{
	const struct mesh *m = l->mesh;
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; m->n_regions && i < m->n_nodes; i++) {
		const struct mesh_node *node = &m->nodes[i];
		const struct mesh_region *region = mesh_region(m, node->region);

		if (!*node->region)
			continue;
		if (!region) {
			mesh_lint_add(l, false, node->line,
			    "%s: there is no [Region] %s", node->name, node->region);
			continue;
		}
		prefix_format(&region->subnet, text);
		if (!prefix_contains(&region->subnet, &node->address.addr))
			mesh_lint_add(l, false, node->line,
			    "%s: its Address is outside %s, the Subnet of its region "
			    "%s",
			    node->name, text, region->name);
	}
}

void
mesh_lint_region(struct lint *l)
{
	check_subnets(l);
	check_members(l);
	if (!l->mesh->n_regions)
		check_shared(l);
}

/* A key that comes must be nobody's already; two peers with one key are one peer. */
static void
check_next_key(struct lint *l, const struct mesh_node *node)
{
	const struct mesh *m = l->mesh;

	for (size_t i = 0; i < m->n_nodes; i++) {
		const struct mesh_node *other = &m->nodes[i];

		if (wgkey_compare(&node->next_key, &other->key) == 0 ||
		    (other < node &&
			wgkey_compare(&node->next_key, &other->next_key) == 0))
			mesh_lint_add(l, true, node->line,
			    "%s: its NextPublicKey is a key of %s (line %u) already",
			    node->name, other->name, other->line);
	}
}

void
mesh_lint_nodes(struct lint *l)
{
	const struct mesh *m = l->mesh;
	const struct mesh_node *said = NULL;

	for (size_t i = 0; i < m->n_nodes; i++) {
		const struct mesh_node *node = &m->nodes[i];

		if (!wgkey_is_zero(&node->next_key))
			check_next_key(l, node);
		/* A relay needs a prefix at two peers' while it changes hands. */
		if (m->in_place && node->relay)
			mesh_lint_add(l, true, node->line,
			    "%s: Relay = yes, but Switching = in-place has no relay "
			    "paths: take out one of the two",
			    node->name);
		if (!m->in_place && node->listen_port == m->direct_port)
			mesh_lint_add(l, true, node->line,
			    "%s: its ListenPort is DirectPort, which the direct "
			    "tunnels need for themselves",
			    node->name);
		if (!*node->endpoint.host && mesh_keepalive(node, true) == 0)
			mesh_lint_add(l, false, node->line,
			    "%s: Keepalive = 0 behind NAT: nobody reaches it once its "
			    "mapping is forgotten; say %d",
			    node->name, MESH_KEEPALIVE_S);
		if (!said && node->mtu)
			said = node;
		/* Packets of the larger would be dropped on the way to the smaller. */
		else if (said && node->mtu && node->mtu != said->mtu)
			mesh_lint_add(l, false, node->line,
			    "%s: MTU = %u, but %s has %u (line %u)", node->name,
			    node->mtu, said->name, said->mtu, said->line);
	}
}

void
mesh_lint_keys(struct lint *l, struct wall now)
{
	const struct mesh *m = l->mesh;

	for (size_t i = 0; i < m->n_nodes; i++) {
		const struct mesh_node *node = &m->nodes[i];
		int64_t days = (now.ns - node->key_created.ns) / NS_PER_DAY;

		if (!node->key_created.ns)
			continue;
		if (node->key_created.ns > now.ns)
			mesh_lint_add(l, false, node->line,
			    "%s: KeyCreated lies in the future", node->name);
		else if (days >= KEY_AGE_DAYS)
			mesh_lint_add(l, false, node->line,
			    "%s: its key is %lld days old: `meshopt rotate %s` gives "
			    "it a new one",
			    node->name, (long long)days, node->name);
	}
}
