/* SPDX-License-Identifier: MIT */
#include "optimizer/decide/outlook.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/decide/evidence.h"

struct outlook *
outlook_new(const struct history *h, size_t from, size_t to, unsigned conf_pct)
{
	size_t nodes = history_nodes(h), n = to - from + 1;
	struct outlook *o = mem_alloc(sizeof(*o));
	int32_t *us = mem_array(n, sizeof(*us));

	*o = (struct outlook){ h, from, to, 0, conf_pct, matrix_new(nodes),
		matrix_new(nodes) };
	memcpy(o->mid->names, h->slices[0]->names, nodes * sizeof(*o->mid->names));
	for (size_t a = 0; a < nodes; a++) {
		for (size_t b = a + 1; b < nodes; b++) {
			struct evidence e;

			for (size_t i = 0; i < n; i++)
				us[i] = matrix_pair(h->slices[from + i], a, b);
			e = evidence_series(us, n, conf_pct);
			if (!e.n)
				continue;
			*matrix_cell(o->mid, a, b) = (int32_t)e.mid_us;
			*matrix_cell(o->hi, a, b) = (int32_t)e.hi_us;
		}
	}
	free(us);
	return o;
}

void
outlook_free(struct outlook *o)
{
	if (!o)
		return;
	matrix_free(o->mid);
	matrix_free(o->hi);
	free(o);
}

int64_t
outlook_limit(const struct outlook *o, struct pair *p)
{
	size_t n = o->to - o->from + 1;
	int32_t *hub = mem_array(n, sizeof(*hub)), *direct = mem_array(n, sizeof(*hub));
	int64_t saves = p->hub_us - p->direct_us;
	struct evidence both, alone;

	for (size_t i = 0; i < n; i++) {
		const struct matrix *m = o->history->slices[o->from + i];

		hub[i] = history_via(m, p->a, p->b, o->hub);
		direct[i] = matrix_pair(m, p->a, p->b);
	}
	both = evidence_paired(hub, direct, n, o->conf_pct);
	alone = evidence_series(hub, n, o->conf_pct);
	free(hub);
	free(direct);
	if (alone.n && alone.lo_us < p->hub_us)
		p->hub_lo_us = alone.lo_us;
	p->direct_hi_us = matrix_pair(o->hi, p->a, p->b);
	if (both.n == 0) /* never both in one slice */
		return p->hub_lo_us - p->direct_hi_us;
	return both.lo_us < saves ? both.lo_us : saves;
}
