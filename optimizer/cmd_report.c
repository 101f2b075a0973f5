/* SPDX-License-Identifier: MIT */
/*
 * meshopt report: what every pair has now, what the hub gives and what a tunnel of its
 * own gives or would give.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "optimizer/cmd.h"
#include "optimizer/input.h"
#include "optimizer/table.h"

#define MATRIX_NODES_MAX 20   /* a wider matrix does not fit a terminal */
#define STALE_S		 60.0 /* figures older than six windows are called stale */

enum now { NOW_UNKNOWN, NOW_HUB, NOW_DIRECT, NOW_HALF };

static const char *const now_names[] = { "unknown", "hub", "direct", "half" };

/* One line of the report; times in us, -1 = unknown. */
struct line {
	const char *a, *b;
	enum now now;
	int64_t now_us, hub_us, direct_us, jitter_us;
	double loss; /* share lost on the path now; negative = unknown */
};

struct report_view {
	struct input in;
	const struct measure_row **rows; /* sorted by source, destination, path */
	size_t n_rows;
	struct line *lines;
	size_t n_lines;
	double newest_s; /* age of the newest row */
};

static int
by_key(const void *x, const void *y)
{
	const struct measure_row *p = *(const struct measure_row *const *)x;
	const struct measure_row *q = *(const struct measure_row *const *)y;
	int r = strcmp(p->src, q->src);

	if (!r)
		r = strcmp(p->dst, q->dst);
	return r ? r : (int)p->path - (int)q->path;
}

static const struct measure_row *
find_row(const struct report_view *v, const char *src, const char *dst, enum path path)
{
	struct measure_row key = { .path = path };
	const struct measure_row *k = &key, **found;

	memcpy(key.src, src, sizeof(key.src));
	memcpy(key.dst, dst, sizeof(key.dst));
	if (!v->n_rows)
		return NULL;
	found = bsearch(&k, v->rows, v->n_rows, sizeof(*v->rows), by_key);
	return found ? *found : NULL;
}

/*
 * The row of the path that src uses towards dst now.  Each report has the overlay's
 * path in it, so when the newest report has no hub row, the overlay goes direct.
 */
static const struct measure_row *
row_now(const struct report_view *v, const char *src, const char *dst)
{
	const struct measure_row *hub = find_row(v, src, dst, PATH_HUB);
	const struct measure_row *direct = find_row(v, src, dst, PATH_DIRECT);

	if (!hub || !direct)
		return hub ? hub : direct;
	return direct->age_s + 0.5 < hub->age_s ? direct : hub;
}

/* Mean of what is known of the two directions. */
static int64_t
both(int64_t x, int64_t y)
{
	if (x < 0 || y < 0)
		return x < 0 ? y : x;
	return (x + y) / 2;
}

static void
fill_now(const struct report_view *v, struct line *l)
{
	const struct measure_row *there = row_now(v, l->a, l->b);
	const struct measure_row *back = row_now(v, l->b, l->a);
	uint64_t sent = 0, lost = 0;

	if (!there && !back)
		return;
	if (there && back && there->path != back->path)
		l->now = NOW_HALF;
	else
		l->now =
		    (there ? there : back)->path == PATH_HUB ? NOW_HUB : NOW_DIRECT;
	l->now_us = both(there ? there->p50_us : -1, back ? back->p50_us : -1);
	l->jitter_us = both(there ? there->jitter_us : -1, back ? back->jitter_us : -1);
	for (int i = 0; i < 2; i++) {
		const struct measure_row *row = i ? back : there;

		sent += row ? row->sent : 0;
		lost += row ? row->lost : 0;
	}
	if (sent)
		l->loss = (double)lost / (double)sent;
}

static int
by_saving(const void *x, const void *y)
{
	const struct line *p = x, *q = y;
	bool known_p = p->hub_us >= 0 && p->direct_us >= 0;
	bool known_q = q->hub_us >= 0 && q->direct_us >= 0;
	int64_t u = p->hub_us - p->direct_us, w = q->hub_us - q->direct_us;
	int r;

	if (known_p != known_q)
		return known_p ? -1 : 1;
	if (known_p && u != w)
		return u > w ? -1 : 1;
	r = strcmp(p->a, q->a);
	return r ? r : strcmp(p->b, q->b);
}

