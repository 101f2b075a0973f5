/* SPDX-License-Identifier: MIT */
#include "optimizer/history_read.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "common/mem.h"
#include "common/num.h"
#include "optimizer/matrix_csv.h"

#define LINE_MAX_BYTES 1048576		 /* 100,000 slices of 10 characters */
#define FILE_MAX_BYTES ((size_t)1 << 32) /* unpacked */
#define PAIRS_MAX      ((size_t)5000000)

/* One line of the file: two names and a figure a slice, before the nodes are known. */
struct line {
	char a[MESH_NAME_MAX], b[MESH_NAME_MAX];
	unsigned number;
	int32_t *us; /* owned */
};

struct reader {
	const char *path;
	gzFile in;
	char *text; /* of the line, LINE_MAX_BYTES */
	unsigned number;
	size_t bytes;
	struct history *h; /* labels and n; slices come last */
	struct line *lines;
	size_t n_lines, cap;
	char (*names)[MESH_NAME_MAX]; /* sorted */
	size_t n_names;
	struct err *err;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Next line without its end: 1, 0 at the end, or -errno. */
static int
next_line(struct reader *r)
{
	z_off_t from = gztell(r->in);
	size_t n;
	int code;

	if (!gzgets(r->in, r->text, LINE_MAX_BYTES)) {
		const char *why = gzerror(r->in, &code);

		if (code == Z_OK || code == Z_STREAM_END)
			return 0;
		return err_code(r->err, EIO, "%s:%u: %s", r->path, r->number + 1,
		    code == Z_BUF_ERROR ? "the file ends too early" : why);
	}
	r->number++;
	n = strlen(r->text);
	r->bytes += n;
	if (n == LINE_MAX_BYTES - 1 || r->bytes > FILE_MAX_BYTES)
		return err_set(r->err, "%s:%u: too long", r->path, r->number);
	if (gztell(r->in) - from != (z_off_t)n)
		return err_set(r->err, "%s:%u: a NUL byte: this is not a text file",
		    r->path, r->number);
	if (n > 0 && r->text[n - 1] == '\n')
		r->text[--n] = '\0';
	if (n > 0 && r->text[n - 1] == '\r')
		r->text[n - 1] = '\0';
	return 1;
}

/* The next field of a line, or NULL after the last; no quotes: names need none. */
static char *
next_field(char **rest)
{
	return strsep(rest, ",");
}

static int
read_heading(struct reader *r)
{
	struct history *h = r->h;
	char *rest = r->text, *field;
	int got = next_line(r);

	if (got < 0)
		return got;
	field = got ? next_field(&rest) : NULL;
	if (!field || strcmp(field, "a") || !rest || strcmp(next_field(&rest), "b"))
		return err_set(r->err,
		    "%s:1: a history begins with \"a,b,\" and a label a slice",
		    r->path);
	while ((field = next_field(&rest))) {
		if (!*field || strlen(field) >= HISTORY_LABEL_MAX)
			return err_set(r->err, "%s:1: \"%.80s\" is no label", r->path,
			    field);
		if (h->n == HISTORY_SLICES_MAX)
			return err_set(r->err, "%s:1: more than %d slices", r->path,
			    HISTORY_SLICES_MAX);
		h->labels = mem_grow(h->labels, h->n + 1, sizeof(*h->labels));
		memcpy(h->labels[h->n++], field, strlen(field) + 1);
	}
	if (h->n == 0)
		return err_set(r->err, "%s:1: there is no slice", r->path);
	return 0;
}

static int
read_names(struct reader *r, struct line *line, char **rest)
{
	char *a = next_field(rest), *b = *rest ? next_field(rest) : NULL;

	if (!*a || !b || !*b || strlen(a) >= MESH_NAME_MAX ||
	    strlen(b) >= MESH_NAME_MAX || strcmp(a, b) == 0)
		return err_set(r->err, "%s:%u: a line begins with two names", r->path,
		    r->number);
	memcpy(line->a, a, strlen(a) + 1);
	memcpy(line->b, b, strlen(b) + 1);
	return 0;
}

static int
read_cells(struct reader *r, struct line *line, char *rest)
{
	size_t n = 0;
	char *field;
	int64_t us;

	line->us = mem_array(r->h->n, sizeof(*line->us));
	for (; (field = next_field(&rest)); n++) {
		if (n == r->h->n)
			break;
		line->us[n] = MATRIX_UNKNOWN;
		if (!*field)
			continue;
		if (num_ms(field, &us) < 0 || us == 0)
			return err_set(r->err,
			    "%s:%u: column %zu (%s): \"%.40s\" is not a time in ms, "
			    "above 0 and up to %d; leave it empty if it is not known",
			    r->path, r->number, n + 3, r->h->labels[n], field,
			    NUM_MS_MAX);
		line->us[n] = (int32_t)us;
	}
	if (field || n != r->h->n)
		return err_set(r->err, "%s:%u: %s cells than the first line has slices",
		    r->path, r->number, field ? "more" : "fewer");
	return 0;
}

static int
read_lines(struct reader *r)
{
	int got;

	while ((got = next_line(r)) > 0) {
		struct line *line;
		char *rest = r->text;

		if (!*r->text)
			continue;
		if (r->n_lines == PAIRS_MAX ||
		    r->n_lines * r->h->n > HISTORY_CELLS_MAX / 2)
			return err_set(r->err, "%s:%u: more figures than fit", r->path,
			    r->number);
		if (r->n_lines == r->cap) {
			r->cap = r->cap ? r->cap * 2 : 1024;
			r->lines = mem_grow(r->lines, r->cap, sizeof(*r->lines));
		}
		line = &r->lines[r->n_lines++];
		*line = (struct line){ .number = r->number };
		if (read_names(r, line, &rest) < 0 || read_cells(r, line, rest) < 0)
			return -EINVAL;
	}
	return got;
}

static int
collect_names(struct reader *r)
{
	size_t n = 0;

	r->names = mem_array(2 * r->n_lines, sizeof(*r->names));
	for (size_t i = 0; i < r->n_lines; i++) {
		memcpy(r->names[n++], r->lines[i].a, MESH_NAME_MAX);
		memcpy(r->names[n++], r->lines[i].b, MESH_NAME_MAX);
	}
	if (n == 0)
		return err_set(r->err, "%s: there is no pair in it", r->path);
	qsort(r->names, n, sizeof(*r->names), by_name);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(r->names[i], r->names[r->n_names - 1]))
			memmove(r->names[r->n_names++], r->names[i], MESH_NAME_MAX);
	if (r->n_names > MESH_NODES_MAX ||
	    r->n_names * r->n_names * r->h->n > HISTORY_CELLS_MAX)
		return err_set(r->err, "%s: %zu nodes and %zu slices are too many",
		    r->path, r->n_names, r->h->n);
	return 0;
}

