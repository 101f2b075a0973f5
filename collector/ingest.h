/* SPDX-License-Identifier: MIT */
/*
 * From a request's body to a report that may be stored.  The identity of the sender is
 * the source address of its connection, which WireGuard has checked against AllowedIPs;
 * the name in the body is a check and no more.
 */
#ifndef COLLECTOR_INGEST_H
#define COLLECTOR_INGEST_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/err.h"
#include "common/report.h"

#include "collector/roster.h"

struct ingest_in {
	struct addr peer;	  /* where the connection comes from */
	const char *content_type; /* NULL = not said */
	const uint8_t *body;
	size_t len;
	struct wall now;
};

struct ingest {
	size_t node;	      /* index into the mesh; SIZE_MAX if the peer is none */
	struct report report; /* its head: the rows stay bytes, a tenth of the size */
	uint8_t *binary;      /* owned; the report's binary form if it came as JSON */
	size_t binary_len;
	int64_t skew_ns;
};

/*
 * 0, or the HTTP status that the report is refused with (400, 403, 413, 415) and err
 * saying why.  *out is filled in either case; end with ingest_fini().
 */
unsigned ingest_parse(const struct roster *roster, const struct ingest_in *in,
    struct ingest *out, struct err *err);
void ingest_fini(struct ingest *ingest);

#endif
