/* SPDX-License-Identifier: MIT */
/*
 * The binary form of a report: whatever decodes passes report_check(), encodes to the
 * very same bytes, and means the same by way of JSON and row by row.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/report_json.h"
#include "common/report_scan.h"
#include "tests/unit/random_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

/* The rows one by one: as many, and the same judgement in the same words. */
static void
walk(const uint8_t *in, size_t len, const struct report *r, const struct err *err)
{
	static struct report_walk w;
	struct err walked = { "" };
	int rc = report_walk_start(&w, in, len, &walked);
	size_t n = 0;

	while (rc >= 0 && (rc = report_walk_next(&w, &walked)) > 0)
		n++;
	assert((rc == 0) == !err->text[0]);
	assert(rc < 0 ? !strcmp(walked.text, err->text) : n == r->n_rows);
}

/* Without judgement, but as many of what is sound. */
static void
scan(const uint8_t *in, size_t len, const struct report *r, bool sound)
{
	static struct report_scan s;
	int rc = report_scan_start(&s, in, len, (1u << PATH_COUNT) - 1);
	size_t n = 0;

	while (rc >= 0 && (rc = report_scan_next(&s)) > 0)
		n++;
	assert(!sound || (rc == 0 && n == r->n_rows));
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static uint8_t out[REPORT_BYTES_MAX];
	struct report r, back;
	struct err err = { "" };
	char *text;

	if (report_decode(&r, in, len, &err) < 0) {
		assert(err.text[0] && !r.rows && r.n_rows == 0);
		walk(in, len, &r, &err);
		scan(in, len, &r, false);
		return 0;
	}
	walk(in, len, &r, &err);
	scan(in, len, &r, true);
	assert(report_check(&r, &err) == 0);
	assert(report_encode(&r, out, sizeof(out)) == len && memcmp(out, in, len) == 0);
	text = report_to_json(&r);
	assert(text);
	assert(report_from_json(&back, text, strlen(text), &err) == 0);
	assert(report_equal(&r, &back));
	free(text);
	report_fini(&back);
	report_fini(&r);
	return 0;
}
