/* SPDX-License-Identifier: MIT */
/*
 * Passes over the text: nodes first, since lines may stand in any order, then what is
 * said of them, then the demands in bulk.
 */
#include "optimizer/decide/instance_text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/num.h"
#include "optimizer/decide/instance_text_reader.h"

struct span {
	const char *buf;
	size_t len;
};

int
instance_text_fail(struct text_reader *r, const char *fmt, ...)
{
	char what[400];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap); /* cut is fine */
	va_end(ap);
	return err_set(r->err, "%s:%u: %s", r->name, r->line, what);
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* By hand: an instance of a thousand nodes has half a million lines. */
static int
cut(struct text_reader *r, const char *s, size_t len)
{
	char *to = r->text;
	size_t i = 0;

	if (len >= sizeof(r->text) || memchr(s, '\0', len))
		return instance_text_fail(r, "longer than %zu characters, or not text",
		    sizeof(r->text) - 1);
	r->n_words = 0;
	for (;;) {
		while (i < len && is_blank(s[i]))
			i++;
		if (i == len || s[i] == '#' || s[i] == '\r')
			return 0;
		if (r->n_words == WORDS_MAX)
			return instance_text_fail(r, "more than %d words", WORDS_MAX);
		r->words[r->n_words++] = to;
		while (i < len && !is_blank(s[i]) && s[i] != '#' && s[i] != '\r')
			*to++ = s[i++];
		*to++ = '\0';
	}
}

int
instance_text_number(struct text_reader *r, size_t word, uint32_t lo, uint32_t hi,
    uint32_t *out)
{
	if (word >= r->n_words)
		return instance_text_fail(r, "%s: a number is missing at the end",
		    r->words[0]);
	if (num_u32(r->words[word], lo, hi, out) < 0)
		return instance_text_fail(r,
		    "%s: \"%.40s\" is not a whole number from %u to %u", r->words[0],
		    r->words[word], lo, hi);
	return 0;
}

bool
instance_text_name_ok(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			     "0123456789._-");

	return n > 0 && n < MESH_NAME_MAX && !s[n];
}

static int
node_options(struct text_reader *r, struct node *node)
{
	uint32_t x;

	for (size_t i = 5; i < r->n_words; i += 2) {
		if (instance_text_number(r, i + 1, 0, WEIGHT_MAX, &x) < 0)
			return -EINVAL;
		if (strcmp(r->words[i], "cap") == 0)
			node->max_tunnels = x;
		else if (strcmp(r->words[i], "weight") == 0 && x <= MESH_WEIGHT_MAX)
			node->weight = x;
		else if (strcmp(r->words[i], "load") == 0 && x > 0)
			node->max_load = x;
		else
			return instance_text_fail(r,
			    "node: \"%.40s %.40s\" is not cap N, weight N "
			    "(up to %d) or load N (1 or more)",
			    r->words[i], r->words[i + 1], MESH_WEIGHT_MAX);
	}
	return 0;
}

static int
take_node(struct text_reader *r)
{
	static const char *const roles[] = { "hub", "pop", "backend" };
	struct instance *in = r->in;
	struct node *node;
	int role;

	if (r->n_words < 5 || !instance_text_name_ok(r->words[1]))
		return instance_text_fail(r,
		    "a node is: node NAME hub|pop|backend relay|- "
		    "public|nat, and cap N, load N, weight N if need be");
	for (role = MESH_HUB; role <= MESH_BACKEND; role++)
		if (strcmp(r->words[2], roles[role]) == 0)
			break;
	if (role > MESH_BACKEND)
		return instance_text_fail(r,
		    "node: \"%.40s\" is not hub, pop or backend", r->words[2]);
	if (strcmp(r->words[3], "relay") && strcmp(r->words[3], "-"))
		return instance_text_fail(r, "node: \"%.40s\" is not relay or -",
		    r->words[3]);
	if (strcmp(r->words[4], "public") && strcmp(r->words[4], "nat"))
		return instance_text_fail(r, "node: \"%.40s\" is not public or nat",
		    r->words[4]);
	if (role == MESH_HUB && r->has_hub)
		return instance_text_fail(r, "%s is a second hub; there is one",
		    r->words[1]);
	if (in->n_nodes == MESH_NODES_MAX)
		return instance_text_fail(r, "more than %d nodes", MESH_NODES_MAX);
	if ((in->n_nodes & (in->n_nodes + 63)) % 64 == 0)
		in->nodes = mem_grow(in->nodes, in->n_nodes + 64, sizeof(*in->nodes));
	node = &in->nodes[in->n_nodes++];
	memset(node, 0, sizeof(*node));
	memcpy(node->name, r->words[1], strlen(r->words[1]) + 1);
	node->role = (enum mesh_role)role;
	node->relay = *r->words[3] == 'r';
	node->reachable = *r->words[4] == 'p';
	node->weight = 1;
	node->max_tunnels = MESH_NO_LIMIT;
	r->has_hub |= role == MESH_HUB;
	return node_options(r, node);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->name, ((const struct node *)b)->name);
}

