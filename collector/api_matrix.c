/* SPDX-License-Identifier: MIT */
/*
 * The JSON is printed and not built: jansson takes a dozen allocations a row, and a
 * mesh of 300 nodes has 180,000 rows.  Every string in it is a name of the mesh
 * ([a-z0-9._-]) or ours, so nothing needs escaping.
 */
#include "collector/api_matrix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/num.h"

/* What the optimizer asks for, unless --window keeps less. */
#define DEFAULT_WINDOW_NS (300 * NS_PER_S)

enum stat { STAT_P50, STAT_P95, STAT_MIN, STAT_MEAN, STAT_MAX, STAT_LOSS, STAT_JITTER };

static const char *const stat_names[] = {
	[STAT_P50] = "p50",
	[STAT_P95] = "p95",
	[STAT_MIN] = "min",
	[STAT_MEAN] = "mean",
	[STAT_MAX] = "max",
	[STAT_LOSS] = "loss",
	[STAT_JITTER] = "jitter",
};

static int
take_window(const char *text, const struct matrix *m, struct matrix_query *out,
    struct err *err)
{
	uint32_t max_s = (uint32_t)(matrix_window_ns(m) / NS_PER_S), s;

	if (num_u32(text, 1, max_s, &s) < 0)
		return err_set(err,
		    "window=%.40s: give 1 to %u s, which is what the collector keeps "
		    "in "
		    "its matrix (--window)",
		    text, max_s);
	out->window_ns = s * NS_PER_S;
	return 0;
}

static int
take_format(const char *text, struct matrix_query *out, struct err *err)
{
	out->csv = strcmp(text, "csv") == 0;
	if (!out->csv && strcmp(text, "json") != 0)
		return err_set(err, "format=%.40s: give json or csv", text);
	return 0;
}

static int
take_stat(const char *text, struct matrix_query *out, struct err *err)
{
	for (unsigned i = 0; i < sizeof(stat_names) / sizeof(stat_names[0]); i++) {
		if (strcmp(text, stat_names[i]) == 0) {
			out->stat = i;
			return 0;
		}
	}
	return err_set(err, "stat=%.40s: give p50, p95, min, mean, max, loss or jitter",
	    text);
}

static int
take_path(const char *text, struct matrix_query *out, struct err *err)
{
	out->has_path = strcmp(text, "all") != 0;
	if (out->has_path && path_parse(text, &out->path) < 0)
		return err_set(err, "path=%.40s: give hub, direct, public or all",
		    text);
	return 0;
}

int
api_matrix_query(const struct http_request *request, const struct matrix *m,
    struct matrix_query *out, struct err *err)
{
	bool has_stat = false;
	int r = 0;

	*out = (struct matrix_query){ .window_ns = DEFAULT_WINDOW_NS };
	if (out->window_ns > matrix_window_ns(m))
		out->window_ns = matrix_window_ns(m);
	for (size_t i = 0; r == 0 && i < request->n_params; i++) {
		const struct http_param *p = &request->params[i];

		if (strcmp(p->name, "window") == 0) {
			r = take_window(p->value, m, out, err);
		} else if (strcmp(p->name, "format") == 0) {
			r = take_format(p->value, out, err);
		} else if (strcmp(p->name, "path") == 0) {
			r = take_path(p->value, out, err);
		} else if (strcmp(p->name, "stat") == 0) {
			r = take_stat(p->value, out, err);
			has_stat = true;
		} else {
			r = err_set(err,
			    "%.40s: not a parameter: give path, window, format or stat",
			    p->name);
		}
	}
	if (r == 0 && out->csv && !out->has_path)
		r = err_set(err, "format=csv: give path=hub, direct or public with it");
	if (r == 0 && !out->csv && has_stat)
		r = err_set(err, "stat: for format=csv only; JSON has them all");
	return r;
}

static void
print_ms(FILE *f, const char *name, int64_t us)
{
	fprintf(f, ",\"%s_ms\":%lld.%03lld", name, (long long)(us / US_PER_MS),
	    (long long)(us % US_PER_MS));
}

/* One row; the destination of the query is in row->peer. */
static void
print_row(FILE *f, const struct report_row *row, struct wall last, struct wall now)
{
	int64_t p50 = report_quantile_us(row, 0.5);
	char text[WALL_TEXT_MAX];

	wall_format(last, text);
	fprintf(f, "\"dst\":\"%s\",\"path\":\"%s\",\"sent\":%u,\"lost\":%u", row->peer,
	    path_name(row->path), row->sent, row->lost);
	if (p50 >= 0) {
		print_ms(f, "min", row->min_us);
		print_ms(f, "mean", row->mean_us);
		print_ms(f, "p50", p50);
		print_ms(f, "p95", report_quantile_us(row, 0.95));
		print_ms(f, "max", row->max_us);
		print_ms(f, "jitter", row->jitter_us);
	}
	fprintf(f, ",\"last\":\"%s\",\"age_s\":%.1f}", text,
	    (double)(now.ns - last.ns) / (double)NS_PER_S);
}

