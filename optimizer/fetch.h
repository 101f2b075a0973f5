/* SPDX-License-Identifier: MIT */
/*
 * One HTTP exchange with the collector, for the verbs that ask or tell it.
 */
#ifndef OPTIMIZER_FETCH_H
#define OPTIMIZER_FETCH_H

#include <stddef.h>

#include "common/err.h"

/*
 * The body of base + path, with an end that is not counted in *len; the caller frees
 * it. Up to three minutes and 1 GiB.  NULL, and err saying what to do, if the collector
 * is away or answers anything but 200.
 */
char *fetch(const char *base, const char *path, size_t *len, struct err *err);

/* The same of the form that the collector has of those accepted, as HTTP says it. */
char *fetch_form(const char *base, const char *path, const char *accept, size_t *len,
    struct err *err);

/* The same where there may be nothing: *out is NULL, and 0 returned, for a 404. */
int fetch_maybe(const char *base, const char *path, char **out, size_t *len,
    struct err *err);

struct fetch_body {
	const char *media_type;
	const void *data;
	size_t len;
};

/* PUT; 0 for any answer of 2xx, else -EIO and err with what the collector said. */
int fetch_put(const char *base, const char *path, const struct fetch_body *body,
    struct err *err);

#endif
