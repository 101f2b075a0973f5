/* SPDX-License-Identifier: MIT */
/*
 * What comes in a URL and in the headers of a question: parameters, media types,
 * encodings and tags; and a body on its way out, packed or not.
 * links: collector/query.c collector/answer.c
 */
#include "collector/query.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "collector/answer.h"

#define NOW   (INT64_C(1767225600) * NS_PER_S)
#define ALL   ((1u << QUERY_PARAMS) - 1)
#define FORMS ((1u << QUERY_FORMATS) - 1)

static const struct query_rules rules = { "this", ALL, FORMS, 300 * NS_PER_S };

/* "name=value&name=value", as libmicrohttpd hands it over. */
static int
parse(const char *text, const struct query_rules *how, struct query *q, struct err *err)
{
	static char copy[512];
	struct http_request request = { 0 };
	char *save = NULL;

	(void)snprintf(copy, sizeof(copy), "%s", text);
	for (char *p = strtok_r(copy, "&", &save); p; p = strtok_r(NULL, "&", &save)) {
		char *value = strchr(p, '=');

		if (value)
			*value++ = '\0';
		request.params[request.n_params++] =
		    (struct http_param){ p, value ? value : "" };
	}
	return query_parse(&request, how, (struct wall){ NOW }, q, err);
}

static void
test_good(void **state)
{
	struct query q;
	struct err err;

	(void)state;
	assert_int_equal(parse("", &rules, &q, &err), 0);
	assert_true(q.all_paths && q.format == QUERY_JSON && q.until.ns == NOW);
	assert_int_equal(q.has, 0);
	assert_int_equal(parse("path=direct&stat=p99&since=24h&until=1h&step=5m&format="
			       "bin&sketch=1&limit=7&wait=30&node=hkg&tier=5min",
			     &rules, &q, &err),
	    0);
	assert_true(!q.all_paths && q.path == PATH_DIRECT && q.stat == STAT_P99);
	assert_true(
	    q.format == QUERY_BIN && q.sketch && q.limit == 7 && q.wait_s == 30);
	assert_int_equal(q.since.ns, NOW - 24 * 3600 * NS_PER_S);
	assert_int_equal(q.until.ns, NOW - 3600 * NS_PER_S);
	assert_int_equal(q.step_ns, 300 * NS_PER_S);
	assert_string_equal(q.node, "hkg");
	assert_int_equal(q.tier, STORE_5MIN);
	assert_int_equal(parse("window=300", &rules, &q, &err), 0);
	assert_int_equal(q.window_ns, 300 * NS_PER_S);
}

static void
test_bad(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{ "path=relay", "path=relay: give hub" },
		{ "path=", "path=: give hub" },
		{ "stat=p42", "stat=p42: give p50" },
		{ "window=301", "since=24h" },
		{ "window=0", "1 to 300" },
		{ "window=-1", "1 to 300" },
		{ "since=soon", "give 24h, 2026-" },
		{ "since=1h&until=2h", "is not before until" },
		{ "since=1767225601", "is not before now" },
		{ "until=1h", "goes with since" },
		{ "window=5&since=1h", "goes without" },
		{ "step=9s", "10s to 24h" },
		{ "step=2d", "10s to 24h" },
		{ "step=10500ms", "whole seconds" },
		{ "format=xml", "json or csv or bin" },
		{ "sketch=yes", "0 or 1" },
		{ "limit=0", "1 to 10000" },
		{ "limit=10001", "1 to 10000" },
		{ "wait=61", "0 to 60" },
		{ "node=../etc", "not the name" },
		{ "tier=raw", "goes with since" },
		{ "since=1h&tier=day", "raw, 5min or hour" },
		{ "path=hub&path=hub", "path: given twice" },
		{ "PATH=hub", "not a parameter of this: there is path, stat" },
		{ "=", "not a parameter" },
		{ "nonsense", "nonsense: not a parameter" },
	};
	static const struct query_rules none = { "here", 0, 1u << QUERY_JSON, 0 };
	struct query q;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse(rows[i].text, &rules, &q, &err), -EINVAL);
		if (!strstr(err.text, rows[i].says))
			fail_msg("%s: %s", rows[i].text, err.text);
	}
	assert_int_equal(parse("path=hub", &none, &q, &err), -EINVAL);
	assert_non_null(strstr(err.text, "here takes no parameter"));
}

