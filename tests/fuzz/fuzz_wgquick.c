/* SPDX-License-Identifier: MIT */
/*
 * wg-quick files, dumps and CSV: nothing crashes, what is refused says where, and what
 * is taken ends as text that the mesh file's parser either takes or refuses with a
 * line.  A CSV if the first byte is 'n', else what wgquick_read() makes of it; a form
 * feed parts it into two files of one mesh.
 *
 * links: optimizer/wgquick.c optimizer/wgdump.c optimizer/nodes_csv.c
 * links: optimizer/import.c optimizer/import_write.c optimizer/import_text.c
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mesh_lint.h"
#include "optimizer/import.h"
#include "optimizer/nodes_csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static int
read_one(const uint8_t *in, size_t len, bool csv, struct wgquick *w)
{
	FILE *f;
	struct err err = { "" };
	int r;

	f = len ? fmemopen((void *)(uintptr_t)in, len, "r") : fopen("/dev/null", "r");
	assert(f);
	r = csv ? nodes_csv_read(f, "f", w, &err) : wgquick_read(f, "f", w, &err);
	(void)fclose(f);
	assert(r == 0 || strncmp(err.text, "f:", 2) == 0);
	return r;
}

static void
write_out(struct import *im)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	struct mesh *mesh = NULL;
	struct err err = { "" };

	assert(f);
	import_write(im, f);
	(void)fclose(f);
	f = fmemopen(text, len, "r");
	assert(f);
	if (mesh_parse(f, "m", &mesh, &err) < 0)
		assert(strncmp(err.text, "m:", 2) == 0);
	(void)fclose(f);
	mesh_free(mesh);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct import_source s[2] = { { .path = "a" }, { .path = "b.conf" } };
	struct import_opts opts = { .mesh_name = NULL };
	struct import *im = NULL;
	struct err err = { "" };
	const uint8_t *cut = len ? memchr(in, '\f', len) : NULL;
	size_t first = cut ? (size_t)(cut - in) : len, n = 0;
	bool csv = len && *in == 'n';

	if (read_one(in, first, csv, &s[0].w) == 0)
		n++;
	if (cut && read_one(cut + 1, len - first - 1, false, &s[n].w) == 0)
		n++;
	if (n && import_new(s, n, &opts, &im, &err) == 0)
		write_out(im);
	else
		assert(!n || *err.text);
	import_free(im);
	for (size_t i = 0; i < n; i++)
		wgquick_fini(&s[i].w);
	return 0;
}
