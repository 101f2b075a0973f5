/* SPDX-License-Identifier: MIT */
/*
 * meshopt lint: every fault of a mesh file, not only the first.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mesh_lint.h"
#include "common/opts.h"
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

static void
print_list(struct lint_out *out)
{
	json_dumpf(out->list, stdout, JSON_INDENT(1));
	printf("\n");
	json_decref(out->list);
}

/* A file that is no mesh file is one error; its text begins with "path:line: ". */
static void
unreadable(const struct err *err, struct lint_out *out)
{
	struct mesh_fault fault = { .hard = true };
	const char *text = err->text;
	size_t n = strlen(out->path), line = 0;
	int used = 0;

	if (!out->list) {
		log_warnx("%s", text);
		return;
	}
	if (strncmp(text, out->path, n) == 0 && text[n] == ':')
		text += n + 1;
	for (; text[used] >= '0' && text[used] <= '9' && line < 1000000000; used++)
		line = line * 10 + (size_t)(text[used] - '0');
	if (used && text[used] == ':') {
		fault.line = (unsigned)line;
		text += used + 1;
	}
	text += *text == ' ';
	(void)snprintf(fault.text, sizeof(fault.text), "%s", text); /* cut is fine */
	on_fault(&fault, out);
	print_list(out);
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
	if (as_json)
		out.list = json_array();
	if (mesh_parse(in, path, &mesh, &err) < 0) {
		(void)fclose(in); /* only read from */
		unreadable(&err, &out);
		return EXIT_FAILED;
	}
	check_mode(in, &out);
	(void)fclose(in);		       /* only read from */
	(void)mesh_lint(mesh, on_fault, &out); /* counted by on_fault */
	mesh_lint_age(mesh, clock_wall(), on_fault, &out);
	if (as_json) {
		print_list(&out);
	} else {
		printf("%s: mesh %s, %zu node%s: %zu error%s, %zu warning%s\n", path,
		    mesh->name, mesh->n_nodes, mesh->n_nodes == 1 ? "" : "s", out.hard,
		    out.hard == 1 ? "" : "s", out.soft, out.soft == 1 ? "" : "s");
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

	while ((c = opts_next(argc, argv, "jh", options)) != -1) {
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