/* Does the line begin with this word? */
static bool
begins_with(const char *s, size_t len, const char *word)
{
	size_t n = strlen(word);

	while (len > 0 && is_blank(*s))
		s++, len--;
	return len >= n && memcmp(s, word, n) == 0 &&
	       (len == n || strchr(" \t#\r", s[n]));
}

/* only: NULL, or all that this pass looks at; the second pass looks at every line. */
static int
each_line(struct text_reader *r, const struct span *text, const char *only,
    int (*take)(struct text_reader *))
{
	bool headed = false;
	size_t n;

	r->line = 0;
	for (size_t at = 0; at < text->len; at += n + 1) {
		const char *s = text->buf + at;
		const char *end = memchr(s, '\n', text->len - at);
		int e;

		n = end ? (size_t)(end - s) : text->len - at;
		r->line++;
		if (headed && only && !begins_with(s, n, only))
			continue;
		e = cut(r, s, n);
		if (e == 0 && r->n_words && !headed) {
			headed = r->n_words == 2 &&
				 strcmp(r->words[0], "meshopt-instance") == 0 &&
				 strcmp(r->words[1], "1") == 0;
			e = headed ? 0
				   : instance_text_fail(r, "the first line must be "
							   "\"meshopt-instance 1\"");
		} else if (e == 0 && r->n_words) {
			e = take(r);
		}
		if (e < 0)
			return e;
	}
	return headed ? 0 : instance_text_fail(r, "empty: not an instance");
}

static int
sort_nodes(struct text_reader *r)
{
	struct instance *in = r->in;

	if (!r->has_hub)
		return err_set(r->err,
		    "%s: no hub; one line must say: node NAME hub ...", r->name);
	qsort(in->nodes, in->n_nodes, sizeof(*in->nodes), by_name);
	for (size_t i = 0; i < in->n_nodes; i++) {
		if (i && strcmp(in->nodes[i].name, in->nodes[i - 1].name) == 0)
			return err_set(r->err, "%s: node %s is there twice", r->name,
			    in->nodes[i].name);
		if (in->nodes[i].role == MESH_HUB)
			in->hub = i;
	}
	return 0;
}

static void
said_new(struct said *s, size_t n)
{
	s->us = mem_array(n * n, sizeof(*s->us));
	s->hub_low = mem_array(n * n, sizeof(*s->hub_low));
	s->low = mem_array(n * n, sizeof(*s->low));
	s->high = mem_array(n * n, sizeof(*s->high));
	s->hub = mem_array(n * n, sizeof(*s->hub));
	s->weight = mem_array(n * n, sizeof(*s->weight));
	s->cost = mem_array(n * n, sizeof(*s->cost));
	s->flags = mem_array(n * n, sizeof(*s->flags));
	for (size_t i = 0; i < n * n; i++) {
		s->weight[i] = -1;
		s->cost[i] = 1;
	}
}

static void
said_free(struct said *s)
{
	free(s->us);
	free(s->hub_low);
	free(s->low);
	free(s->high);
	free(s->hub);
	free(s->weight);
	free(s->cost);
	free(s->flags);
}

/* A path by the hub: as it was said, or the sum of its legs. */
static int64_t
hub_us(const struct text_reader *r, size_t at, const int32_t *path, const int32_t *legs)
{
	size_t n = r->in->n_nodes, hub = r->in->hub;
	int32_t x = legs[at / n * n + hub], y = legs[at % n * n + hub];

	if (path[at])
		return path[at];
	return x && y ? (int64_t)x + y : PLAN_UNKNOWN;
}

