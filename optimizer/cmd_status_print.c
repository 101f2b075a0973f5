/* SPDX-License-Identifier: MIT */
/*
 * The status for a person and as JSON.
 */
#include "optimizer/cmd_status_print.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "optimizer/cmd_status_agent.h"
#include "optimizer/table.h"

#define CELL 64

/* --- for a person --- */

static void
endpoint_text(const struct kernel_peer *peer, char text[CELL])
{
	char addr[ADDR_TEXT_MAX];

	*text = '\0';
	if (!peer || !peer->endpoint.family)
		return;
	addr_format(&peer->endpoint, addr);
	(void)snprintf(text, CELL,
	    peer->endpoint.family == AF_INET6 ? "[%s]:%u" : "%s:%u", addr,
	    peer->port); /* fits */
}

static void
age_text(const struct status *st, const struct kernel_peer *peer, char text[CELL])
{
	long long s;

	*text = '\0';
	if (!peer)
		return;
	s = (st->state->now.ns - peer->handshake.ns) / NS_PER_S;
	if (peer->handshake.ns == 0)
		(void)snprintf(text, CELL, "never"); /* fits */
	else if (s < 0)
		(void)snprintf(text, CELL, "in the future"); /* fits */
	else if (s < 120)
		(void)snprintf(text, CELL, "%lld s", s); /* fits */
	else if (s < 7200)
		(void)snprintf(text, CELL, "%lld min", s / 60); /* fits */
	else
		(void)snprintf(text, CELL, "%lld h", s / 3600); /* fits */
}

static void
bytes_text(uint64_t n, char text[CELL])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)n;
	size_t u = 0;

	while (v >= 1024 && u < 4) {
		v /= 1024;
		u++;
	}
	(void)snprintf(text, CELL, u ? "%.1f %s" : "%.0f %s", v, units[u]); /* fits */
}

static void
print_row(const struct status *st, const struct status_row *row, struct table *t)
{
	const struct kernel_peer *peer = status_peer(row);
	char text[CELL > WAY_TEXT_MAX ? CELL : WAY_TEXT_MAX];

	table_text(t, st->mesh->nodes[row->node].name);
	way_text(st->mesh, &row->way, text);
	table_text(t, text);
	endpoint_text(peer, text);
	table_text(t, text);
	age_text(st, peer, text);
	table_text(t, text);
	if (peer) {
		bytes_text(peer->rx_bytes, text);
		table_text(t, text);
		bytes_text(peer->tx_bytes, text);
		table_text(t, text);
	} else {
		table_empty(t);
		table_empty(t);
	}
	if (!st->has_rtt)
		return;
	table_ms(t, row->hub_us, 1);
	table_ms(t, row->direct_us, 1);
}

static void
print_link(const char *name, const struct kernel_link *link,
    const struct kernel_device *dev)
{
	if (!link->ifindex)
		printf(", %s: absent", name);
	else if (!dev)
		printf(", %s: not WireGuard", name);
	else
		printf(", %s: %s, UDP port %u, %zu peer%s%s", name,
		    link->up ? "up" : "down", dev->port, dev->n_peers,
		    dev->n_peers == 1 ? "" : "s",
		    link->userspace ? ", in user space" : "");
}

static void
print_drift(const char *text, void *ctx)
{
	size_t *n = ctx;

	if ((*n)++ == 0)
		printf("\nnot as the mesh file says:\n");
	printf("  %s\n", text);
}

void
cmd_status_print_text(const struct status *st)
{
	const struct mesh_node *self = &st->mesh->nodes[st->self];
	struct table *t = table_new(
	    st->has_rtt
		? "<node|<path|<endpoint|handshake|received|sent|hub ms|direct ms"
		: "<node|<path|<endpoint|handshake|received|sent");
	json_t *agent = cmd_status_agent_load(CMD_STATUS_AGENT_PATH, self->name);
	size_t n = 0;

	printf("%s (%s)", self->name, mesh_role_name(self->role));
	print_link(st->mesh->interface, &st->state->hub_link, st->state->hub);
	if (!st->mesh->in_place)
		print_link(st->mesh->direct_interface, &st->state->direct_link,
		    st->state->direct);
	printf("\n\n");
	for (size_t i = 0; i < st->n_rows; i++)
		print_row(st, &st->rows[i], t);
	table_print(t, stdout);
	table_free(t);
	cmd_status_agent_print(agent, st->state->now, stdout);
	json_decref(agent);
	(void)status_drift(st, print_drift, &n); /* it counts itself */
}

