/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/plan_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/when.h"

#define EPOCH_MAX (INT64_C(1) << 53) /* what every JSON reader holds exactly */
#define RELAY	  "relay:"

static const char *const state_names[] = { "add", "keep", "drop", "wait" };

/* Reading: what every step needs, so that steps take few arguments. */
struct reader {
	struct plan *plan;
	const char *what; /* "tunnels" or "routes" */
	size_t index;
	struct err *err;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s && strlen(s) < MESH_NAME_MAX && *s ? s : NULL;
}

static void
collect_relay(struct plan *plan, const char *path)
{
	size_t len = path ? strlen(path) : 0;

	if (len <= strlen(RELAY) || len >= strlen(RELAY) + MESH_NAME_MAX ||
	    strncmp(path, RELAY, strlen(RELAY)) != 0)
		return;
	memcpy(plan->names[plan->n_names++], path + strlen(RELAY),
	    len - strlen(RELAY) + 1);
}

/*
 * All names that appear, sorted and once each, before anything refers to them.  A
 * relay's legs name it too, but for those that went by the hub and were left out.
 */
static int
collect_names(struct reader *r, const json_t *list)
{
	struct plan *plan = r->plan;
	const json_t *o;
	const char *a, *b;

	if (!json_is_array(list))
		return err_set(r->err, "%s: not there, or not an array", r->what);
	plan->names = mem_grow(plan->names, plan->n_names + 4 * json_array_size(list),
	    sizeof(*plan->names));
	for (r->index = 0; (o = json_array_get(list, r->index)); r->index++) {
		a = text_of(o, "a");
		b = text_of(o, "b");
		if (!a || !b || strcmp(a, b) == 0)
			return err_set(r->err, "%s[%zu]: a and b must be two names",
			    r->what, r->index);
		memcpy(plan->names[plan->n_names++], a, strlen(a) + 1);
		memcpy(plan->names[plan->n_names++], b, strlen(b) + 1);
		collect_relay(plan, json_string_value(json_object_get(o, "path")));
		collect_relay(plan, json_string_value(json_object_get(o, "fallback")));
	}
	return 0;
}

static void
unique_names(struct plan *plan)
{
	size_t n = 0;

	if (plan->n_names)
		qsort(plan->names, plan->n_names, sizeof(*plan->names), by_name);
	for (size_t i = 0; i < plan->n_names; i++)
		if (i == 0 || strcmp(plan->names[i], plan->names[n - 1]))
			memmove(plan->names[n++], plan->names[i], MESH_NAME_MAX);
	plan->n_names = n;
}

static int
name_index(const struct reader *r, const char *name, uint32_t *out)
{
	*out = plan_name(r->plan, name);
	if (*out == PLAN_NOBODY)
		return err_set(r->err, "%s[%zu]: \"%s\" is not a name", r->what,
		    r->index, name);
	return 0;
}

static int
read_us(const struct reader *r, const json_t *o, const char *key, int64_t *us)
{
	const json_t *v = json_object_get(o, key);
	double x = json_number_value(v);

	*us = PLAN_UNKNOWN;
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_number(v) || !(x >= 0 && x <= 120000))
		return err_set(r->err, "%s[%zu]: %s is not a time in ms", r->what,
		    r->index, key);
	*us = (int64_t)(x * 1000 + 0.5);
	return 0;
}

static int
read_tunnel(struct reader *r, const json_t *o, struct plan_tunnel *t)
{
	const char *state = json_string_value(json_object_get(o, "state"));
	int k;

	for (k = PLAN_ADD; k <= PLAN_WAIT; k++)
		if (state && strcmp(state, state_names[k]) == 0)
			break;
	if (k > PLAN_WAIT)
		return err_set(r->err,
		    "tunnels[%zu]: state is not add, keep, drop or wait", r->index);
	t->state = (enum plan_state)k;
	t->value = json_integer_value(json_object_get(o, "value"));
	if (name_index(r, text_of(o, "a"), &t->a) < 0 ||
	    name_index(r, text_of(o, "b"), &t->b) < 0 ||
	    read_us(r, o, "hub_ms", &t->hub_us) < 0 ||
	    read_us(r, o, "direct_ms", &t->direct_us) < 0)
		return -1;
	if (t->hub_us != PLAN_UNKNOWN && t->direct_us != PLAN_UNKNOWN)
		t->saves_us = t->hub_us - t->direct_us;
	return 0;
}

