/* SPDX-License-Identifier: MIT */
/*
 * The JSON form of a report: the same content as the binary one, every way to write it
 * wrong, and the memory that hostile text can take.
 */
#include "common/report_json.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/unit/random_report.h"

#define TEXT_MAX   (4 * REPORT_BYTES_MAX)
#define MEMORY_MAX (100 * 1000 * 1000)

/* The example of the header, with places to change. */
#define HEAD                                                                        \
	"{\"node\": \"hkg\", \"boot\": \"0123456789abcdef\", \"seq\": 7, "          \
	"\"start\": 1767225600.0, \"length_ms\": 10000, \"stamp\": \"kernel-rx\", " \
	"\"spoofed\": 0, \"local_drop\": 0, \"rows\": ["
#define COUNTS                                                               \
	"{\"peer\": \"nrt\", \"path\": \"hub\", \"sent\": 10, \"lost\": 0, " \
	"\"late\": 0, \"duplicate\": 0, \"reordered\": 0"
#define TIMES                                                          \
	", \"min_ms\": 492.1, \"mean_ms\": 492.2, \"max_ms\": 492.4, " \
	"\"jitter_ms\": 0.1, \"p50_ms\": 492.2, \"p95_ms\": 492.4"
#define SKETCH ", \"sketch\": [[605, 10]]}"
#define TAIL   "]}"

static uint8_t buf[REPORT_BYTES_MAX];

