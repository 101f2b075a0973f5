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

#include <cmocka.h>

#include "collector/store.h"

#define T0 (INT64_C(1767225600000) * NS_PER_MS)
/* A backend and how to get a place that nobody has used. */
struct backend {
	const struct store_ops *ops;
	char where[256];
};

static const struct store_window forever = { .to.ns = INT64_MAX };
static char dir[64];
static int n_files;

static inline int
setup(void **state)
{
	struct backend *b = *state;

	(void)snprintf(b->where, sizeof(b->where), "%s/%d.db", dir, n_files++);
	return 0;
}

static inline struct store *
open_store(const struct backend *b)
{
	struct store *s = NULL;
	struct err err = { "" };

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

static inline const char *
scan_with(struct store *s, const struct store_scan *scan)
{
	static struct seen seen;
	struct err err = { "" };

	seen = (struct seen){ .n = 0 };
	if (s->ops->scan(s, scan, see, &seen, &err) != 0)
		fail_msg("%s", err.text);
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

	(void)strcpy(dir, "/tmp/meshopt-store.XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		return 1;
	failed = _cmocka_run_group_tests("store", tests, n, NULL, NULL);
	(void)snprintf(rm, sizeof(rm), "rm -rf %s", dir);
	return system(rm) || failed;
}

#define ON(backend, test) \
	cmocka_unit_test_prestate_setup_teardown(test, setup, NULL, backend)

#endif
