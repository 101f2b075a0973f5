/* SPDX-License-Identifier: MIT */
/*
 * The tables stand at the end; above them is one setter for each kind of value.
 */
#include "common/mesh_keys.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/num.h"

typedef const char *set_fn(void *field, const char *value, const struct mesh_key *key);

static const char *
set_name(void *field, const char *value, const struct mesh_key *key)
{
	(void)key;
	if (!mesh_name_ok(value))
		return "a name of up to 63 characters a-z 0-9 . _ -, starting with a "
		       "letter or digit";
	memcpy(field, value, strlen(value) + 1);
	return NULL;
}

static const char *
set_interface(void *field, const char *value, const struct mesh_key *key)
{
	size_t n = strlen(value);

	(void)key;
	if (n >= IF_NAMESIZE ||
	    strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO"
			  "PQRSTUVWXYZ0123456789_=+.-") != n)
		return "an interface name of up to 15 characters";
	memcpy(field, value, n + 1);
	return NULL;
}

static const char *
set_url(void *field, const char *value, const struct mesh_key *key)
{
	size_t n = strlen(value);
	char *out = field;

	(void)key;
	while (n > 0 && value[n - 1] == '/')
		n--;
	if ((strncmp(value, "http://", 7) && strncmp(value, "https://", 8)) || n < 8 ||
	    n >= MESH_COLLECTOR_MAX || strpbrk(value, " \t\"'<>"))
		return "a URL such as http://10.50.0.1:8650";
	memcpy(out, value, n);
	out[n] = '\0';
	return NULL;
}

static const char *
set_key(void *field, const char *value, const struct mesh_key *key)
{
	return wgkey_parse(value, field) < 0 ? key->want : NULL;
}

static const char *
set_u32(void *field, const char *value, const struct mesh_key *key)
{
	return num_u32(value, key->lo, key->hi, field) < 0 ? key->want : NULL;
}

static const char *
set_u16(void *field, const char *value, const struct mesh_key *key)
{
	uint32_t n;

	if (num_u32(value, key->lo, key->hi, &n) < 0)
		return key->want;
	*(uint16_t *)field = (uint16_t)n;
	return NULL;
}

static const char *
set_u8(void *field, const char *value, const struct mesh_key *key)
{
	uint32_t n;

	if (num_u32(value, key->lo, key->hi, &n) < 0)
		return key->want;
	*(uint8_t *)field = (uint8_t)n;
	return NULL;
}

static const char *
set_bool(void *field, const char *value, const struct mesh_key *key)
{
	(void)key;
	if (strcasecmp(value, "yes") && strcasecmp(value, "no"))
		return "yes or no";
	*(bool *)field = strcasecmp(value, "yes") == 0;
	return NULL;
}

static const char *
set_method(void *field, const char *value, const struct mesh_key *key)
{
	static const char *const names[] = { "icmp", "stamp", "both" };

	(void)key;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(value, names[i]) == 0) {
			*(enum mesh_method *)field = MESH_ICMP + i;
			return NULL;
		}
	}
	return "icmp, stamp or both";
}

static const char *
set_switching(void *field, const char *value, const struct mesh_key *key)
{
	(void)key;
	if (strcasecmp(value, "side-by-side") && strcasecmp(value, "in-place"))
		return "side-by-side or in-place";
	*(bool *)field = strcasecmp(value, "in-place") == 0;
	return NULL;
}

static const char *
set_role(void *field, const char *value, const struct mesh_key *key)
{
	(void)key;
	for (enum mesh_role r = MESH_HUB; r <= MESH_BACKEND; r++) {
		if (strcasecmp(value, mesh_role_name(r)) == 0) {
			*(enum mesh_role *)field = r;
			return NULL;
		}
	}
	return "hub, pop or backend";
}

static const char *
set_prefix(void *field, const char *value, const struct mesh_key *key)
{
	return prefix_parse(value, field) < 0 ? key->want : NULL;
}

/* A whole network: host bits in it are a typing error. */
static const char *
set_subnet(void *field, const char *value, const struct mesh_key *key)
{
	struct prefix p, masked;

	if (prefix_parse(value, &p) < 0)
		return key->want;
	masked = prefix_masked(&p);
	if (!addr_equal(&p.addr, &masked.addr))
		return key->want;
	*(struct prefix *)field = p;
	return NULL;
}

static const char *
set_endpoint(void *field, const char *value, const struct mesh_key *key)
{
	(void)key;
	return endpoint_parse(value, field) < 0
		   ? "address:port, [address]:port or name:port"
		   : NULL;
}

static const char *
set_date(void *field, const char *value, const struct mesh_key *key)
{
	return wall_parse_date(value, field) < 0 ? key->want : NULL;
}

