/* SPDX-License-Identifier: MIT */
/*
 * Figures of a row that have no sense without a sample are written only with one.  What
 * comes is judged like any input: counts are capped by what is there, names and numbers
 * are those that a report may have, and nothing may follow the end.
 */
#include "common/figures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* The byte after the destination. */
#define HEAD_PATH  0x03u
#define HEAD_TIMES 0x04u

size_t
figures_put_head(const struct mesh *mesh, uint8_t *out, size_t cap)
{
	struct wire_out w = { .p = out, .end = out + cap };

	for (const char *p = FIGURES_MAGIC; *p; p++)
		wire_put_byte(&w, (uint8_t)*p);
	wire_put_byte(&w, FIGURES_VERSION);
	wire_put_string(&w, mesh->name);
	wire_put_uint(&w, mesh->n_nodes);
	for (size_t i = 0; i < mesh->n_nodes; i++)
		wire_put_string(&w, mesh->nodes[i].name);
	return w.bad ? 0 : (size_t)(w.p - out);
}

size_t
figures_put_row(const struct figures_row *f, uint8_t *out, size_t cap)
{
	struct wire_out w = { .p = out, .end = out + cap };
	const struct report_row *row = &f->row;
	uint32_t mean = row->mean_us < row->min_us ? row->min_us : row->mean_us;
	uint32_t max = row->max_us < mean ? mean : row->max_us;
	size_t n;

	wire_put_uint(&w, f->dst + 1); /* 0 is the end */
	wire_put_byte(&w, (uint8_t)(row->path | (row->rtt.n ? HEAD_TIMES : 0)));
	wire_put_uint(&w, row->sent);
	wire_put_uint(&w, row->lost);
	/* Its sign is the lowest bit. */
	wire_put_uint(&w,
	    f->age_ms < 0 ? ((uint64_t)-f->age_ms << 1) - 1 : (uint64_t)f->age_ms << 1);
	if (row->rtt.n) {
		wire_put_uint(&w, row->min_us);
		wire_put_uint(&w, mean - row->min_us);
		wire_put_uint(&w, max - mean);
		wire_put_uint(&w, row->jitter_us);
		n = sketch_encode(&row->rtt, w.p, wire_out_left(&w));
		w.bad = w.bad || n == 0;
		w.p += n;
	}
	return w.bad ? 0 : (size_t)(w.p - out);
}

static int
unsound(const struct figures *f, struct err *err)
{
	return err_set(err, "cut off or malformed at byte %zu",
	    (size_t)(f->in.p - f->begin));
}

int
figures_start(struct figures *f, const uint8_t *in, size_t len, struct err *err)
{
	const size_t magic = sizeof(FIGURES_MAGIC); /* with the version, as C has a 0 */
	struct wire_in *w = &f->in;
	uint64_t n;

	*f = (struct figures){ .begin = in, .in = { .p = in, .end = in + len } };
	if (len < magic || memcmp(in, FIGURES_MAGIC, magic - 1) != 0)
		return err_set(err, "does not begin as rows (" FIGURES_MAGIC ")");
	if (in[magic - 1] != FIGURES_VERSION)
		return err_set(err, "version %u: only %d is known here", in[magic - 1],
		    FIGURES_VERSION);
	w->p += magic;
	wire_get_string(w, f->mesh, sizeof(f->mesh));
	n = wire_get_uint(w, MESH_NODES_MAX);
	/* A name has two bytes at least. */
	if (w->bad || !mesh_name_ok(f->mesh) || n > wire_in_left(w) / 2)
		return unsound(f, err);
	f->names = mem_array((size_t)n, sizeof(*f->names));
	f->n_names = (size_t)n;
	for (size_t i = 0; i < f->n_names; i++) {
		wire_get_string(w, f->names[i], sizeof(f->names[i]));
		if (w->bad || !mesh_name_ok(f->names[i]))
			return unsound(f, err);
	}
	return 0;
}

static void
get_times(struct wire_in *w, struct report_row *row)
{
	size_t n;

	/* Sums of three numbers below 2^26 cannot overflow. */
	row->min_us = (uint32_t)wire_get_uint(w, REPORT_RTT_MAX_US);
	row->mean_us = row->min_us + (uint32_t)wire_get_uint(w, REPORT_RTT_MAX_US);
	row->max_us = row->mean_us + (uint32_t)wire_get_uint(w, REPORT_RTT_MAX_US);
	row->jitter_us = (uint32_t)wire_get_uint(w, REPORT_RTT_MAX_US);
	n = sketch_decode(&row->rtt, w->p, wire_in_left(w));
	w->bad = w->bad || n == 0 || row->rtt.n == 0 || row->max_us > REPORT_RTT_MAX_US;
	w->p += n;
}

int
figures_next(struct figures *f, struct err *err)
{
	struct report_row *row = &f->row.row;
	struct wire_in *w = &f->in;
	uint64_t dst = 0, age;
	unsigned head;

	while (f->row.src < f->n_names && !w->bad &&
	       (dst = wire_get_uint(w, f->n_names)) == FIGURES_END)
		f->row.src += !w->bad;
	if (w->bad)
		return unsound(f, err);
	if (f->row.src == f->n_names)
		return w->p == w->end ? 0 : unsound(f, err);
	f->row.dst = (size_t)dst - 1;
	head = wire_get_byte(w);
	row->path = (enum path)(head & HEAD_PATH);
	row->sent = (uint32_t)wire_get_uint(w, UINT32_MAX);
	row->lost = (uint32_t)wire_get_uint(w, UINT32_MAX);
	age = wire_get_uint(w, INT64_MAX);
	f->row.age_ms = age & 1 ? -(int64_t)(age >> 1) - 1 : (int64_t)(age >> 1);
	row->min_us = row->mean_us = row->max_us = row->jitter_us = 0;
	sketch_clear(&row->rtt);
	if (head & HEAD_TIMES)
		get_times(w, row);
	if (w->bad || head & ~(HEAD_PATH | HEAD_TIMES) ||
	    (head & HEAD_PATH) >= PATH_COUNT || row->lost > row->sent)
		return unsound(f, err);
	return 1;
}

void
figures_fini(struct figures *f)
{
	free(f->names);
	sketch_fini(&f->row.row.rtt);
	*f = (struct figures){ 0 };
}
