/* SPDX-License-Identifier: MIT */
/*
 * An issued plan: what was written is read again, and what is half an issue is none.
 * links: optimizer/decide/plan.c optimizer/decide/plan_json.c
 * links: optimizer/decide/plan_json_write.c
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "optimizer/decide/plan_json.h"

#define ISSUE                                                                       \
	"{\"mesh\": \"m\", \"epoch\": 7, \"issued\": \"2026-11-22T13:53:20.123Z\"," \
	" \"ttl_s\": 900, "
#define TUNNELS                                                                  \
	"\"tunnels\": [{\"a\": \"hkg\", \"b\": \"nrt\", \"hub_ms\": 492,"        \
	" \"direct_ms\": 49, \"value\": 443000, \"state\": \"add\"},"            \
	" {\"a\": \"nrt\", \"b\": \"sin\", \"hub_ms\": null, \"direct_ms\": 70," \
	" \"value\": 0, \"state\": \"keep\"}], "
#define ROUTES                                                                    \
	"\"routes\": [{\"a\": \"hkg\", \"b\": \"nrt\", \"path\": \"direct\","     \
	" \"ms\": 49, \"hub_ms\": 492, \"since\": \"2026-11-22T13:00:00Z\", "     \
	"\"good\": true},"                                                        \
	" {\"a\": \"hkg\", \"b\": \"sin\", \"path\": \"relay:nrt\", \"ms\": 119," \
	" \"hub_ms\": 408, \"fallback\": \"hub\", \"fallback_ms\": 408.5},"       \
	" {\"a\": \"hkg\", \"b\": \"dub\", \"path\": \"hub\", \"ms\": 250,"       \
	" \"hub_ms\": 250}]"
#define HINTS \
	", \"hints\": [{\"node\": \"fra\", \"endpoint\": \"[2001:db8::7]:51821\"}]"

static struct plan *
read_ok(const char *text)
{
	struct plan *plan;
	struct err err = { .text = "" };

	if (plan_from_json(text, strlen(text), &plan, &err) < 0)
		fail_msg("%s", err.text);
	return plan;
}

static void
check(const struct plan *plan, size_t n_routes)
{
	const struct plan_route *relay = &plan->routes[n_routes - 1];

	assert_int_equal(plan->issue->epoch, 7);
	assert_int_equal(plan->issue->issued.ns, INT64_C(1795355600123000000));
	assert_int_equal(plan->issue->ttl_s, 900);
	assert_int_equal(plan->issue->n_hints, 1);
	assert_string_equal(plan->names[plan->issue->hints[0].node], "fra");
	assert_int_equal(plan->issue->hints[0].addr.family, AF_INET6);
	assert_int_equal(plan->issue->hints[0].port, 51821);
	assert_int_equal(plan->n_tunnels, 2);
	assert_int_equal(plan->n_routes, n_routes);
	for (size_t i = 0; i < n_routes; i++) {
		const struct plan_route *r = &plan->routes[i];

		assert_int_equal(r->good, r->path == PLAN_DIRECT);
		assert_int_equal(r->since.ns,
		    r->good ? INT64_C(1795352400000000000) : 0);
	}
	assert_int_equal(relay->path, PLAN_RELAY);
	assert_string_equal(plan->names[relay->via], "nrt");
	assert_int_equal(relay->fallback, PLAN_HUB);
	assert_int_equal(relay->fallback_us, 408500);
}

static void
an_issued_plan_comes_back_without_its_hub_routes(void **state)
{
	struct plan *plan = read_ok(ISSUE TUNNELS ROUTES HINTS "}"), *again;
	char *text = plan_to_json(plan), *twice;

	(void)state;
	check(plan, 3);
	again = read_ok(text);
	check(again, 2);
	twice = plan_to_json(again);
	assert_string_equal(twice, text);
	free(text);
	free(twice);
	plan_free(plan);
	plan_free(again);
}

static void
a_plan_that_is_not_issued_says_so(void **state)
{
	struct plan *plan = read_ok("{\"mesh\": \"m\", " TUNNELS ROUTES "}");
	char *text = plan_to_json(plan);

	(void)state;
	assert_null(plan->issue);
	assert_null(strstr(text, "epoch"));
	assert_non_null(strstr(text, "\"path\": \"hub\""));
	free(text);
	plan_free(plan);
}

static void
half_an_issue_is_refused(void **state)
{
	static const struct {
		const char *head, *why;
	} rows[] = {
		{ "\"epoch\": 7", "issued" },
		{ "\"issued\": \"2026-11-22T13:53:20Z\", \"ttl_s\": 9", "epoch" },
		{ "\"epoch\": 0, \"issued\": \"2026-11-22T13:53:20Z\", \"ttl_s\": 9",
		    "epoch" },
		{ "\"epoch\": -1, \"issued\": \"2026-11-22T13:53:20Z\", \"ttl_s\": 9",
		    "epoch" },
		{ "\"epoch\": 1.5, \"issued\": \"2026-11-22T13:53:20Z\", \"ttl_s\": 9",
		    "epoch" },
		{ "\"epoch\": 9007199254740993, \"issued\": \"2026-11-22T13:53:20Z\","
		  " \"ttl_s\": 9",
		    "epoch" },
		{ "\"epoch\": 7, \"issued\": \"24h\", \"ttl_s\": 9", "issued" },
		{ "\"epoch\": 7, \"issued\": 1795355600, \"ttl_s\": 9", "issued" },
		{ "\"epoch\": 7, \"issued\": \"2026-11-22T13:53:20Z\"", "ttl_s" },
		{ "\"epoch\": 7, \"issued\": \"2026-11-22T13:53:20Z\", \"ttl_s\": "
		  "86401",
		    "ttl_s" },
		{ "\"epoch\": 7, \"issued\": \"2026-11-22T13:53:20Z\", \"ttl_s\": 9, "
		  "\"hints\": {}",
		    "hints" },
		{ "\"epoch\": 7, \"issued\": \"2026-11-22T13:53:20Z\", \"ttl_s\": 9, "
		  "\"hints\": [{\"endpoint\": \"192.0.2.1:1\"}]",
		    "hints[0]" },
		{ "\"epoch\": 7, \"issued\": \"2026-11-22T13:53:20Z\", \"ttl_s\": 9, "
		  "\"hints\": [{\"node\": \"x\", \"endpoint\": \"a.example:1\"}]",
		    "hints[0]" },
	};
	struct plan *plan;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = { .text = "" };
		char text[512];

		assert_true(snprintf(text, sizeof(text),
				"{\"mesh\": \"m\", \"routes\": [], \"tunnels\": [], "
				"%s}",
				rows[i].head) < (int)sizeof(text));
		assert_int_equal(plan_from_json(text, strlen(text), &plan, &err),
		    -EINVAL);
		assert_null(plan);
		if (!strstr(err.text, rows[i].why))
			fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.text,
			    rows[i].why);
	}
}

/* Its legs went by the hub, so that the plan that was issued leaves them out. */
static void
a_relay_that_is_no_end(void **state)
{
	static const char text[] =
	    "{\"mesh\": \"m\", \"epoch\": 3, \"issued\": \"2026-11-22T13:53:20Z\", "
	    "\"ttl_s\": 900, \"tunnels\": [], \"routes\": ["
	    "{\"a\": \"x\", \"b\": \"z\", \"path\": \"hub\"}, "
	    "{\"a\": \"x\", \"b\": \"y\", \"path\": \"relay:z\"}]}";
	struct plan *plan, *again;
	struct err err;
	char *twice;

	(void)state;
	assert_int_equal(plan_from_json(text, strlen(text), &plan, &err), 0);
	twice = plan_to_json(plan);
	assert_int_equal(plan_from_json(twice, strlen(twice), &again, &err), 0);
	assert_int_equal(again->n_routes, 1);
	assert_string_equal(again->names[again->routes[0].via], "z");
	free(twice);
	plan_free(plan);
	plan_free(again);
}

static void
an_end_is_no_relay(void **state)
{
	static const char text[] =
	    "{\"mesh\": \"m\", \"tunnels\": [], \"routes\": [{\"a\": \"x\", \"b\": "
	    "\"y\", \"path\": \"relay:y\"}]}";
	struct plan *plan;
	struct err err;

	(void)state;
	assert_int_equal(plan_from_json(text, strlen(text), &plan, &err), -EINVAL);
	assert_non_null(strstr(err.text, "relay"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_issued_plan_comes_back_without_its_hub_routes),
		cmocka_unit_test(a_plan_that_is_not_issued_says_so),
		cmocka_unit_test(half_an_issue_is_refused),
		cmocka_unit_test(a_relay_that_is_no_end),
		cmocka_unit_test(an_end_is_no_relay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
