/* SPDX-License-Identifier: MIT */
#include "optimizer/config_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

static struct config_peer *
add_peer(struct config_if *v, const struct mesh_node *node)
{
	struct config_peer *p;

	v->peers = mem_grow(v->peers, v->n_peers + 1, sizeof(*v->peers));
	p = &v->peers[v->n_peers++];
	memset(p, 0, sizeof(*p));
	p->node = node;
	return p;
}

static void
allow(struct config_peer *p, const struct prefix *prefix)
{
	p->allowed = mem_grow(p->allowed, p->n_allowed + 1, sizeof(*p->allowed));
	p->allowed[p->n_allowed++] = *prefix;
}

/* Its prefixes without those that another of them covers: as few as say the same. */
static void
allow_all(struct config_peer *p, const struct mesh_node *node)
{
	for (size_t i = 0; i < node->n_prefixes; i++) {
		const struct prefix *a = &node->prefixes[i];
		bool covered = false;

		for (size_t j = 0; j < node->n_prefixes && !covered; j++) {
			const struct prefix *b = &node->prefixes[j];

			covered =
			    j != i && prefix_covers(b, a) && (b->len < a->len || j < i);
		}
		if (!covered)
			allow(p, a);
	}
}

/* It answers for more than itself, or says that it may: then packets pass through. */
static bool
forwards(const struct mesh_node *node)
{
	const struct prefix *p = node->prefixes;

	return node->role == MESH_HUB || node->relay || node->n_prefixes > 1 ||
	       p->len < addr_bits(&p->addr);
}

static void
keep_alive(struct config_if *v)
{
	for (size_t i = 0; i < v->n_peers; i++)
		v->peers[i].keepalive_s =
		    mesh_keepalive(v->self, *v->peers[i].endpoint.host != '\0');
}

static void
init(const struct mesh *mesh, size_t self, struct config_if *v)
{
	const struct mesh_node *node = &mesh->nodes[self];

	memset(v, 0, sizeof(*v));
	v->mesh = mesh;
	v->self = node;
	v->mtu = node->mtu;
	v->forwards = forwards(node);
}

/* By a tunnel that a file can set up: between two nodes behind NAT agents alone can. */
static bool
pinned(const struct mesh *mesh, size_t a, size_t b)
{
	const struct mesh_pair *pair = mesh_pair(mesh, a, b);

	return pair && pair->pin == MESH_PIN_DIRECT &&
	       (mesh->nodes[a].endpoint.host[0] || mesh->nodes[b].endpoint.host[0]);
}

static void
add_pinned(struct config_if *v, size_t self)
{
	const struct mesh *mesh = v->mesh;

	for (size_t i = 0; i < mesh->n_nodes; i++) {
		struct config_peer *p;

		if (i == self || i == mesh->hub || !pinned(mesh, self, i))
			continue;
		p = add_peer(v, &mesh->nodes[i]);
		allow_all(p, p->node);
		if (mesh_initiator(mesh, self, i) != self)
			continue;
		p->endpoint = p->node->endpoint;
		if (v->direct)
			p->endpoint.port = mesh->direct_port;
	}
}

void
config_view_hub(const struct mesh *mesh, size_t self, enum config_topology topology,
    struct config_if *v)
{
	struct config_peer *p;

	init(mesh, self, v);
	v->name = mesh->interface;
	v->side_by_side = topology == CONFIG_SIDE_BY_SIDE && self != mesh->hub;
	if (*v->self->endpoint.host || v->self->listen_port)
		v->port = mesh_listen_port(v->self);
	v->address[v->n_address++] = v->self->address;
	if (self == mesh->hub) {
		for (size_t i = 0; i < mesh->n_nodes; i++) {
			if (i == self)
				continue;
			p = add_peer(v, &mesh->nodes[i]);
			allow_all(p, p->node);
		}
		keep_alive(v);
		return;
	}
	p = add_peer(v, &mesh->nodes[mesh->hub]);
	allow_all(p, p->node);
	p->endpoint = p->node->endpoint;
	if (topology == CONFIG_FULL_MESH)
		add_pinned(v, self);
	keep_alive(v);
}

void
config_view_direct(const struct mesh *mesh, size_t self, struct config_if *v)
{
	struct prefix local = { wgkey_link_local(&mesh->nodes[self].key), 64 };
	struct prefix own = mesh->nodes[self].address;

	init(mesh, self, v);
	v->name = mesh->direct_interface;
	v->direct = v->side_by_side = true;
	v->port = mesh->direct_port;
	/* Loose rp_filter needs an IPv4 address here; a /32 brings no route with it. */
	own.len = (uint8_t)addr_bits(&own.addr);
	v->address[v->n_address++] = own;
	v->address[v->n_address++] = local;
	add_pinned(v, self);
	for (size_t i = 0; i < v->n_peers; i++) {
		struct prefix peer = { wgkey_link_local(&v->peers[i].node->key), 128 };

		allow(&v->peers[i], &peer);
	}
	keep_alive(v);
}

void
config_view_fini(struct config_if *v)
{
	for (size_t i = 0; i < v->n_peers; i++)
		free(v->peers[i].allowed);
	free(v->peers);
	memset(v, 0, sizeof(*v));
}