static void
print_source(FILE *f, const struct api *api, const struct matrix_query *q, size_t src,
    struct wall now)
{
	const struct mesh *mesh = api->mesh;
	struct wall since = { now.ns - q->window_ns }, last;
	struct report_row row = { 0 };

	for (size_t i = 0; i < mesh->n_nodes * PATH_COUNT; i++) {
		const struct matrix_key key = { src, i / PATH_COUNT,
			(enum path)(i % PATH_COUNT) };

		if (q->has_path && key.path != q->path)
			continue;
		if (!matrix_get(api->matrix, &key, since, &row, &last))
			continue;
		memcpy(row.peer, mesh->nodes[key.dst].name, sizeof(row.peer));
		row.path = key.path;
		/* A comma after every row, of which the last one is taken back. */
		fprintf(f, "\n{\"src\":\"%s\",", mesh->nodes[src].name);
		print_row(f, &row, last, now);
		fputc(',', f);
	}
	sketch_fini(&row.rtt);
}

static void
print_json(FILE *f, const struct api *api, const struct matrix_query *q,
    struct wall now)
{
	char text[WALL_TEXT_MAX];
	long empty;

	wall_format(now, text);
	fprintf(f, "{\"mesh\":\"%s\",\"generated\":\"%s\",\"window_s\":%lld,\"rows\":[",
	    api->mesh->name, text, (long long)(q->window_ns / NS_PER_S));
	empty = ftell(f);
	for (size_t src = 0; src < api->mesh->n_nodes; src++)
		print_source(f, api, q, src, now);
	if (ftell(f) > empty)
		(void)fseek(f, -1, SEEK_CUR); /* within what was written */
	fputs("]}\n", f);
}

/* In us, or parts per million for loss; -1 = unknown. */
static int64_t
stat_value(const struct report_row *row, enum stat stat)
{
	int64_t p50 = report_quantile_us(row, 0.5);

	if (stat == STAT_LOSS)
		return (int64_t)row->lost * 1000000 / row->sent;
	if (p50 < 0)
		return -1;
	switch (stat) {
	case STAT_P95:
		return report_quantile_us(row, 0.95);
	case STAT_MIN:
		return row->min_us;
	case STAT_MEAN:
		return row->mean_us;
	case STAT_MAX:
		return row->max_us;
	case STAT_JITTER:
		return row->jitter_us;
	default:
		return p50;
	}
}

static void
print_cell(FILE *f, int64_t value, enum stat stat)
{
	if (value < 0)
		return;
	if (stat == STAT_LOSS) /* a ratio, to the same three decimals and three more */
		fprintf(f, "%lld.%06lld", (long long)(value / 1000000),
		    (long long)(value % 1000000));
	else
		fprintf(f, "%lld.%03lld", (long long)(value / US_PER_MS),
		    (long long)(value % US_PER_MS));
}

static void
print_csv(FILE *f, const struct api *api, const struct matrix_query *q, struct wall now)
{
	const struct mesh *mesh = api->mesh;
	struct wall since = { now.ns - q->window_ns }, last;
	struct report_row row = { 0 };

	for (size_t i = 0; i < mesh->n_nodes; i++)
		fprintf(f, ",%s", mesh->nodes[i].name);
	fputc('\n', f);
	for (size_t src = 0; src < mesh->n_nodes; src++) {
		fputs(mesh->nodes[src].name, f);
		for (size_t dst = 0; dst < mesh->n_nodes; dst++) {
			const struct matrix_key key = { src, dst, q->path };

			fputc(',', f);
			if (src == dst)
				fputc('0', f);
			else if (matrix_get(api->matrix, &key, since, &row, &last))
				print_cell(f, stat_value(&row, q->stat), q->stat);
		}
		fputc('\n', f);
	}
	sketch_fini(&row.rtt);
}

char *
api_matrix_text(const struct api *api, const struct matrix_query *q, struct wall now,
    size_t *len, const char **type)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (!f)
		log_die("out of memory");
	*type = q->csv ? "text/csv" : "application/json";
	if (q->csv)
		print_csv(f, api, q, now);
	else
		print_json(f, api, q, now);
	if (fclose(f) != 0)
		log_die("out of memory");
	return text;
}
