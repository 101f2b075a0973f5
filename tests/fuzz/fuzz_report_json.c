/* SPDX-License-Identifier: MIT */
/*
 * The JSON form of a report: whatever reads passes report_check(), and is the same
 * after being written and read again, in JSON and in binary.
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
	size_t n;

	if (report_from_json(&r, (const char *)in, len, &err) < 0) {
		assert(err.text[0] && !r.rows && r.n_rows == 0);
		return 0;
	}
	assert(report_check(&r, &err) == 0);
	n = report_encode(&r, out, sizeof(out));
	assert(n > 0);
	assert(report_decode(&back, out, n, &err) == 0 && report_equal(&r, &back));
	report_fini(&back);
	text = report_to_json(&r);
	assert(text);
	assert(report_from_json(&back, text, strlen(text), &err) == 0);
	assert(report_equal(&r, &back));
	free(text);
	report_fini(&back);
	report_fini(&r);
	return 0;
}
