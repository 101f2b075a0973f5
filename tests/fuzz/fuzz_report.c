/* SPDX-License-Identifier: MIT */
/*
 * The binary form of a report: whatever decodes passes report_check(), encodes to the
 * very same bytes, and means the same by way of JSON.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/report_json.h"
#include "tests/unit/random_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static uint8_t out[REPORT_BYTES_MAX];
	struct report r, back;
	struct err err = { "" };
	char *text;

	if (report_decode(&r, in, len, &err) < 0) {
		assert(err.text[0] && !r.rows && r.n_rows == 0);
		return 0;
	}
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