/* --- JSON --- */

static json_t *
ms(int64_t us)
{
	return us < 0 ? json_null() : json_real((double)us / 1000);
}

static json_t *
peer_json(const struct status *st, const struct kernel_peer *peer)
{
	json_t *o, *allowed;
	char text[CELL];

	if (!peer)
		return json_null();
	o = json_object();
	allowed = json_array();
	endpoint_text(peer, text);
	json_object_set_new(o, "endpoint", *text ? json_string(text) : json_null());
	json_object_set_new(o, "handshake_age_s",
	    peer->handshake.ns
		? json_real((double)(st->state->now.ns - peer->handshake.ns) / NS_PER_S)
		: json_null());
	json_object_set_new(o, "rx_bytes", json_integer((json_int_t)peer->rx_bytes));
	json_object_set_new(o, "tx_bytes", json_integer((json_int_t)peer->tx_bytes));
	json_object_set_new(o, "keepalive_s", json_integer(peer->keepalive_s));
	for (size_t i = 0; i < peer->n_allowed; i++) {
		char prefix[PREFIX_TEXT_MAX];

		prefix_format(&peer->allowed[i], prefix);
		json_array_append_new(allowed, json_string(prefix));
	}
	json_object_set_new(o, "allowed_ips", allowed);
	return o;
}

static json_t *
row_json(const struct status *st, const struct status_row *row)
{
	json_t *o = json_object();
	char way[WAY_TEXT_MAX];

	way_text(st->mesh, &row->way, way);
	json_object_set_new(o, "node", json_string(st->mesh->nodes[row->node].name));
	json_object_set_new(o, "path", json_string(way));
	json_object_set_new(o, "hub_ms", ms(row->hub_us));
	json_object_set_new(o, "direct_ms", ms(row->direct_us));
	json_object_set_new(o, "hub_peer", peer_json(st, row->hub));
	json_object_set_new(o, "direct_peer", peer_json(st, row->direct));
	return o;
}

static json_t *
link_json(const char *name, const struct kernel_link *link,
    const struct kernel_device *dev)
{
	json_t *o = json_object();

	json_object_set_new(o, "name", json_string(name));
	json_object_set_new(o, "exists", json_boolean(link->ifindex != 0));
	json_object_set_new(o, "up", json_boolean(link->up));
	json_object_set_new(o, "userspace", json_boolean(link->userspace));
	json_object_set_new(o, "mtu", json_integer(link->mtu));
	json_object_set_new(o, "port", dev ? json_integer(dev->port) : json_null());
	return o;
}

static void
drift_json(const char *text, void *ctx)
{
	json_array_append_new(ctx, json_string(text));
}

void
cmd_status_print_json(const struct status *st)
{
	const struct mesh *mesh = st->mesh;
	json_t *top = json_object(), *rows = json_array(), *drift = json_array();
	json_t *links = json_array();

	json_array_append_new(links,
	    link_json(mesh->interface, &st->state->hub_link, st->state->hub));
	if (!mesh->in_place)
		json_array_append_new(links,
		    link_json(mesh->direct_interface, &st->state->direct_link,
			st->state->direct));
	for (size_t i = 0; i < st->n_rows; i++)
		json_array_append_new(rows, row_json(st, &st->rows[i]));
	(void)status_drift(st, drift_json, drift); /* the array has them */
	json_object_set_new(top, "mesh", json_string(mesh->name));
	json_object_set_new(top, "node", json_string(mesh->nodes[st->self].name));
	json_object_set_new(top, "agent",
	    cmd_status_agent_load(CMD_STATUS_AGENT_PATH, mesh->nodes[st->self].name));
	json_object_set_new(top, "interfaces", links);
	json_object_set_new(top, "nodes", rows);
	json_object_set_new(top, "drift", drift);
	json_dumpf(top, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
	printf("\n");
	json_decref(top);
}
