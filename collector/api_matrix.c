/* SPDX-License-Identifier: MIT */
/*
 * The JSON is printed and not built: jansson takes a dozen allocations a row, and a
 * mesh of 300 nodes has 180,000 rows.  Every string in it is a name of the mesh
 * ([a-z0-9._-]) or ours, so nothing needs escaping.
 */
#include "collector/api_matrix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/figures.h"
#include "common/mem.h"

#include "collector/api_view.h"

/* What the optimizer asks for, unless --window keeps less. */
#define DEFAULT_WINDOW_NS (300 * NS_PER_S)

#define FORMATS \
	(1u << QUERY_JSON | 1u << QUERY_CSV | 1u << QUERY_BIN | 1u << QUERY_ROWS)
#define PARAMS                                                         \
	(1u << QUERY_PATH | 1u << QUERY_STAT | 1u << QUERY_WINDOW |    \
	    1u << QUERY_SINCE | 1u << QUERY_UNTIL | 1u << QUERY_TIER | \
	    1u << QUERY_FORMAT | 1u << QUERY_SKETCH)

static void
print_ms(FILE *f, const char *name, int64_t us)
{
	fprintf(f, ",\"%s_ms\":%lld.%03lld", name, (long long)(us / US_PER_MS),
	    (long long)(us % US_PER_MS));
}

static void
print_sketch(FILE *f, const struct sketch *rtt)
{
	fputs(",\"sketch\":[", f);
	for (size_t i = 0; i < rtt->n; i++)
		fprintf(f, "%s%u,%u", i ? "," : "", rtt->buckets[i].index,
		    rtt->buckets[i].count);
	fputc(']', f);
}

static void
print_row(struct api_view *v, const struct matrix_key *key)
{
	const struct mesh_node *nodes = v->job->api->mesh->nodes;
	const struct report_row *row = &v->row;
	int64_t p50 = report_quantile_us(row, 0.5);
	char text[WALL_TEXT_MAX];
	FILE *f = v->out;

	wall_format(v->last, text);
	fprintf(f,
	    "%s\n{\"src\":\"%s\",\"dst\":\"%s\",\"path\":\"%s\",\"sent\":%u,\"lost\":%"
	    "u",
	    v->any ? "," : "", nodes[key->src].name, nodes[key->dst].name,
	    path_name(key->path), row->sent, row->lost);
	if (p50 >= 0) {
		print_ms(f, "min", row->min_us);
		print_ms(f, "mean", row->mean_us);
		print_ms(f, "p50", p50);
		print_ms(f, "p95", report_quantile_us(row, 0.95));
		print_ms(f, "p99", report_quantile_us(row, 0.99));
		print_ms(f, "max", row->max_us);
		print_ms(f, "jitter", row->jitter_us);
		if (v->job->query.sketch)
			print_sketch(f, &row->rtt);
	}
	fprintf(f, ",\"last\":\"%s\",\"age_s\":%.1f}", text,
	    (double)(v->job->now.ns - v->last.ns) / (double)NS_PER_S);
	v->any = true;
}

static bool
wanted(const struct api_view *v, const struct matrix_key *key)
{
	const struct query *q = &v->job->query;

	return q->all_paths || key->path == q->path;
}

static void
print_rows(struct api_view *v)
{
	const struct api_job *job = v->job;
	const size_t n = job->api->mesh->n_nodes;
	char now[WALL_TEXT_MAX], since[WALL_TEXT_MAX], until[WALL_TEXT_MAX];

	wall_format(job->now, now);
	wall_format(v->since, since);
	wall_format(job->query.until, until);
	fprintf(v->out,
	    "{\"mesh\":\"%s\",\"generated\":\"%s\",\"since\":\"%s\",\"until\":\"%s\","
	    "\"window_s\":%lld,\"rows\":[",
	    job->api->mesh->name, now, since, until,
	    (long long)((job->query.until.ns - v->since.ns) / NS_PER_S));
	for (size_t src = 0; src < n && !v->error; src++) {
		if (reader_stopping(&job->job))
			v->error = -ECANCELED;
		for (size_t i = 0; i < n * PATH_COUNT && !v->error; i++) {
			const struct matrix_key key = { src, i / PATH_COUNT,
				(enum path)(i % PATH_COUNT) };

			if (wanted(v, &key) && api_view_look(v, &key))
				print_row(v, &key);
		}
	}
	fputs("]}\n", v->out);
}

