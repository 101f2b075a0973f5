/* SPDX-License-Identifier: MIT */
#include "common/mesh_write.h"

#include <string.h>

#include "common/mesh_keys.h"

/* The longest list: MESH_ALLOWED_MAX prefixes, each with a comma and a blank. */
#define VALUE_MAX (MESH_ALLOWED_MAX * (PREFIX_TEXT_MAX + 2))

/* A putter writes the field's value, or "" for one that has none. */
typedef void put_fn(const void *field, char out[VALUE_MAX]);

static void
put_text(const void *field, char out[VALUE_MAX])
{
	(void)snprintf(out, VALUE_MAX, "%s", (const char *)field); /* fits */
}

static void
put_key(const void *field, char out[VALUE_MAX])
{
	if (!wgkey_is_zero(field))
		wgkey_format(field, out);
}

static void
put_number(uint32_t n, char out[VALUE_MAX])
{
	(void)snprintf(out, VALUE_MAX, "%u", n); /* fits */
}

static void
put_u8(const void *field, char out[VALUE_MAX])
{
	put_number(*(const uint8_t *)field, out);
}

static void
put_u16(const void *field, char out[VALUE_MAX])
{
	if (*(const uint16_t *)field)
		put_number(*(const uint16_t *)field, out);
}

static void
put_u32(const void *field, char out[VALUE_MAX])
{
	if (*(const uint32_t *)field != MESH_NO_LIMIT)
		put_number(*(const uint32_t *)field, out);
}

static void
put_bool(const void *field, char out[VALUE_MAX])
{
	put_text(*(const bool *)field ? "yes" : "no", out);
}

static void
put_date(const void *field, char out[VALUE_MAX])
{
	const struct wall *t = field;

	if (!t->ns)
		return;
	wall_format(*t, out);
	out[10] = '\0';
}

static void
put_method(const void *field, char out[VALUE_MAX])
{
	static const char *const names[] = { "", "icmp", "stamp", "both" };

	put_text(names[*(const enum mesh_method *)field & MESH_BOTH], out);
}

static void
put_switching(const void *field, char out[VALUE_MAX])
{
	put_text(*(const bool *)field ? "in-place" : "side-by-side", out);
}

static void
put_role(const void *field, char out[VALUE_MAX])
{
	put_text(mesh_role_name(*(const enum mesh_role *)field), out);
}

static void
put_prefix(const void *field, char out[VALUE_MAX])
{
	prefix_format(field, out);
}

static void
put_endpoint(const void *field, char out[VALUE_MAX])
{
	const struct endpoint *ep = field;

	if (*ep->host)
		endpoint_format(ep, out);
}

static void
put_allowed(const void *field, char out[VALUE_MAX])
{
	const struct mesh_node *node = field;
	size_t n = 0;

	if (node->n_prefixes == 1 &&
	    addr_equal(&node->prefixes[0].addr, &node->address.addr) &&
	    node->prefixes[0].len == addr_bits(&node->address.addr))
		return; /* the default */
	for (size_t i = 0; i < node->n_prefixes; i++) {
		if (i > 0) {
			memcpy(out + n, ", ", 3);
			n += 2;
		}
		prefix_format(&node->prefixes[i], out + n);
		n += strlen(out + n);
	}
}

static put_fn *const putters[MESH_N_KINDS] = {
	[MESH_K_NAME] = put_text,
	[MESH_K_INTERFACE] = put_text,
	[MESH_K_URL] = put_text,
	[MESH_K_KEY] = put_key,
	[MESH_K_U8] = put_u8,
	[MESH_K_U16] = put_u16,
	[MESH_K_U32] = put_u32,
	[MESH_K_BOOL] = put_bool,
	[MESH_K_DATE] = put_date,
	[MESH_K_METHOD] = put_method,
	[MESH_K_SWITCHING] = put_switching,
	[MESH_K_ROLE] = put_role,
	[MESH_K_PREFIX] = put_prefix,
	[MESH_K_SUBNET] = put_prefix,
	[MESH_K_ENDPOINT] = put_endpoint,
	[MESH_K_ALLOWED] = put_allowed,
};