static size_t
index_of(const struct reader *r, const char *name)
{
	const char(*found)[MESH_NAME_MAX] =
	    bsearch(name, r->names, r->n_names, sizeof(*r->names), by_name);

	return (size_t)(found - (const char(*)[MESH_NAME_MAX])r->names);
}

/* Lines into matrices; the file may say each pair once, whichever end first. */
static int
fill_slices(struct reader *r)
{
	struct history *h = r->h;
	bool *seen = mem_array(r->n_names * r->n_names, sizeof(*seen));
	int result = 0;

	h->slices = mem_array(h->n, sizeof(struct matrix *));
	for (size_t t = 0; t < h->n; t++) {
		h->slices[t] = matrix_new(r->n_names);
		memcpy(h->slices[t]->names, r->names, r->n_names * sizeof(*r->names));
	}
	for (size_t i = 0; i < r->n_lines && result == 0; i++) {
		const struct line *line = &r->lines[i];
		size_t a = index_of(r, line->a), b = index_of(r, line->b);

		if (seen[a * r->n_names + b] || seen[b * r->n_names + a])
			result = err_set(r->err, "%s:%u: %s,%s is there twice", r->path,
			    line->number, line->a, line->b);
		seen[a * r->n_names + b] = true;
		for (size_t t = 0; t < h->n; t++)
			*matrix_cell(h->slices[t], a, b) = line->us[t];
	}
	free(seen);
	return result;
}

