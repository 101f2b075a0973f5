/* SPDX-License-Identifier: MIT */
#include "optimizer/plan_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/signed.h"
#include "optimizer/decide/plan_json.h"

#define PLAN_BYTES_MAX ((size_t)64 * 1024 * 1024) /* 10,000 nodes with their pairs */

static int
write_plan(FILE *out, const struct plan *plan)
{
	plan_json_write(plan, out); /* its errors stay in the stream */
	return fflush(out) != 0 || ferror(out) ? -1 : 0;
}

/* Beside the target first, then renamed: a reader sees the old plan or the new one. */
static int
replace_file(const char *path, const struct plan *plan)
{
	size_t n = strlen(path) + 8;
	char *temp = mem_alloc(n);
	FILE *out = NULL;
	int fd, r = -1;

	(void)snprintf(temp, n, "%s.XXXXXX", path); /* n is enough */
	fd = mkstemp(temp);
	if (fd >= 0)
		out = fdopen(fd, "w");
	if (out) {
		r = write_plan(out, plan) < 0 || fchmod(fd, 0644) < 0 || fsync(fd) < 0
			? -1
			: 0;
		if (fclose(out) != 0)
			r = -1;
		if (r == 0)
			r = rename(temp, path);
		if (r < 0)
			(void)unlink(temp); /* the first failure is the one to tell */
	}
	free(temp);
	return r;
}

/*
 * What is no file, as /dev/null, is written to: renamed over, it would be gone.  So is
 * what has no name to rename to, as the pipe that /dev/stdout leads to.
 */
int
plan_file_write(const char *path, const struct plan *plan)
{
	char *real = realpath(path, NULL); /* a link stays a link */
	struct stat st;
	FILE *out;
	int r = -1;

	if (stat(path, &st) < 0 ||
	    (real && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))) {
		r = replace_file(real ? real : path, plan);
	} else if ((out = fopen(path, "we"))) {
		r = write_plan(out, plan);
		if (fclose(out) != 0)
			r = -1;
	}
	if (r < 0)
		log_warn("%s: the plan is not written", path);
	free(real);
	return r;
}

static int
read_whole(const char *path, char **text, size_t *len, struct err *err)
{
	FILE *in = fopen(path, "re");
	size_t got;
	int rc = 0;

	if (!in)
		return err_code(err, errno, "%s: %s", path, strerror(errno));
	do {
		*text = mem_grow(*text, *len + 65536, 1);
		got = fread(*text + *len, 1, 65536, in);
		*len += got;
	} while (got > 0 && *len <= PLAN_BYTES_MAX);
	if (ferror(in))
		rc = err_code(err, EIO, "%s: cannot be read", path);
	else if (*len > PLAN_BYTES_MAX)
		rc = err_set(err, "%s: too large for a plan", path);
	(void)fclose(in); /* only read from */
	return rc;
}

int
plan_file_read(const char *path, const struct mesh *mesh, struct plan **out,
    struct err *err)
{
	char *text = NULL;
	const uint8_t *payload;
	size_t len = 0, n;
	struct err why = { "" };
	int rc = read_whole(path, &text, &len, err);

	*out = NULL;
	payload = (const uint8_t *)text;
	n = len;
	if (rc == 0 && len > 0 && text[0] == 'm') {
		if (wgkey_is_zero(&mesh->plan_key))
			rc = err_set(&why, "signed, but the mesh file has no PlanKey");
		else
			rc = signed_open(&mesh->plan_key, payload, len, &payload, &n,
			    &why);
	}
	if (rc == 0)
		rc = plan_from_json((const char *)payload, n, out, &why);
	if (rc < 0 && why.text[0])
		(void)err_set(err, "%s: %s", path, why.text);
	free(text);
	return rc;
}
