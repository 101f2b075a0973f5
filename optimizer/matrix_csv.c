/* SPDX-License-Identifier: MIT */
#include "optimizer/matrix_csv.h"

#include <csv.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/num.h"

#define FIELD_MAX  65536 /* bytes; libcsv itself would take a field of any length */
#define WEIGHT_MAX 1000000000u

struct reader {
	const char *path;
	enum matrix_unit unit;
	struct matrix *m;
	char (*names)[MESH_NAME_MAX]; /* of the columns, until the matrix is made */
	size_t n_names;
	bool *seen_row;
	unsigned line;
	size_t column; /* of the next field, from 0 */
	size_t row;    /* index of the row's name */
	bool failed;
	struct err *err;
};

static int fail(struct reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
fail(struct reader *r, const char *fmt, ...)
{
	char what[400];
	va_list ap;

	if (r->failed)
		return -EINVAL; /* the first fault is the one to tell */
	va_start(ap, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, ap); /* cut is fine */
	va_end(ap);
	r->failed = true;
	return err_set(r->err, "%s:%u: %s", r->path, r->line, what);
}

/*
 * Bytes of the character at s, 0 if it is none that RFC 3629 allows.  A name in another
 * encoding could not stand in a plan, which is JSON.
 */
static size_t
utf8_len(const unsigned char *s, size_t left)
{
	/* Of two, three and four bytes: the largest lead, the least code point. */
	static const uint32_t lead[] = { 0xdf, 0xef, 0xf4 };
	static const uint32_t least[] = { 0x80, 0x800, 0x10000 };
	uint32_t c = s[0];
	size_t n = 0;

	if (c < 0x80)
		return 1;
	while (n < 3 && c > lead[n])
		n++;
	if (c < 0xc2 || n == 3 || left < n + 2)
		return 0;
	c &= 0x1fu >> n;
	for (size_t i = 1; i < n + 2; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3fu);
	}
	return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ? 0 : n + 2;
}

