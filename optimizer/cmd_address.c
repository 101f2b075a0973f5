/* SPDX-License-Identifier: MIT */
/*
 * meshopt address: the next free overlay address of a region, or whether one is free.
 */
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/mesh_alloc.h"
#include "common/opts.h"
#include "optimizer/cmd.h"

static void
usage(FILE *to)
{
	fprintf(to, "usage: meshopt address [--mesh FILE] REGION [ADDRESS]\n"
		    "Print the lowest overlay address of the region's Subnet that no "
		    "node has and none\n"
		    "answers for; or say whether ADDRESS is free.\n");
}

static int
answer(const struct mesh *mesh, const char *region, const char *wanted, struct err *err)
{
	char text[PREFIX_TEXT_MAX];
	struct prefix p;
	int r;

	if (!wanted) {
		r = mesh_alloc_next(mesh, region, &p, err);
	} else if (addr_parse(wanted, &p.addr) < 0) {
		r = err_set(err, "\"%.60s\" is not an address", wanted);
	} else {
		r = mesh_alloc_check(mesh, region, &p.addr, err);
		p.len = r < 0 ? 0 : mesh_region(mesh, region)->subnet.len;
	}
	if (r < 0)
		return r;
	prefix_format(&p, text);
	printf("%s\n", text);
	return 0;
}

int
cmd_address(int argc, char **argv)
{
	static const struct option options[] = {
		{ "mesh", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = MESH_DEFAULT_PATH;
	struct mesh *mesh = NULL;
	struct err err;
	int c, r;

	while ((c = opts_next(argc, argv, "h", options)) != -1) {
		if (c != 'm') {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
		path = optarg;
	}
	/* "" would be of no region at all, which mesh_alloc_check() takes. */
	if (argc - optind < 1 || argc - optind > 2 || !*argv[optind]) {
		usage(stderr);
		return EXIT_USAGE;
	}
	r = mesh_load(path, &mesh, &err);
	if (r == 0)
		r = answer(mesh, argv[optind],
		    argc - optind == 2 ? argv[optind + 1] : NULL, &err);
	mesh_free(mesh);
	if (r == 0)
		return EXIT_DONE;
	log_warnx("%s", err.text);
	return EXIT_FAILED;
}
