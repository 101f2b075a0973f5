/* SPDX-License-Identifier: MIT */
/*
 * A plan file as a claim.  Names must be the instance's, routes one a pair.
 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/verify/verify.h"

struct reader {
	const struct instance *in;
	const char *what;
	size_t index;
	struct err *err;
};

void
verify_claim_fini(struct verify_claim *claim)
{
	free(claim->tunnels);
	free(claim->routes);
	free(claim->mu);
	free(claim->nu);
	free(claim->sigma);
	free(claim->rho);
	memset(claim, 0, sizeof(*claim));
}

static int
by_name(const void *key, const void *node)
{
	return strcmp(key, ((const struct node *)node)->name);
}

static int
node_of(const struct reader *r, const json_t *v, uint32_t *out)
{
	const char *name = json_string_value(v);
	const struct node *found = NULL;

	if (name)
		found = bsearch(name, r->in->nodes, r->in->n_nodes, sizeof(*found),
		    by_name);
	if (!found)
		return err_set(r->err, "%s[%zu]: %s is no node of the instance",
		    r->what, r->index, name ? name : "what stands there");
	*out = (uint32_t)(found - r->in->nodes);
	return 0;
}

static int
whole(const struct reader *r, const json_t *v, int64_t *out)
{
	if (!json_is_integer(v))
		return err_set(r->err, "%s[%zu]: a whole number is missing", r->what,
		    r->index);
	*out = json_integer_value(v);
	return 0;
}

static int
read_tunnel(struct reader *r, const json_t *o, struct verify_tunnel *t)
{
	const char *state = json_string_value(json_object_get(o, "state"));

	t->dropped = state && strcmp(state, "drop") == 0;
	if (node_of(r, json_object_get(o, "a"), &t->a) < 0)
		return -EINVAL;
	return node_of(r, json_object_get(o, "b"), &t->b);
}

static int
read_route(struct reader *r, const json_t *o, struct verify_route *route)
{
	const char *path = json_string_value(json_object_get(o, "path"));
	json_t *name;
	int e;

	if (node_of(r, json_object_get(o, "a"), &route->a) < 0 ||
	    node_of(r, json_object_get(o, "b"), &route->b) < 0)
		return -EINVAL;
	if (route->a > route->b) {
		uint32_t a = route->a;

		route->a = route->b;
		route->b = a;
	}
	if (path && strcmp(path, "hub") == 0) {
		route->path = VERIFY_HUB;
	} else if (path && strcmp(path, "direct") == 0) {
		route->path = VERIFY_DIRECT;
	} else if (path && strncmp(path, "relay:", 6) == 0) {
		route->path = VERIFY_RELAY;
		name = json_string(path + 6);
		e = node_of(r, name, &route->via);
		json_decref(name);
		return e;
	} else {
		return err_set(r->err, "routes[%zu]: no such path", r->index);
	}
	return 0;
}

static int
by_ends(const void *x, const void *y)
{
	const struct verify_route *a = x, *b = y;

	if (a->a != b->a)
		return a->a < b->a ? -1 : 1;
	return a->b < b->b ? -1 : a->b > b->b;
}

static int
read_lists(struct reader *r, const json_t *o, struct verify_claim *c)
{
	const json_t *tunnels = json_object_get(o, "tunnels");
	const json_t *routes = json_object_get(o, "routes"), *item;

	if (!json_is_array(tunnels) || !json_is_array(routes))
		return err_set(r->err, "no tunnels or no routes: not a plan");
	c->tunnels = mem_array(json_array_size(tunnels) + 1, sizeof(*c->tunnels));
	c->routes = mem_array(json_array_size(routes) + 1, sizeof(*c->routes));
	r->what = "tunnels";
	for (r->index = 0; (item = json_array_get(tunnels, r->index)); r->index++)
		if (read_tunnel(r, item, &c->tunnels[c->n_tunnels++]) < 0)
			return -EINVAL;
	r->what = "routes";
	for (r->index = 0; (item = json_array_get(routes, r->index)); r->index++)
		if (read_route(r, item, &c->routes[c->n_routes++]) < 0)
			return -EINVAL;
	qsort(c->routes, c->n_routes, sizeof(*c->routes), by_ends);
	return 0;
}

/* names: how many nodes each entry begins with; then one or two numbers. */
static int
read_price(const struct reader *r, const json_t *v, size_t names,
    struct verify_price *out)
{
	uint32_t *const where[] = { &out->a, names == 3 ? &out->b : &out->q, &out->q };