int64_t
api_matrix_stat(const struct report_row *row, enum query_stat stat)
{
	if (stat == STAT_LOSS)
		return row->sent ? (int64_t)row->lost * 1000000 / row->sent : -1;
	if (row->rtt.n == 0)
		return -1;
	switch (stat) {
	case STAT_P95:
		return report_quantile_us(row, 0.95);
	case STAT_P99:
		return report_quantile_us(row, 0.99);
	case STAT_MIN:
		return row->min_us;
	case STAT_MEAN:
		return row->mean_us;
	case STAT_MAX:
		return row->max_us;
	case STAT_JITTER:
		return row->jitter_us;
	default:
		return report_quantile_us(row, 0.5);
	}
}

/* In ms with three decimals, or for loss as a ratio with six. */
static void
print_number(FILE *f, int64_t value, enum query_stat stat)
{
	if (stat == STAT_LOSS)
		fprintf(f, "%lld.%06lld", (long long)(value / 1000000),
		    (long long)(value % 1000000));
	else
		fprintf(f, "%lld.%03lld", (long long)(value / US_PER_MS),
		    (long long)(value % US_PER_MS));
}

static int64_t
cell(struct api_view *v, size_t src, size_t dst)
{
	const struct query *q = &v->job->query;
	const struct matrix_key key = { src, dst, q->path };

	if (src == dst)
		return 0;
	return api_view_look(v, &key) ? api_matrix_stat(&v->row, q->stat) : -1;
}

static void
print_csv(struct api_view *v)
{
	const struct mesh *mesh = v->job->api->mesh;

	for (size_t i = 0; i < mesh->n_nodes; i++)
		fprintf(v->out, ",%s", mesh->nodes[i].name);
	fputc('\n', v->out);
	for (size_t src = 0; src < mesh->n_nodes && !v->error; src++) {
		fputs(mesh->nodes[src].name, v->out);
		for (size_t dst = 0; dst < mesh->n_nodes; dst++) {
			int64_t value = cell(v, src, dst);

			fputc(',', v->out);
			if (src == dst)
				fputc('0', v->out);
			else if (value >= 0)
				print_number(v->out, value, v->job->query.stat);
		}
		fputc('\n', v->out);
	}
}

/* What JSON and the binary form have in common, up to the names. */
static void
print_heading(struct api_view *v, FILE *f)
{
	const struct api_job *job = v->job;
	const struct mesh *mesh = job->api->mesh;
	const bool loss = job->query.stat == STAT_LOSS;

	fprintf(f, "{\"mesh\":\"%s\",\"path\":\"%s\",\"stat\":\"%s\",\"unit\":\"%s\"",
	    mesh->name, path_name(job->query.path), query_stat_name(job->query.stat),
	    job->query.format == QUERY_BIN ? loss ? "ppm" : "us"
	    : loss			   ? "ratio"
					   : "ms");
	fputs(",\"names\":[", f);
	for (size_t i = 0; i < mesh->n_nodes; i++)
		fprintf(f, "%s\"%s\"", i ? "," : "", mesh->nodes[i].name);
	fputc(']', f);
}

static void
print_square(struct api_view *v)
{
	const size_t n = v->job->api->mesh->n_nodes;

	print_heading(v, v->out);
	fputs(",\"rows\":[", v->out);
	for (size_t src = 0; src < n && !v->error; src++) {
		fputs(src ? ",\n[" : "\n[", v->out);
		for (size_t dst = 0; dst < n; dst++) {
			int64_t value = cell(v, src, dst);

			if (dst)
				fputc(',', v->out);
			if (src == dst)
				fputc('0', v->out);
			else if (value < 0)
				fputs("null", v->out);
			else
				print_number(v->out, value, v->job->query.stat);
		}
		fputc(']', v->out);
	}
	fputs("]}\n", v->out);
}

static void
put_u32(FILE *f, uint32_t v)
{
	const unsigned char bytes[4] = { (unsigned char)v, (unsigned char)(v >> 8),
		(unsigned char)(v >> 16), (unsigned char)(v >> 24) };

	fwrite(bytes, 1, sizeof(bytes), f);
}

