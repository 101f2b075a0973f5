/* SPDX-License-Identifier: MIT */
/*
 * The hourly roll-ups once more, as rows that SQL can read: for dashboards, which know
 * nothing of bodies.  Where nobody wants them the table may be dropped.
 */
#include "collector/store_pg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/report.h"

/* COPY's text form: names need no escape, \N is NULL. */
static void
print_row(FILE *f, const char *src, const char *bucket, const struct report_row *row)
{
	static const double quantiles[] = { 0.5, 0.95, 0.99 };

	fprintf(f, "%s\t%s\t%s\t%s\t3600\t%u\t%u", src, bucket, row->peer,
	    path_name(row->path), row->sent, row->lost);
	if (row->rtt.n == 0) {
		fputs("\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\n", f);
		return;
	}
	fprintf(f, "\t%.3f\t%.3f", row->min_us / 1e3, row->mean_us / 1e3);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		fprintf(f, "\t%.3f",
		    (double)report_quantile_us(row, quantiles[i]) / 1e3);
	fprintf(f, "\t%.3f\t%.3f\n", row->max_us / 1e3, row->jitter_us / 1e3);
}

int
store_pg_rows_put(struct store_pg *s, const struct store_rollup *rollup,
    struct err *err)
{
	const struct store_mark *mark = &rollup->mark;
	struct store_pg_args args = { .n = 0 };
	char bucket[WALL_TEXT_MAX], *text = NULL;
	struct report report;
	size_t len = 0;
	FILE *f;
	int r;

	/* What is no report has no rows: upkeep counts those. */
	if (!s->rows || report_decode(&report, rollup->body, rollup->len, NULL) < 0)
		return 0;
	wall_format(mark->start, bucket);
	f = open_memstream(&text, &len);
	if (!f)
		abort(); /* as mem.h would */
	for (size_t i = 0; i < report.n_rows; i++)
		print_row(f, mark->src, bucket, &report.rows[i]);
	report_fini(&report);
	if (fclose(f) != 0)
		abort(); /* as mem.h would */
	store_pg_conn_text(&args, mark->src);
	store_pg_conn_text(&args, bucket);
	r = store_pg_conn_run(s,
	    "DELETE FROM rollup WHERE src = $1 AND bucket = $2::timestamptz", &args,
	    NULL, err);
	if (r >= 0)
		r = store_pg_conn_copy(s,
		    "COPY rollup(src, bucket, dst, path, step, sent, lost, min, mean, "
		    "p50, p95, p99, max, jitter) FROM STDIN",
		    (const uint8_t *)text, len, err);
	free(text);
	return r < 0 ? r : 0;
}

int
store_pg_rows_expire(struct store_pg *s, const char *src, int64_t before_ms,
    struct err *err)
{
	struct store_pg_args args = { .n = 0 };
	char before[WALL_TEXT_MAX];
	int r;

	if (!s->rows)
		return 0;
	wall_format((struct wall){ before_ms * NS_PER_MS }, before);
	store_pg_conn_text(&args, src);
	store_pg_conn_text(&args, before);
	r = store_pg_conn_run(s,
	    "DELETE FROM rollup WHERE src = $1 AND bucket < $2::timestamptz", &args,
	    NULL, err);
	return r < 0 ? r : 0;
}
