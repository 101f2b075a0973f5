/* SPDX-License-Identifier: MIT */
#include "collector/api_pair.h"

#include <errno.h>
#include <string.h>

#include "collector/api_event.h"
#include "collector/api_reply.h"
#include "collector/history.h"
#include "collector/series.h"

#define DEFAULT_SPAN_NS (24 * 3600 * NS_PER_S)
/* Points that a chart of a screen's width can show. */
#define POINTS_MAX 400

#define PARAMS                                                                         \
	(1u << QUERY_PATH | 1u << QUERY_SINCE | 1u << QUERY_UNTIL | 1u << QUERY_STEP | \
	    1u << QUERY_FORMAT)

static const struct {
	const char *name;
	double q;
} quantiles[] = { { "p5", 0.05 }, { "p25", 0.25 }, { "p50", 0.5 }, { "p75", 0.75 },
	{ "p95", 0.95 }, { "p99", 0.99 } };
#define N_QUANTILES (sizeof(quantiles) / sizeof(quantiles[0]))

/* The finest of these that leaves no more points than a chart can show. */
static int64_t
default_step(int64_t span_ns)
{
	static const int64_t steps_s[] = { 10, 60, 300, 900, 3600, 6 * 3600 };

	for (size_t i = 0; i < sizeof(steps_s) / sizeof(steps_s[0]); i++)
		if (span_ns / (steps_s[i] * NS_PER_S) <= POINTS_MAX)
			return steps_s[i] * NS_PER_S;
	return 24 * 3600 * NS_PER_S;
}

struct view {
	struct api_job *job;
	struct series *series;
	enum store_tier tier;
	struct wall from;
	int64_t step_ns;
	size_t n;
	bool found; /* reports in the store */
	FILE *out;
};

static int
add_report(size_t src, const struct store_report *report, void *ctx)
{
	struct view *v = ctx;

	(void)src; /* is the one asked for */
	if (reader_stopping(&v->job->job))
		return -ECANCELED;
	v->found = true;
	/* Damage to one body is no reason to withhold the others. */
	(void)series_add(v->series, report->body, report->len);
	return 0;
}

/*
 * From the tier whose buckets the step is made of; if there is nothing, as when reports
 * of that age are no longer kept, from the next coarser one, with its step.
 */
static int
load(struct view *v, struct store *store)
{
	struct api_job *job = v->job;
	const struct query *q = &job->query;
	int r = 0;

	v->tier = history_step_tier(v->step_ns);
	while (r == 0) {
		int64_t length_ns = store_tier_ms(v->tier) * NS_PER_MS;
		struct history_query query = { &job->api->roster, { v->from, q->until },
			v->tier, job->src, 1 };
		struct series_opts opts = { .peer =
						job->api->mesh->nodes[job->dst].name };

		if (v->step_ns < length_ns)
			v->step_ns = length_ns;
		v->from.ns = q->since.ns - q->since.ns % v->step_ns;
		opts.from = query.window.from = v->from;
		opts.step_ns = v->step_ns;
		opts.n = v->n =
		    (size_t)((q->until.ns - v->from.ns - 1) / v->step_ns) + 1;
		series_free(v->series);
		v->series = series_new(&opts);
		r = history_scan(store, &query, add_report, v, &job->err);
		if (v->found || v->tier == STORE_HOUR)
			break;
		v->tier++;
	}
	return r;
}

static void
print_ms(FILE *f, const char *name, int64_t us)
{
	fprintf(f, ",\"%s_ms\":%lld.%03lld", name, (long long)(us / US_PER_MS),
	    (long long)(us % US_PER_MS));
}

static void
print_cell(FILE *f, int64_t us)
{
	fprintf(f, ",%lld.%03lld", (long long)(us / US_PER_MS),
	    (long long)(us % US_PER_MS));
}

static void
print_point(struct view *v, const struct report_row *row, int64_t t)
{
	fprintf(v->out, "{\"t\":%lld,\"sent\":%u,\"lost\":%u", (long long)t, row->sent,
	    row->lost);
	if (row->rtt.n) {
		print_ms(v->out, "min", row->min_us);
		for (size_t i = 0; i < N_QUANTILES; i++)
			print_ms(v->out, quantiles[i].name,
			    report_quantile_us(row, quantiles[i].q));
		print_ms(v->out, "max", row->max_us);
		print_ms(v->out, "mean", row->mean_us);
		print_ms(v->out, "jitter", row->jitter_us);
	}
	fputc('}', v->out);
}

static int64_t
time_of(const struct view *v, size_t step)
{
	return (v->from.ns + (int64_t)step * v->step_ns) / NS_PER_S;
}

static void
print_path(struct view *v, enum path path)
{
	bool any = false;

	fprintf(v->out, "\"%s\":[", path_name(path));
	for (size_t i = 0; i < v->n; i++) {
		const struct report_row *row = series_get(v->series, i, path);

		if (!row)
			continue;
		fputs(any ? ",\n" : "\n", v->out);
		print_point(v, row, time_of(v, i));
		any = true;
	}
	fputc(']', v->out);
}

