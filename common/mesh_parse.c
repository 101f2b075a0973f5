/* SPDX-License-Identifier: MIT */
/*
 * The mesh file's grammar: which keys each section has and what their values may be.
 * What two lines must not say together is mesh_lint.c's business.
 */
#include "common/mesh_lint.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/conf.h"
#include "common/mem.h"
#include "common/num.h"

enum section { IN_NONE, IN_MESH, IN_NODE, IN_PAIR };

/* A [Pair] names its nodes before they may have been defined. */
struct pair_names {
	char a[MESH_NAME_MAX], b[MESH_NAME_MAX];
};

struct parse {
	struct conf conf;
	struct mesh *mesh;
	struct mesh_node *node;	  /* the one being filled */
	struct mesh_pair *pair;	  /* likewise */
	struct pair_names *names; /* one a pair */
	enum section in;
	unsigned mesh_line;
	unsigned section_line;
	uint32_t seen; /* keys of the section, by index in its table */
	struct err *err;
};

/* A setter returns NULL, or what a right value would have looked like. */
typedef const char *set_fn(struct parse *p, const char *value);

struct key {
	const char *name;
	set_fn *set;
	bool required;
};

static const char *
set_name(char out[MESH_NAME_MAX], const char *value)
{
	if (!mesh_name_ok(value))
		return "a name of up to 63 characters a-z 0-9 . _ -, starting with a "
		       "letter "
		       "or digit";
	memcpy(out, value, strlen(value) + 1);
	return NULL;
}

static const char *
set_interface(char out[IF_NAMESIZE], const char *value)
{
	size_t n = strlen(value);

	if (n >= IF_NAMESIZE ||
	    strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO"
			  "PQRSTUVWXYZ0123456789_=+.-") != n)
		return "an interface name of up to 15 characters";
	memcpy(out, value, n + 1);
	return NULL;
}

static const char *
mesh_set_name(struct parse *p, const char *value)
{
	return set_name(p->mesh->name, value);
}

static const char *
mesh_set_collector(struct parse *p, const char *value)
{
	size_t n = strlen(value);

	while (n > 0 && value[n - 1] == '/')
		n--;
	if ((strncmp(value, "http://", 7) && strncmp(value, "https://", 8)) || n < 8 ||
	    n >= MESH_COLLECTOR_MAX || strpbrk(value, " \t\"'<>"))
		return "a URL such as http://10.50.0.1:8650";
	memcpy(p->mesh->collector, value, n);
	p->mesh->collector[n] = '\0';
	return NULL;
}

static const char *
mesh_set_plan_key(struct parse *p, const char *value)
{
	return wgkey_parse(value, &p->mesh->plan_key) < 0
		   ? "an Ed25519 public key, 44 characters of base64"
		   : NULL;
}

static const char *
mesh_set_interface(struct parse *p, const char *value)
{
	return set_interface(p->mesh->interface, value);
}

static const char *
mesh_set_direct_interface(struct parse *p, const char *value)
{
	return set_interface(p->mesh->direct_interface, value);
}

static const char *
mesh_set_direct_port(struct parse *p, const char *value)
{
	uint32_t port;

	if (num_u32(value, 1, 65535, &port) < 0)
		return "a port, 1 to 65535";
	p->mesh->direct_port = (uint16_t)port;
	return NULL;
}

static const char *
set_method(enum mesh_method *out, const char *value)
{
	static const char *const names[] = { "icmp", "stamp", "both" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(value, names[i]) == 0) {
			*out = MESH_ICMP + i;
			return NULL;
		}
	}
	return "icmp, stamp or both";
}

static const char *
set_dscp(uint8_t *out, const char *value)
{
	uint32_t dscp;

	if (num_u32(value, 0, 63, &dscp) < 0)
		return "a DSCP, 0 to 63";
	*out = (uint8_t)dscp;
	return NULL;
}

static const char *
mesh_set_stamp_port(struct parse *p, const char *value)
{
	uint32_t port;

	if (num_u32(value, 1, 65535, &port) < 0)
		return "a port, 1 to 65535";
	p->mesh->stamp_port = (uint16_t)port;
	return NULL;
}

