/* SPDX-License-Identifier: MIT */
/*
 * Who may say what: each way in which a report is refused, and with which status; and
 * the buffer that the body gathers in.
 * links: collector/ingest.c collector/roster.c collector/body.c collector/head.c
 */
#include "collector/ingest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "collector/body.h"
#include "collector/head.h"
#include "common/report_json.h"
#include "tests/unit/random_report.h"

#define NOW (INT64_C(1767225600) * NS_PER_S)

static struct mesh_node nodes[] = { { .name = "hkg" }, { .name = "nrt" },
	{ .name = "sin" } };
static const struct mesh mesh = { .name = "test", .nodes = nodes, .n_nodes = 3 };
static struct roster roster;

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

/* hkg's report of one row about peer, its window of 10 s ending at second end. */
static struct report
make(const char *node, const char *peer, int64_t end)
{
	static const int64_t rtt[] = { 49000000, 49100000 };
	struct report r = { .boot = 1, .seq = 2, .length_ms = 10000 };
	struct report_row *row = report_add(&r);

	(void)strcpy(r.node, node);
	r.start.ns = NOW + (end - 10) * NS_PER_S;
	(void)strcpy(row->peer, peer);
	row->sent = 2;
	row_of_samples(row, rtt, 2);
	return r;
}

static void
test_rules(void **state)
{
	static const struct {
		const char *from, *node, *peer;
		int64_t end;
		unsigned want;
		const char *says;
	} rows[] = {
		{ "10.50.5.1", "hkg", "nrt", 0, 0, NULL },
		{ "10.50.5.1", "hkg", "nrt", -86400 * 30, 0, NULL }, /* spool */
		{ "fd00::7", "sin", "nrt", 0, 0, NULL },
		{ "10.50.5.2", "hkg", "nrt", 0, 403,
		    "10.50.5.2 is the overlay address" },
		{ "fd00::8", "hkg", "nrt", 0, 403, "over the overlay, from a node of" },
		{ "10.50.8.1", "hkg", "nrt", 0, 400,
		    "of node hkg, the address that it "
		    "came from is of nrt" },
		{ "10.50.5.1", "mars", "nrt", 0, 400, "of node mars" },
		{ "10.50.5.1", "hkg", "mars", 0, 400, "row 0: mars is not in" },
		{ "10.50.5.1", "hkg", "nrt", 20, 0, NULL }, /* begins a window ahead */
		{ "10.50.5.1", "hkg", "nrt", 21, 400,
		    "11 s in the future: set the "
		    "clock of hkg" },
	};
	static uint8_t body[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct report r = make(rows[i].node, rows[i].peer, rows[i].end);
		struct ingest_in in = { .peer = address(rows[i].from),
			.content_type = REPORT_MEDIA_TYPE,
			.body = body,
			.len = report_encode(&r, body, sizeof(body)),
			.now.ns = NOW };
		struct ingest out;
		struct err err = { "" };

		assert_true(in.len > 0);
		if (ingest_parse(&roster, &in, &out, &err) != rows[i].want)
			fail_msg("row %zu: %s", i, err.text);
		if (rows[i].want == 0) {
			assert_string_equal(out.report.node, r.node);
			assert_int_equal(out.report.start.ns, r.start.ns);
			assert_int_equal(out.report.seq, r.seq);
			assert_null(out.binary);
			assert_int_equal(out.skew_ns, -rows[i].end * NS_PER_S);
			assert_string_equal(nodes[out.node].name, rows[i].node);
		} else if (!strstr(err.text, rows[i].says)) {
			fail_msg("row %zu: \"%s\"", i, err.text);
		}
		assert_int_equal(out.node == SIZE_MAX, rows[i].want == 403);
		ingest_fini(&out);
		report_fini(&r);
	}
}

static void
test_types(void **state)
{
	static const struct {
		const char *type;
		bool json;
		unsigned want; /* of a JSON body, or a binary one */
	} rows[] = {
		{ "application/json", true, 0 },
		{ "Application/JSON", true, 0 },
		{ "application/json; charset=utf-8", true, 0 },
		{ "application/json ;charset=utf-8", true, 0 },
		{ REPORT_MEDIA_TYPE, false, 0 },
		{ REPORT_MEDIA_TYPE ";v=1", false, 0 },
		{ REPORT_MEDIA_TYPE, true, 400 },
		{ "application/json", false, 400 },
		{ "application/json5", true, 415 },
		{ "application/vnd.meshopt.reports", false, 415 },
		{ "text/plain", true, 415 },
		{ "", true, 415 },
		{ NULL, true, 415 },
	};
	struct report r = make("hkg", "nrt", 0);
	char *json = report_to_json(&r);
	static uint8_t body[4096];
	size_t len = report_encode(&r, body, sizeof(body));

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ingest_in in = { .peer = address("10.50.5.1"),
			.content_type = rows[i].type,
			.body = rows[i].json ? (const uint8_t *)json : body,
			.len = rows[i].json ? strlen(json) : len,
			.now.ns = NOW };
		struct ingest out;
		struct err err = { "" };

		if (ingest_parse(&roster, &in, &out, &err) != rows[i].want)
			fail_msg("row %zu: %s", i, err.text);
		if (rows[i].want == 0 && rows[i].json) {
			/* JSON is stored in its one binary form. */
			assert_int_equal(out.binary_len, len);
			assert_memory_equal(out.binary, body, len);
		}
		ingest_fini(&out);
	}
	free(json);
	report_fini(&r);
}

