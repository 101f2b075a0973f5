/* SPDX-License-Identifier: MIT */
/*
 * One pass over the store a slice, so that only the sums of one slice are in memory;
 * the figures of all of them are kept, 4 bytes each.
 */
#include "collector/api_history.h"

#include <errno.h>
#include <stdlib.h>

#include "common/mem.h"

#include "collector/api_matrix.h"
#include "collector/api_reply.h"
#include "collector/history.h"
#include "collector/tally.h"

#define DEFAULT_SPAN_NS (24 * 3600 * NS_PER_S)
#define DEFAULT_STEP_NS (300 * NS_PER_S)
/* 100 nodes, a week of 5 minutes: 10 M; 40 MB. */
#define FIGURES_MAX 12000000u
#define SLICES_MAX  10000
#define UNKNOWN	    UINT32_MAX

#define PARAMS                                                                         \
	(1u << QUERY_PATH | 1u << QUERY_STAT | 1u << QUERY_SINCE | 1u << QUERY_UNTIL | \
	    1u << QUERY_STEP | 1u << QUERY_FORMAT)

struct view {
	struct api_job *job;
	struct tally *tally;
	struct wall from;
	size_t n;	   /* slices */
	size_t n_pairs;	   /* a < b, in the order of the mesh */
	uint32_t *figures; /* owned; [slice * n_pairs + pair] */
	FILE *out;
};

static int
add_report(size_t src, const struct store_report *report, void *ctx)
{
	struct view *v = ctx;

	if (reader_stopping(&v->job->job))
		return -ECANCELED;
	/* Damage to one body is no reason to withhold the others. */
	(void)tally_add(v->tally, src, report->body, report->len);
	return 0;
}

/* The mean of what is known of the two directions. */
static uint32_t
both(const struct view *v, struct report_row *row, size_t a, size_t b)
{
	const struct query *q = &v->job->query;
	const struct matrix_key there = { a, b, q->path }, back = { b, a, q->path };
	struct wall last;
	int64_t x = tally_get(v->tally, &there, row, &last)
			? api_matrix_stat(row, q->stat)
			: -1;
	int64_t y =
	    tally_get(v->tally, &back, row, &last) ? api_matrix_stat(row, q->stat) : -1;

	if (x < 0 && y < 0)
		return UNKNOWN;
	if (x < 0 || y < 0)
		return (uint32_t)(x < 0 ? y : x);
	return (uint32_t)((x + y) / 2);
}

static int
load_slice(struct view *v, struct store *store, size_t slice)
{
	struct api_job *job = v->job;
	const size_t n = job->api->mesh->n_nodes;
	const struct tally_opts opts = { &job->api->roster, 0, n,
		1u << job->query.path };
	const int64_t step_ns = job->query.step_ns;
	struct wall from = { v->from.ns + (int64_t)slice * step_ns };
	const struct history_query query = { &job->api->roster,
		{ from, { from.ns + step_ns } }, history_step_tier(step_ns), 0, 0 };
	uint32_t *out = v->figures + slice * v->n_pairs;
	struct report_row row = { 0 };
	int r;

	v->tally = tally_new(&opts);
	r = history_scan(store, &query, add_report, v, &job->err);
	for (size_t a = 0; a < n && r == 0; a++)
		for (size_t b = a + 1; b < n; b++)
			*out++ = both(v, &row, a, b);
	sketch_fini(&row.rtt);
	tally_free(v->tally);
	return r;
}

static void
print_figure(FILE *f, uint32_t us)
{
	fprintf(f, "%u.%03u", us / 1000, us % 1000);
}

/* A line of the CSV, or an element of "pairs": only where anything is known. */
static void
print_pair(const struct view *v, size_t pair, const struct mesh_node *a,
    const struct mesh_node *b, bool *any)
{
	const bool csv = v->job->query.format == QUERY_CSV;
	bool known = false;

	for (size_t i = 0; i < v->n && !known; i++)
		known = v->figures[i * v->n_pairs + pair] != UNKNOWN;
	if (!known)
		return;
	if (csv)
		fprintf(v->out, "%s,%s", a->name, b->name);
	else
		fprintf(v->out, "%s\n{\"a\":\"%s\",\"b\":\"%s\",\"ms\":[",
		    *any ? "," : "", a->name, b->name);
	for (size_t i = 0; i < v->n; i++) {
		uint32_t us = v->figures[i * v->n_pairs + pair];

		if (csv || i)
			fputc(',', v->out);
		if (us != UNKNOWN)
			print_figure(v->out, us);
		else if (!csv)
			fputs("null", v->out);
	}
	fputs(csv ? "\n" : "]}", v->out);
	*any = true;
}

