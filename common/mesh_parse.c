/* SPDX-License-Identifier: MIT */
/*
 * The mesh file's grammar: sections, and the keys that mesh_keys.c has for each.
 * What two lines must not say together is mesh_lint.c's business.
 */
#include "common/mesh_lint.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/conf.h"
#include "common/mem.h"
#include "common/mesh_keys.h"

struct parse {
	struct conf conf;
	struct mesh *mesh;
	void *into;			/* the struct of the section being filled */
	struct mesh_pair_draft *drafts; /* one a pair of mesh */
	enum mesh_section in;
	unsigned mesh_line;
	unsigned section_line;
	uint64_t seen; /* keys of the section, by index in its table */
	struct err *err;
};

/* Everything that a section must say has been said. */
static int
end_section(struct parse *p)
{
	const struct mesh_key *keys = mesh_keys_of[p->in].keys;

	for (size_t i = 0; keys && keys[i].name; i++)
		if (keys[i].required && !(p->seen & (UINT64_C(1) << i)))
			return err_set(p->err, "%s:%u: [%s] has no %s", p->conf.name,
			    p->section_line, mesh_keys_of[p->in].name, keys[i].name);
	return 0;
}

static void *
begin_node(struct parse *p)
{
	struct mesh *m = p->mesh;
	struct mesh_node *node;

	m->nodes = mem_grow(m->nodes, m->n_nodes + 1, sizeof(*m->nodes));
	node = &m->nodes[m->n_nodes++];
	mesh_keys_default_node(node);
	node->line = p->conf.line;
	return node;
}

static void *
begin_pair(struct parse *p)
{
	struct mesh *m = p->mesh;
	struct mesh_pair_draft *draft;

	p->drafts = mem_grow(p->drafts, m->n_pairs + 1, sizeof(*p->drafts));
	draft = &p->drafts[m->n_pairs++];
	memset(draft, 0, sizeof(*draft));
	draft->pair.line = p->conf.line;
	return draft;
}

static void *
begin_region(struct parse *p)
{
	struct mesh *m = p->mesh;
	struct mesh_region *region;

	m->regions = mem_grow(m->regions, m->n_regions + 1, sizeof(*m->regions));
	region = &m->regions[m->n_regions++];
	memset(region, 0, sizeof(*region));
	region->line = p->conf.line;
	return region;
}

static int
begin_section(struct parse *p)
{
	const struct conf *c = &p->conf;
	struct mesh *m = p->mesh;
	enum mesh_section in;
	int r = end_section(p);

	if (r < 0)
		return r;
	for (in = MESH_IN_MESH; in <= MESH_IN_REGION; in++)
		if (strcasecmp(c->section, mesh_keys_of[in].name) == 0)
			break;
	if (in > MESH_IN_REGION)
		return err_set(p->err,
		    "%s:%u: [%s] is not a section; there are [Mesh], [Region], [Node] "
		    "and [Pair]",
		    c->name, c->line, c->section);
	if (in == MESH_IN_MESH && p->mesh_line)
		return err_set(p->err,
		    "%s:%u: a second [Mesh], the first is in line %u", c->name, c->line,
		    p->mesh_line);
	if ((in == MESH_IN_NODE && m->n_nodes == MESH_NODES_MAX) ||
	    (in == MESH_IN_PAIR && m->n_pairs == MESH_PAIRS_MAX) ||
	    (in == MESH_IN_REGION && m->n_regions == MESH_REGIONS_MAX))
		return err_set(p->err, "%s:%u: too many [%s] sections", c->name,
		    c->line, mesh_keys_of[in].name);
	if (in == MESH_IN_MESH) {
		p->mesh_line = c->line;
		p->into = m;
	} else {
		p->into = in == MESH_IN_NODE   ? begin_node(p)
			  : in == MESH_IN_PAIR ? begin_pair(p)
					       : begin_region(p);
	}
	p->in = in;
	p->seen = 0;
	p->section_line = c->line;
	return 0;
}