/* The section's keys that differ from those of a section that says nothing. */
static void
put_section(enum mesh_section in, const void *section, const void *silent,
    mesh_write_cb *line, void *ctx)
{
	for (const struct mesh_key *k = mesh_keys_of[in].keys; k->name; k++) {
		char value[VALUE_MAX] = "", unsaid[VALUE_MAX] = "";

		putters[k->kind]((const char *)section + k->offset, value);
		putters[k->kind]((const char *)silent + k->offset, unsaid);
		if (*value && (k->required || strcmp(value, unsaid) != 0))
			line(k->name, value, ctx);
	}
}

void
mesh_write_settings(const struct mesh *mesh, mesh_write_cb *line, void *ctx)
{
	struct mesh silent;

	mesh_keys_default_mesh(&silent);
	/* In place it follows from the other, and said it would be a fault. */
	if (mesh->in_place)
		memcpy(silent.direct_interface, mesh->direct_interface,
		    sizeof(silent.direct_interface));
	put_section(MESH_IN_MESH, mesh, &silent, line, ctx);
}

void
mesh_write_node(const struct mesh *mesh, size_t node, mesh_write_cb *line, void *ctx)
{
	struct mesh_node silent;

	mesh_keys_default_node(&silent);
	silent.method = mesh->method;
	silent.dscp = mesh->dscp;
	silent.mtu = mesh->mtu;
	put_section(MESH_IN_NODE, &mesh->nodes[node], &silent, line, ctx);
}

struct to_file {
	FILE *out;
	const char *prefix;
};

static void
print_line(const char *key, const char *value, void *ctx)
{
	struct to_file *to = ctx;

	fprintf(to->out, "%s%s = %s\n", to->prefix, key, value);
}

void
mesh_write_head(const struct mesh *mesh, FILE *out, const char *line_prefix)
{
	struct to_file to = { out, line_prefix };

	fprintf(out, "%s[Mesh]\n", line_prefix);
	mesh_write_settings(mesh, print_line, &to);
}

void
mesh_write_region(const struct mesh_region *region, FILE *out, const char *line_prefix)
{
	char subnet[PREFIX_TEXT_MAX];

	prefix_format(&region->subnet, subnet);
	fprintf(out, "%s[Region]\n%sName = %s\n%sSubnet = %s\n", line_prefix,
	    line_prefix, region->name, line_prefix, subnet);
}

void
mesh_write_pair(const struct mesh *mesh, const struct mesh_pair *pair, FILE *out,
    const char *line_prefix)
{
	fprintf(out, "%s[Pair]\n%sNodes = %s, %s\n", line_prefix, line_prefix,
	    mesh->nodes[pair->a].name, mesh->nodes[pair->b].name);
	if (pair->has_weight)
		fprintf(out, "%sWeight = %u\n", line_prefix, pair->weight);
	if (pair->pin != MESH_FREE)
		fprintf(out, "%sPath = %s\n", line_prefix,
		    pair->pin == MESH_PIN_HUB ? "hub" : "direct");
}

void
mesh_write(const struct mesh *mesh, FILE *out)
{
	struct to_file to = { out, "" };

	mesh_write_head(mesh, out, "");
	for (size_t i = 0; i < mesh->n_regions; i++) {
		fprintf(out, "\n");
		mesh_write_region(&mesh->regions[i], out, "");
	}
	for (size_t i = 0; i < mesh->n_nodes; i++) {
		fprintf(out, "\n[Node]\n");
		mesh_write_node(mesh, i, print_line, &to);
	}
	for (size_t i = 0; i < mesh->n_pairs; i++) {
		fprintf(out, "\n");
		mesh_write_pair(mesh, &mesh->pairs[i], out, "");
	}
}
