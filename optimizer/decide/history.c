/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/history.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/num.h"
#include "optimizer/decide/evidence.h"

void
history_free(struct history *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->n; i++)
		matrix_free(h->slices[i]);
	free(h->slices);
	free(h->labels);
	free(h);
}

size_t
history_find(const struct history *h, const char *label)
{
	uint32_t number;

	for (size_t i = 0; i < h->n; i++)
		if (strcmp(h->labels[i], label) == 0)
			return i;
	if (num_u32(label, 1, (uint32_t)h->n, &number) == 0)
		return number - 1;
	return SIZE_MAX;
}

static struct matrix *
keep_nodes(const struct matrix *m, const size_t *kept, size_t n)
{
	struct matrix *out = matrix_new(n);

	for (size_t i = 0; i < n; i++) {
		memcpy(out->names[i], m->names[kept[i]], sizeof(out->names[i]));
		for (size_t j = 0; j < n; j++)
			*matrix_cell(out, i, j) = *matrix_cell(m, kept[i], kept[j]);
	}
	return out;
}

void
history_keep(struct history *h, const bool *keep)
{
	size_t nodes = history_nodes(h), n = 0;
	size_t *kept = mem_array(nodes, sizeof(*kept));

	for (size_t i = 0; i < nodes; i++)
		if (keep[i])
			kept[n++] = i;
	for (size_t i = 0; i < h->n; i++) {
		struct matrix *m = keep_nodes(h->slices[i], kept, n);

		matrix_free(h->slices[i]);
		h->slices[i] = m;
	}
	free(kept);
}

struct matrix *
history_median(const struct history *h, size_t from, size_t to)
{
	size_t nodes = history_nodes(h), n = to - from + 1;
	struct matrix *out = matrix_new(nodes);
	int32_t *us = mem_array(n, sizeof(*us));

	memcpy(out->names, h->slices[0]->names, nodes * sizeof(*out->names));
	for (size_t a = 0; a < nodes; a++) {
		for (size_t b = a + 1; b < nodes; b++) {
			struct evidence e;

			for (size_t t = 0; t < n; t++)
				us[t] = matrix_pair(h->slices[from + t], a, b);
			e = evidence_series(us, n, EVIDENCE_CONF_PCT);
			if (e.n)
				*matrix_cell(out, a, b) = (int32_t)e.mid_us;
		}
	}
	free(us);
	return out;
}

size_t
history_centre(const struct matrix *m)
{
	int64_t least = INT64_MAX;
	int32_t worst = 0;
	size_t best = 0;

	for (size_t i = 0; i < m->n * m->n; i++)
		if (m->cells[i] > worst)
			worst = m->cells[i];
	for (size_t i = 0; i < m->n; i++) {
		int64_t sum = 0;

		for (size_t j = 0; j < m->n; j++) {
			int32_t us = i == j ? 0 : matrix_pair(m, i, j);

			sum += us == MATRIX_UNKNOWN ? worst : us;
		}
		if (sum < least) {
			least = sum;
			best = i;
		}
	}
	return best;
}