	for (size_t i = 0; i < names; i++)
		if (node_of(r, json_array_get(v, i), where[i]) < 0)
			return -EINVAL;
	if (whole(r, json_array_get(v, names), &out->x) < 0)
		return -EINVAL;
	return names == 3 ? whole(r, json_array_get(v, 4), &out->y) : 0;
}

static int
read_prices(struct reader *r, const json_t *o, size_t names, struct verify_price **out,
    size_t *n)
{
	const json_t *list = json_object_get(o, r->what), *item;

	*out = mem_array(json_array_size(list) + 1, sizeof(**out));
	for (r->index = 0; (item = json_array_get(list, r->index)); r->index++)
		if (read_price(r, item, names, &(*out)[(*n)++]) < 0)
			return -EINVAL;
	return 0;
}

static int
read_certificate(struct reader *r, const json_t *o, struct verify_claim *c)
{
	if (!o)
		return 0;
	c->has_prices = true;
	r->what = "certificate";
	if (whole(r, json_object_get(o, "bound"), &c->prices_bound) < 0 ||
	    whole(r, json_object_get(o, "theta"), &c->theta) < 0)
		return -EINVAL;
	if (json_object_get(o, "slo_us") &&
	    whole(r, json_object_get(o, "slo_us"), &c->prices_slo) < 0)
		return -EINVAL;
	r->what = "mu";
	if (read_prices(r, o, 1, &c->mu, &c->n_mu) < 0)
		return -EINVAL;
	r->what = "nu";
	if (read_prices(r, o, 1, &c->nu, &c->n_nu) < 0)
		return -EINVAL;
	r->what = "sigma";
	if (read_prices(r, o, 2, &c->sigma, &c->n_sigma) < 0)
		return -EINVAL;
	r->what = "rho";
	return read_prices(r, o, 3, &c->rho, &c->n_rho);
}

static int
read_claim(struct reader *r, const json_t *o, struct verify_claim *c)
{
	const char *text = json_string_value(json_object_get(o, "objective"));
	const char *proof = json_string_value(json_object_get(o, "proof"));

	if (!text || strlen(text) >= sizeof(c->objective))
		return err_set(r->err, "objective: not there: not a plan");
	memcpy(c->objective, text, strlen(text) + 1);
	c->by_search = proof && strcmp(proof, "search") == 0;
	r->what = "value or bound";
	if (whole(r, json_object_get(o, "value"), &c->value) < 0 ||
	    whole(r, json_object_get(o, "bound"), &c->bound) < 0 ||
	    read_lists(r, o, c) < 0)
		return -EINVAL;
	return read_certificate(r, json_object_get(o, "certificate"), c);
}

int
verify_claim_read(const char *text, size_t len, const struct instance *in,
    struct verify_claim *out, struct err *err)
{
	struct reader r = { .in = in, .err = err, .what = "plan" };
	json_error_t where;
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	int e;

	memset(out, 0, sizeof(*out));
	if (!o)
		return err_set(err,
		    "line %d: %s; a plan is what meshopt plan -o writes", where.line,
		    where.text);
	e = read_claim(&r, o, out);
	json_decref(o);
	if (e < 0)
		verify_claim_fini(out);
	return e < 0 ? -EINVAL : 0;
}
