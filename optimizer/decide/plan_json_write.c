/* SPDX-License-Identifier: MIT */
/*
 * The writing half of plan_json.h, line by line to a stream: the object of a plan for
 * half a million pairs in memory would be larger than everything that made it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "optimizer/decide/plan_json.h"

/* One thread writes: a lock for each of fifty million characters is half the time. */
#define fputc fputc_unlocked
#define fputs fputs_unlocked

static const char *const state_names[] = { "add", "keep", "drop", "wait" };

/* Names are plain but for a hostile file's: those go character by character. */
static bool
is_plain(const char *s)
{
	for (; *s; s++)
		if (*s == '"' || *s == '\\' || (unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static void
text(FILE *out, const char *s)
{
	fputc('"', out);
	if (is_plain(s)) {
		fputs(s, out);
		s = "";
	}
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

/* A figure with a point in it, so that every reader takes it for one. */
static void
real(FILE *out, double x)
{
	char s[40];

	(void)snprintf(s, sizeof(s), "%.12g", x); /* fits */
	fprintf(out, "%s%s", s, strpbrk(s, ".e") ? "" : ".0");
}

/* Without printf, which is where the time of writing a large plan went. */
static void
whole(FILE *out, uint64_t x)
{
	char s[24], *p = &s[sizeof(s) - 1];

	*p = '\0';
	do
		*--p = (char)('0' + x % 10);
	while ((x /= 10) > 0);
	fputs(p, out);
}

/* us to ms with their decimals but for zeros at the end; null if not known. */
static void
ms(FILE *out, const char *key, int64_t us, bool known)
{
	uint64_t x = us < 0 ? -(uint64_t)us : (uint64_t)us;
	unsigned rest = (unsigned)(x % 1000);
	char frac[] = { '.', (char)('0' + rest / 100), (char)('0' + rest / 10 % 10),
		(char)('0' + rest % 10), '\0' };

	fputs(", \"", out);
	fputs(key, out);
	fputs("\": ", out);
	if (!known) {
		fputs("null", out);
		return;
	}
	for (size_t n = 3; n > 1 && frac[n] == '0'; n--)
		frac[n] = '\0';
	if (us < 0)
		fputc('-', out);
	whole(out, x / 1000);
	fputs(frac, out);
}

static void
mean_ms(FILE *out, const struct plan *plan, const char *key, int64_t saved)
{
	double us;

	fprintf(out, ",\n \"%s\": ", key);
	if (plan->weight_sum == 0) {
		fputs("null", out);
		return;
	}
	us = (double)(plan->hub_sum - saved) / (double)plan->weight_sum;
	/* A mean of whole us is not whole; more digits than ns would be noise. */
	real(out, (double)(int64_t)(us * 1000 + 0.5) / 1e6);
}

static void
ends(FILE *out, const struct plan *plan, uint32_t a, uint32_t b)
{
	fputs("{\"a\": ", out);
	text(out, plan->names[a]);
	fputs(", \"b\": ", out);
	text(out, plan->names[b]);
}

static void
write_tunnel(FILE *out, const struct plan *plan, size_t i)
{
	const struct plan_tunnel *t = &plan->tunnels[i];
	bool hub = t->hub_us != PLAN_UNKNOWN, direct = t->direct_us != PLAN_UNKNOWN;

	ends(out, plan, t->a, t->b);
	ms(out, "hub_ms", t->hub_us, hub);
	ms(out, "direct_ms", t->direct_us, direct);
	ms(out, "saves_ms", t->saves_us, hub && direct);
	fprintf(out, ", \"value\": %" PRId64 ", \"state\": \"%s\"}", t->value,
	    state_names[t->state]);
}

static void
path(FILE *out, const struct plan *plan, enum plan_path p, uint32_t via)
{
	if (p == PLAN_RELAY) {
		char name[MESH_NAME_MAX + 8];

		(void)snprintf(name, sizeof(name), "relay:%s", plan->names[via]);
		text(out, name);
	} else {
		text(out, p == PLAN_DIRECT ? "direct" : "hub");
	}
}

static void
write_route(FILE *out, const struct plan *plan, size_t i)
{
	const struct plan_route *r = &plan->routes[i];

	ends(out, plan, r->a, r->b);
	fputs(", \"path\": ", out);
	path(out, plan, r->path, r->via);
	ms(out, "ms", r->us, r->us != PLAN_UNKNOWN);
	ms(out, "hub_ms", r->hub_us, r->hub_us != PLAN_UNKNOWN);
	if (r->path == PLAN_RELAY) {
		fputs(", \"fallback\": ", out);
		path(out, plan, r->fallback, r->fallback_via);
		ms(out, "fallback_ms", r->fallback_us, r->fallback_us != PLAN_UNKNOWN);
	}
	if (plan->issue && r->since.ns) {
		char when[WALL_TEXT_MAX];

		wall_format(r->since, when);
		fprintf(out, ", \"since\": \"%s\", \"good\": %s", when,
		    r->good ? "true" : "false");
	}
	fputc('}', out);
}

static void
write_need(FILE *out, const struct plan *plan, size_t i)
{
	const struct plan_need *need = &plan->needs[i];

	ends(out, plan, need->a, need->b);
	fprintf(out, ", \"samples\": %u, \"could\": %" PRId64 "}", need->samples,
	    need->could);
}

static void
write_relay(FILE *out, const struct plan *plan, size_t i)
{
	const struct plan_relay *r = &plan->relays[i];

	fputs("{\"relay\": ", out);
	text(out, plan->names[r->node]);
	fprintf(out,
	    ", \"pairs\": %u, \"tunnels\": %u, \"weight\": %" PRId64
	    ", \"fallback_loss\": %" PRId64 "}",
	    r->pairs, r->tunnels, r->weight, r->fallback_loss);
}

/*
 * Issued plans leave out what goes by the hub, at 1,000 nodes nearly all of it, but for
 * what did not stand.
 */
static void
write_routes(FILE *out, const struct plan *plan)
{
	size_t n = 0;

	fputs(",\n \"routes\": [", out);
	for (size_t i = 0; i < plan->n_routes; i++) {
		const struct plan_route *r = &plan->routes[i];

		if (plan->issue && r->path == PLAN_HUB && !r->since.ns)
			continue;
		fputs(n++ ? ",\n  " : "\n  ", out);
		write_route(out, plan, i);
	}
	fputs(n ? "\n ]" : "]", out);
}

static void
write_hint(FILE *out, const struct plan *plan, size_t i)
{
	const struct plan_hint *hint = &plan->issue->hints[i];
	struct endpoint at = { .addr = hint->addr, .port = hint->port };
	char where[ENDPOINT_TEXT_MAX];

	addr_format(&hint->addr, at.host);
	endpoint_format(&at, where);
	fputs("{\"node\": ", out);
	text(out, plan->names[hint->node]);
	fputs(", \"endpoint\": ", out);
	text(out, where);
	fputc('}', out);
}

static void
list(FILE *out, const struct plan *plan, const char *key, size_t n,
    void (*item)(FILE *, const struct plan *, size_t))
{
	fprintf(out, ",\n \"%s\": [", key);
	for (size_t i = 0; i < n; i++) {
		fputs(i ? ",\n  " : "\n  ", out);
		item(out, plan, i);
	}
	fputs(n ? "\n ]" : "]", out);
}

/* What one more tunnel at a node is worth, at the prices of the bound. */
static void
write_node_price(FILE *out, const struct plan *plan, size_t i)
{
	fputc('[', out);
	text(out, plan->names[plan->prices->node[i].a]);
	fprintf(out, ", %" PRId64 "]", plan->prices->node[i].price);
}

static void
write_load_price(FILE *out, const struct plan *plan, size_t i)
{
	fputc('[', out);
	text(out, plan->names[plan->prices->load[i].a]);
	fprintf(out, ", %" PRId64 "]", plan->prices->load[i].price);
}

static void
write_star_price(FILE *out, const struct plan *plan, size_t i)
{
	const struct plan_price *p = &plan->prices->star[i];

	fputc('[', out);
	text(out, plan->names[p->a]);
	fputs(", ", out);
	text(out, plan->names[p->q]);
	fprintf(out, ", %" PRId64 "]", p->price);
}

static void
write_leg_price(FILE *out, const struct plan *plan, size_t i)
{
	const struct plan_leg_price *p = &plan->prices->leg[i];

	fputc('[', out);
	text(out, plan->names[p->a]);
	fputs(", ", out);
	text(out, plan->names[p->b]);
	fputs(", ", out);
	text(out, plan->names[p->q]);
	fputs(", ", out);
	whole(out, (uint64_t)p->price_a << plan->prices->leg_shift);
	fputs(", ", out);
	whole(out, (uint64_t)p->price_b << plan->prices->leg_shift);
	fputc(']', out);
}

static void
write_prices(FILE *out, const struct plan *plan)
{
	const struct plan_prices *p = plan->prices;

	fprintf(out,
	    ",\n \"certificate\": {\"bound\": %" PRId64 ", \"theta\": %" PRId64,
	    plan->prices_bound, p->theta);
	if (plan->prices_slo)
		fprintf(out, ", \"slo_us\": %" PRId64, plan->prices_slo);
	list(out, plan, "mu", p->n_node, write_node_price);
	list(out, plan, "nu", p->n_load, write_load_price);
	list(out, plan, "sigma", p->n_star, write_star_price);
	list(out, plan, "rho", p->n_leg, write_leg_price);
	fputc('}', out);
}

static void
write_relayed(FILE *out, const struct plan *plan)
{
	fprintf(out, ",\n \"change_cost\": %" PRId64, plan->charged);
	if (plan->has_next) {
		fputs(",\n \"next\": ", out);
		ends(out, plan, plan->next_a, plan->next_b);
		fprintf(out, ", \"value\": %" PRId64 "}", plan->next_value);
	}
	list(out, plan, "relays", plan->n_relays, write_relay);
}

static void
write_issue(FILE *out, const struct plan *plan)
{
	const struct plan_issue *issue = plan->issue;
	char when[WALL_TEXT_MAX];

	wall_format(issue->issued, when);
	fprintf(out,
	    ",\n \"epoch\": %" PRIu64 ",\n \"issued\": \"%s\",\n \"ttl_s\": %" PRIu32,
	    issue->epoch, when, issue->ttl_s);
	list(out, plan, "hints", issue->n_hints, write_hint);
}

static void
write_figures(FILE *out, const struct plan *plan)
{
	double gap = plan->bound > 0
			 ? (double)(plan->bound - plan->value) / (double)plan->bound
			 : 0;
	bool mean = strcmp(plan->objective, "mean") == 0;

	fprintf(out,
	    ",\n \"value\": %" PRId64 ",\n \"bound\": %" PRId64 ",\n \"gap\": ",
	    plan->value, plan->bound);
	real(out, gap);
	fprintf(out,
	    ",\n \"pairs\": %zu,\n \"unmeasured\": %zu,\n \"unreachable\": %zu",
	    plan->pairs, plan->unmeasured, plan->unreachable);
	mean_ms(out, plan, "hub_mean_ms", 0);
	mean_ms(out, plan, "mean_ms", plan->saved);
	if (mean)
		mean_ms(out, plan, "bound_ms", plan->saved + plan->bound - plan->value);
	else
		fputs(",\n \"bound_ms\": null", out);
	fputs(",\n \"next_saves_ms\": ", out);
	real(out, (double)plan->next_value / 1000);
}

void
plan_json_write(const struct plan *plan, FILE *out)
{
	fputs("{\n \"mesh\": ", out);
	text(out, plan->mesh);
	if (plan->issue)
		write_issue(out, plan);
	fputs(",\n \"budget\": ", out);
	if (plan->budget == PLAN_NO_BUDGET)
		fputs("null", out);
	else
		fprintf(out, "%" PRIu32, plan->budget);
	fputs(",\n \"objective\": ", out);
	text(out, plan->objective);
	write_figures(out, plan);
	if (plan->prices || plan->proven)
		fprintf(out, ",\n \"proof\": \"%s\"",
		    plan->bound < plan->prices_bound ? "search" : "prices");
	if (plan->relayed)
		write_relayed(out, plan);
	list(out, plan, "tunnels", plan->n_tunnels, write_tunnel);
	write_routes(out, plan);
	list(out, plan, "needs", plan->n_needs, write_need);
	if (plan->prices)
		write_prices(out, plan);
	fputs("\n}", out);
}

char *
plan_to_json(const struct plan *plan)
{
	char *json = NULL;
	size_t len;
	FILE *out = open_memstream(&json, &len);

	if (!out)
		abort(); /* as with any memory that is not to be had */
	plan_json_write(plan, out);
	if (fclose(out) != 0)
		abort(); /* likewise */
	return json;
}
