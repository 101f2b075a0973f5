/* SPDX-License-Identifier: MIT */
#include "optimizer/nodes_csv.h"

#include <csv.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/mesh_keys.h"

#define COLUMNS_MAX 64
#define FIELD_MAX   4096 /* bytes; libcsv itself would take a field of any length */

struct reader {
	const char *name;
	struct wgquick *w;
	const struct mesh_key *column[COLUMNS_MAX];
	size_t n_columns;
	size_t at; /* the column of the next field */
	struct wgquick_peer *peer;
	unsigned line;
	bool begun; /* the row has a field that is not empty */
	bool failed;
	struct err *err;
};

static void
fail(struct reader *r, const char *what, const char *word)
{
	if (!r->failed) /* the first fault is the one to tell */
		(void)err_set(r->err, "%s:%u: %.80s: %s", r->name, r->line, word, what);
	r->failed = true;
}

static void
take_heading(struct reader *r, const char *text)
{
	const struct mesh_key *k = mesh_keys_of[MESH_IN_NODE].keys;

	while (k->name && strcasecmp(text, k->name) != 0)
		k++;
	for (size_t i = 0; i < r->n_columns; i++)
		if (r->column[i] == k)
			fail(r, "the column is there twice", text);
	if (!k->name)
		fail(r, "not a key of [Node], which the columns are", text);
	else if (r->n_columns == COLUMNS_MAX)
		fail(r, "too many columns", text);
	else
		r->column[r->n_columns++] = k;
}

static void
take_cell(struct reader *r, const char *text)
{
	const struct mesh_key *k = r->at < r->n_columns ? r->column[r->at] : NULL;
	struct mesh_node scratch;
	const char *want;
	char *line = NULL;

	if (!k) {
		fail(r, "more cells than the first line has", text);
		return;
	}
	if (!r->peer) {
		r->peer = wgquick_add_peer(r->w);
		r->peer->line = r->line;
	}
	if (!*text)
		return;
	/* Judged by the mesh file's own rules, here, where the line is known. */
	mesh_keys_default_node(&scratch);
	want = mesh_keys_set(k, &scratch, text);
	free(scratch.prefixes);
	if (want) {
		fail(r, k->name, text);
		(void)err_set(r->err, "%s:%u: %s: \"%.80s\" is not %s", r->name,
		    r->line, k->name, text, want);
		return;
	}
	r->begun = true;
	if (strcmp(k->name, "Name") == 0) {
		(void)snprintf(r->peer->label, sizeof(r->peer->label), "%s",
		    text); /* judged: short */
		r->peer->friendly = true;
		return;
	}
	if (strcmp(k->name, "PublicKey") == 0) {
		r->peer->key = scratch.key;
		return;
	}
	if (asprintf(&line, "%s = %s", k->name, text) < 0)
		abort(); /* of memory: as mem_alloc() does */
	wgquick_add_line(&r->peer->said, line);
	free(line);
}

static void
on_field(void *data, size_t len, void *ctx)
{
	struct reader *r = ctx;
	char text[FIELD_MAX] = "";

	if (r->failed)
		return;
	if (len >= sizeof(text) || (len && memchr(data, '\0', len)))
		fail(r, "too long, or not text", "a cell");
	if (len && !r->failed)
		memcpy(text, data, len);
	if (strpbrk(text, "\r\n#"))
		fail(r, "a line break or # has no place in a mesh file", "a cell");
	if (r->failed)
		return;
	if (!r->w->n_peers && r->line == 1)
		take_heading(r, text);
	else
		take_cell(r, text);
	r->at++;
}

static bool
has_column(const struct reader *r, const char *name)
{
	for (size_t i = 0; i < r->n_columns; i++)
		if (strcmp(r->column[i]->name, name) == 0)
			return true;
	return false;
}

static void
on_row(int c, void *ctx)
{
	struct reader *r = ctx;

	if (!r->failed && r->line == 1 && r->at &&
	    (!has_column(r, "Name") || !has_column(r, "PublicKey")))
		fail(r, "the first line must name the columns, these two among them",
		    "Name, PublicKey");
	if (!r->failed && r->peer && !*r->peer->label)
		fail(r, "the row has no Name", "Name");
	if (!r->failed && r->w->n_peers > MESH_NODES_MAX)
		fail(r, "too many rows", "nodes");
	r->at = 0;
	r->peer = NULL;
	if (c == '\n') /* "\r\n" comes as two ends, the second of an empty row */
		r->line++;
}

static void *
bounded_realloc(void *old, size_t size)
{
	return size > 2 * FIELD_MAX ? NULL : realloc(old, size);
}

static void
parse(struct reader *r, FILE *in)
{
	struct csv_parser csv;
	char block[4096];
	size_t n;

	if (csv_init(&csv, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL) != 0) {
		fail(r, "cannot start", "the CSV reader");
		return;
	}
	csv_set_realloc_func(&csv, bounded_realloc);
	while (!r->failed && (n = fread(block, 1, sizeof(block), in)) > 0)
		if (csv_parse(&csv, block, n, on_field, on_row, r) != n)
			fail(r, csv_strerror(csv_error(&csv)), "CSV");
	if (!r->failed && ferror(in))
		fail(r, strerror(errno), "reading");
	if (!r->failed && csv_fini(&csv, on_field, on_row, r) != 0)
		fail(r, csv_strerror(csv_error(&csv)), "CSV");
	csv_free(&csv);
}

int
nodes_csv_read(FILE *in, const char *name, struct wgquick *out, struct err *err)
{
	struct reader r = { .name = name, .w = out, .line = 1, .err = err };

	memset(out, 0, sizeof(*out));
	parse(&r, in);
	if (!r.failed && !out->n_peers)
		fail(&r, "no node in it", "CSV");
	if (!r.failed && wgquick_check(out, name, err) < 0)
		r.failed = true;
	if (!r.failed)
		return 0;
	wgquick_fini(out);
	return -EINVAL;
}
