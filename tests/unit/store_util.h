/* SPDX-License-Identifier: MIT */
/*
 * For the tests of stores: a place for a new one, and short forms of put and scan.
 */
#ifndef TESTS_UNIT_STORE_UTIL_H
#define TESTS_UNIT_STORE_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef MESHOPT_PG
#include <libpq-fe.h>
#endif

#include "collector/store.h"

#define T0 (INT64_C(1767225600000) * NS_PER_MS)
/* A backend and a place for it that nobody has used. */
struct backend {
	const struct store_ops *ops;
	bool server; /* the place is a schema of MESHOPT_TEST_PG's database */
	char where[400];
};

static const struct store_window forever = { .to.ns = INT64_MAX };
static char dir[64];
static int n_files;

/* Do something to the test's server; false if there is none. */
static inline bool
on_server(const char *sql)
{
	bool ok = false;
#ifdef MESHOPT_PG
	const char *server = getenv("MESHOPT_TEST_PG");
	PGconn *conn = server ? PQconnectdb(server) : NULL;
	PGresult *res = conn ? PQexec(conn, sql) : NULL;

	ok = res && PQresultStatus(res) == PGRES_COMMAND_OK;
	if (conn && !ok)
		print_error("%s: %s", sql, PQerrorMessage(conn));
	PQclear(res);
	PQfinish(conn);
#else
	(void)sql;
#endif
	return ok;
}

static inline int
setup(void **state)
{
	struct backend *b = *state;
	char sql[96];
	int n = n_files++;

	(void)snprintf(b->where, sizeof(b->where), "%s/%d.db", dir, n);
	if (!b->server)
		return 0;
	(void)snprintf(sql, sizeof(sql), "CREATE SCHEMA t%d_%d", (int)getpid(), n);
	b->where[0] = '\0';
	if (getenv("MESHOPT_TEST_PG") && on_server(sql))
		(void)snprintf(b->where, sizeof(b->where),
		    "%s options='-c search_path=t%d_%d'", getenv("MESHOPT_TEST_PG"),
		    (int)getpid(), n);
	return 0;
}

static inline struct store *
open_store(const struct backend *b)
{
	struct store *s = NULL;
	struct err err = { "" };

	if (!*b->where)
		skip(); /* no server: tests/with-postgres starts one */
	if (b->ops->open(b->where, STORE_WRITE, &s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

/* Put one report whose body is the text; its fate. */
static inline enum store_fate
put(struct store *s, const char *src, int64_t start_ms, const char *body)
{
	struct store_report r = {
		.src = src,
		.start.ns = T0 + start_ms * NS_PER_MS,
		.body = (const uint8_t *)body,
		.len = strlen(body),
	};
	struct store_report *batch[] = { &r };
	struct err err = { "" };

	if (s->ops->put_reports(s, batch, 1, &err) < 0)
		fail_msg("%s", err.text);
	return r.fate;
}

/* What a scan saw, as "src@ms=body ". */
struct seen {
	char text[4096];
	size_t n, stop_after;
};

static inline int
see(const struct store_report *r, void *ctx)
{
	struct seen *seen = ctx;
	size_t n = strlen(seen->text);

	(void)snprintf(seen->text + n, sizeof(seen->text) - n, "%s@%lld=%.*s ", r->src,
	    (long long)((r->start.ns - T0) / NS_PER_MS), (int)r->len,
	    (const char *)r->body);
	seen->n++;
	return seen->stop_after && seen->n == seen->stop_after ? 7 : 0;
}

/* "src@ms=..." by time, and by name at one time. */
static inline int
by_start(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	long long ms_x = strtoll(strchr(*x, '@') + 1, NULL, 10);
	long long ms_y = strtoll(strchr(*y, '@') + 1, NULL, 10);

	return ms_x != ms_y ? (ms_x > ms_y) - (ms_x < ms_y) : strcmp(*x, *y);
}

/* Which source comes first is the store's choice: put all of them in order of time. */
static inline void
sort_seen(struct seen *seen)
{
	char *words[512], text[sizeof(seen->text)];
	size_t n = 0, len = 0;

	(void)strcpy(text, seen->text);
	for (char *p = strtok(text, " "); p; p = strtok(NULL, " "))
		words[n++] = p;
	qsort(words, n, sizeof(words[0]), by_start);
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(seen->text + len, sizeof(seen->text) - len,
		    "%s ", words[i]);
}

static inline const char *
scan_with(struct store *s, const struct store_scan *scan)
{
	static struct seen seen;
	struct err err = { "" };

	seen = (struct seen){ .n = 0 };
	if (s->ops->scan(s, scan, see, &seen, &err) != 0)
		fail_msg("%s", err.text);
	if (scan->n_srcs == 0)
		sort_seen(&seen);
	return seen.text;
}

static inline const char *
scan(struct store *s, const struct store_window *window)
{
	return scan_with(s, &(struct store_scan){ .window = *window });
}

static inline const char *
scan_tier(struct store *s, enum store_tier tier)
{
	return scan_with(s, &(struct store_scan){ .tier = tier, .window = forever });
}

static inline int
run_stores(const struct CMUnitTest *tests, size_t n)
{
	char rm[96];
	int failed;

	/* Where fsync costs nothing, if there is such a place. */
	(void)strcpy(dir, "/dev/shm/meshopt-store.XXXXXX");
	if (!mkdtemp(dir))
		(void)strcpy(dir, "/tmp/meshopt-store.XXXXXX");
	if ((access(dir, W_OK) < 0 && !mkdtemp(dir)) || chmod(dir, 0755) < 0)
		return 1;
	failed = _cmocka_run_group_tests("store", tests, n, NULL, NULL);
	(void)snprintf(rm, sizeof(rm), "rm -rf %s", dir);
	return system(rm) || failed;
}

#define ON(backend, test)                                       \
	{                                                       \
#backend " " #test, test, setup, NULL, &backend \
	}

#endif