/* The field is the whole node: a list is a pointer and a count. */
static const char *
set_allowed(void *field, const char *value, const struct mesh_key *key)
{
	struct mesh_node *node = field;
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
			return key->want;
		memcpy(text, value, len);
		text[len] = '\0';
		if (prefix_parse(text, &prefix) < 0)
			return key->want;
		node->prefixes = mem_grow(node->prefixes, node->n_prefixes + 1,
		    sizeof(*node->prefixes));
		/* The kernel masks host bits silently; so do we, and lint warns. */
		node->prefixes[node->n_prefixes++] = prefix_masked(&prefix);
		if (!value[n])
			return NULL;
	}
}

static const char *
set_pair_nodes(void *field, const char *value, const struct mesh_key *key)
{
	struct mesh_pair_draft *draft = field;
	const char *comma = strchr(value, ',');
	char first[MESH_NAME_MAX];
	size_t n;

	if (!comma)
		return key->want;
	n = (size_t)(comma - value);
	while (n > 0 && isspace((unsigned char)value[n - 1]))
		n--;
	if (n >= sizeof(first))
		return key->want;
	memcpy(first, value, n);
	first[n] = '\0';
	comma++;
	comma += strspn(comma, " \t");
	return set_name(draft->a, first, key) || set_name(draft->b, comma, key)
		   ? key->want
		   : NULL;
}

static const char *
set_pair_weight(void *field, const char *value, const struct mesh_key *key)
{
	struct mesh_pair *pair = field;

	pair->has_weight = true;
	return set_u32(&pair->weight, value, key);
}

static const char *
set_pair_path(void *field, const char *value, const struct mesh_key *key)
{
	enum mesh_pin *pin = field;

	if (strcasecmp(value, "hub") == 0)
		*pin = MESH_PIN_HUB;
	else if (strcasecmp(value, "direct") == 0)
		*pin = MESH_PIN_DIRECT;
	else
		return key->want;
	return NULL;
}

static set_fn *const setters[MESH_N_KINDS] = {
	[MESH_K_NAME] = set_name,
	[MESH_K_INTERFACE] = set_interface,
	[MESH_K_URL] = set_url,
	[MESH_K_KEY] = set_key,
	[MESH_K_U8] = set_u8,
	[MESH_K_U16] = set_u16,
	[MESH_K_U32] = set_u32,
	[MESH_K_BOOL] = set_bool,
	[MESH_K_DATE] = set_date,
	[MESH_K_METHOD] = set_method,
	[MESH_K_SWITCHING] = set_switching,
	[MESH_K_ROLE] = set_role,
	[MESH_K_PREFIX] = set_prefix,
	[MESH_K_SUBNET] = set_subnet,
	[MESH_K_ENDPOINT] = set_endpoint,
	[MESH_K_ALLOWED] = set_allowed,
	[MESH_K_PAIR_NODES] = set_pair_nodes,
	[MESH_K_PAIR_WEIGHT] = set_pair_weight,
	[MESH_K_PAIR_PATH] = set_pair_path,
};

const char *
mesh_keys_set(const struct mesh_key *key, void *section, const char *value)
{
	return setters[key->kind]((char *)section + key->offset, value, key);
}

void
mesh_keys_default_mesh(struct mesh *mesh)
{
	memset(mesh, 0, sizeof(*mesh));
	memcpy(mesh->interface, "wg0", sizeof("wg0"));
	memcpy(mesh->direct_interface, "wgd0", sizeof("wgd0"));
	mesh->direct_port = MESH_DIRECT_PORT;
	mesh->budget = MESH_NO_LIMIT;
	mesh->stamp_port = MESH_STAMP_PORT;
	mesh->method = MESH_ICMP;
}

void
mesh_keys_default_node(struct mesh_node *node)
{
	memset(node, 0, sizeof(*node));
	node->weight = 1;
	node->max_tunnels = MESH_NO_LIMIT;
	node->keepalive_s = MESH_NO_LIMIT;
	node->dscp = MESH_DSCP_UNSAID;
}

#define AT(type, field) offsetof(struct type, field)
#define A_PORT		1, 65535, "a port, 1 to 65535"
#define A_WEIGHT	0, MESH_WEIGHT_MAX, "a traffic weight, 0 to 1000000"
#define A_DSCP		0, 63, "a DSCP, 0 to 63"
/* 1280 is what IPv6 needs, and what meshopt ping tells apart from a black hole. */
#define AN_MTU	   1280, 65455, "an MTU, 1280 to 65455"
#define A_WG_KEY   0, 0, "a WireGuard public key, 44 characters of base64"
#define A_SIGN_KEY 0, 0, "an Ed25519 public key, 44 characters of base64"
#define N_TUNNELS  0, 10000000, "how many direct tunnels there may be, 0 to 10000000"
#define N_AT_NODE \
	0, MESH_NODES_MAX, "how many direct tunnels this node may have, 0 to 10000"