/* Names of data sets are freer than those of a mesh file: "Sao Paulo", "N.Virginia". */
static bool
name_ok(const char *s, size_t len)
{
	size_t n;

	if (len == 0 || len >= MESH_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i += n) {
		n = utf8_len((const unsigned char *)s + i, len - i);
		if (n == 0 || (unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return false;
	}
	return true;
}

static void
take_heading(struct reader *r, const char *s, size_t len)
{
	if (r->column == 0)
		return;
	if (!name_ok(s, len)) {
		(void)fail(r,
		    "column %zu: the first line must name each column, in UTF-8 and up "
		    "to %d bytes",
		    r->column + 1, MESH_NAME_MAX - 1);
		return;
	}
	for (size_t i = 0; i < r->n_names; i++) {
		if (strlen(r->names[i]) == len && memcmp(r->names[i], s, len) == 0) {
			(void)fail(r, "column %zu: %.63s is there twice", r->column + 1,
			    r->names[i]);
			return;
		}
	}
	if (r->n_names == MESH_NODES_MAX) {
		(void)fail(r, "more than %d columns", MESH_NODES_MAX);
		return;
	}
	r->names = mem_grow(r->names, r->n_names + 1, sizeof(*r->names));
	memset(r->names[r->n_names], 0, sizeof(*r->names));
	memcpy(r->names[r->n_names++], s, len);
}

static void
take_row_name(struct reader *r, const char *s, size_t len)
{
	char name[MESH_NAME_MAX] = "";

	if (!name_ok(s, len)) {
		(void)fail(r, "the first cell must be a name");
		return;
	}
	memcpy(name, s, len);
	r->row = matrix_find(r->m, name);
	if (r->row == SIZE_MAX) {
		(void)fail(r, "%s is not named in the first line", name);
		return;
	}
	if (r->seen_row[r->row])
		(void)fail(r, "a second row for %s", name);
	r->seen_row[r->row] = true;
}

static int
parse_cell(const struct reader *r, const char *text, int32_t *out)
{
	uint32_t weight;
	int64_t us;

	if (r->unit == MATRIX_WEIGHT) {
		if (num_u32(text, 0, WEIGHT_MAX, &weight) < 0)
			return -EINVAL;
		*out = (int32_t)weight;
		return 0;
	}
	if (num_ms(text, &us) < 0)
		return -EINVAL;
	*out = (int32_t)us;
	return 0;
}

static void
take_cell(struct reader *r, const char *s, size_t len)
{
	size_t to = r->column - 1;
	char text[64] = "";
	int32_t value;

	if (to >= r->m->n) {
		(void)fail(r, "more cells than the first line has names (%zu)",
		    r->m->n);
		return;
	}
	while (len > 0 && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	if (len == 0)
		return; /* unknown */
	if (len < sizeof(text))
		memcpy(text, s, len);
	if (parse_cell(r, text, &value) < 0) {
		(void)fail(r, "column %zu (%s): \"%.*s\" is not %s", r->column + 1,
		    r->m->names[to], (int)(len < 40 ? len : 40), s,
		    r->unit == MATRIX_MS
			? "a time in ms, above 0 and up to 60000; leave the cell empty "
			  "if it is not known"
			: "a whole weight from 0 to 1000000000");
		return;
	}
	if (to == r->row && value != 0)
		(void)fail(r, "column %zu (%s): the diagonal must be 0 or empty",
		    r->column + 1, r->m->names[to]);
	else if (to != r->row && value == 0 && r->unit == MATRIX_MS)
		(void)fail(r,
		    "column %zu (%s): 0 is no round-trip time; leave the cell empty if "
		    "it "
		    "is not known",
		    r->column + 1, r->m->names[to]);
	else if (to != r->row)
		*matrix_cell(r->m, r->row, to) = value;
}

static void
on_field(void *data, size_t len, void *ctx)
{
	struct reader *r = ctx;
	const char *s = data ? data : "";

	if (!r->failed && memchr(s, '\0', len))
		(void)fail(r, "a NUL byte: this is not a text file");
	if (!r->failed && !r->m)
		take_heading(r, s, len);
	else if (!r->failed && r->column == 0)
		take_row_name(r, s, len);
	else if (!r->failed)
		take_cell(r, s, len);
	r->column++;
}

static void
end_headings(struct reader *r)
{
	if (r->n_names == 0) {
		(void)fail(r, "the first line names no column");
		return;
	}
	r->m = matrix_new(r->n_names);
	memcpy(r->m->names, r->names, r->n_names * sizeof(*r->names));
	r->seen_row = mem_array(r->n_names, sizeof(*r->seen_row));
}

static void
on_row(int c, void *ctx)
{
	struct reader *r = ctx;

	if (!r->failed && r->column > 0) {
		if (!r->m)
			end_headings(r);
		else if (r->column != r->m->n + 1)
			(void)fail(r, "%zu cells, but the first line has %zu",
			    r->column, r->m->n + 1);
	}
	r->column = 0;
	if (c == '\n') /* "\r\n" comes as two ends, the second of an empty row */
		r->line++;
}

static void *
bounded_realloc(void *old, size_t size)
{
	return size > FIELD_MAX ? NULL : realloc(old, size);
}

/* The two halves of a weight matrix must agree: which of them would be meant? */
static void
check_symmetric(struct reader *r)
{
	for (size_t i = 0; i < r->m->n; i++) {
		for (size_t j = 0; j < i; j++) {
			int32_t x = *matrix_cell(r->m, i, j),
				y = *matrix_cell(r->m, j, i);

			if (x == y || x == MATRIX_UNKNOWN || y == MATRIX_UNKNOWN)
				continue;
			r->failed = true;
			(void)err_set(r->err,
			    "%s: the weight of %s-%s is %d one way and %d the other",
			    r->path, r->m->names[i], r->m->names[j], x, y);
			return;
		}
	}
}

/* Memory ends where bounded_realloc() says. */
static const char *
reason(int code)
{
	return code == CSV_ENOMEM ? "a cell longer than any name or number: this is "
				    "not a matrix"
				  : csv_strerror(code);
}

static void
parse(struct reader *r, FILE *in)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct csv_parser csv;
	char block[65536];
	size_t n, skip = 0;
	bool first = true;

	if (csv_init(&csv, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL) != 0) {
		(void)fail(r, "cannot start the CSV reader");
		return;
	}
	csv_set_realloc_func(&csv, bounded_realloc);
	while (!r->failed && (n = fread(block, 1, sizeof(block), in)) > 0) {
		skip = first && n >= 3 && memcmp(block, bom, 3) == 0 ? 3 : 0;
		first = false;
		if (csv_parse(&csv, block + skip, n - skip, on_field, on_row, r) !=
		    n - skip)
			(void)fail(r, "%s", reason(csv_error(&csv)));
	}
	if (!r->failed && ferror(in))
		(void)fail(r, "%s", strerror(errno));
	if (!r->failed && csv_fini(&csv, on_field, on_row, r) != 0)
		(void)fail(r, "%s", csv_strerror(csv_error(&csv)));
	if (!r->failed && !r->m)
		(void)fail(r, "empty: a matrix has its names in the first line");
	csv_free(&csv);
}

int
matrix_csv_load(const char *path, enum matrix_unit unit, struct matrix **out,
    struct err *err)
{
	struct reader r = { .path = path, .unit = unit, .line = 1, .err = err };
	FILE *in = fopen(path, "re");

	*out = NULL;
	if (!in)
		return err_code(err, errno, "%s: %s", path, strerror(errno));
	parse(&r, in);
	if (!r.failed && unit == MATRIX_WEIGHT)
		check_symmetric(&r);
	(void)fclose(in); /* only read from */
	if (!r.failed) {
		*out = r.m;
		r.m = NULL;
	}
	matrix_free(r.m);
	free(r.names);
	free(r.seen_row);
	return r.failed ? -EINVAL : 0;
}
