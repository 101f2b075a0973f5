/* SPDX-License-Identifier: MIT */
/*
 * Where nodes behind NAT are: from events to what a plan says.
 *
 * links: optimizer/hints.c optimizer/feed_json.c optimizer/decide/stage.c
 * links: optimizer/decide/plan.c optimizer/decide/stage_events.c
 * links: optimizer/decide/stage_routes.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "optimizer/feed_json.h"

static const char events[] =
    "{\"events\": ["
    "{\"node\": \"dub\", \"kind\": \"endpoint\", \"peer\": \"nrt\","
    " \"text\": \"198.51.100.7:51821\", \"at\": \"2026-11-22T12:00:02Z\"},"
    "{\"node\": \"dub\", \"kind\": \"endpoint\", \"peer\": \"nrt\","
    " \"text\": \"198.51.100.9:1\", \"at\": \"2026-11-22T12:00:01Z\"},"
    "{\"node\": \"sin\", \"kind\": \"endpoint\", \"peer\": \"hkg\","
    " \"text\": \"198.51.100.66:1\", \"at\": \"2026-11-22T12:00:03Z\"},"
    "{\"node\": \"dub\", \"kind\": \"fault\", \"peer\": \"hkg\","
    " \"text\": \"198.51.100.66:1\", \"at\": \"2026-11-22T12:00:03Z\"},"
    "{\"node\": \"dub\", \"kind\": \"endpoint\", \"peer\": \"syd\","
    " \"text\": \"nat.example.net:51821\", \"at\": \"2026-11-22T12:00:03Z\"}]}";

static void
newest_word_of_the_hub(void **unused)
{
	struct hints h = { 0 };
	struct err err;

	(void)unused;
	assert_int_equal(feed_hints(events, strlen(events), "dub", &h, &err), 0);
	assert_int_equal(h.n, 1);
	assert_string_equal(h.hint[0].node, "nrt");
	assert_int_equal(h.hint[0].port, 51821);
	assert_int_equal(h.hint[0].addr.b[3], 7);
	hints_fini(&h);
	assert_int_equal(feed_hints("{}", 2, "dub", &h, &err), -22);
}

static void
last_word_of_both_ends(void **unused)
{
	static const char said[] =
	    "{\"events\": ["
	    "{\"node\": \"nrt\", \"kind\": \"direct\", \"peer\": \"hkg\","
	    " \"text\": \"a\\u001b[2Jb\", \"at\": \"2026-11-22T12:00:02Z\"},"
	    "{\"node\": \"nrt\", \"kind\": \"staged\", \"peer\": \"hkg\","
	    " \"text\": \"older\", \"at\": \"2026-11-22T12:00:01Z\"},"
	    "{\"node\": \"nrt\", \"kind\": \"fault\", \"peer\": \"sin\","
	    " \"text\": \"of another\", \"at\": \"2026-11-22T12:00:09Z\"},"
	    "{\"node\": \"nrt\", \"kind\": \"fault\","
	    " \"text\": \"of itself\", \"at\": \"2026-11-22T12:00:09Z\"}]}";
	const char *ends[] = { "hkg", "nrt" };
	struct feed_word w[2];
	struct err err;

	(void)unused;
	assert_int_equal(feed_words(said, strlen(said), ends, w, &err), 0);
	assert_true(w[0].at.ns == 0);
	assert_string_equal(w[1].kind, "direct");
	assert_string_equal(w[1].text, "a?[2Jb");
	assert_int_equal(feed_words("[]", 2, ends, w, &err), -22);
}

static void
two_that_were_seen_can_be_reached(void **unused)
{
	struct node nodes[] = { { .name = "hkg" }, { .name = "nrt" },
		{ .name = "syd" } };
	struct pair pairs[] = { { .a = 0, .b = 1 }, { .a = 1, .b = 2 } };
	struct tunnel tunnels[] = { { .a = 0, .b = 1 }, { .a = 0, .b = 2 } };
	struct instance in = { .nodes = nodes,
		.n_nodes = 3,
		.pairs = pairs,
		.n_pairs = 2,
		.tunnels = tunnels,
		.n_tunnels = 2 };
	struct hints h = { 0 };

	(void)unused;
	hints_learn(&h, "hkg", "[2001:db8::7]:51821", (struct wall){ 1 });
	hints_learn(&h, "nrt", "198.51.100.7:51821", (struct wall){ 1 });
	hints_reach(&h, &in);
	assert_true(pairs[0].reachable && tunnels[0].reachable);
	assert_false(pairs[1].reachable || tunnels[1].reachable);
	hints_fini(&h);
}

static void
a_plan_hands_them_on(void **unused)
{
	struct plan_hint *old = calloc(2, sizeof(*old));
	char names[][MESH_NAME_MAX] = { "hkg", "nrt" };
	struct plan_issue was = { .hints = old, .n_hints = 2, .issued = { 5 } },
			  is = { 0 };
	struct plan present = { .names = names, .n_names = 2, .issue = &was };
	struct plan plan = { .names = names, .n_names = 2, .issue = &is };
	struct hints h = { 0 };

	(void)unused;
	assert_non_null(old);
	for (uint32_t i = 0; i < 2; i++) {
		old[i].node = i;
		old[i].port = 7;
		assert_int_equal(addr_parse("192.0.2.1", &old[i].addr), 0);
	}
	hints_learn(&h, "nrt", "198.51.100.7:51821", (struct wall){ 1 });
	hints_learn(&h, "syd", "198.51.100.8:51821", (struct wall){ 1 });
	hints_carry(&h, &present);
	hints_write(&h, &plan);
	assert_int_equal(is.n_hints, 2); /* the plan does not speak of syd */
	assert_int_equal(is.hints[0].port, 7);
	assert_int_equal(is.hints[1].port, 51821);
	free(is.hints);
	free(old);
	hints_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(newest_word_of_the_hub),
		cmocka_unit_test(last_word_of_both_ends),
		cmocka_unit_test(two_that_were_seen_can_be_reached),
		cmocka_unit_test(a_plan_hands_them_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
