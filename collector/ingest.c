/* SPDX-License-Identifier: MIT */
#include "collector/ingest.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/report_json.h"

/* RFC 9110, 8.3.1: without regard to case, parameters after a semicolon. */
static bool
is_type(const char *content_type, const char *type)
{
	size_t n = strlen(type);

	if (!content_type || strncasecmp(content_type, type, n) != 0)
		return false;
	content_type += n;
	content_type += strspn(content_type, " \t");
	return *content_type == '\0' || *content_type == ';';
}

static unsigned
decode(const struct ingest_in *in, struct ingest *out, struct err *err)
{
	if (is_type(in->content_type, REPORT_MEDIA_TYPE)) {
		if (report_decode(&out->report, in->body, in->len, err) < 0)
			return 400;
		return 0;
	}
	if (!is_type(in->content_type, "application/json")) {
		(void)err_set(err,
		    "Content-Type: %.80s: send " REPORT_MEDIA_TYPE
		    " or application/json",
		    in->content_type ? in->content_type : "not given");
		return 415;
	}
	if (report_from_json(&out->report, (const char *)in->body, in->len, err) < 0)
		return 400;
	out->binary = mem_alloc(REPORT_BYTES_MAX);
	out->binary_len = report_encode(&out->report, out->binary, REPORT_BYTES_MAX);
	if (out->binary_len == 0) {
		(void)err_set(err, "report of %s: larger than %d bytes in binary",
		    out->report.node, REPORT_BYTES_MAX);
		return 413;
	}
	/* It may wait in the queue: give back what the estimate was too large by. */
	out->binary = mem_grow(out->binary, out->binary_len, 1);
	return 0;
}

static unsigned
check_peers(const struct roster *roster, const struct ingest *in, struct err *err)
{
	for (size_t i = 0; i < in->report.n_rows; i++) {
		const char *peer = in->report.rows[i].peer;
		size_t dst = roster_find(roster, peer);

		if (dst == SIZE_MAX) {
			(void)err_set(err,
			    "report of %s: row %zu: %s is not in the collector's mesh "
			    "file",
			    in->report.node, i, peer);
			return 400;
		}
		if (dst == in->node) {
			(void)err_set(err, "report of %s: row %zu: the node itself",
			    in->report.node, i);
			return 400;
		}
	}
	return 0;
}

/*
 * A window that has not begun cannot have been measured; one that has not ended may be
 * a clock a little ahead.
 */
static unsigned
check_time(const struct ingest_in *in, struct ingest *out, struct err *err)
{
	int64_t length_ns = out->report.length_ms * NS_PER_MS;
	int64_t start_ns = out->report.start.ns; /* > 0, by report_check() */

	if (start_ns > in->now.ns + length_ns) {
		(void)err_set(err,
		    "report of %s: starts %lld s in the future: set the clock of %s, "
		    "or "
		    "of the collector",
		    out->report.node, (long long)((start_ns - in->now.ns) / NS_PER_S),
		    out->report.node);
		return 400;
	}
	out->skew_ns = in->now.ns - start_ns - length_ns;
	return 0;
}

unsigned
ingest_parse(const struct roster *roster, const struct ingest_in *in,
    struct ingest *out, struct err *err)
{
	char text[ADDR_TEXT_MAX];
	const char *name;
	unsigned status;

	*out = (struct ingest){ .node = mesh_find_address(roster->mesh, &in->peer) };
	if (out->node == SIZE_MAX) {
		addr_format(&in->peer, text);
		(void)err_set(err,
		    "%s is the overlay address of no node in the collector's mesh "
		    "file: "
		    "report over the overlay, from a node of mesh %s",
		    text, roster->mesh->name);
		return 403;
	}
	status = decode(in, out, err);
	if (status)
		return status;
	name = roster->mesh->nodes[out->node].name;
	if (strcmp(out->report.node, name) != 0) {
		(void)err_set(err,
		    "the report is of node %s, the address that it came from is of %s",
		    out->report.node, name);
		return 400;
	}
	status = check_peers(roster, out, err);
	return status ? status : check_time(in, out, err);
}

void
ingest_fini(struct ingest *ingest)
{
	report_fini(&ingest->report);
	free(ingest->binary);
	ingest->binary = NULL;
}