static int
read_path(const struct reader *r, const char *text, enum plan_path *path, uint32_t *via)
{
	if (text && strcmp(text, "hub") == 0)
		*path = PLAN_HUB;
	else if (text && strcmp(text, "direct") == 0)
		*path = PLAN_DIRECT;
	else if (text && strncmp(text, RELAY, strlen(RELAY)) == 0)
		*path = PLAN_RELAY;
	else
		return err_set(r->err,
		    "routes[%zu]: path is not hub, direct or relay:NODE", r->index);
	return *path == PLAN_RELAY ? name_index(r, text + strlen(RELAY), via) : 0;
}

static int
read_route(struct reader *r, const json_t *o, struct plan_route *route)
{
	const json_t *fallback = json_object_get(o, "fallback");
	const char *path = json_string_value(json_object_get(o, "path"));
	const json_t *since = json_object_get(o, "since");

	if (since &&
	    (!json_is_string(since) ||
		when_parse_rfc3339(json_string_value(since), &route->since) < 0))
		return err_set(r->err, "routes[%zu]: since is not a time", r->index);
	route->good = json_is_true(json_object_get(o, "good"));
	route->fallback_us = PLAN_UNKNOWN;
	if (name_index(r, text_of(o, "a"), &route->a) < 0 ||
	    name_index(r, text_of(o, "b"), &route->b) < 0 ||
	    read_path(r, path, &route->path, &route->via) < 0 ||
	    read_us(r, o, "ms", &route->us) < 0 ||
	    read_us(r, o, "hub_ms", &route->hub_us) < 0)
		return -1;
	if (route->path != PLAN_RELAY)
		return 0;
	if (route->via == route->a || route->via == route->b)
		return err_set(r->err, "routes[%zu]: an end is no relay", r->index);
	if (!fallback)
		return 0;
	return read_path(r, json_string_value(fallback), &route->fallback,
		   &route->fallback_via) < 0
		   ? -1
		   : read_us(r, o, "fallback_ms", &route->fallback_us);
}

/* One route a pair, smaller name first, sorted: two answers for a pair are no plan. */
static int
sort_routes(struct reader *r)
{
	struct plan *plan = r->plan;

	for (size_t i = 0; i < plan->n_routes; i++) {
		struct plan_route *route = &plan->routes[i];

		if (route->a > route->b) {
			uint32_t a = route->a;

			route->a = route->b;
			route->b = a;
		}
	}
	if (plan->n_routes)
		qsort(plan->routes, plan->n_routes, sizeof(*plan->routes),
		    plan_route_order);
	for (size_t i = 1; i < plan->n_routes; i++)
		if (plan_route_order(&plan->routes[i - 1], &plan->routes[i]) == 0)
			return err_set(r->err, "routes: %s-%s is there twice",
			    plan->names[plan->routes[i].a],
			    plan->names[plan->routes[i].b]);
	return 0;
}

/* A whole number from 1 to max. */
static bool
read_count(const json_t *o, const char *key, json_int_t max, uint64_t *out)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < 1 ||
	    json_integer_value(v) > max)
		return false;
	*out = (uint64_t)json_integer_value(v);
	return true;
}

/* What makes it an issued plan: all of it or nothing. */
static int
read_issue(struct reader *r, const json_t *o)
{
	const char *issued = json_string_value(json_object_get(o, "issued"));
	struct plan_issue *issue;
	uint64_t ttl_s;

	if (!json_object_get(o, "epoch") && !json_object_get(o, "issued"))
		return 0;
	issue = r->plan->issue = mem_alloc(sizeof(*issue));
	if (!read_count(o, "epoch", EPOCH_MAX, &issue->epoch))
		return err_set(r->err, "epoch: not a whole number above 0");
	if (!issued || when_parse_rfc3339(issued, &issue->issued) < 0)
		return err_set(r->err,
		    "issued: not a time such as 2026-11-22T13:53:20Z");
	if (!read_count(o, "ttl_s", PLAN_TTL_MAX_S, &ttl_s))
		return err_set(r->err, "ttl_s: not a time in s, 1 to %d",
		    PLAN_TTL_MAX_S);
	issue->ttl_s = (uint32_t)ttl_s;
	return 0;
}