static const char *
mesh_set_method(struct parse *p, const char *value)
{
	return set_method(&p->mesh->method, value);
}

static const char *
mesh_set_dscp(struct parse *p, const char *value)
{
	return set_dscp(&p->mesh->dscp, value);
}

static const char *
node_set_method(struct parse *p, const char *value)
{
	return set_method(&p->node->method, value);
}

static const char *
node_set_dscp(struct parse *p, const char *value)
{
	return set_dscp(&p->node->dscp, value);
}

static const char *
mesh_set_budget(struct parse *p, const char *value)
{
	return num_u32(value, 0, 10000000, &p->mesh->budget) < 0
		   ? "how many direct tunnels there may be, 0 to 10000000"
		   : NULL;
}

static const char *
node_set_name(struct parse *p, const char *value)
{
	return set_name(p->node->name, value);
}

static const char *
node_set_role(struct parse *p, const char *value)
{
	for (enum mesh_role r = MESH_HUB; r <= MESH_BACKEND; r++) {
		if (strcasecmp(value, mesh_role_name(r)) == 0) {
			p->node->role = r;
			return NULL;
		}
	}
	return "hub, pop or backend";
}

static const char *
node_set_region(struct parse *p, const char *value)
{
	return set_name(p->node->region, value);
}

static const char *
node_set_address(struct parse *p, const char *value)
{
	return prefix_parse(value, &p->node->address) < 0
		   ? "an overlay address such as 10.50.5.1/24"
		   : NULL;
}

static const char *
node_set_allowed(struct parse *p, const char *value)
{
	static const char want[] =
	    "up to 64 prefixes such as 10.50.5.0/24, separated by commas";
	struct mesh_node *node = p->node;
	char text[PREFIX_TEXT_MAX];
	struct prefix prefix;
	size_t n;

	for (;; value += n + 1) {
		value += strspn(value, " \t");
		n = strcspn(value, ",");
		size_t len = n;
		while (len > 0 && isspace((unsigned char)value[len - 1]))
			len--;
		if (len >= sizeof(text) || node->n_prefixes == MESH_ALLOWED_MAX)
			return want;
		memcpy(text, value, len);
		text[len] = '\0';
		if (prefix_parse(text, &prefix) < 0)
			return want;
		node->prefixes = mem_grow(node->prefixes, node->n_prefixes + 1,
		    sizeof(*node->prefixes));
		/* The kernel masks host bits silently; so do we, and lint warns. */
		node->prefixes[node->n_prefixes++] = prefix_masked(&prefix);
		if (!value[n])
			return NULL;
	}
}

static const char *
node_set_key(struct parse *p, const char *value)
{
	return wgkey_parse(value, &p->node->key) < 0
		   ? "a WireGuard public key, 44 characters of base64"
		   : NULL;
}

static const char *
node_set_endpoint(struct parse *p, const char *value)
{
	return endpoint_parse(value, &p->node->endpoint) < 0
		   ? "address:port, [address]:port or name:port"
		   : NULL;
}

static const char *
node_set_relay(struct parse *p, const char *value)
{
	if (strcasecmp(value, "yes") && strcasecmp(value, "no"))
		return "yes or no";
	p->node->relay = strcasecmp(value, "yes") == 0;
	return NULL;
}

static const char *
node_set_weight(struct parse *p, const char *value)
{
	return num_u32(value, 0, MESH_WEIGHT_MAX, &p->node->weight) < 0
		   ? "a traffic weight, 0 to 1000000"
		   : NULL;
}

static const char *
node_set_max_tunnels(struct parse *p, const char *value)
{
	return num_u32(value, 0, MESH_NODES_MAX, &p->node->max_tunnels) < 0
		   ? "how many direct tunnels this node may have, 0 to 10000"
		   : NULL;
}

