/* SPDX-License-Identifier: MIT */
/*
 * A wg-quick file.  Lines that begin with "#:" are comments to wg-quick and the rest of
 * the mesh file to `meshopt import`: what WireGuard has no word for.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mesh_write.h"
#include "optimizer/config_files.h"

#define MARK "#: "

/* As netlink shows it, so that `meshopt apply` knows the routes for its own. */
#define ROUTE_PROTOCOL 213

static void
put_prefixes(FILE *out, const struct prefix *list, size_t n)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		prefix_format(&list[i], text);
		fprintf(out, "%s%s", i > 0 ? ", " : "", text);
	}
	fprintf(out, "\n");
}

/* Link-local probe addresses do not count: they are never forwarded. */
static bool
has_family(const struct config_if *v, int family)
{
	if (v->direct)
		return v->address[0].addr.family == family;
	for (size_t i = 0; i < v->n_address; i++)
		if (v->address[i].addr.family == family)
			return true;
	for (size_t i = 0; i < v->n_peers; i++)
		for (size_t j = 0; j < v->peers[i].n_allowed; j++)
			if (v->peers[i].allowed[j].addr.family == family)
				return true;
	return false;
}

/*
 * wg-quick cuts lines at '#', so that no hook may hold one: nft's own "# handle" is
 * found by being the last word.
 */
static void
put_nft(FILE *out, const char *from, const char *to)
{
	fprintf(out,
	    "PostUp = nft add table inet filter; nft 'add chain inet filter forward "
	    "{ type filter hook forward priority 0; }'; nft insert rule inet filter "
	    "forward iifname %s oifname %s accept comment meshopt-%s-%s\n",
	    from, to, from, to);
	fprintf(out,
	    "PostDown = nft -a list chain inet filter forward | awk "
	    "'/\"meshopt-%s-%s\"/ { print $NF }' | while read -r h; do nft delete rule "
	    "inet filter forward handle $h; done\n",
	    from, to);
}

static void
put_iptables(FILE *out, const char *tool, const char *from, const char *to)
{
	fprintf(out, "PostUp = %s -A FORWARD -i %s -o %s -j ACCEPT\n", tool, from, to);
	fprintf(out, "PostDown = %s -D FORWARD -i %s -o %s -j ACCEPT\n", tool, from,
	    to);
}

static void
put_rules(const struct config_out *c, const struct config_if *v, const char *from,
    const char *to)
{
	if (c->opts->firewall == CONFIG_NFT)
		put_nft(c->out, from, to);
	if (c->opts->firewall != CONFIG_IPTABLES)
		return;
	if (has_family(v, AF_INET))
		put_iptables(c->out, "iptables", from, to);
	if (has_family(v, AF_INET6))
		put_iptables(c->out, "ip6tables", from, to);
}

static void
put_forwarding(const struct config_out *c, const struct config_if *v)
{
	const char *hub = v->mesh->interface;

	if (!v->forwards)
		return;
	if (has_family(v, AF_INET))
		fprintf(c->out, "PostUp = sysctl -w net.ipv4.ip_forward=1\n");
	if (has_family(v, AF_INET6))
		fprintf(c->out, "PostUp = sysctl -w net.ipv6.conf.all.forwarding=1\n");
	put_rules(c, v, v->name, v->name);
	if (!v->direct)
		return;
	put_rules(c, v, hub, v->name);
	put_rules(c, v, v->name, hub);
}

/* What is pinned to its tunnel goes by it, as `meshopt apply` would have it. */
static void
put_routes(const struct config_out *c, const struct config_if *v)
{
	char text[PREFIX_TEXT_MAX], src[ADDR_TEXT_MAX];

	addr_format(&v->self->address.addr, src);
	for (size_t i = 0; i < v->n_peers; i++) {
		const struct mesh_node *node = v->peers[i].node;

		for (size_t j = 0; j < node->n_prefixes; j++) {
			bool v6 = node->prefixes[j].addr.family == AF_INET6;

			prefix_format(&node->prefixes[j], text);
			fprintf(c->out, "PostUp = ip %sroute replace %s dev %s ",
			    v6 ? "-6 " : "", text, v->name);
			if (node->prefixes[j].addr.family ==
			    v->self->address.addr.family)
				fprintf(c->out, "src %s ", src);
			fprintf(c->out, "proto %d\n", ROUTE_PROTOCOL);
		}
	}
}