static int64_t
known(int32_t us)
{
	return us ? us : PLAN_UNKNOWN;
}

static void
add_pair(struct text_reader *r, uint32_t a, uint32_t b)
{
	struct instance *in = r->in;
	size_t at = a * in->n_nodes + b;
	uint8_t flags = r->said.flags[at];

	in->pairs[in->n_pairs++] = (struct pair){
		.a = a,
		.b = b,
		.hub_us = hub_us(r, at, r->said.hub, r->said.us),
		.hub_lo_us = hub_us(r, at, r->said.hub_low, r->said.low),
		.direct_us = known(r->said.us[at]),
		.direct_hi_us = known(r->said.high[at]),
		.weight = r->said.weight[at],
		.cost = r->said.cost[at],
		.pin = flags & REQUIRED	  ? MESH_PIN_DIRECT
		       : flags & HUB_ONLY ? MESH_PIN_HUB
					  : MESH_FREE,
		.reachable = (in->nodes[a].reachable || in->nodes[b].reachable) &&
			     !(flags & DENIED),
		.present = flags & PRESENT,
	};
}

static void
add_tunnel(struct text_reader *r, uint32_t a, uint32_t b)
{
	struct instance *in = r->in;
	size_t at = a * in->n_nodes + b;
	uint8_t flags = r->said.flags[at];
	int32_t us = r->said.high[at];

	if (!us && !flags)
		return;
	in->tunnels[in->n_tunnels++] = (struct tunnel){
		.a = (uint16_t)a,
		.b = (uint16_t)b,
		.direct_us = us ? us : MATRIX_UNKNOWN,
		.cost = r->said.cost[at],
		.reachable = in->nodes[a].reachable || in->nodes[b].reachable,
		.present = flags & PRESENT,
		.denied = flags & DENIED,
		.required = flags & REQUIRED,
	};
}

static int
build(struct text_reader *r)
{
	struct instance *in = r->in;
	size_t n = in->n_nodes, count = 0;
	bool relays = instance_relays(in);
	int64_t sum = 0;

	for (size_t i = 0; i < n * n; i++)
		count += r->said.weight[i] >= 0;
	in->pairs = mem_array(count / 2, sizeof(*in->pairs));
	if (relays)
		in->tunnels = mem_array(n * (n - 1) / 2, sizeof(*in->tunnels));
	for (uint32_t a = 0; a < n; a++) {
		for (uint32_t b = a + 1; b < n; b++) {
			int64_t weight = r->said.weight[a * n + b];

			if (a == in->hub || b == in->hub)
				continue;
			if (relays)
				add_tunnel(r, a, b);
			if (weight < 0)
				continue;
			if (weight > INSTANCE_WEIGHT_SUM_MAX - sum)
				return err_code(r->err, EOVERFLOW,
				    "%s: the weights are too large: their sum passes "
				    "%lld at %s-%s; divide them all by one number",
				    r->name, (long long)INSTANCE_WEIGHT_SUM_MAX,
				    in->nodes[a].name, in->nodes[b].name);
			sum += weight;
			add_pair(r, a, b);
		}
	}
	return 0;
}

int
instance_text_read(const char *name, const char *buf, size_t len, struct instance **out,
    struct err *err)
{
	struct text_reader *r = mem_alloc(sizeof(*r));
	struct span text = { buf, len };
	int e;

	*out = NULL;
	r->name = name;
	r->err = err;
	r->in = mem_alloc(sizeof(*r->in));
	r->in->budget = PLAN_NO_BUDGET;
	r->in->hop_us = INSTANCE_HOP_US;
	e = each_line(r, &text, "node", take_node);
	if (e == 0)
		e = sort_nodes(r);
	if (e == 0) {
		said_new(&r->said, r->in->n_nodes);
		e = each_line(r, &text, NULL, instance_text_line);
	}
	/* Bulk demands last: a pair that has its own line keeps it. */
	r->bulk_weights = true;
	if (e == 0 && r->has_bulk)
		e = each_line(r, &text, "demand", instance_text_line);
	if (e == 0)
		e = build(r);
	if (e == 0) {
		*out = r->in;
		r->in = NULL;
	}
	said_free(&r->said);
	instance_free(r->in);
	free(r);
	return e;
}
