/* SPDX-License-Identifier: MIT */
#include "optimizer/measure_json.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

void
measure_free(struct measure *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_rows; i++)
		sketch_fini(&m->rows[i].rtt);
	free(m->rows);
	free(m);
}

static bool
take_name(const json_t *o, const char *key, char out[MESH_NAME_MAX])
{
	const char *s = json_string_value(json_object_get(o, key));

	if (!s || !mesh_name_ok(s))
		return false;
	memcpy(out, s, strlen(s) + 1);
	return true;
}

static bool
take_count(const json_t *o, const char *key, uint32_t *out)
{
	const json_t *v = json_object_get(o, key);
	json_int_t n = json_integer_value(v);

	if (!json_is_integer(v) || n < 0 || n > UINT32_MAX)
		return false;
	*out = (uint32_t)n;
	return true;
}

/* A time that is absent is unknown; one that is there must be one. */
static bool
take_ms(const json_t *o, const char *key, int32_t *out)
{
	const json_t *v = json_object_get(o, key);
	double ms = json_number_value(v);

	*out = MEASURE_UNKNOWN;
	if (!v || json_is_null(v))
		return true;
	if (!json_is_number(v) || !(ms >= 0 && ms <= REPORT_RTT_MAX_US / 1000.0))
		return false;
	*out = (int32_t)(ms * 1000 + 0.5);
	return true;
}

/* "sketch": [index, count, index, count, ...], by rising index; or nothing. */
static bool
take_sketch(const json_t *o, struct sketch *out)
{
	const json_t *list = json_object_get(o, "sketch");
	json_int_t last = -1;

	if (!list || json_is_null(list))
		return true;
	if (!json_is_array(list) || json_array_size(list) % 2)
		return false;
	for (size_t i = 0; i < json_array_size(list); i += 2) {
		const json_t *at = json_array_get(list, i);
		const json_t *n = json_array_get(list, i + 1);
		json_int_t index = json_integer_value(at);
		json_int_t count = json_integer_value(n);

		if (!json_is_integer(at) || !json_is_integer(n) || index <= last ||
		    index >= SKETCH_BUCKETS || count < 1 || count > UINT32_MAX)
			return false;
		last = index;
		sketch_append(out, (unsigned)index, (uint32_t)count);
	}
	return true;
}

static bool
take_row(const json_t *o, struct measure_row *row)
{
	const char *path = json_string_value(json_object_get(o, "path"));
	const json_t *age = json_object_get(o, "age_s");

	row->age_s = json_number_value(age);
	return take_name(o, "src", row->src) && take_name(o, "dst", row->dst) && path &&
	       path_parse(path, &row->path) == 0 && take_count(o, "sent", &row->sent) &&
	       take_count(o, "lost", &row->lost) && row->lost <= row->sent &&
	       take_ms(o, "min_ms", &row->min_us) &&
	       take_ms(o, "mean_ms", &row->mean_us) &&
	       take_ms(o, "p50_ms", &row->p50_us) &&
	       take_ms(o, "p95_ms", &row->p95_us) &&
	       take_ms(o, "max_ms", &row->max_us) &&
	       take_ms(o, "jitter_ms", &row->jitter_us) && json_is_number(age) &&
	       take_sketch(o, &row->rtt);
}

int
measure_from_json(const char *text, size_t len, struct measure **out, struct err *err)
{
	json_error_t where;
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);
	const json_t *rows = json_object_get(o, "rows");
	struct measure *m = mem_alloc(sizeof(*m));
	int r = 0;

	*out = NULL;
	if (!o)
		r = err_set(err, "the collector's matrix, line %d: %s", where.line,
		    where.text);
	else if (!take_name(o, "mesh", m->mesh) || !json_is_array(rows))
		r = err_set(err,
		    "the collector's matrix has no mesh or no rows; is it a "
		    "meshopt-collector?");
	m->rows = mem_array(json_array_size(rows), sizeof(*m->rows));
	for (size_t i = 0; r == 0 && i < json_array_size(rows); i++) {
		if (!take_row(json_array_get(rows, i), &m->rows[i]))
			r = err_set(err, "the collector's matrix: row %zu is not sound",
			    i);
		m->n_rows++; /* an unsound one too: it may own a sketch */
	}
	json_decref(o);
	if (r == 0)
		*out = m;
	else
		measure_free(m);
	return r;
}
