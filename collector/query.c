/* SPDX-License-Identifier: MIT */
#include "collector/query.h"

#include <string.h>
#include <strings.h>

#include "common/figures.h"
#include "common/mesh.h"
#include "common/num.h"
#include "common/when.h"

static const char *const stat_names[STAT_COUNT] = {
	[STAT_P50] = "p50",
	[STAT_P95] = "p95",
	[STAT_P99] = "p99",
	[STAT_MIN] = "min",
	[STAT_MEAN] = "mean",
	[STAT_MAX] = "max",
	[STAT_LOSS] = "loss",
	[STAT_JITTER] = "jitter",
};

static const struct {
	const char *name, *type;
} formats[QUERY_FORMATS] = {
	[QUERY_JSON] = { "json", "application/json" },
	[QUERY_CSV] = { "csv", "text/csv" },
	[QUERY_BIN] = { "bin", "application/vnd.meshopt.matrix" },
	[QUERY_ROWS] = { "rows", FIGURES_MEDIA_TYPE },
};

static const char *const tier_names[STORE_TIERS] = { "raw", "5min", "hour" };

struct context {
	const struct query_rules *rules;
	struct wall now;
	struct query *out;
	struct err *err;
};

const char *
query_stat_name(enum query_stat stat)
{
	return stat_names[stat];
}

const char *
query_tier_name(enum store_tier tier)
{
	return tier_names[tier];
}

const char *
query_media_type(enum query_format format)
{
	return formats[format].type;
}

static int
take_path(struct context *c, const char *text)
{
	c->out->all_paths = strcmp(text, "all") == 0;
	if (!c->out->all_paths && path_parse(text, &c->out->path) < 0)
		return err_set(c->err, "path=%.40s: give hub, direct, public or all",
		    text);
	return 0;
}

static int
take_stat(struct context *c, const char *text)
{
	for (unsigned i = 0; i < STAT_COUNT; i++) {
		if (strcmp(text, stat_names[i]) == 0) {
			c->out->stat = (enum query_stat)i;
			return 0;
		}
	}
	return err_set(c->err,
	    "stat=%.40s: give p50, p95, p99, min, mean, max, loss or jitter", text);
}

static int
take_window(struct context *c, const char *text)
{
	uint32_t max_s = (uint32_t)(c->rules->window_max_ns / NS_PER_S), s;

	if (num_u32(text, 1, max_s, &s) < 0)
		return err_set(c->err,
		    "window=%.40s: give 1 to %u s, which is what the collector keeps "
		    "in its matrix (--window), or since=24h",
		    text, max_s);
	c->out->window_ns = s * NS_PER_S;
	return 0;
}

static int
take_time(struct context *c, const char *name, const char *text, struct wall *out)
{
	if (when_parse(text, c->now, out) < 0)
		return err_set(c->err,
		    "%s=%.40s: give 24h, 2026-11-22T13:00:00Z or 1795352400", name,
		    text);
	return 0;
}

static int
take_since(struct context *c, const char *text)
{
	return take_time(c, "since", text, &c->out->since);
}

static int
take_until(struct context *c, const char *text)
{
	return take_time(c, "until", text, &c->out->until);
}

static int
take_step(struct context *c, const char *text)
{
	int64_t ns;

	if (num_duration(text, &ns) < 0 || ns < QUERY_STEP_MIN_NS ||
	    ns > QUERY_STEP_MAX_NS || ns % NS_PER_S != 0)
		return err_set(c->err, "step=%.40s: give whole seconds, 10s to 24h",
		    text);
	c->out->step_ns = ns;
	return 0;
}

static int
take_format(struct context *c, const char *text)
{
	for (unsigned i = 0; i < QUERY_FORMATS; i++) {
		if (c->rules->formats >> i & 1 && strcmp(text, formats[i].name) == 0) {
			c->out->format = (enum query_format)i;
			return 0;
		}
	}
	return err_set(c->err, "format=%.40s: give json%s%s%s", text,
	    c->rules->formats >> QUERY_CSV & 1 ? " or csv" : "",
	    c->rules->formats >> QUERY_BIN & 1 ? " or bin" : "",
	    c->rules->formats >> QUERY_ROWS & 1 ? " or rows" : "");
}

static int
take_sketch(struct context *c, const char *text)
{
	c->out->sketch = strcmp(text, "1") == 0;
	if (!c->out->sketch && strcmp(text, "0") != 0)
		return err_set(c->err, "sketch=%.40s: give 0 or 1", text);
	return 0;
}

static int
take_limit(struct context *c, const char *text)
{
	if (num_u32(text, 1, QUERY_LIMIT_MAX, &c->out->limit) < 0)
		return err_set(c->err, "limit=%.40s: give 1 to %d", text,
		    QUERY_LIMIT_MAX);
	return 0;
}

static int
take_wait(struct context *c, const char *text)
{
	if (num_u32(text, 0, QUERY_WAIT_MAX_S, &c->out->wait_s) < 0)
		return err_set(c->err, "wait=%.40s: give 0 to %d seconds", text,
		    QUERY_WAIT_MAX_S);
	return 0;
}