static int
read_hint(struct reader *r, const json_t *o, struct plan_hint *hint)
{
	const char *where = json_string_value(json_object_get(o, "endpoint"));
	struct endpoint at;

	if (!where || endpoint_parse(where, &at) < 0 || at.addr.family == 0)
		return err_set(r->err, "hints[%zu]: endpoint is not ADDRESS:PORT",
		    r->index);
	hint->addr = at.addr;
	hint->port = at.port;
	return name_index(r, text_of(o, "node"), &hint->node);
}

static int
read_hints(struct reader *r, const json_t *hints)
{
	struct plan_issue *issue = r->plan->issue;
	const json_t *item;

	r->what = "hints";
	issue->hints = mem_array(json_array_size(hints), sizeof(*issue->hints));
	for (r->index = 0; (item = json_array_get(hints, r->index)); r->index++)
		if (read_hint(r, item, &issue->hints[issue->n_hints++]) < 0)
			return -1;
	return 0;
}

static int
collect_hint_names(struct reader *r, const json_t *hints)
{
	struct plan *plan = r->plan;
	const json_t *o;
	const char *name;

	if (hints && !json_is_array(hints))
		return err_set(r->err, "hints: not an array");
	if (json_array_size(hints) > PLAN_HINTS_MAX)
		return err_set(r->err, "hints: more than %d", PLAN_HINTS_MAX);
	plan->names = mem_grow(plan->names, plan->n_names + json_array_size(hints),
	    sizeof(*plan->names));
	for (r->index = 0; (o = json_array_get(hints, r->index)); r->index++) {
		name = text_of(o, "node");
		if (!name)
			return err_set(r->err, "hints[%zu]: node must be a name",
			    r->index);
		memcpy(plan->names[plan->n_names++], name, strlen(name) + 1);
	}
	return 0;
}

static int
read_lists(struct reader *r, const json_t *o)
{
	const json_t *tunnels = json_object_get(o, "tunnels");
	const json_t *routes = json_object_get(o, "routes");
	const json_t *hints = r->plan->issue ? json_object_get(o, "hints") : NULL;
	struct plan *plan = r->plan;
	const json_t *item;

	if (collect_hint_names(r, hints) < 0)
		return -1;
	r->what = "routes";
	if (collect_names(r, routes) < 0)
		return -1;
	r->what = "tunnels";
	if (collect_names(r, tunnels) < 0)
		return -1;
	unique_names(plan);
	plan->tunnels = mem_array(json_array_size(tunnels), sizeof(*plan->tunnels));
	for (r->index = 0; (item = json_array_get(tunnels, r->index)); r->index++)
		if (read_tunnel(r, item, &plan->tunnels[plan->n_tunnels++]) < 0)
			return -1;
	r->what = "routes";
	plan->routes = mem_array(json_array_size(routes), sizeof(*plan->routes));
	for (r->index = 0; (item = json_array_get(routes, r->index)); r->index++)
		if (read_route(r, item, &plan->routes[plan->n_routes++]) < 0)
			return -1;
	if (hints && read_hints(r, hints) < 0)
		return -1;
	return sort_routes(r);
}

int
plan_from_json(const char *text, size_t len, struct plan **out, struct err *err)
{
	json_error_t where;
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	struct reader r = { .err = err };
	const char *mesh;
	int result;

	*out = NULL;
	if (!o)
		return err_set(err,
		    "line %d: %s; a plan is what meshopt plan -o writes", where.line,
		    where.text);
	r.plan = mem_alloc(sizeof(*r.plan));
	r.plan->budget = PLAN_NO_BUDGET;
	mesh = json_string_value(json_object_get(o, "mesh"));
	if (!mesh || strlen(mesh) >= sizeof(r.plan->mesh))
		result = err_set(err, "mesh: not there, or not a name");
	else
		result = read_issue(&r, o);
	if (result == 0)
		result = read_lists(&r, o);
	if (result == 0) {
		memcpy(r.plan->mesh, mesh, strlen(mesh) + 1);
		*out = r.plan;
		r.plan = NULL;
	}
	plan_free(r.plan);
	json_decref(o);
	return result < 0 ? -EINVAL : 0;
}