static const char *
pair_set_nodes(struct parse *p, const char *value)
{
	static const char want[] = "two names of nodes, separated by a comma";
	struct pair_names *names = &p->names[p->mesh->n_pairs - 1];
	const char *comma = strchr(value, ',');
	char first[MESH_NAME_MAX];
	size_t n;

	if (!comma)
		return want;
	n = (size_t)(comma - value);
	while (n > 0 && isspace((unsigned char)value[n - 1]))
		n--;
	if (n >= sizeof(first))
		return want;
	memcpy(first, value, n);
	first[n] = '\0';
	comma++;
	comma += strspn(comma, " \t");
	return set_name(names->a, first) || set_name(names->b, comma) ? want : NULL;
}

static const char *
pair_set_weight(struct parse *p, const char *value)
{
	p->pair->has_weight = true;
	return num_u32(value, 0, MESH_WEIGHT_MAX, &p->pair->weight) < 0
		   ? "a traffic weight, 0 to 1000000"
		   : NULL;
}

static const char *
pair_set_path(struct parse *p, const char *value)
{
	if (strcasecmp(value, "hub") == 0)
		p->pair->pin = MESH_PIN_HUB;
	else if (strcasecmp(value, "direct") == 0)
		p->pair->pin = MESH_PIN_DIRECT;
	else
		return "hub or direct";
	return NULL;
}

static const struct key mesh_keys[] = {
	{ "Name", mesh_set_name, true },
	{ "Collector", mesh_set_collector, false },
	{ "PlanKey", mesh_set_plan_key, false },
	{ "Interface", mesh_set_interface, false },
	{ "DirectInterface", mesh_set_direct_interface, false },
	{ "DirectPort", mesh_set_direct_port, false },
	{ "Budget", mesh_set_budget, false },
	{ "Method", mesh_set_method, false },
	{ "StampPort", mesh_set_stamp_port, false },
	{ "DSCP", mesh_set_dscp, false },
	{ NULL, NULL, false },
};

static const struct key node_keys[] = {
	{ "Name", node_set_name, true },
	{ "Role", node_set_role, true },
	{ "Region", node_set_region, false },
	{ "Address", node_set_address, true },
	{ "AllowedIPs", node_set_allowed, false },
	{ "PublicKey", node_set_key, true },
	{ "Endpoint", node_set_endpoint, false },
	{ "Relay", node_set_relay, false },
	{ "Weight", node_set_weight, false },
	{ "MaxTunnels", node_set_max_tunnels, false },
	{ "Method", node_set_method, false },
	{ "DSCP", node_set_dscp, false },
	{ NULL, NULL, false },
};

static const struct key pair_keys[] = {
	{ "Nodes", pair_set_nodes, true },
	{ "Weight", pair_set_weight, false },
	{ "Path", pair_set_path, false },
	{ NULL, NULL, false },
};

static const struct section_rule {
	const char *name;
	const struct key *keys;
} sections[] = {
	[IN_NONE] = { "", NULL },
	[IN_MESH] = { "Mesh", mesh_keys },
	[IN_NODE] = { "Node", node_keys },
	[IN_PAIR] = { "Pair", pair_keys },
};

/* Everything that a section must say has been said. */
static int
end_section(struct parse *p)
{
	const struct key *keys = sections[p->in].keys;

	for (size_t i = 0; keys && keys[i].name; i++)
		if (keys[i].required && !(p->seen & (1u << i)))
			return err_set(p->err, "%s:%u: [%s] has no %s", p->conf.name,
			    p->section_line, sections[p->in].name, keys[i].name);
	return 0;
}

static void
begin_node(struct parse *p)
{
	struct mesh *m = p->mesh;

	m->nodes = mem_grow(m->nodes, m->n_nodes + 1, sizeof(*m->nodes));
	p->node = &m->nodes[m->n_nodes++];
	memset(p->node, 0, sizeof(*p->node));
	p->node->weight = 1;
	p->node->max_tunnels = MESH_NO_LIMIT;
	p->node->dscp = MESH_DSCP_UNSAID;
	p->node->line = p->conf.line;
}

