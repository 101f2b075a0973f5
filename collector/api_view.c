/* SPDX-License-Identifier: MIT */
/*
 * Out of the store the sums are made for some sources at a time, so that their memory
 * does not grow with the square of the nodes.
 */
#include "collector/api_view.h"

#include <errno.h>

#include "collector/history.h"

/* Sums of so many rows are in memory at a time: of 100 nodes all, of 1,000 nodes 40
 * sources, in 40 MB. */
#define TALLY_ROWS_MAX 120000u

static int
add_report(size_t src, const struct store_report *report, void *ctx)
{
	struct api_view *v = ctx;

	if (reader_stopping(&v->job->job))
		return -ECANCELED;
	/* Damage to one body is no reason to withhold the others. */
	(void)tally_add(v->tally, src, report->body, report->len);
	return 0;
}

/* The sums of the sources from src on. */
static void
load(struct api_view *v, size_t src)
{
	const struct query *q = &v->job->query;
	const struct roster *roster = &v->job->api->roster;
	const size_t n_nodes = roster->mesh->n_nodes;
	size_t n = TALLY_ROWS_MAX / (n_nodes * PATH_COUNT) + 1;
	const struct tally_opts opts = { roster, src,
		n < n_nodes - src ? n : n_nodes - src,
		q->all_paths ? (1u << PATH_COUNT) - 1 : 1u << q->path };
	const struct history_query query = { roster, { v->since, q->until }, v->tier,
		src, opts.n == n_nodes ? 0 : opts.n };

	tally_free(v->tally);
	v->tally = tally_new(&opts);
	v->first = src;
	v->end = src + opts.n;
	v->error = history_scan(v->store, &query, add_report, v, &v->job->err);
}

bool
api_view_look(struct api_view *v, const struct matrix_key *key)
{
	if (!v->store)
		return matrix_get(v->job->api->matrix, key, v->since, &v->row,
		    &v->last);
	if (key->src >= v->end && !v->error)
		load(v, key->src);
	return !v->error && tally_get(v->tally, key, &v->row, &v->last);
}

int
api_view_open(struct api_view *v, struct store *store)
{
	struct api_job *job = v->job;
	const struct query *q = &job->query;
	int64_t reach_ns = matrix_window_ns(job->api->matrix);

	v->since = q->since;
	if (!query_has(q, QUERY_SINCE))
		v->since.ns = job->now.ns - q->window_ns;
	if (query_has(q, QUERY_UNTIL) || query_has(q, QUERY_TIER) ||
	    v->since.ns < job->now.ns - reach_ns) {
		v->store = store;
		v->tier = query_has(q, QUERY_TIER)
			      ? q->tier
			      : history_tier(q->until.ns - v->since.ns);
		v->since = history_align(v->since, v->tier);
		if (!store)
			return v->error =
				   err_code(&job->err, EIO, "the store cannot be read");
	}
	return 0;
}

void
api_view_close(struct api_view *v)
{
	tally_free(v->tally);
	sketch_fini(&v->row.rtt);
}