static void
the_example_reads_and_writes(void **state)
{
	struct report r;
	struct err err = { "" };
	char *text;

	(void)state;
	if (report_from_json(&r, HEAD COUNTS TIMES SKETCH TAIL,
		strlen(HEAD COUNTS TIMES SKETCH TAIL), &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(r.node, "hkg");
	assert_true(r.boot == 0x0123456789abcdef);
	assert_int_equal(r.seq, 7);
	assert_int_equal(r.start.ns, 1767225600 * NS_PER_S);
	assert_int_equal(r.length_ms, 10000);
	assert_int_equal(r.stamp, STAMP_KERNEL_RX);
	assert_int_equal(r.n_rows, 1);
	assert_string_equal(r.rows[0].peer, "nrt");
	assert_int_equal(r.rows[0].path, PATH_HUB);
	assert_int_equal(r.rows[0].sent, 10);
	assert_int_equal(r.rows[0].min_us, 492100);
	assert_int_equal(r.rows[0].mean_us, 492200);
	assert_int_equal(r.rows[0].max_us, 492400);
	assert_int_equal(r.rows[0].jitter_us, 100);
	assert_int_equal(r.rows[0].rtt.buckets[0].index, 605);
	assert_int_equal(sketch_count(&r.rows[0].rtt), 10);
	text = report_to_json(&r);
	assert_non_null(text);
	/* The quantiles are computed, so they may differ from what the example says. */
	assert_non_null(strstr(text, HEAD COUNTS ", \"min_ms\": 492.1, "));
	assert_non_null(strstr(text, "\"jitter_ms\": 0.1, \"p50_ms\": 492."));
	assert_non_null(strstr(text, SKETCH TAIL));
	free(text);
	report_fini(&r);
}

static void
both_forms_say_the_same(void **state)
{
	struct seed seed = seed_new(__func__);
	struct err err;

	(void)state;
	for (int round = 0; round < 100; round++) {
		struct report r =
		    random_report(&seed, seed_below(&seed, 20), round % 4);
		struct report by_json, by_wire;
		char *text = report_to_json(&r);
		size_t n = report_encode(&r, buf, sizeof(buf));

		assert_non_null(text);
		if (report_from_json(&by_json, text, strlen(text), &err) < 0)
			fail_msg("%s in %s", err.text, text);
		assert_int_equal(report_decode(&by_wire, buf, n, &err), 0);
		assert_true(report_equal(&by_json, &by_wire));
		assert_true(report_equal(&by_json, &r));
		/* What follows the text is not ours to read. */
		if (round == 1)
			for (size_t cut = 0; cut < strlen(text); cut++) {
				struct report none;

				assert_true(
				    report_from_json(&none, text, cut, &err) < 0);
				assert_null(none.rows);
			}
		free(text);
		report_fini(&by_json);
		report_fini(&by_wire);
		report_fini(&r);
	}
}

static void
a_bad_report_is_not_written(void **state)
{
	struct report r = { .node = "Not A Name" };

	(void)state;
	assert_null(report_to_json(&r));
}

/* want NULL = accepted, else a part of the message. */
static const struct {
	const char *text, *want;
} rows[] = {
	{ HEAD TAIL, NULL },
	{ " " HEAD TAIL "\n", NULL },
	{ HEAD COUNTS "}" TAIL, NULL },
	{ HEAD COUNTS TIMES SKETCH TAIL, NULL },
	{ HEAD COUNTS TIMES "}" TAIL, "needs all" },
	{ HEAD COUNTS SKETCH TAIL, "needs all" },
	{ HEAD COUNTS ", \"min_ms\": 0}" TAIL, "needs all" },
	{ HEAD COUNTS ", \"min_ms\": null}" TAIL, "needs all" },
	{ HEAD COUNTS TIMES ", \"sketch\": []}" TAIL, "needs all" },
	{ HEAD COUNTS TIMES ", \"sketch\": {}}" TAIL, "needs all" },
	{ HEAD COUNTS TIMES ", \"sketch\": [605, 10]}" TAIL, "needs all" },
	{ HEAD COUNTS TIMES ", \"sketch\": [[605]]}" TAIL, "needs all" },
	{ HEAD COUNTS TIMES ", \"sketch\": [[605, 5, 5]]}" TAIL, "needs all" },
	{ HEAD COUNTS TIMES ", \"sketch\": [[605, 5], [605, 5]]}" TAIL, "needs all" },
	{ HEAD COUNTS TIMES ", \"sketch\": [[606, 5], [605, 5]]}" TAIL, "needs all" },
	{ HEAD COUNTS TIMES ", \"sketch\": [[605, 10.0]]}" TAIL, "needs all" },
	{ HEAD COUNTS TIMES ", \"sketch\": [[605, 0]]}" TAIL, "needs all" },
	{ HEAD COUNTS TIMES ", \"sketch\": [[605, -1]]}" TAIL, "needs all" },
	{ HEAD COUNTS TIMES ", \"sketch\": [[605, 4294967296]]}" TAIL, "needs all" },
	{ HEAD COUNTS TIMES ", \"sketch\": [[-1, 1]]}" TAIL, "needs all" },
	{ HEAD COUNTS TIMES ", \"sketch\": [[848, 1]]}" TAIL, "needs all" },
	{ HEAD COUNTS TIMES ", \"sketch\": [[605, 11]]}" TAIL, "more samples" },
	{ HEAD COUNTS TIMES ", \"sketch\": [[500, 10]]}" TAIL, "outside" },
	{ HEAD COUNTS TIMES ", \"x\": 1" SKETCH TAIL, "left unpacked: x" },
	{ HEAD COUNTS TIMES ", \"\\u001b[2J\": 1" SKETCH TAIL, "left unpacked: ?[2J" },
	{ HEAD COUNTS ", \"sent\": 1}" TAIL, "duplicate" },
	{ HEAD COUNTS "}, " COUNTS "}" TAIL, "two rows" },
	{ HEAD "1" TAIL, "row 0" },
	{ HEAD "{}" TAIL, "row 0: Object item not found: peer" },
	{ HEAD "null, " TAIL, "line 1" },
	{ HEAD TAIL "x", "end of file expected" },
	{ "\xef\xbb\xbf" HEAD TAIL, "line 1" },
	{ "", "line 1" },
	{ "[]", "Expected object" },
	{ "7", "'['" },
	{ "{}", "not found: node" },
	{ HEAD "[[[[[[[[", "nested" },
	{ HEAD "{\"peer\": \"\\\"}}}}\", \"x\": [[[[[", "nested" },
	{ HEAD COUNTS ", \"min_ms\": 1e999}" TAIL, "real number overflow" },
	{ HEAD COUNTS ", \"min_ms\": 99999999999999999999}" TAIL, "too big integer" },
	{ HEAD COUNTS ", \"min_ms\": NaN}" TAIL, "invalid token" },
};

/* The example with one part replaced. */
static const struct {
	const char *part, *by, *want;
} changes[] = {
	{ "\"hkg\"", "\"HKG\"", "node" },
	{ "\"hkg\"", "\"nrt\"", "the node itself" },
	{ "\"hkg\"", "7", "Expected string" },
	{ "\"hkg\"", "\"h\\u0000\"", "\\u0000" },
	{ "\"hkg\"", "\"\xff\"", "decode byte" },
	{ "hkg", "a234567890123456789012345678901234567890123456789012345678901234",
	    "node: longer than 63" },
	{ "nrt", "a234567890123456789012345678901234567890123456789012345678901234",
	    "peer: longer than 63" },
	{ "nrt", "n t", "peer: not a name" },
	{ "0123456789abcdef", "0123456789ABCDEF", "boot" },
	{ "0123456789abcdef", "0123456789abcde", "boot" },
	{ "0123456789abcdef", "0x23456789abcdef", "boot" },
	{ "0123456789abcdef", "ffffffffffffffff", NULL },
	{ "\"seq\": 7", "\"seq\": -1", "below 0" },
	{ "\"seq\": 7", "\"seq\": 7.0", "Expected integer" },
	{ "\"seq\": 7", "\"seq\": 9223372036854775807", NULL },
	{ "\"seq\": 7", "\"seq\": 9223372036854775808", "too big integer" },
	{ "\"seq\": 7, ", "", "not found: seq" },
	{ "\"seq\": 7", "\"seq\": 7, \"seq\": 7", "duplicate" },
	{ "\"spoofed\": 0", "\"spoofed\": -1", "below 0" },
	{ "\"local_drop\": 0", "\"local_drop\": -1", "below 0" },
	{ "1767225600.0", "1767225600", NULL },
	{ "1767225600.0", "1767225600.123", NULL },
	{ "1767225600.0", "-1.0", "start" },
	{ "1767225600.0", "0.0", "start" },
	{ "1767225600.0", "1e300", "start" },
	{ "1767225600.0", "9223372036.854", NULL },
	{ "1767225600.0", "9223372036.855", "start" },
	{ "10000", "0", "length" },
	{ "10000", "-1", "length" },
	{ "10000", "4294967297", "length" },
	{ "kernel-rx", "KERNEL", "stamp" },
	{ "\"hub\"", "\"relay\"", "path: not hub" },
	{ "\"sent\": 10", "\"sent\": -1", "count below 0" },
	{ "\"sent\": 10", "\"sent\": 4294967306", "over 2^32-1" },
	{ "\"lost\": 0", "\"lost\": 11", "more lost" },
	{ "\"late\": 0", "\"late\": 4294967295", NULL },
	{ "492.1,", "492.0996,", NULL },
	{ "492.1,", "-492.1,", "needs all" },
	{ "492.1,", "\"492.1\",", "needs all" },
	{ "492.4,", "60001,", "needs all" },
	{ "492.4,", "505,", "maximum outside" },
	{ "0.1,", "-0.0,", NULL },
	{ "0.1,", "0.302,", "jitter" },
	{ ", \"p50_ms\": 492.2, \"p95_ms\": 492.4", "", NULL },
	{ "\"p50_ms\": 492.2", "\"p50_ms\": \"ignored\"", NULL },
};

static void
judge(const char *text, size_t len, const char *want)
{
	char *exact = malloc(len ? len : 1); /* for ASan and valgrind to guard */
	struct report r;
	struct err err = { "" };
	int rc;

	assert_non_null(exact);
	memcpy(exact, text, len);
	rc = report_from_json(&r, exact, len, &err);
	free(exact);
	if ((rc == 0) != (want == NULL) || (rc < 0 && !strstr(err.text, want)))
		fail_msg("%d, \"%s\" of %s", rc, err.text, text);
	if (rc < 0)
		assert_null(r.rows);
	report_fini(&r);
}

static void
spellings_have_fixed_verdicts(void **state)
{
	static const char example[] = HEAD COUNTS TIMES SKETCH TAIL;
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		judge(rows[i].text, strlen(rows[i].text), rows[i].want);
	judge(example, sizeof(example), "end of file expected"); /* with its NUL */
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const char *at = strstr(example, changes[i].part);

		assert_non_null(at);
		(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - example),
		    example, changes[i].by, at + strlen(changes[i].part));
		judge(text, strlen(text), changes[i].want);
	}
}