static void
print_labels(const struct view *v)
{
	const bool csv = v->job->query.format == QUERY_CSV;

	for (size_t i = 0; i < v->n; i++) {
		char text[WALL_TEXT_MAX];

		wall_format((struct wall){ v->from.ns +
					   (int64_t)i * v->job->query.step_ns },
		    text);
		/* To the minute: 2026-11-22T13:05Z */
		if (csv)
			fprintf(v->out, ",%.16sZ", text);
		else
			fprintf(v->out, "%s\"%.16sZ\"", i ? "," : "", text);
	}
}

static void
print(struct view *v)
{
	const struct api_job *job = v->job;
	const struct mesh *mesh = job->api->mesh;
	const bool csv = job->query.format == QUERY_CSV;
	size_t pair = 0;
	bool any = false;

	if (csv)
		fputs("a,b", v->out);
	else
		fprintf(v->out,
		    "{\"mesh\":\"%s\",\"path\":\"%s\",\"stat\":\"%s\",\"step_s\":%lld,"
		    "\"slices\":[",
		    mesh->name, path_name(job->query.path),
		    query_stat_name(job->query.stat),
		    (long long)(job->query.step_ns / NS_PER_S));
	print_labels(v);
	fputs(csv ? "\n" : "],\"pairs\":[", v->out);
	for (size_t a = 0; a < mesh->n_nodes; a++)
		for (size_t b = a + 1; b < mesh->n_nodes; b++)
			print_pair(v, pair++, &mesh->nodes[a], &mesh->nodes[b], &any);
	if (!csv)
		fputs("]}\n", v->out);
}

static int
make(struct api_job *job, struct store *store, FILE *out)
{
	const struct query *q = &job->query;
	const size_t n = job->api->mesh->n_nodes;
	struct view v = { .job = job, .out = out, .n_pairs = n * (n - 1) / 2 };
	int r = 0;

	if (!store)
		return err_code(&job->err, EIO, "the store cannot be read");
	v.from.ns = q->since.ns - q->since.ns % q->step_ns;
	v.n = (size_t)((q->until.ns - v.from.ns) / q->step_ns); /* whole ones */
	if (v.n == 0 || v.n > SLICES_MAX || v.n * v.n_pairs > FIGURES_MAX)
		return err_set(&job->err,
		    "%zu slices of %zu pairs: give a step and a since for 1 to %d "
		    "slices, and %u figures at most",
		    v.n, v.n_pairs, SLICES_MAX, FIGURES_MAX);
	v.figures = mem_array(v.n * v.n_pairs, sizeof(*v.figures));
	for (size_t i = 0; i < v.n && r == 0; i++)
		r = load_slice(&v, store, i);
	if (r == 0)
		print(&v);
	free(v.figures);
	return r;
}

void
api_history_get(struct api *api, struct http_request *request)
{
	const struct query_rules rules = { "history", PARAMS,
		1u << QUERY_JSON | 1u << QUERY_CSV, 0 };
	struct api_job job = { .api = api, .request = request, .now = clock_wall() };
	struct query *q = &job.query;
	struct err err;
	int r = query_parse(request, &rules, job.now, q, &err);

	if (r == 0 && (q->stat == STAT_LOSS || q->all_paths))
		r = query_has(q, QUERY_PATH) || q->stat == STAT_LOSS
			? err_set(&err, "history: give one path, and a stat in ms")
			: 0;
	if (r == 0 && q->step_ns % (60 * NS_PER_S) != 0)
		r = err_set(&err, "step: whole minutes, for a history");
	if (r < 0) {
		api_reply_error(request, 400, err.text);
		return;
	}
	if (!query_has(q, QUERY_PATH))
		q->path = PATH_PUBLIC; /* what tunnels would have: replay's matter */
	if (!query_has(q, QUERY_SINCE))
		q->since.ns = q->until.ns - DEFAULT_SPAN_NS;
	if (!q->step_ns)
		q->step_ns = DEFAULT_STEP_NS;
	job.type = query_media_type(q->format);
	job.make = make;
	api_reply_job(&job);
}