static int
take_tier(struct context *c, const char *text)
{
	for (unsigned i = 0; i < STORE_TIERS; i++) {
		if (strcmp(text, tier_names[i]) == 0) {
			c->out->tier = (enum store_tier)i;
			return 0;
		}
	}
	return err_set(c->err, "tier=%.40s: give raw, 5min or hour", text);
}

static int
take_node(struct context *c, const char *text)
{
	if (!mesh_name_ok(text))
		return err_set(c->err, "node=%.40s: not the name of a node", text);
	c->out->node = text;
	return 0;
}

static const struct {
	const char *name;
	int (*take)(struct context *c, const char *text);
} params[QUERY_PARAMS] = {
	[QUERY_PATH] = { "path", take_path },
	[QUERY_STAT] = { "stat", take_stat },
	[QUERY_WINDOW] = { "window", take_window },
	[QUERY_SINCE] = { "since", take_since },
	[QUERY_UNTIL] = { "until", take_until },
	[QUERY_STEP] = { "step", take_step },
	[QUERY_FORMAT] = { "format", take_format },
	[QUERY_SKETCH] = { "sketch", take_sketch },
	[QUERY_LIMIT] = { "limit", take_limit },
	[QUERY_WAIT] = { "wait", take_wait },
	[QUERY_NODE] = { "node", take_node },
	[QUERY_TIER] = { "tier", take_tier },
};

static int
unknown(const struct context *c, const char *name)
{
	char list[256] = "";
	size_t used = 0;

	for (unsigned i = 0; i < QUERY_PARAMS; i++)
		if (c->rules->params >> i & 1)
			used += (size_t)snprintf(list + used, sizeof(list) - used,
			    "%s%s", used ? ", " : "", params[i].name); /* all fit */
	if (!used)
		return err_set(c->err, "%.40s: %s takes no parameter", name,
		    c->rules->where);
	return err_set(c->err, "%.40s: not a parameter of %s: there is %s", name,
	    c->rules->where, list);
}

static int
take(struct context *c, const struct http_param *p)
{
	unsigned i;

	for (i = 0; i < QUERY_PARAMS; i++)
		if (c->rules->params >> i & 1 && strcmp(p->name, params[i].name) == 0)
			break;
	if (i == QUERY_PARAMS)
		return unknown(c, p->name);
	if (query_has(c->out, i))
		return err_set(c->err, "%s: given twice", params[i].name);
	c->out->has |= 1u << i;
	return params[i].take(c, p->value);
}

static int
check_times(const struct query *q, struct err *err)
{
	if (query_has(q, QUERY_WINDOW) &&
	    (query_has(q, QUERY_SINCE) || query_has(q, QUERY_UNTIL)))
		return err_set(err, "window: goes without since and until");
	if (query_has(q, QUERY_TIER) && !query_has(q, QUERY_SINCE))
		return err_set(err, "tier: goes with since");
	if (query_has(q, QUERY_UNTIL) && !query_has(q, QUERY_SINCE))
		return err_set(err, "until: goes with since");
	if (query_has(q, QUERY_SINCE) && q->since.ns >= q->until.ns)
		return err_set(err,
		    "since: is not before %s: a time such as 24h is counted back "
		    "from now",
		    query_has(q, QUERY_UNTIL) ? "until" : "now");
	return 0;
}

int
query_parse(const struct http_request *request, const struct query_rules *rules,
    struct wall now, struct query *out, struct err *err)
{
	struct context c = { rules, now, out, err };
	int r = 0;

	*out = (struct query){ .all_paths = true, .until = now };
	out->format = query_accept(request->accept, rules->formats);
	for (size_t i = 0; r == 0 && i < request->n_params; i++)
		r = take(&c, &request->params[i]);
	return r ? r : check_times(out, err);
}

/* "q=0.5" of a media range, in thousandths; 1000 if it says none or nonsense. */
static unsigned
quality(const char *range, size_t len)
{
	static const char key[] = "q=";
	unsigned q = 0, unit = 1000;
	size_t i;

	for (i = 0; i + 2 < len; i++)
		if (range[i] == ';' || range[i] == ' ')
			if (strncasecmp(range + i + 1, key, 2) == 0)
				break;
	if (i + 2 >= len)
		return 1000;
	for (i += 3; i < len && unit > 0; i++) {
		if (range[i] == '.')
			continue;
		if (range[i] < '0' || range[i] > '9')
			break;
		q += (unsigned)(range[i] - '0') * unit;
		unit /= 10;
	}
	return q > 1000 ? 1000 : q;
}

static bool
is_range(const char *range, size_t len, const char *type)
{
	size_t n = strlen(type);

	return len >= n && strncasecmp(range, type, n) == 0 &&
	       (len == n || strchr("; \t", range[n]));
}

enum query_format
query_accept(const char *accept, unsigned offered)
{
	enum query_format best = QUERY_JSON;
	unsigned best_q = 0;

	while (accept && *accept) {
		size_t len;

		accept += strspn(accept, ", \t");
		len = strcspn(accept, ",");
		for (unsigned i = 0; i < QUERY_FORMATS; i++) {
			unsigned q = quality(accept, len);

			if (offered >> i & 1 && q > best_q &&
			    (is_range(accept, len, formats[i].type) ||
				(i == QUERY_JSON && is_range(accept, len, "*/*")))) {
				best = (enum query_format)i;
				best_q = q;
			}
		}
		accept += len;
	}
	return best;
}
