/* SPDX-License-Identifier: MIT */
/*
 * The command line of meshopt-collector, and what it means together with the mesh file.
 */
#ifndef COLLECTOR_OPTIONS_H
#define COLLECTOR_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/err.h"
#include "common/mesh.h"

#include "collector/upkeep.h"

struct options {
	const char *mesh;	 /* path */
	char *db;		 /* owned; path */
	const char *listen;	 /* NULL = the mesh's Collector */
	const char *device;	 /* NULL = see options_listen() */
	struct upkeep_keep keep; /* 0 = see options_keep() */
	int64_t window_ns;
	bool overlay_only;	/* GET is for nodes of the mesh alone */
	uint32_t metrics_pairs; /* ordered pairs that have series of their own */
	bool check, verbose;
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_DONE, /* --help or --version: printed */
	OPTIONS_USAGE /* wrong: said on stderr */
};

enum options_result options_parse(struct options *o, int argc, char **argv);
void options_fini(struct options *o);

/*
 * Where to listen.  Without --listen: the address in the mesh's Collector, by the
 * mesh's Interface if there is one of that name.  With --listen: by any interface,
 * unless
 * --device names one.  0 or -EINVAL; *device is NULL for any.
 */
int options_listen(const struct options *o, const struct mesh *mesh,
    struct endpoint *ep, const char **device, struct err *err);

/* How long each tier is kept: as was said, else by the size of the mesh. */
void options_keep(const struct options *o, size_t n_nodes, struct upkeep_keep *keep);

#endif