static void
test_accept(void **state)
{
	static const struct {
		const char *accept;
		unsigned offered;
		enum query_format want;
	} rows[] = {
		{ NULL, FORMS, QUERY_JSON },
		{ "", FORMS, QUERY_JSON },
		{ "*/*", FORMS, QUERY_JSON },
		{ "text/html,application/xhtml+xml,*/*;q=0.8", FORMS, QUERY_JSON },
		{ "text/csv", FORMS, QUERY_CSV },
		{ "Text/CSV; charset=utf-8", FORMS, QUERY_CSV },
		{ "text/csv", 1u << QUERY_JSON, QUERY_JSON },
		{ "text/csv;q=0.4, application/json;q=0.5", FORMS, QUERY_JSON },
		{ "text/csv;q=0.5, application/json;q=0.4", FORMS, QUERY_CSV },
		{ "text/csv;q=0", FORMS, QUERY_JSON },
		{ "text/csv;q=0.1, */*;q=0.8", FORMS, QUERY_JSON },
		{ "application/vnd.meshopt.matrix, text/csv", FORMS, QUERY_BIN },
		{ "text/csvx", FORMS, QUERY_JSON },
		{ ",,, ,text/csv", FORMS, QUERY_CSV },
		{ "text/csv;q=", FORMS, QUERY_JSON },
		{ ";;;q=", FORMS, QUERY_JSON },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (query_accept(rows[i].accept, rows[i].offered) != rows[i].want)
			fail_msg("%s", rows[i].accept);
}

static void
test_tags(void **state)
{
	static const struct {
		const char *list;
		bool want;
	} rows[] = {
		{ NULL, false },
		{ "", false },
		{ "\"a\"", true },
		{ "W/\"a\"", true },
		{ "*", true },
		{ "\"b\", \"a\"", true },
		{ " \"b\" ,W/\"a\" ", true },
		{ "\"b\"", false },
		{ "a", false },
		{ "\"a", false },
		{ "\"ab\"", false },
		{ ",", false },
	};
	static const struct {
		const char *accept;
		bool want;
	} packing[] = { { NULL, false }, { "", false }, { "gzip", true },
		{ "br, GZIP", true }, { "deflate", false }, { "gzip;q=0", false },
		{ "gzip;q=0.000", false }, { "gzip; q=0.001", true },
		{ "gzipp", false }, { "x-gzip", false },
		{ "identity, gzip;q=1", true } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (answer_match(rows[i].list, "\"a\"") != rows[i].want)
			fail_msg("%s", rows[i].list);
	for (size_t i = 0; i < sizeof(packing) / sizeof(packing[0]); i++)
		if (answer_gzip(packing[i].accept) != packing[i].want)
			fail_msg("%s", packing[i].accept);
}

static void
write_lines(struct answer *a, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(answer_stream(a), "line %zu of some that look alike\n", i);
}

/* The same text, packed and plain, of each length around where the buffers end. */
static void
test_answer(void **state)
{
	static const size_t sizes[] = { 0, 1, 20, 30, 31, 32, 33, 2000, 2100, 50000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct http_response plain = { 0 }, packed = { 0 }, again = { 0 };
		struct answer *a = answer_new(false), *b = answer_new(true);
		struct answer *c = answer_new(true);
		uLongf n;
		z_stream z = { 0 };
		char *out;

		write_lines(a, sizes[i]);
		write_lines(b, sizes[i]);
		write_lines(c, sizes[i]);
		assert_int_equal(answer_finish(a, NULL, &plain), 0);
		assert_int_equal(answer_finish(b, "\"no\"", &packed), 0);
		assert_int_equal(answer_finish(c, packed.etag, &again), 0);
		assert_int_equal(again.status, 304);
		assert_null(again.body);
		assert_string_equal(again.etag, packed.etag);
		assert_int_equal(packed.status, 200);
		assert_int_equal(packed.gzip, plain.len >= 1024);
		assert_true(packed.gzip == (strcmp(packed.etag, plain.etag) != 0));
		if (packed.gzip) {
			n = plain.len + 1;
			out = malloc(n);
			z.next_in = (Bytef *)packed.body;
			z.avail_in = (uInt)packed.len;
			z.next_out = (Bytef *)out;
			z.avail_out = (uInt)n;
			assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
			assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
			assert_int_equal(z.total_out, plain.len);
			assert_int_equal(z.avail_in, 0);
			assert_memory_equal(out, plain.body, plain.len);
			(void)inflateEnd(&z);
			free(out);
		}
		free(plain.body);
		free(packed.body);
	}
}

static void
test_too_long(void **state)
{
	static char block[1 << 20];
	struct http_response response = { .etag = "" };
	struct answer *a = answer_new(false);

	(void)state;
	memset(block, 'x', sizeof(block));
	for (size_t i = 0; i <= ANSWER_BYTES_MAX / sizeof(block); i++)
		(void)fwrite(block, sizeof(block), 1, answer_stream(a));
	assert_int_equal(answer_finish(a, NULL, &response), -EFBIG);
	assert_null(response.body);
	answer_free(NULL);
	answer_free(answer_new(true));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