/* meshopt-collector(8) has the layout. */
static void
print_binary(struct api_view *v)
{
	const size_t n = v->job->api->mesh->n_nodes;
	char *heading = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&heading, &len);

	print_heading(v, f);
	fputc('}', f);
	(void)fflush(f); /* into memory */
	for (; len % 4 != 0; (void)fflush(f))
		fputc(' ', f); /* a Uint32Array must begin at a multiple of four */
	(void)fclose(f);
	fputs("MOMX", v->out);
	put_u32(v->out, (uint32_t)len);
	fwrite(heading, 1, len, v->out);
	free(heading);
	for (size_t src = 0; src < n && !v->error; src++) {
		for (size_t dst = 0; dst < n; dst++) {
			int64_t value = cell(v, src, dst);

			put_u32(v->out, value < 0 ? UINT32_MAX : (uint32_t)value);
		}
	}
}

/* The rows of print_rows(), with their sketches; common/figures.h has the form. */
static void
print_figures(struct api_view *v)
{
	const struct mesh *mesh = v->job->api->mesh;
	const size_t n = mesh->n_nodes, cap = FIGURES_HEAD_BYTES(n);
	uint8_t *head = mem_array(cap, 1), bytes[FIGURES_ROW_BYTES];

	fwrite(head, 1, figures_put_head(mesh, head, cap), v->out);
	free(head);
	for (size_t src = 0; src < n && !v->error; src++) {
		if (reader_stopping(&v->job->job))
			v->error = -ECANCELED;
		for (size_t i = 0; i < n * PATH_COUNT && !v->error; i++) {
			const struct matrix_key key = { src, i / PATH_COUNT,
				(enum path)(i % PATH_COUNT) };
			struct figures_row row = { .src = src, .dst = key.dst };

			if (!wanted(v, &key) || !api_view_look(v, &key))
				continue;
			row.age_ms = (v->job->now.ns - v->last.ns) / NS_PER_MS;
			row.row = v->row; /* its sketch stays there */
			row.row.path = key.path;
			fwrite(bytes, 1, figures_put_row(&row, bytes, sizeof(bytes)),
			    v->out);
		}
		fputc(FIGURES_END, v->out);
	}
}

static int
make(struct api_job *job, struct store *store, FILE *out)
{
	const struct query *q = &job->query;
	struct api_view v = { .job = job, .out = out };

	if (api_view_open(&v, store) < 0)
		return v.error;
	if (q->format == QUERY_CSV)
		print_csv(&v);
	else if (q->format == QUERY_BIN)
		print_binary(&v);
	else if (q->format == QUERY_ROWS)
		print_figures(&v);
	else if (query_has(q, QUERY_STAT))
		print_square(&v);
	else
		print_rows(&v);
	api_view_close(&v);
	return v.error;
}

/* What goes together. */
static int
check(const struct query *q, struct err *err)
{
	const char *square = q->format == QUERY_CSV	? "format=csv"
			     : q->format == QUERY_BIN	? "format=bin"
			     : query_has(q, QUERY_STAT) ? "stat"
							: NULL;

	if (square && q->all_paths)
		return err_set(err,
		    "%s: one figure a cell: give path=hub, direct or public with it",
		    square);
	if (q->format == QUERY_ROWS && query_has(q, QUERY_STAT))
		return err_set(err, "format=rows: has all figures: leave stat out");
	if (square && q->sketch)
		return err_set(err, "sketch=1: for JSON without stat only");
	return 0;
}

void
api_matrix_get(struct api *api, struct http_request *request)
{
	const struct query_rules rules = { "matrix", PARAMS, FORMATS,
		matrix_window_ns(api->matrix) };
	struct api_job job = { .api = api, .request = request, .now = clock_wall() };
	struct query *q = &job.query;
	struct err err;

	if (query_parse(request, &rules, job.now, q, &err) < 0 || check(q, &err) < 0) {
		api_reply_error(request, 400, err.text);
		return;
	}
	if (!query_has(q, QUERY_WINDOW))
		q->window_ns = DEFAULT_WINDOW_NS < rules.window_max_ns
				   ? DEFAULT_WINDOW_NS
				   : rules.window_max_ns;
	job.type = query_media_type(q->format);
	job.make = make;
	api_reply_job(&job);
}
