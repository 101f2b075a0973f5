/* SPDX-License-Identifier: MIT */
#include "optimizer/instance_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "optimizer/decide/instance_text.h"
#include "optimizer/decide/lp.h"

#define FILE_MAX (UINT64_C(1) << 30) /* 10,000 nodes' RTTs are 1.5 GB: too many */

int
instance_file_load(const char *path, struct instance **out, struct err *err)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	size_t cap = 1 << 16, len = 0, n;
	char *text;
	int r = 0;

	*out = NULL;
	if (!in)
		return err_code(err, errno, "%s: %s", path, strerror(errno));
	text = mem_alloc(cap);
	while (len < FILE_MAX && (n = fread(text + len, 1, cap - len, in)) > 0) {
		len += n;
		if (len == cap) {
			cap *= 2;
			text = mem_grow(text, cap, 1);
		}
	}
	if (ferror(in))
		r = err_code(err, EIO, "%s: %s", path, strerror(errno));
	else if (len >= FILE_MAX)
		r = err_set(err, "%s: larger than 1 GiB", path);
	if (in != stdin)
		(void)fclose(in); /* only read from */
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
