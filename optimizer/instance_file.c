/* SPDX-License-Identifier: MIT */
#include "optimizer/instance_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/decide/instance_text.h"
#include "optimizer/decide/lp.h"
#include "optimizer/matrix_csv.h"

#define FILE_MAX (UINT64_C(1) << 30) /* 10,000 nodes' RTTs are 1.5 GB: too many */

static int
read_text(const char *path, char **text, size_t *len, struct err *err)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	size_t cap = 1 << 16, n;
	int r = 0;

	*len = 0;
	*text = NULL;
	if (!in)
		return err_code(err, errno, "%s: %s", path, strerror(errno));
	*text = mem_alloc(cap);
	while (*len < FILE_MAX && (n = fread(*text + *len, 1, cap - *len, in)) > 0) {
		*len += n;
		if (*len == cap) {
			cap *= 2;
			*text = mem_grow(*text, cap, 1);
		}
	}
	if (ferror(in))
		r = err_code(err, EIO, "%s: %s", path, strerror(errno));
	else if (*len >= FILE_MAX)
		r = err_set(err, "%s: larger than 1 GiB", path);
	if (in != stdin)
		(void)fclose(in); /* only read from */
	return r;
}

/* RTTs in bulk: "matrix rtt|lo|hi FILE", a square CSV in ms beside the instance. */
enum bulk { BULK_RTT, BULK_LO, BULK_HI, BULKS };

static const char *const bulk_names[BULKS] = { "rtt", "lo", "hi" };

struct bulks {
	const char *path; /* of the instance */
	struct matrix *m[BULKS];
};

/* A file's name is as seen from the instance, unless it begins with a slash. */
static char *
beside(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	size_t dir = slash && *name != '/' ? (size_t)(slash - path) + 1 : 0;
	char *out = mem_alloc(dir + strlen(name) + 1);

	memcpy(out, path, dir);
	memcpy(out + dir, name, strlen(name));
	return out;
}

static int
load_matrix(struct bulks *b, const char *kind, const char *name, struct err *err)
{
	char *file;
	int r, k;

	for (k = 0; k < BULKS && (!kind || strcmp(kind, bulk_names[k]) != 0); k++)
		;
	if (k == BULKS || !name)
		return err_set(err, "%s: a matrix is: matrix rtt|lo|hi FILE", b->path);
	if (b->m[k])
		return err_set(err, "%s: matrix %s is there twice", b->path, kind);
	file = beside(b->path, name);
	r = matrix_csv_load(file, MATRIX_MS, &b->m[k], err);
	free(file);
	return r;
}

/* One line of the text, which is blanked if it is a matrix. */
static int
take_matrix(struct bulks *b, char *line, size_t n, struct err *err)
{
	char copy[512], *save = NULL, *kind, *name;
	const char *what;
	size_t blank = 0;

	while (blank < n && (line[blank] == ' ' || line[blank] == '\t'))
		blank++;
	if (n >= sizeof(copy) || blank == n || line[blank] != 'm')
		return 0; /* half a million others are passed over quickly */
	memcpy(copy, line, n);
	copy[n] = '\0';
	copy[strcspn(copy, "#\r")] = '\0';
	what = strtok_r(copy, " \t", &save);
	if (!what || strcmp(what, "matrix") != 0)
		return 0;
	kind = strtok_r(NULL, " \t", &save);
	name = strtok_r(NULL, " \t", &save);
	memset(line, ' ', n); /* the numbers of the lines stay */
	return load_matrix(b, kind, strtok_r(NULL, " \t", &save) ? NULL : name, err);
}

static int32_t
cell(const struct matrix *m, const char *a, const char *b)
{
	size_t i = m ? matrix_find(m, a) : SIZE_MAX;
	size_t k = m ? matrix_find(m, b) : SIZE_MAX;

	return i == SIZE_MAX || k == SIZE_MAX ? MATRIX_UNKNOWN : matrix_pair(m, i, k);
}

/* The matrices as lines, after the text. */
static void
add_lines(const struct bulks *b, char **text, size_t *len)
{
	const struct matrix *m = b->m[BULK_RTT];
	char *lines = NULL;
	size_t n;
	FILE *out = open_memstream(&lines, &n);

	if (!out)
		abort(); /* as with any memory that is not to be had */
	fputc('\n', out);
	for (size_t i = 0; i < m->n; i++) {
		for (size_t k = i + 1; k < m->n; k++) {
			const char *x = m->names[i], *y = m->names[k];
			int32_t us = matrix_pair(m, i, k);
			int32_t lo = cell(b->m[BULK_LO], x, y);
			int32_t hi = cell(b->m[BULK_HI], x, y);

			if (us <= 0)
				continue;
			fprintf(out, "rtt %s %s %d", x, y, us);
			if (lo > 0 && lo <= us)
				fprintf(out, " lo %d", lo);
			if (hi >= us)
				fprintf(out, " hi %d", hi);
			fputc('\n', out);
		}
	}
	if (fclose(out) != 0)
		abort(); /* likewise */
	*text = mem_grow(*text, *len + n, 1);
	memcpy(*text + *len, lines, n);
	*len += n;
	free(lines);
}

static int
expand(const char *path, char **text, size_t *len, struct err *err)
{
	struct bulks b = { .path = path };
	int r = 0;

	for (size_t at = 0, n; r == 0 && at < *len; at += n + 1) {
		char *line = *text + at;
		const char *end = memchr(line, '\n', *len - at);

		n = end ? (size_t)(end - line) : *len - at;
		r = take_matrix(&b, line, n, err);
	}
	if (r == 0 && (b.m[BULK_LO] || b.m[BULK_HI]) && !b.m[BULK_RTT])
		r = err_set(err, "%s: matrix lo and hi need a matrix rtt", path);
	if (r == 0 && b.m[BULK_RTT])
		add_lines(&b, text, len);
	for (int k = 0; k < BULKS; k++)
		matrix_free(b.m[k]);
	return r;
}

int
instance_file_load(const char *path, struct instance **out, struct err *err)
{
	char *text = NULL;
	size_t len;
	int r;

	*out = NULL;
	r = read_text(path, &text, &len, err);
	if (r == 0)
		r = expand(path, &text, &len, err);
	if (r == 0)
		r = instance_text_read(path, text, len, out, err);
	free(text);
	return r;
}

static int
write_as(const char *path, const struct instance *in,
    int (*form)(const struct instance *, FILE *), struct err *err)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *out = standard ? stdout : fopen(path, "we");
	int r;

	if (!out)
		return err_code(err, errno, "%s: %s", path, strerror(errno));
	r = form(in, out);
	if (r == -ENOTSUP)
		r = err_set(err, "%s: a quantile is no linear objective; --slo MS is",
		    path);
	if (!standard && fclose(out) != 0 && r == 0)
		r = -EIO;
	return r == -EIO ? err_code(err, EIO, "%s: %s", path, strerror(errno)) : r;
}

int
instance_file_write(const char *path, const struct instance *in, struct err *err)
{
	return write_as(path, in, instance_text_write, err);
}

int
instance_file_write_lp(const char *path, const struct instance *in, struct err *err)
{
	return write_as(path, in, lp_write, err);
}
