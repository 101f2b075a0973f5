/* SPDX-License-Identifier: MIT */
/*
 * Which backend a --db means, and what becomes of a damaged file: it gets a dated name
 * beside the new one and stays there until somebody takes it away.
 */
#include "collector/store.h"

#include <ctype.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"

#define ASIDE ".damaged-"

static bool
begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* "host=... dbname=...": a word and an equals sign before anything of a path. */
static bool
is_conninfo(const char *where)
{
	const char *p = where;

	while (islower((unsigned char)*p) || *p == '_')
		p++;
	return p > where && *p == '=';
}

bool
store_is_server(const char *where)
{
	return begins(where, "postgresql://") || begins(where, "postgres://") ||
	       is_conninfo(where);
}

/* Give a file and its log a name of their own; err tells of a failure. */
static int
put_aside(const char *path, char **aside, struct err *err)
{
	char stamp[32], *from = NULL, *to = NULL;
	time_t now = clock_wall().ns / NS_PER_S;
	struct tm tm;
	int r = 0;

	(void)gmtime_r(&now, &tm); /* of a clock before year 2^31 */
	(void)strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm); /* fits */
	if (asprintf(aside, "%s" ASIDE "%s", path, stamp) < 0 ||
	    asprintf(&from, "%s-wal", path) < 0 || asprintf(&to, "%s-wal", *aside) < 0)
		abort(); /* as mem.h would */
	/*
	 * The log first: were it left behind, SQLite would play it into the new file.
	 * The index of the log is made anew.
	 */
	if (access(*aside, F_OK) == 0 || (rename(from, to) < 0 && errno != ENOENT) ||
	    rename(path, *aside) < 0)
		r = err_code(err, errno ? errno : EEXIST,
		    "%s: damaged, and it cannot be renamed to %s: %s: move it away",
		    path, *aside, strerror(errno));
	memcpy(from + strlen(from) - 3, "shm", 3);
	if (r == 0)
		(void)unlink(from); /* whatever is in it, it is not read */
	free(from);
	free(to);
	return r;
}

int
store_open(const char *where, enum store_mode mode, struct store **out, char **aside,
    struct err *err)
{
	const struct store_ops *ops = &store_sqlite;
	int r;

	*aside = NULL;
	if (store_is_server(where)) {
#ifdef MESHOPT_PG
		return store_pg.open(where, mode, out, err);
#else
		return err_code(err, ENOTSUP,
		    "--db: this meshopt-collector was built without PostgreSQL: build "
		    "it without PG=0, or name a file");
#endif
	}
	r = ops->open(where, mode, out, err);
	if (r != -EBADMSG || mode != STORE_WRITE)
		return r;
	r = put_aside(where, aside, err);
	if (r == 0)
		r = ops->open(where, mode, out, err);
	if (r < 0) {
		free(*aside);
		*aside = NULL;
	}
	return r;
}

size_t
store_asides(const char *where, char **newest)
{
	char *pattern = NULL;
	glob_t found = { 0 };
	size_t n = 0;

	*newest = NULL;
	if (store_is_server(where))
		return 0;
	if (asprintf(&pattern, "%s" ASIDE "*Z", where) < 0)
		abort(); /* as mem.h would */
	/* Sorted by name, which is by date.  A folder that cannot be read has none. */
	if (glob(pattern, 0, NULL, &found) == 0)
		n = found.gl_pathc;
	if (n > 0)
		*newest = mem_strdup(found.gl_pathv[n - 1]);
	globfree(&found);
	free(pattern);
	return n;
}