static void
put_key(const struct config_out *c)
{
	char text[WGKEY_TEXT_MAX];

	if (!c->opts->key)
		return;
	wgkey_format(c->opts->key, text);
	fprintf(c->out, "PrivateKey = %s\n", text);
	explicit_bzero(text, sizeof(text));
}

/* A key of a [Node] that the section below does not say in WireGuard's own words. */
struct rest {
	FILE *out;
	const char *const *said;
};

static void
put_rest(const char *key, const char *value, void *ctx)
{
	struct rest *rest = ctx;

	for (size_t i = 0; rest->said[i]; i++)
		if (strcmp(key, rest->said[i]) == 0)
			return;
	fprintf(rest->out, MARK "%s = %s\n", key, value);
}

static size_t
index_of(const struct config_if *v, const struct mesh_node *node)
{
	return (size_t)(node - v->mesh->nodes);
}

/* The settings, the regions, and the pairs that this node has a part in. */
static void
put_mesh(const struct config_out *c, const struct config_if *v)
{
	static const char *const nothing[] = { NULL };
	struct rest rest = { c->out, nothing };
	const struct mesh *m = v->mesh;
	size_t self = index_of(v, v->self);

	mesh_write_head(m, c->out, MARK);
	for (size_t i = 0; i < m->n_regions; i++)
		mesh_write_region(&m->regions[i], c->out, MARK);
	for (size_t i = 0; i < m->n_pairs; i++)
		if (self == m->hub || m->pairs[i].a == self || m->pairs[i].b == self)
			mesh_write_pair(m, &m->pairs[i], c->out, MARK);
	fprintf(c->out, MARK "[Node]\n");
	mesh_write_node(m, self, put_rest, &rest);
}

static void
put_peer(const struct config_out *c, const struct config_if *v,
    const struct config_peer *p)
{
	static const char *const said[] = { "Name", "PublicKey", NULL, NULL };
	static const char *const said_more[] = { "Name", "PublicKey", "Endpoint",
		NULL };
	struct rest rest = { c->out, *p->endpoint.host ? said_more : said };
	char text[ENDPOINT_TEXT_MAX];

	fprintf(c->out, "\n# %s\n", p->node->name);
	if (!v->direct && !c->opts->plain)
		mesh_write_node(v->mesh, index_of(v, p->node), put_rest, &rest);
	wgkey_format(&p->node->key, text);
	fprintf(c->out, "[Peer]\nPublicKey = %s\n", text);
	if (*p->endpoint.host) {
		endpoint_format(&p->endpoint, text);
		fprintf(c->out, "Endpoint = %s\n", text);
	}
	fprintf(c->out, "AllowedIPs = ");
	put_prefixes(c->out, p->allowed, p->n_allowed);
	if (p->keepalive_s)
		fprintf(c->out, "PersistentKeepalive = %u\n", p->keepalive_s);
}

void
config_wgquick(const struct config_out *c, const struct config_if *v)
{
	fprintf(c->out, "# %s of %s, the %s of mesh %s; written by meshopt config\n",
	    v->name, v->self->name, mesh_role_name(v->self->role), v->mesh->name);
	if (!v->direct && !c->opts->plain)
		put_mesh(c, v);
	fprintf(c->out, "[Interface]\n");
	put_key(c);
	fprintf(c->out, "Address = ");
	put_prefixes(c->out, v->address, v->n_address);
	if (v->port)
		fprintf(c->out, "ListenPort = %u\n", v->port);
	if (v->mtu)
		fprintf(c->out, "MTU = %u\n", v->mtu);
	if (v->direct)
		fprintf(c->out, "Table = off\n");
	if (!c->opts->key)
		fprintf(c->out, "PostUp = wg set %s private-key %s\n", v->name,
		    c->opts->key_path);
	/* A packet that comes by the other of two interfaces is no forgery. */
	if (v->side_by_side)
		fprintf(c->out, "PostUp = sysctl -w net.ipv4.conf.%s.rp_filter=2\n",
		    v->name);
	put_forwarding(c, v);
	if (v->direct)
		put_routes(c, v);
	for (size_t i = 0; i < v->n_peers; i++)
		put_peer(c, v, &v->peers[i]);
}
