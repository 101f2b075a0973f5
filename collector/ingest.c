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

/* JSON becomes the binary form, which is what is kept. */
static unsigned
from_json(const struct ingest_in *in, struct ingest *out, struct err *err)
{
	struct report r;

	if (report_from_json(&r, (const char *)in->body, in->len, err) < 0)
		return 400;
	out->binary = mem_alloc(REPORT_BYTES_MAX);
	out->binary_len = report_encode(&r, out->binary, REPORT_BYTES_MAX);
	if (out->binary_len == 0)
		(void)err_set(err, "report of %s: larger than %d bytes in binary",
		    r.node, REPORT_BYTES_MAX);
	report_fini(&r);
	if (out->binary_len == 0)
		return 413;
	/* It may wait in the queue: give back what the estimate was too large by. */
	out->binary = mem_grow(out->binary, out->binary_len, 1);
	return 0;
}

static int
check_peer(const struct roster *roster, const struct report_walk *w, size_t *rank,
    struct err *err)
{
	const char *peer = w->row.peer;

	*rank = roster_rank(roster, peer, *rank);
	if (*rank == SIZE_MAX)
		return err_set(err,
		    "report of %s: row %zu: %s is not in the collector's mesh file",
		    w->head.node, w->n_rows - 1, peer);
	return 0; /* nor is it the node itself, by report_check_row() */
}

/* Whose it is, says the address that it came from. */
static int
check_node(const struct roster *roster, const struct ingest *in, struct err *err)
{
	const char *name = roster->mesh->nodes[in->node].name;

	if (strcmp(in->report.node, name) == 0)
		return 0;
	return err_set(err,
	    "the report is of node %s, the address that it came from is of %s",
	    in->report.node, name);
}

static int
check(const struct roster *roster, const uint8_t *body, size_t len, struct ingest *out,
    struct err *err)
{
	struct report_walk w = { 0 };
	size_t rank = 0;
	int r = report_walk_start(&w, body, len, err);

	out->report = w.head;
	if (r == 0)
		r = check_node(roster, out, err);
	while (r >= 0 && (r = report_walk_next(&w, err)) > 0)
		r = check_peer(roster, &w, &rank, err);
	report_walk_fini(&w);
	return r;
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
	if (is_type(in->content_type, "application/json")) {
		status = from_json(in, out, err);
		if (status)
			return status;
	} else if (!is_type(in->content_type, REPORT_MEDIA_TYPE)) {
		(void)err_set(err,
		    "Content-Type: %.80s: send " REPORT_MEDIA_TYPE
		    " or application/json",
		    in->content_type ? in->content_type : "not given");
		return 415;
	}
	if (check(roster, out->binary ? out->binary : in->body,
		out->binary ? out->binary_len : in->len, out, err) < 0)
		return 400;
	return check_time(in, out, err);
}

void
ingest_fini(struct ingest *ingest)
{
	free(ingest->binary);
	ingest->binary = NULL;
}
