/* SPDX-License-Identifier: MIT */
/*
 * GET /metrics over HTTP, for a node whose Prometheus asks the prober itself.
 */
#ifndef PROBER_METRICS_H
#define PROBER_METRICS_H

#include <stddef.h>

#include "common/addr.h"
#include "common/err.h"

struct ev_loop;
struct metrics;

/* Makes the page, malloc()ed; NULL = it cannot be made. */
typedef char *metrics_page_fn(size_t *len, void *ctx);

/* A listening socket, or -errno and err; before privileges are given up. */
int metrics_listen(const struct endpoint *at, struct err *err);

/* fd: from metrics_listen(), taken over in any case. */
int metrics_new(struct ev_loop *loop, int fd, metrics_page_fn *page, void *ctx,
    struct metrics **out);
void metrics_free(struct metrics *m);

#endif
