/* SPDX-License-Identifier: MIT */
/*
 * Rows from state and mesh.
 */
#include "optimizer/operate/status.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

void
status_make(const struct state *state, const struct mesh *mesh, size_t self,
    const unsigned *ifindex, struct status *out)
{
	*out = (struct status){ .mesh = mesh, .state = state, .self = self };
	out->rows = mem_array(mesh->n_nodes, sizeof(*out->rows));
	for (size_t i = 0; i < mesh->n_nodes; i++) {
		struct status_row *row = &out->rows[out->n_rows];

		if (i == self)
			continue;
		*row = (struct status_row){ .node = i,
			.way = way_to(state, mesh, i, ifindex[i]),
			.hub = way_peer(state->hub, &mesh->nodes[i].key),
			.direct = way_peer(state->direct, &mesh->nodes[i].key),
			.hub_us = -1,
			.direct_us = -1 };
		out->n_rows++;
	}
}

void
status_fini(struct status *st)
{
	free(st->rows);
	st->rows = NULL;
	st->n_rows = 0;
}

const struct kernel_peer *
status_peer(const struct status_row *row)
{
	if (row->way.kind == WAY_DIRECT)
		return row->way.peer;
	return row->hub ? row->hub : row->direct;
}

static void
take(struct status_row *row, const struct measure_row *m)
{
	int64_t us = m->p50_us > 0 ? m->p50_us : m->mean_us;

	if (us <= 0)
		return;
	if (m->path == PATH_HUB)
		row->hub_us = us;
	else if (m->path == PATH_DIRECT)
		row->direct_us = us;
}

/* What the other end measured counts where this one has not. */
void
status_add_rtt(struct status *st, const struct measure *measure)
{
	const char *self = st->mesh->nodes[st->self].name;

	st->has_rtt = true;
	for (int own = 0; own <= 1; own++) {
		for (size_t i = 0; i < measure->n_rows; i++) {
			const struct measure_row *m = &measure->rows[i];
			const char *us = own ? m->src : m->dst;
			const char *them = own ? m->dst : m->src;

			if (strcmp(us, self) != 0)
				continue;
			for (size_t j = 0; j < st->n_rows; j++) {
				if (strcmp(st->mesh->nodes[st->rows[j].node].name,
					them) == 0)
					take(&st->rows[j], m);
			}
		}
	}
}