static void
fill_view(struct report_view *v)
{
	const struct instance *in = v->in.instance;
	const struct measure *m = v->in.measure;

	v->newest_s = -1;
	v->n_rows = m ? m->n_rows : 0;
	v->rows = mem_array(v->n_rows, sizeof(*v->rows));
	for (size_t i = 0; i < v->n_rows; i++) {
		v->rows[i] = &m->rows[i];
		if (v->newest_s < 0 || m->rows[i].age_s < v->newest_s)
			v->newest_s = m->rows[i].age_s;
	}
	if (v->n_rows)
		qsort(v->rows, v->n_rows, sizeof(*v->rows), by_key);
	v->lines = mem_array(in->n_pairs, sizeof(*v->lines));
	for (size_t i = 0; i < in->n_pairs; i++) {
		const struct pair *p = &in->pairs[i];
		struct line *l = &v->lines[v->n_lines++];

		*l = (struct line){ in->nodes[p->a].name, in->nodes[p->b].name,
			NOW_UNKNOWN, -1, p->hub_us, p->direct_us, -1, -1 };
		fill_now(v, l);
	}
	if (v->n_lines)
		qsort(v->lines, v->n_lines, sizeof(*v->lines), by_saving);
}

static void
print_matrix(const struct report_view *v)
{
	const struct instance *in = v->in.instance;
	char headings[MATRIX_NODES_MAX * (MESH_NAME_MAX + 1) + 16];
	size_t used = 0;
	struct table *t;

	if (!v->in.measure || in->n_nodes > MATRIX_NODES_MAX)
		return;
	used = (size_t)snprintf(headings, sizeof(headings), "<ms");
	for (size_t i = 0; i < in->n_nodes; i++)
		used += (size_t)snprintf(headings + used, sizeof(headings) - used,
		    "|%s", in->nodes[i].name);
	t = table_new(headings);
	for (size_t i = 0; i < in->n_nodes; i++) {
		table_text(t, in->nodes[i].name);
		for (size_t j = 0; j < in->n_nodes; j++) {
			const struct measure_row *row =
			    row_now(v, in->nodes[i].name, in->nodes[j].name);

			if (i == j)
				table_text(t, "·");
			else
				table_ms(t, row ? row->p50_us : -1, 0);
		}
	}
	table_print(t, stdout);
	printf("\n");
	table_free(t);
}

static void
print_lines(const struct report_view *v, bool csv)
{
	const int decimals = csv ? 3 : 1;
	struct table *t = table_new(
	    csv ? "a|b|path|now_ms|hub_ms|direct_ms|saves_ms|loss_pct|jitter_ms"
		: "<pair|<path|now ms|hub ms|direct ms|saves ms|loss %|jitter ms");

	for (size_t i = 0; i < v->n_lines; i++) {
		const struct line *l = &v->lines[i];

		if (csv) {
			table_text(t, l->a);
			table_text(t, l->b);
		} else {
			table_printf(t, "%s-%s", l->a, l->b);
		}
		if (l->now == NOW_UNKNOWN)
			table_empty(t);
		else
			table_text(t, now_names[l->now]);
		table_ms(t, l->now_us, decimals);
		table_ms(t, l->hub_us, decimals);
		table_ms(t, l->direct_us, decimals);
		if (l->hub_us < 0 || l->direct_us < 0)
			table_empty(t);
		else
			table_signed_ms(t, l->hub_us - l->direct_us, decimals);
		if (l->loss < 0)
			table_empty(t);
		else
			table_printf(t, "%.*f", decimals, l->loss * 100);
		table_ms(t, l->jitter_us, csv ? 3 : 2);
	}
	if (csv)
		table_print_csv(t, stdout);
	else
		table_print(t, stdout);
	table_free(t);
}

static json_t *
ms(int64_t us)
{
	return us < 0 ? json_null() : json_real((double)us / 1000);
}