#define SECONDS	  0, 65535, "seconds, 0 (off) to 65535"
#define A_DATE	  0, 0, "a date such as 2026-11-01"
#define AN_ADDR	  0, 0, "an overlay address such as 10.50.5.1/24"
#define A_SUBNET  0, 0, "a network such as 10.50.5.0/24, without host bits"
#define SOME_NETS 0, 0, "up to 64 prefixes such as 10.50.5.0/24, separated by commas"

static const struct mesh_key mesh_keys[] = {
	{ "Name", MESH_K_NAME, AT(mesh, name), true, 0, 0, NULL },
	{ "Collector", MESH_K_URL, AT(mesh, collector), false, 0, 0, NULL },
	{ "PlanKey", MESH_K_KEY, AT(mesh, plan_key), false, A_SIGN_KEY },
	{ "Interface", MESH_K_INTERFACE, AT(mesh, interface), false, 0, 0, NULL },
	{ "Switching", MESH_K_SWITCHING, AT(mesh, in_place), false, 0, 0, NULL },
	{ "DirectInterface", MESH_K_INTERFACE, AT(mesh, direct_interface), false, 0, 0,
	    NULL },
	{ "DirectPort", MESH_K_U16, AT(mesh, direct_port), false, A_PORT },
	{ "Budget", MESH_K_U32, AT(mesh, budget), false, N_TUNNELS },
	{ "Method", MESH_K_METHOD, AT(mesh, method), false, 0, 0, NULL },
	{ "StampPort", MESH_K_U16, AT(mesh, stamp_port), false, A_PORT },
	{ "DSCP", MESH_K_U8, AT(mesh, dscp), false, A_DSCP },
	{ "MTU", MESH_K_U16, AT(mesh, mtu), false, AN_MTU },
	{ NULL, MESH_K_NAME, 0, false, 0, 0, NULL },
};

static const struct mesh_key node_keys[] = {
	{ "Name", MESH_K_NAME, AT(mesh_node, name), true, 0, 0, NULL },
	{ "Role", MESH_K_ROLE, AT(mesh_node, role), true, 0, 0, NULL },
	{ "Region", MESH_K_NAME, AT(mesh_node, region), false, 0, 0, NULL },
	{ "Address", MESH_K_PREFIX, AT(mesh_node, address), true, AN_ADDR },
	{ "AllowedIPs", MESH_K_ALLOWED, 0, false, SOME_NETS },
	{ "PublicKey", MESH_K_KEY, AT(mesh_node, key), true, A_WG_KEY },
	{ "NextPublicKey", MESH_K_KEY, AT(mesh_node, next_key), false, A_WG_KEY },
	{ "KeyCreated", MESH_K_DATE, AT(mesh_node, key_created), false, A_DATE },
	{ "Endpoint", MESH_K_ENDPOINT, AT(mesh_node, endpoint), false, 0, 0, NULL },
	{ "ListenPort", MESH_K_U16, AT(mesh_node, listen_port), false, A_PORT },
	{ "Keepalive", MESH_K_U32, AT(mesh_node, keepalive_s), false, SECONDS },
	{ "MTU", MESH_K_U16, AT(mesh_node, mtu), false, AN_MTU },
	{ "Relay", MESH_K_BOOL, AT(mesh_node, relay), false, 0, 0, NULL },
	{ "Weight", MESH_K_U32, AT(mesh_node, weight), false, A_WEIGHT },
	{ "MaxTunnels", MESH_K_U32, AT(mesh_node, max_tunnels), false, N_AT_NODE },
	{ "Method", MESH_K_METHOD, AT(mesh_node, method), false, 0, 0, NULL },
	{ "DSCP", MESH_K_U8, AT(mesh_node, dscp), false, A_DSCP },
	{ NULL, MESH_K_NAME, 0, false, 0, 0, NULL },
};

static const struct mesh_key pair_keys[] = {
	{ "Nodes", MESH_K_PAIR_NODES, 0, true, 0, 0,
	    "two names of nodes, separated by a comma" },
	{ "Weight", MESH_K_PAIR_WEIGHT, AT(mesh_pair_draft, pair), false, A_WEIGHT },
	{ "Path", MESH_K_PAIR_PATH, AT(mesh_pair_draft, pair.pin), false, 0, 0,
	    "hub or direct" },
	{ NULL, MESH_K_NAME, 0, false, 0, 0, NULL },
};

static const struct mesh_key region_keys[] = {
	{ "Name", MESH_K_NAME, AT(mesh_region, name), true, 0, 0, NULL },
	{ "Subnet", MESH_K_SUBNET, AT(mesh_region, subnet), true, A_SUBNET },
	{ NULL, MESH_K_NAME, 0, false, 0, 0, NULL },
};

const struct mesh_section_rule mesh_keys_of[] = {
	[MESH_IN_NONE] = { "", NULL },
	[MESH_IN_MESH] = { "Mesh", mesh_keys },
	[MESH_IN_NODE] = { "Node", node_keys },
	[MESH_IN_PAIR] = { "Pair", pair_keys },
	[MESH_IN_REGION] = { "Region", region_keys },
};
