/* SPDX-License-Identifier: MIT */
/*
 * Events on their way to the collector: each is sent until it is taken, none twice in
 * two bodies that were both taken, and what is lost is the oldest, or what it refuses.
 *
 * links: optimizer/agent/event_json.c
 */
#include "optimizer/agent/event_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static struct mesh_node nodes[] = { { .name = "dub" }, { .name = "hkg" },
	{ .name = "nrt" } };
static const struct mesh mesh = { .nodes = nodes, .n_nodes = 3 };
static const struct wall when = { .ns = INT64_C(1700000000) * NS_PER_S };
static struct event_json *events;

static int
set_up(void **unused)
{
	(void)unused;
	events = event_json_new(&mesh, 0x12ab);
	return 0;
}

static int
tear_down(void **unused)
{
	(void)unused;
	event_json_free(events);
	return 0;
}

static void
add(size_t n)
{
	struct core_event e = { .kind = CORE_DIRECT,
		.node = 2,
		.path = WAY_BY_TUNNEL,
		.rtt_us = 49000,
		.text = "three good rounds" };

	while (n-- > 0)
		event_json_add(events, &e, 7, when);
}

/* The next body; NULL = none. */
static json_t *
body(void)
{
	char *text = event_json_body(events);
	json_t *o = text ? json_loads(text, 0, NULL) : NULL;

	assert_true(!text || json_is_object(o));
	free(text);
	return o;
}

/* The next body has the events of these numbers, in this order. */
static void
expect(size_t first, size_t n)
{
	json_t *o = body();
	const json_t *list = json_object_get(o, "events");

	assert_int_equal(json_array_size(list), n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(json_integer_value(
				     json_object_get(json_array_get(list, i), "seq")),
		    first + i);
	json_decref(o);
}

static void
expect_none(void)
{
	assert_null(event_json_body(events));
}

static const char *
word(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void
what_the_collector_reads(void **unused)
{
	struct core_event e = { .kind = CORE_FROZEN, .node = SIZE_MAX, .rtt_us = -1 };
	json_t *o;
	const json_t *first, *second;

	(void)unused;
	expect_none();
	add(1);
	memset(e.text, 'x', sizeof(e.text) - 1);
	event_json_add(events, &e, 8, when);
	o = body();
	assert_string_equal(word(o, "boot"), "00000000000012ab");
	first = json_array_get(json_object_get(o, "events"), 0);
	assert_string_equal(word(first, "kind"), "direct");
	assert_string_equal(word(first, "peer"), "nrt");
	assert_string_equal(word(first, "path"), "direct");
	assert_string_equal(word(first, "text"), "three good rounds");
	assert_string_equal(word(first, "at"), "2023-11-14T22:13:20.000Z");
	assert_int_equal(json_integer_value(json_object_get(first, "rtt_us")), 49000);
	assert_int_equal(json_integer_value(json_object_get(first, "epoch")), 7);
	/* Of the node as a whole; cut to what the collector takes. */
	second = json_array_get(json_object_get(o, "events"), 1);
	assert_string_equal(word(second, "kind"), "frozen");
	assert_null(json_object_get(second, "peer"));
	assert_null(json_object_get(second, "rtt_us"));
	assert_int_equal(strlen(word(second, "text")), EVENT_TEXT_MAX - 1);
	json_decref(o);
}

static void
each_is_sent_until_it_is_taken(void **unused)
{
	(void)unused;
	add(EVENT_BATCH_MAX + 20);
	expect(0, EVENT_BATCH_MAX);
	assert_false(event_json_done(events, EVENT_JSON_AGAIN));
	add(1);
	expect(0, EVENT_BATCH_MAX);
	add(1); /* while they are under way */
	assert_true(event_json_done(events, EVENT_JSON_TAKEN));
	expect(EVENT_BATCH_MAX, 22);
	assert_true(event_json_done(events, EVENT_JSON_TAKEN));
	expect_none();
}

static void
of_too_many_the_oldest_are_lost(void **unused)
{
	(void)unused;
	add(EVENT_SPOOL_MAX + 5);
	expect(5, EVENT_BATCH_MAX);
	/* Those under way may be there already: of the others the oldest. */
	add(3);
	assert_false(event_json_done(events, EVENT_JSON_AGAIN));
	expect(5, EVENT_BATCH_MAX);
	assert_true(event_json_done(events, EVENT_JSON_TAKEN));
	expect(5 + EVENT_BATCH_MAX + 3, EVENT_BATCH_MAX);
}

static void
one_that_is_refused_takes_no_other_with_it(void **unused)
{
	const size_t n = 2 * EVENT_BATCH_MAX, bad[] = { 0, 61, 62, 199 };
	bool taken[2 * EVENT_BATCH_MAX] = { false };
	unsigned bodies = 0;
	json_t *o;

	(void)unused;
	add(n);
	while ((o = body()) != NULL) {
		const json_t *list = json_object_get(o, "events");
		size_t have = json_array_size(list),
		       first = (size_t)json_integer_value(
			   json_object_get(json_array_get(list, 0), "seq"));
		bool refused = false;

		assert_true(have > 0 && ++bodies < 100);
		for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
			refused |= bad[k] >= first && bad[k] < first + have;
		for (size_t i = first; i < first + have && !refused; i++) {
			assert_false(taken[i]);
			taken[i] = true;
		}
		assert_int_equal(event_json_done(events,
				     refused ? EVENT_JSON_REFUSED : EVENT_JSON_TAKEN),
		    !refused || have == 1);
		json_decref(o);
	}
	for (size_t i = 0; i < n; i++)
		assert_int_equal(taken[i], i != 0 && i != 61 && i != 62 && i != 199);
	/* What comes later goes in large bodies again. */
	add(EVENT_BATCH_MAX);
	for (unsigned i = 0; i < 8 && (o = body()) != NULL; i++) {
		assert_true(event_json_done(events, EVENT_JSON_TAKEN));
		json_decref(o);
	}
	add(EVENT_BATCH_MAX);
	expect(n + EVENT_BATCH_MAX, EVENT_BATCH_MAX);
}

static void
names_of_paths(void **unused)
{
	char text[MESH_NAME_MAX + 8];

	(void)unused;
	event_json_path(&mesh, WAY_BY_HUB, SIZE_MAX, text);
	assert_string_equal(text, "hub");
	event_json_path(&mesh, WAY_BY_TUNNEL, SIZE_MAX, text);
	assert_string_equal(text, "direct");
	event_json_path(&mesh, WAY_BY_RELAY, 1, text);
	assert_string_equal(text, "relay:hkg");
	assert_string_equal(event_json_kind(CORE_STAGED), "staged");
	assert_string_equal(event_json_kind(CORE_ENDPOINT), "endpoint");
	assert_string_equal(event_json_kind(CORE_FAULT), "fault");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_the_collector_reads),
		TEST(each_is_sent_until_it_is_taken),
		TEST(of_too_many_the_oldest_are_lost),
		TEST(one_that_is_refused_takes_no_other_with_it),
		TEST(names_of_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
