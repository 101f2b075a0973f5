/* SPDX-License-Identifier: MIT */
#include "collector/api_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/log.h"
#include "common/mem.h"

/* RFC 9110, 15: the words of the statuses that this program sends. */
static const char *
status_words(unsigned status)
{
	switch (status) {
	case 400:
		return "bad request";
	case 403:
		return "forbidden";
	case 404:
		return "not found";
	case 409:
		return "conflict";
	case 405:
		return "method not allowed";
	case 413:
		return "content too large";
	case 415:
		return "unsupported media type";
	case 429:
		return "too many requests";
	case 503:
		return "service unavailable";
	default:
		return "error";
	}
}

/* jansson takes UTF-8 only, and a detail may quote what a stranger sent. */
static json_t *
printable(const char *text)
{
	char *copy = mem_strdup(text);
	json_t *s;

	for (char *p = copy; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '?';
	s = json_string(copy);
	free(copy);
	return s;
}

static char *
dump(json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9));

	if (!text)
		log_die("out of memory");
	json_decref(o);
	return text;
}

char *
api_json_error(unsigned status, const char *detail)
{
	return dump(json_pack("{s:s, s:o}", "error", status_words(status), "detail",
	    printable(detail)));
}

/* Seconds with three decimals, which is what the clocks are good for. */
static json_t *
seconds(int64_t ns)
{
	return json_real(round((double)ns / NS_PER_MS) / 1e3);
}

static json_t *
when(struct wall t)
{
	char text[WALL_TEXT_MAX];

	wall_format(t, text);
	return json_string(text);
}

/* What is unknown is left out: a node that never reported has no age. */
static void
add_report(json_t *o, const struct node_state *node, struct wall now)
{
	char boot[17];

	(void)snprintf(boot, sizeof(boot), "%016llx", (unsigned long long)node->boot);
	json_object_set_new(o, "last", when(node->start));
	json_object_set_new(o, "age_s", seconds(now.ns - node->start.ns));
	json_object_set_new(o, "length_s", seconds(node->length_ms * NS_PER_MS));
	json_object_set_new(o, "boot", json_string(boot));
	json_object_set_new(o, "seq", json_integer((json_int_t)node->last_seq));
	json_object_set_new(o, "skew_s", seconds(node->skew_ns));
	json_object_set_new(o, "stamp", json_string(stamp_name(node->stamp)));
}

static json_t *
one_node(const struct mesh_node *in, const struct node_state *node, struct wall now)
{
	char address[ADDR_TEXT_MAX];
	struct err why;
	json_t *o;

	addr_format(&in->address.addr, address);
	o = json_pack("{s:s, s:s, s:s, s:s}", "name", in->name, "role",
	    mesh_role_name(in->role), "address", address, "state",
	    nodes_state_name(node, now));
	if (nodes_why_silent(node, now, &why))
		json_object_set_new(o, "why", printable(why.text));
	if (node->seen)
		add_report(o, node, now);
	if (node->version[0])
		json_object_set_new(o, "version", json_string(node->version));
	json_object_set_new(o, "reports", json_integer((json_int_t)node->accepted));
	json_object_set_new(o, "gaps", json_integer((json_int_t)nodes_gaps(node)));
	json_object_set_new(o, "duplicates",
	    json_integer((json_int_t)node->duplicates));
	json_object_set_new(o, "spoofed", json_integer((json_int_t)node->spoofed));
	json_object_set_new(o, "local_drop",
	    json_integer((json_int_t)node->local_drop));
	json_object_set_new(o, "refused", json_integer((json_int_t)node->refused));
	if (node->refused) {
		json_object_set_new(o, "refused_last", when(node->refused_at));
		json_object_set_new(o, "refused_reason", printable(node->reason));
	}
	return o;
}

static json_t *
mesh_node(const struct mesh_node *in)
{
	char address[ADDR_TEXT_MAX], endpoint[ENDPOINT_TEXT_MAX];
	json_t *o;

	addr_format(&in->address.addr, address);
	o = json_pack("{s:s, s:s, s:s, s:b, s:i}", "name", in->name, "role",
	    mesh_role_name(in->role), "address", address, "relay", in->relay, "weight",
	    (int)in->weight);
	if (in->region[0])
		json_object_set_new(o, "region", printable(in->region));
	if (in->endpoint.host[0]) {
		endpoint_format(&in->endpoint, endpoint);
		json_object_set_new(o, "endpoint", printable(endpoint));
	}
	return o;
}

char *
api_json_mesh(const struct mesh *mesh)
{
	json_t *list = json_array(), *o;

	for (size_t i = 0; i < mesh->n_nodes; i++)
		json_array_append_new(list, mesh_node(&mesh->nodes[i]));
	o = json_pack("{s:s, s:s, s:b, s:o}", "mesh", mesh->name, "hub",
	    mesh->nodes[mesh->hub].name, "plans", !wgkey_is_zero(&mesh->plan_key),
	    "nodes", list);
	if (mesh->budget != MESH_NO_LIMIT)
		json_object_set_new(o, "budget", json_integer(mesh->budget));
	return dump(o);
}

char *
api_json_nodes(const struct api *api, struct wall now)
{
	json_t *list = json_array();

	for (size_t i = 0; i < api->mesh->n_nodes; i++)
		json_array_append_new(list,
		    one_node(&api->mesh->nodes[i], &api->nodes[i], now));
	return dump(json_pack("{s:s, s:o, s:o}", "mesh", api->mesh->name, "generated",
	    when(now), "nodes", list));
}