static int
print_json(struct view *v, struct store *store)
{
	const struct api_job *job = v->job;
	const struct query *q = &job->query;
	const struct mesh_node *nodes = job->api->mesh->nodes;
	char since[WALL_TEXT_MAX], until[WALL_TEXT_MAX];
	bool any = false;
	int r;

	wall_format(v->from, since);
	/* To the end of the last step: what follows changes no more than the data. */
	wall_format((struct wall){ v->from.ns + (int64_t)v->n * v->step_ns }, until);
	fprintf(v->out,
	    "{\"mesh\":\"%s\",\"src\":\"%s\",\"dst\":\"%s\",\"since\":\"%s\","
	    "\"until\":\"%s\",\"step_s\":%lld,\"tier\":\"%s\",\"paths\":{",
	    job->api->mesh->name, nodes[job->src].name, nodes[job->dst].name, since,
	    until, (long long)(v->step_ns / NS_PER_S), query_tier_name(v->tier));
	for (unsigned p = 0; p < PATH_COUNT; p++) {
		if (!q->all_paths && p != q->path)
			continue;
		if (any)
			fputc(',', v->out);
		print_path(v, (enum path)p);
		any = true;
	}
	fputs("},\"events\":", v->out);
	r = api_event_print(job->api, store,
	    &(struct api_event_query){ .window = { v->from, q->until },
		.limit = API_EVENT_PAIR_LIMIT,
		.nodes = { nodes[job->src].name, nodes[job->dst].name } },
	    v->out, &v->job->err);
	fputs("}\n", v->out);
	return r;
}

static void
print_csv(struct view *v)
{
	const struct query *q = &v->job->query;

	fputs("t,path,sent,lost,min_ms", v->out);
	for (size_t i = 0; i < N_QUANTILES; i++)
		fprintf(v->out, ",%s_ms", quantiles[i].name);
	fputs(",max_ms,mean_ms,jitter_ms\n", v->out);
	for (size_t i = 0; i < v->n * PATH_COUNT; i++) {
		const enum path path = (enum path)(i % PATH_COUNT);
		const struct report_row *row =
		    series_get(v->series, i / PATH_COUNT, path);

		if (!row || (!q->all_paths && path != q->path))
			continue;
		fprintf(v->out, "%lld,%s,%u,%u", (long long)time_of(v, i / PATH_COUNT),
		    path_name(path), row->sent, row->lost);
		if (row->rtt.n == 0) {
			fputs(",,,,,,,,,,\n", v->out);
			continue;
		}
		print_cell(v->out, row->min_us);
		for (size_t k = 0; k < N_QUANTILES; k++)
			print_ms(v->out, ",", report_quantile_us(row, quantiles[k].q));
		print_cell(v->out, row->max_us);
		print_cell(v->out, row->mean_us);
		print_cell(v->out, row->jitter_us);
		fputc('\n', v->out);
	}
}

static int
make(struct api_job *job, struct store *store, FILE *out)
{
	const struct query *q = &job->query;
	struct view v = { .job = job, .out = out };
	int r;

	if (!store)
		return err_code(&job->err, EIO, "the store cannot be read");
	v.step_ns = q->step_ns ? q->step_ns : default_step(q->until.ns - q->since.ns);
	r = load(&v, store);
	if (r == 0 && q->format == QUERY_CSV)
		print_csv(&v);
	else if (r == 0)
		r = print_json(&v, store);
	series_free(v.series);
	return r;
}

/* "SRC/DST"; SIZE_MAX for what is no node. */
static void
find_pair(const struct roster *roster, const char *rest, struct api_job *job)
{
	char src[MESH_NAME_MAX] = "";
	size_t n = strcspn(rest, "/");

	job->src = job->dst = SIZE_MAX;
	if (n >= sizeof(src) || rest[n] != '/')
		return;
	memcpy(src, rest, n);
	job->src = roster_find(roster, src);
	job->dst = roster_find(roster, rest + n + 1);
}

void
api_pair_get(struct api *api, struct http_request *request, const char *rest)
{
	const struct query_rules rules = { "pairs", PARAMS,
		1u << QUERY_JSON | 1u << QUERY_CSV, 0 };
	struct api_job job = { .api = api, .request = request, .now = clock_wall() };
	struct query *q = &job.query;
	struct err err;

	find_pair(&api->roster, rest, &job);
	if (job.src == SIZE_MAX || job.dst == SIZE_MAX || job.src == job.dst) {
		api_reply_error(request, 404,
		    "no such pair: give /api/v1/pairs/SRC/DST with two nodes of the "
		    "mesh");
		return;
	}
	if (query_parse(request, &rules, job.now, q, &err) < 0) {
		api_reply_error(request, 400, err.text);
		return;
	}
	if (!query_has(q, QUERY_SINCE))
		q->since.ns = q->until.ns - DEFAULT_SPAN_NS;
	if (q->step_ns &&
	    (q->until.ns - q->since.ns) / q->step_ns >= SERIES_STEPS_MAX - 1) {
		(void)err_set(&err,
		    "step: more than %d steps since then: make it longer",
		    SERIES_STEPS_MAX);
		api_reply_error(request, 400, err.text);
		return;
	}
	job.type = query_media_type(q->format);
	job.make = make;
	job.job.quick = true;
	api_reply_job(&job);
}
