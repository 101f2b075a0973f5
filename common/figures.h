/* SPDX-License-Identifier: MIT */
/*
 * The collector's matrix as bytes, application/vnd.meshopt.rows: for each source its
 * rows with all figures and their sketches, at some 30 bytes where JSON takes 250.
 * meshopt-collector(8) has the layout; whole numbers are those of common/wire.h.
 */
#ifndef COMMON_FIGURES_H
#define COMMON_FIGURES_H

#include "common/report.h"

#define FIGURES_MEDIA_TYPE "application/vnd.meshopt.rows"
#define FIGURES_MAGIC	   "MORW"
#define FIGURES_VERSION	   1

/* Room for the head of a mesh of so many nodes, and for one row. */
#define FIGURES_HEAD_BYTES(n_nodes) (96 + (n_nodes) * (size_t)MESH_NAME_MAX)
#define FIGURES_ROW_BYTES	    (64 + SKETCH_BUCKETS * 7)

/* Follows the last row of a source; a source without a row has it alone. */
#define FIGURES_END 0

struct figures_row {
	size_t src, dst; /* by the names of the head */
	int64_t age_ms;	 /* since the newest window; below 0 if a clock is ahead */
	/* Without peer, late, duplicate and reordered. */
	struct report_row row;
};

/* Bytes written.  Rows come source by source, in the order of the mesh; src is not
 * written. */
size_t figures_put_head(const struct mesh *mesh, uint8_t *out, size_t cap);
size_t figures_put_row(const struct figures_row *row, uint8_t *out, size_t cap);

/*
 *	struct figures f = { 0 };
 *	r = figures_start(&f, in, len, &err);
 *	while (r >= 0 && (r = figures_next(&f, &err)) > 0)
 *		... f.row ...
 *	figures_fini(&f);
 */
struct figures {
	char mesh[MESH_NAME_MAX];
	char (*names)[MESH_NAME_MAX]; /* owned */
	size_t n_names;
	struct figures_row row; /* its sketch owned; may be moved away and zeroed */
	/* Its own. */
	struct wire_in in;
	const uint8_t *begin;
};

/* in: borrowed until the end. */
int figures_start(struct figures *f, const uint8_t *in, size_t len, struct err *err);
/* 1: there is a row; 0: there was the last one; -EINVAL and err. */
int figures_next(struct figures *f, struct err *err);
void figures_fini(struct figures *f);

#endif