static int
read_slices(const char *path, struct history *h, struct err *err)
{
	struct reader r = { .path = path, .h = h, .err = err };
	size_t labels;
	int result = 0;

	errno = 0;
	r.in = gzopen(path, "rbe");
	if (!r.in)
		return err_code(err, errno ? errno : ENOMEM, "%s: %s", path,
		    strerror(errno ? errno : ENOMEM));
	r.text = mem_alloc(LINE_MAX_BYTES);
	result = read_heading(&r);
	if (result == 0)
		result = read_lines(&r);
	if (result == 0)
		result = collect_names(&r);
	labels = h->n;
	h->n = 0; /* no slices are there yet, if it is freed now */
	if (result == 0) {
		h->n = labels;
		result = fill_slices(&r);
	}
	for (size_t i = 0; i < r.n_lines; i++)
		free(r.lines[i].us);
	free(r.lines);
	free(r.names);
	free(r.text);
	(void)gzclose(r.in); /* only read from */
	return result;
}

static int
is_csv(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return n > 4 && strcmp(entry->d_name + n - 4, ".csv") == 0;
}

/* The cells in the order of the names; the first file says which names there are. */
static int
add_matrix(struct history *h, struct matrix *m, const char *path, struct err *err)
{
	struct matrix *to = matrix_new(m->n);
	size_t *index = mem_array(m->n, sizeof(*index));
	const struct matrix *names = h->n ? h->slices[0] : to;
	int r = 0;

	if ((h->n + 1) * m->n * m->n > HISTORY_CELLS_MAX)
		r = err_set(err, "%s: more figures than fit", path);
	memcpy(to->names, h->n ? names->names : m->names,
	    (h->n && names->n < m->n ? names->n : m->n) * sizeof(*to->names));
	if (h->n == 0)
		qsort(to->names, to->n, sizeof(*to->names), by_name);
	for (size_t i = 0; i < m->n && r == 0; i++) {
		index[i] = matrix_find(names, m->names[i]);
		if (index[i] == SIZE_MAX || names->n != m->n)
			r = err_set(err, "%s: its nodes are not those of %s (%s)", path,
			    h->labels[0], m->names[i]);
	}
	for (size_t i = 0; i < m->n && r == 0; i++)
		for (size_t j = 0; j < m->n; j++)
			*matrix_cell(to, index[i], index[j]) = *matrix_cell(m, i, j);
	free(index);
	if (r == 0)
		h->slices[h->n++] = to;
	else
		matrix_free(to);
	return r;
}

static int
read_file(struct history *h, const char *dir, const char *name, struct err *err)
{
	size_t n = strlen(dir) + strlen(name) + 2;
	char *path = mem_alloc(n);
	struct matrix *m = NULL;
	int r;

	(void)snprintf(path, n, "%s/%s", dir, name); /* n is enough */
	if (strlen(name) >= HISTORY_LABEL_MAX + 4)
		r = err_set(err, "%s: the name is too long for a label", path);
	else
		r = matrix_csv_load(path, MATRIX_MS, &m, err);
	if (r == 0) {
		memcpy(h->labels[h->n], name, strlen(name) - 4);
		r = add_matrix(h, m, path, err);
	}
	matrix_free(m);
	free(path);
	return r;
}

static int
read_directory(const char *path, struct history *h, struct err *err)
{
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, is_csv, alphasort), r = 0;

	if (n < 0)
		return err_code(err, errno, "%s: %s", path, strerror(errno));
	if (n == 0)
		r = err_set(err, "%s: there is no .csv file in it", path);
	else if (n > HISTORY_SLICES_MAX)
		r = err_set(err, "%s: more than %d files", path, HISTORY_SLICES_MAX);
	h->slices = mem_array((size_t)n, sizeof(struct matrix *));
	h->labels = mem_array((size_t)n, sizeof(*h->labels));
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = read_file(h, path, entries[i]->d_name, err);
		free(entries[i]);
	}
	free(entries);
	return r;
}

int
history_read(const char *path, struct history **out, struct err *err)
{
	struct history *h = mem_alloc(sizeof(*h));
	struct stat st;
	int r;

	*out = NULL;
	if (stat(path, &st) < 0)
		r = err_code(err, errno, "%s: %s", path, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		r = read_directory(path, h, err);
	else
		r = read_slices(path, h, err);
	if (r == 0)
		*out = h;
	else
		history_free(h);
	return r;
}