/* A body that was cut, has a byte more, or has any one byte changed. */
static void
test_bent(void **state)
{
	struct seed seed = seed_new("test_bent");
	struct report r = make("hkg", "nrt", 0);
	static uint8_t body[4096];
	size_t len = report_encode(&r, body, sizeof(body));
	struct ingest_in in = { .peer = address("10.50.5.1"),
		.content_type = REPORT_MEDIA_TYPE,
		.body = body,
		.now.ns = NOW };
	struct ingest out;
	struct err err;

	(void)state;
	for (in.len = 0; in.len <= len + 1; in.len++) {
		unsigned status = ingest_parse(&roster, &in, &out, &err);

		assert_int_equal(status, in.len == len ? 0 : 400);
		ingest_fini(&out);
	}
	in.len = len;
	for (size_t i = 0; i < 20000; i++) {
		size_t at = seed_below(&seed, (uint32_t)len);
		uint8_t was = body[at];
		unsigned status;

		body[at] = (uint8_t)seed_next(&seed);
		status = ingest_parse(&roster, &in, &out, &err);
		/* Whatever passes is hkg's, of peers of the mesh, and decodes. */
		assert_true(status == 0 || status == 400);
		if (status == 0) {
			struct report back;

			assert_int_equal(report_decode(&back, body, len, &err), 0);
			assert_string_equal(back.node, "hkg");
			assert_int_not_equal(roster_find(&roster, back.rows[0].peer),
			    SIZE_MAX);
			report_fini(&back);
		}
		ingest_fini(&out);
		body[at] = was;
	}
	report_fini(&r);
}

static void
test_body(void **state)
{
	struct body_budget budget = { .max = 20000 };
	struct body a = { 0 }, b = { 0 };
	static const char piece[5000] = "piece";

	(void)state;
	assert_int_equal(body_add(&a, &budget, 12000, piece, 0), 0);
	assert_int_equal(body_add(&a, &budget, 12000, piece, 5000), 0);
	assert_int_equal(body_add(&a, &budget, 12000, piece, 5000), 0);
	assert_int_equal(a.len, 10000);
	assert_string_equal((const char *)a.bytes + 5000, "piece");
	assert_true(budget.used >= a.len);
	assert_int_equal(body_add(&a, &budget, 12000, piece, 2001), -EFBIG);
	assert_int_equal(a.len, 10000);
	assert_int_equal(body_add(&a, &budget, 12000, piece, 2000), 0);
	assert_int_equal(body_add(&b, &budget, 12000, piece, 5000), -ENOBUFS);
	assert_int_equal(b.len, 0);
	body_fini(&a, &budget);
	assert_int_equal(budget.used, 0);
	assert_int_equal(body_add(&b, &budget, 12000, piece, 5000), 0);
	body_fini(&b, &budget);
	body_fini(&b, &budget);
	assert_int_equal(budget.used, 0);
}

static void
test_head(void **state)
{
	static const struct {
		const char *headers[6]; /* name, value, ... */
		const char *fault;
		bool longer; /* than 100 bytes */
	} rows[] = {
		{ { "Host", "a" }, NULL, false },
		{ { "Host", "a", "host", "a" }, "more than one Host", false },
		{ { "content-length", "100" }, NULL, false },
		{ { "Content-Length", "101" }, NULL, true },
		{ { "Content-Length", "18446744073709551617" }, NULL, true },
		{ { "Content-Length", "1", "Content-Length", "1" },
		    "more than one Content-Length", false },
		{ { "Transfer-Encoding", "Chunked" }, NULL, false },
		{ { "Transfer-Encoding", "gzip" },
		    "a Transfer-Encoding other than chunked", false },
		{ { "Transfer-Encoding", "chunked", "Content-Length", "1" },
		    "both Content-Length and Transfer-Encoding", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct head head = { 0 };
		const char *fault;

		for (size_t j = 0; j < 6 && rows[i].headers[j]; j += 2)
			head_add(&head, rows[i].headers[j], rows[i].headers[j + 1]);
		fault = head_fault(&head);
		assert_string_equal(fault ? fault : "",
		    rows[i].fault ? rows[i].fault : "");
		assert_int_equal(head_longer(&head, 100), rows[i].longer);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_bent),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_head),
	};
	int failed;

	nodes[0].address.addr = address("10.50.5.1");
	nodes[1].address.addr = address("10.50.8.1");
	nodes[2].address.addr = address("fd00::7");
	roster_init(&roster, &mesh);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	roster_fini(&roster);
	return failed;
}
