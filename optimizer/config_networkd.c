/* SPDX-License-Identifier: MIT */
/*
 * systemd-networkd: systemd.netdev(5) and systemd.network(5), as of systemd 241 to 257:
 * routes are written out, because RouteTable= came in 250.
 */
#include <string.h>

#include "optimizer/config_files.h"

static void
put_list(FILE *out, const char *key, const struct prefix *list, size_t n)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		prefix_format(&list[i], text);
		fprintf(out, "%s=%s\n", key, text);
	}
}

void
config_netdev(const struct config_out *c, const struct config_if *v)
{
	char text[ENDPOINT_TEXT_MAX];

	fprintf(c->out, "# %s of %s, the %s of mesh %s; written by meshopt config\n",
	    v->name, v->self->name, mesh_role_name(v->self->role), v->mesh->name);
	fprintf(c->out, "[NetDev]\nName=%s\nKind=wireguard\n", v->name);
	if (v->mtu)
		fprintf(c->out, "MTUBytes=%u\n", v->mtu);
	fprintf(c->out, "\n[WireGuard]\n");
	if (c->opts->key) {
		wgkey_format(c->opts->key, text);
		fprintf(c->out, "PrivateKey=%s\n", text);
		explicit_bzero(text, sizeof(text));
	} else {
		fprintf(c->out,
		    "# chown root:systemd-network and chmod 0640, or networkd cannot "
		    "read it\nPrivateKeyFile=%s\n",
		    c->opts->key_path);
	}
	if (v->port)
		fprintf(c->out, "ListenPort=%u\n", v->port);
	for (size_t i = 0; i < v->n_peers; i++) {
		const struct config_peer *p = &v->peers[i];

		wgkey_format(&p->node->key, text);
		fprintf(c->out, "\n# %s\n[WireGuardPeer]\nPublicKey=%s\n",
		    p->node->name, text);
		put_list(c->out, "AllowedIPs", p->allowed, p->n_allowed);
		if (*p->endpoint.host) {
			endpoint_format(&p->endpoint, text);
			fprintf(c->out, "Endpoint=%s\n", text);
		}
		if (p->keepalive_s)
			fprintf(c->out, "PersistentKeepalive=%u\n", p->keepalive_s);
	}
}

static void
put_route(const struct config_out *c, const struct config_if *v,
    const struct prefix *prefix)
{
	char text[PREFIX_TEXT_MAX], src[ADDR_TEXT_MAX];

	prefix_format(prefix, text);
	addr_format(&v->self->address.addr, src);
	fprintf(c->out, "\n[Route]\nDestination=%s\n", text);
	if (prefix->addr.family == AF_INET)
		fprintf(c->out, "Scope=link\n");
	if (v->direct && prefix->addr.family == v->self->address.addr.family)
		fprintf(c->out, "PreferredSource=%s\n", src);
	if (v->direct)
		fprintf(c->out, "Protocol=213\n");
}

void
config_network(const struct config_out *c, const struct config_if *v)
{
	fprintf(c->out, "[Match]\nName=%s\n\n[Network]\n", v->name);
	put_list(c->out, "Address", v->address, v->n_address);
	if (v->forwards)
		fprintf(c->out,
		    "# A firewall that drops by default must let %s to %s through.\n"
		    "IPForward=yes\n",
		    v->name, v->name);
	for (size_t i = 0; i < v->n_peers; i++) {
		const struct mesh_node *node = v->peers[i].node;

		/* Link-local probe addresses are on the link already. */
		for (size_t j = 0; v->direct && j < node->n_prefixes; j++)
			put_route(c, v, &node->prefixes[j]);
		for (size_t j = 0; !v->direct && j < v->peers[i].n_allowed; j++)
			put_route(c, v, &v->peers[i].allowed[j]);
	}
}