static void
print_json(const struct report_view *v)
{
	const struct instance *in = v->in.instance;
	json_t *o = json_object(), *pairs = json_array();

	json_object_set_new(o, "mesh", json_string(in->mesh));
	json_object_set_new(o, "newest_s",
	    v->newest_s < 0 ? json_null() : json_real(v->newest_s));
	for (size_t i = 0; i < v->n_lines; i++) {
		const struct line *l = &v->lines[i];
		json_t *p = json_object();

		json_object_set_new(p, "a", json_string(l->a));
		json_object_set_new(p, "b", json_string(l->b));
		json_object_set_new(p, "path",
		    l->now == NOW_UNKNOWN ? json_null()
					  : json_string(now_names[l->now]));
		json_object_set_new(p, "now_ms", ms(l->now_us));
		json_object_set_new(p, "hub_ms", ms(l->hub_us));
		json_object_set_new(p, "direct_ms", ms(l->direct_us));
		json_object_set_new(p, "saves_ms",
		    l->hub_us < 0 || l->direct_us < 0
			? json_null()
			: json_real((double)(l->hub_us - l->direct_us) / 1000));
		json_object_set_new(p, "loss",
		    l->loss < 0 ? json_null() : json_real(l->loss));
		json_object_set_new(p, "jitter_ms", ms(l->jitter_us));
		json_array_append_new(pairs, p);
	}
	json_object_set_new(o, "pairs", pairs);
	json_dumpf(o, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
	printf("\n");
	json_decref(o);
}

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: meshopt report [OPTION...]\n"
	    "What every pair has now, by the hub and by a tunnel of its own.\n\n"
	    "  --pop NAME,...   only pairs with one of these POPs\n"
	    "  --all-pairs      any two nodes, not only POP with backend\n"
	    "  --mesh FILE      mesh file (default " MESH_DEFAULT_PATH ")\n"
	    "  --collector URL  where the figures come from (default: the mesh "
	    "file's)\n"
	    "  --since 5m       over this window\n"
	    "  --rtt FILE       square CSV of RTTs in ms instead of the collector\n"
	    "  --hub NAME, --pops NAME,...  the roles, without a mesh file\n"
	    "  -j, --json; --csv\n"
	    "Exit status 4: the newest figures are older than a minute.\n");
}

/* 0, or EXIT_PARTIAL when the figures are old or none. */
static int
freshness(const struct report_view *v)
{
	if (!v->in.measure)
		return EXIT_DONE;
	if (v->newest_s < 0) {
		log_warnx(
		    "the collector has no figures yet: is meshopt-prober running on "
		    "the nodes?");
		return EXIT_PARTIAL;
	}
	if (v->newest_s > STALE_S) {
		log_warnx(
		    "the newest figures are %.0f s old: is meshopt-prober running on "
		    "the nodes?",
		    v->newest_s);
		return EXIT_PARTIAL;
	}
	return EXIT_DONE;
}

static int
report(const struct input_opts *opts, int format)
{
	struct report_view v = { 0 };
	struct err err;
	int status = EXIT_FAILED;

	if (input_load(opts, &v.in, &err) < 0) {
		log_warnx("%s", err.text);
		goto out;
	}
	fill_view(&v);
	if (format == 'j')
		print_json(&v);
	if (format == 't')
		print_matrix(&v);
	if (format != 'j')
		print_lines(&v, format == 'c');
	status = freshness(&v);
out:
	free(v.rows);
	free(v.lines);
	input_fini(&v.in);
	return status;
}

int
cmd_report(int argc, char **argv)
{
	static const struct option options[] = {
		INPUT_OPTIONS,
		{ "json", no_argument, NULL, 'j' },
		{ "csv", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct input_opts opts = { 0 };
	struct err err;
	int c, format = 't';

	while ((c = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (input_option(&opts, c, optarg))
			continue;
		if (c != 'j' && c != 'c') {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
		format = c;
	}
	if (optind < argc) {
		log_warnx("report: \"%s\" is not an option", argv[optind]);
		usage(stderr);
		return EXIT_USAGE;
	}
	if (input_check(&opts, &err) < 0) {
		log_warnx("%s", err.text);
		return EXIT_USAGE;
	}
	return report(&opts, format);
}