static int
take_value(struct parse *p)
{
	const struct conf *c = &p->conf;
	const struct mesh_key *keys = mesh_keys_of[p->in].keys;
	const char *want;

	for (size_t i = 0; keys[i].name; i++) {
		if (strcasecmp(c->key, keys[i].name))
			continue;
		if (p->seen & (UINT64_C(1) << i))
			return err_set(p->err, "%s:%u: %s is said twice in this [%s]",
			    c->name, c->line, keys[i].name, mesh_keys_of[p->in].name);
		p->seen |= UINT64_C(1) << i;
		want = mesh_keys_set(&keys[i], p->into, c->value);
		return !want ? 0
			     : err_set(p->err, "%s:%u: %s: \"%.80s\" is not %s",
				   c->name, c->line, keys[i].name, c->value, want);
	}
	return err_set(p->err, "%s:%u: %.80s is not a key of [%s]", c->name, c->line,
	    c->key, mesh_keys_of[p->in].name);
}

static int
by_nodes(const void *a, const void *b)
{
	const struct mesh_pair *x = a, *y = b;

	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	return x->b == y->b ? 0 : x->b < y->b ? -1 : 1;
}

static int
resolve_pairs(struct parse *p)
{
	struct mesh *m = p->mesh;

	if (m->n_pairs)
		m->pairs = mem_array(m->n_pairs, sizeof(*m->pairs));
	for (size_t i = 0; i < m->n_pairs; i++) {
		const struct mesh_pair_draft *draft = &p->drafts[i];
		struct mesh_pair *pair = &m->pairs[i];
		size_t a = mesh_find(m, draft->a), b = mesh_find(m, draft->b);

		if (a == SIZE_MAX || b == SIZE_MAX)
			return err_set(p->err, "%s:%u: Nodes: there is no node %s",
			    p->conf.name, draft->pair.line,
			    a == SIZE_MAX ? draft->a : draft->b);
		*pair = draft->pair;
		pair->a = a < b ? a : b;
		pair->b = a < b ? b : a;
	}
	if (m->n_pairs)
		qsort(m->pairs, m->n_pairs, sizeof(*m->pairs), by_nodes);
	return 0;
}

/* What the file left out. */
static void
fill_defaults(struct mesh *m)
{
	m->hub = SIZE_MAX;
	if (m->in_place)
		memcpy(m->direct_interface, m->interface, sizeof(m->interface));
	for (size_t i = 0; i < m->n_nodes; i++) {
		struct mesh_node *node = &m->nodes[i];

		if (node->role == MESH_HUB && m->hub == SIZE_MAX)
			m->hub = i;
		if (!node->method)
			node->method = m->method;
		if (node->dscp == MESH_DSCP_UNSAID)
			node->dscp = m->dscp;
		if (!node->mtu)
			node->mtu = m->mtu;
		if (node->n_prefixes)
			continue;
		node->prefixes = mem_array(1, sizeof(*node->prefixes));
		node->prefixes[0] = node->address;
		node->prefixes[0].len = (uint8_t)addr_bits(&node->address.addr);
		node->n_prefixes = 1;
	}
}

int
mesh_parse(FILE *in, const char *name, struct mesh **out, struct err *err)
{
	struct parse *p = mem_alloc(sizeof(*p));
	int r;

	*out = NULL;
	p->err = err;
	p->mesh = mem_alloc(sizeof(*p->mesh));
	mesh_keys_default_mesh(p->mesh);
	conf_init(&p->conf, in, name);
	while ((r = conf_next(&p->conf, err)) > CONF_END) {
		r = r == CONF_SECTION ? begin_section(p) : take_value(p);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = end_section(p);
	if (r == 0 && !p->mesh_line)
		r = err_set(err, "%s: no [Mesh] section", name);
	if (r == 0)
		r = resolve_pairs(p);
	if (r == 0) {
		fill_defaults(p->mesh);
		*out = p->mesh;
		p->mesh = NULL;
	}
	mesh_free(p->mesh);
	free(p->drafts);
	free(p);
	return r;
}
