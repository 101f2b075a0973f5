/* SPDX-License-Identifier: MIT */
/*
 * The same figures as measure_json.c takes from text: quantiles come from the sketch
 * here as they do in the collector.
 */
#include "optimizer/measure_rows.h"

#include <errno.h>
#include <string.h>

#include "common/mem.h"

static void
take_row(struct figures *f, struct measure_row *to)
{
	struct report_row *row = &f->row.row;

	memcpy(to->src, f->names[f->row.src], sizeof(to->src));
	memcpy(to->dst, f->names[f->row.dst], sizeof(to->dst));
	to->path = row->path;
	to->sent = row->sent;
	to->lost = row->lost;
	to->age_s = (double)f->row.age_ms / 1000;
	to->min_us = to->mean_us = to->p50_us = MEASURE_UNKNOWN;
	to->p95_us = to->max_us = to->jitter_us = MEASURE_UNKNOWN;
	to->rtt = (struct sketch){ 0 };
	if (!row->rtt.n)
		return;
	to->min_us = (int32_t)row->min_us;
	to->mean_us = (int32_t)row->mean_us;
	to->p50_us = (int32_t)report_quantile_us(row, 0.5);
	to->p95_us = (int32_t)report_quantile_us(row, 0.95);
	to->max_us = (int32_t)row->max_us;
	to->jitter_us = (int32_t)row->jitter_us;
	to->rtt = row->rtt;
	row->rtt = (struct sketch){ 0 }; /* moved */
}

int
measure_rows_decode(const char *bytes, size_t len, struct measure **out,
    struct err *err)
{
	struct figures f = { 0 };
	struct err why = { "" };
	struct measure *m;
	size_t cap = 0;
	int r;

	if (len < strlen(FIGURES_MAGIC) ||
	    memcmp(bytes, FIGURES_MAGIC, strlen(FIGURES_MAGIC)) != 0)
		return measure_from_json(bytes, len, out, err);
	m = mem_alloc(sizeof(*m));
	*out = NULL;
	r = figures_start(&f, (const uint8_t *)bytes, len, &why);
	while (r >= 0 && (r = figures_next(&f, &why)) > 0) {
		if (m->n_rows == cap) {
			cap = cap ? 2 * cap : 1024;
			m->rows = mem_grow(m->rows, cap, sizeof(*m->rows));
		}
		take_row(&f, &m->rows[m->n_rows++]);
	}
	memcpy(m->mesh, f.mesh, sizeof(m->mesh));
	figures_fini(&f);
	if (r == 0) {
		*out = m;
		return 0;
	}
	measure_free(m);
	return err_set(err, "the collector's matrix: %s", why.text);
}
