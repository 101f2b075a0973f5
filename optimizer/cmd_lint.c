/* SPDX-License-Identifier: MIT */
/*
 * meshopt lint: every fault of a mesh file, not only the first.
 */
#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mesh_lint.h"
#include "optimizer/cmd.h"

struct lint_out {
	const char *path;
	json_t *list; /* NULL: print lines */
	size_t hard, soft;
};

static void
on_fault(const struct mesh_fault *f, void *ctx)
{
	struct lint_out *out = ctx;
	const char *level = f->hard ? "error" : "warning";

	*(f->hard ? &out->hard : &out->soft) += 1;
	if (out->list)
		json_array_append_new(out->list,
		    json_pack("{s:s, s:i, s:s, s:s}", "file", out->path, "line",
			(int)f->line, "level", level, "text", f->text));
	else if (f->line)
		printf("%s:%u: %s: %s\n", out->path, f->line, level, f->text);
	else
		printf("%s: %s: %s\n", out->path, level, f->text);
}

static void
usage(FILE *to)
{
	fprintf(to, "usage: meshopt lint [--json] [FILE]\n"
		    "Judge a mesh file (default " MESH_DEFAULT_PATH ").\n"
		    "Exit status 0: it may be used, 1: it has errors.\n");
}

/* Modes are part of the judgement: who can write the roster can redirect traffic. */
static void
check_mode(FILE *in, struct lint_out *out)
{
	struct mesh_fault fault = { .hard = true };
	struct stat st;

	if (fstat(fileno(in), &st) < 0 || !S_ISREG(st.st_mode) ||
	    !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return;
	(void)snprintf(fault.text, sizeof(fault.text),
	    "others than its owner may write it (mode %04o): chmod go-w",
	    st.st_mode & 07777); /* fits */
	on_fault(&fault, out);
}

static int
lint_file(const char *path, bool as_json)
{
	struct lint_out out = { .path = path };
	struct mesh *mesh = NULL;
	struct err err;
	FILE *in = fopen(path, "re");

	if (!in) {
		log_warn("%s", path);
		return EXIT_FAILED;
	}
	if (mesh_parse(in, path, &mesh, &err) < 0) {
		log_warnx("%s", err.text);
		(void)fclose(in); /* only read from */
		return EXIT_FAILED;
	}
	if (as_json)
		out.list = json_array();
	check_mode(in, &out);
	(void)fclose(in);		       /* only read from */
	(void)mesh_lint(mesh, on_fault, &out); /* counted by on_fault */
	mesh_lint_age(mesh, clock_wall(), on_fault, &out);
	if (as_json) {
		json_dumpf(out.list, stdout, JSON_INDENT(1));
		printf("\n");
		json_decref(out.list);
	} else {
		printf("%s: mesh %s, %zu nodes: %zu errors, %zu warnings\n", path,
		    mesh->name, mesh->n_nodes, out.hard, out.soft);
	}
	mesh_free(mesh);
	return out.hard ? EXIT_FAILED : EXIT_DONE;
}

int
cmd_lint(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "mesh", required_argument, NULL, 'm' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = NULL;
	bool as_json = false;
	int c;

	while ((c = getopt_long(argc, argv, "jh", options, NULL)) != -1) {
		if (c == 'j') {
			as_json = true;
		} else if (c == 'm') {
			path = optarg;
		} else {
			usage(c == 'h' ? stdout : stderr);
			return c == 'h' ? EXIT_DONE : EXIT_USAGE;
		}
	}
	if (argc - optind > 1 || (path && argc > optind)) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (argc > optind)
		path = argv[optind];
	return lint_file(path ? path : MESH_DEFAULT_PATH, as_json);
}