static void
begin_pair(struct parse *p)
{
	struct mesh *m = p->mesh;

	m->pairs = mem_grow(m->pairs, m->n_pairs + 1, sizeof(*m->pairs));
	p->names = mem_grow(p->names, m->n_pairs + 1, sizeof(*p->names));
	p->pair = &m->pairs[m->n_pairs++];
	memset(p->pair, 0, sizeof(*p->pair));
	p->pair->line = p->conf.line;
}

static int
begin_section(struct parse *p)
{
	const struct conf *c = &p->conf;
	enum section in;
	int r = end_section(p);

	if (r < 0)
		return r;
	for (in = IN_MESH; in <= IN_PAIR; in++)
		if (strcasecmp(c->section, sections[in].name) == 0)
			break;
	if (in > IN_PAIR)
		return err_set(p->err,
		    "%s:%u: [%s] is not a section; there are [Mesh], [Node] and [Pair]",
		    c->name, c->line, c->section);
	if (in == IN_MESH && p->mesh_line)
		return err_set(p->err,
		    "%s:%u: a second [Mesh], the first is in line %u", c->name, c->line,
		    p->mesh_line);
	if (in == IN_MESH)
		p->mesh_line = c->line;
	else if (p->mesh->n_nodes == MESH_NODES_MAX && in == IN_NODE)
		return err_set(p->err, "%s:%u: more than %d nodes", c->name, c->line,
		    MESH_NODES_MAX);
	else if (p->mesh->n_pairs == MESH_PAIRS_MAX && in == IN_PAIR)
		return err_set(p->err, "%s:%u: more than %d [Pair] sections", c->name,
		    c->line, MESH_PAIRS_MAX);
	else if (in == IN_NODE)
		begin_node(p);
	else
		begin_pair(p);
	p->in = in;
	p->seen = 0;
	p->section_line = c->line;
	return 0;
}

static int
take_value(struct parse *p)
{
	const struct conf *c = &p->conf;
	const struct key *keys = sections[p->in].keys;
	const char *want;

	for (size_t i = 0; keys[i].name; i++) {
		if (strcasecmp(c->key, keys[i].name))
			continue;
		if (p->seen & (1u << i))
			return err_set(p->err, "%s:%u: %s is said twice in this [%s]",
			    c->name, c->line, keys[i].name, sections[p->in].name);
		p->seen |= 1u << i;
		want = keys[i].set(p, c->value);
		return !want ? 0
			     : err_set(p->err, "%s:%u: %s: \"%.80s\" is not %s",
				   c->name, c->line, keys[i].name, c->value, want);
	}
	return err_set(p->err, "%s:%u: %.80s is not a key of [%s]", c->name, c->line,
	    c->key, sections[p->in].name);
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

	for (size_t i = 0; i < m->n_pairs; i++) {
		struct mesh_pair *pair = &m->pairs[i];
		const struct pair_names *names = &p->names[i];
		size_t a = mesh_find(m, names->a), b = mesh_find(m, names->b);

		if (a == SIZE_MAX || b == SIZE_MAX)
			return err_set(p->err, "%s:%u: Nodes: there is no node %s",
			    p->conf.name, pair->line,
			    a == SIZE_MAX ? names->a : names->b);
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
	for (size_t i = 0; i < m->n_nodes; i++) {
		struct mesh_node *node = &m->nodes[i];

		if (node->role == MESH_HUB && m->hub == SIZE_MAX)
			m->hub = i;
		if (!node->method)
			node->method = m->method;
		if (node->dscp == MESH_DSCP_UNSAID)
			node->dscp = m->dscp;
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
	memcpy(p->mesh->interface, "wg0", sizeof("wg0"));
	memcpy(p->mesh->direct_interface, "wgd0", sizeof("wgd0"));
	p->mesh->direct_port = MESH_DIRECT_PORT;
	p->mesh->budget = MESH_NO_LIMIT;
	p->mesh->stamp_port = MESH_STAMP_PORT;
	p->mesh->method = MESH_ICMP;
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
	free(p->names);
	free(p);
	return r;
}