/* What jansson holds, and the most of it. */
static size_t held, peak;

static void *
counting_malloc(size_t size)
{
	void *p = malloc(size);

	held += malloc_usable_size(p);
	peak = held > peak ? held : peak;
	return p;
}

static void
counting_free(void *p)
{
	held -= malloc_usable_size(p);
	free(p);
}

/* TEXT_MAX of one thing again and again, never closed; "" = members of an object. */
static size_t
flood(char *text, const char *part)
{
	size_t n = 0;

	text[n++] = *part == 'x' ? '"' : *part ? '[' : '{';
	for (uint32_t k = 0; n < TEXT_MAX - 16; k++)
		n += (size_t)(*part ? snprintf(text + n, 16, "%s", part)
				    : snprintf(text + n, 16, "\"%x\":0,", k));
	return n;
}

static bool
is_seen_by_jansson(const char *text, size_t len)
{
	struct report r;
	struct err err;

	assert_true(report_from_json(&r, text, len, &err) < 0);
	return strstr(err.text, "line") != NULL;
}

static void
hostile_text_is_cheap(void **state)
{
	static const struct {
		const char *name, *part;
	} floods[] = {
		{ "objects", "{}," },
		{ "arrays", "[]," },
		{ "nested arrays", "[[[0]]]," },
		{ "numbers", "0," },
		{ "reals", "1.5," },
		{ "strings", "\"\"," },
		{ "members", "" }, /* each with a name of its own, in one object */
		{ "one string", "x" },
	};
	char *text;

	(void)state;
	if (getenv("UNDER_VALGRIND")) {
		print_message(
		    "SKIP hostile_text_is_cheap: 2 minutes under valgrind; it "
		    "runs plain and under ASan\n");
		skip();
	}
	text = malloc(TEXT_MAX + 1);
	assert_non_null(text);
	json_set_alloc_funcs(counting_malloc, counting_free);
	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
		size_t lo = 0, hi = flood(text, floods[i].part);

		peak = 0;
		if (is_seen_by_jansson(text, hi))
			lo = hi;
		/* The longest start of it that the limits let through to jansson. */
		while (hi - lo > TEXT_MAX / 256) {
			size_t mid = lo + (hi - lo) / 2;

			if (is_seen_by_jansson(text, mid))
				lo = mid;
			else
				hi = mid;
		}
		printf("%s: %.1f MB at most\n", floods[i].name, (double)peak / 1e6);
		assert_true(peak > 0 && peak < MEMORY_MAX);
		assert_int_equal(held, 0);
	}
	judge(text, TEXT_MAX + 1, "bytes of JSON");
	json_set_alloc_funcs(malloc, free);
	free(text);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_reads_and_writes),
		cmocka_unit_test(both_forms_say_the_same),
		cmocka_unit_test(a_bad_report_is_not_written),
		cmocka_unit_test(spellings_have_fixed_verdicts),
		cmocka_unit_test(hostile_text_is_cheap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
