/* SPDX-License-Identifier: MIT */
/*
 * Stages: a canary first, a further stage only on good verdicts from both ends, and
 * whatever is issued is reached in the end, in steps that no agent refuses.
 * links: optimizer/decide/stage.c optimizer/decide/stage_events.c
 * links: optimizer/decide/stage_routes.c optimizer/decide/plan.c
 * links: optimizer/decide/plan_json.c optimizer/decide/plan_json_write.c
 */
#include "optimizer/decide/stage.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "optimizer/decide/plan_json.h"

#define T0     INT64_C(1795355600000000000)
#define MINUTE (60 * NS_PER_S)

static const struct wall now = { T0 };

/* A plan of the POPs p0.. and the backends b0.., all pairs by the hub. */
static struct plan *
plan_of(unsigned pops, unsigned backends)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct plan *plan;
	struct err err = { .text = "" };

	assert_non_null(out);
	fputs("{\"mesh\": \"m\", \"epoch\": 1, \"issued\": \"2026-11-22T13:00:00Z\","
	      " \"ttl_s\": 900, \"tunnels\": [], \"routes\": [",
	    out);
	for (unsigned p = 0; p < pops; p++) {
		for (unsigned b = 0; b < backends; b++)
			fprintf(out,
			    "%s{\"a\": \"b%u\", \"b\": \"p%u\", \"path\": \"hub\","
			    " \"ms\": %u, \"hub_ms\": %u}",
			    p + b ? "," : "", b, p, 300 + b, 300 + b);
	}
	fputs("]}", out);
	assert_int_equal(fclose(out), 0);
	if (plan_from_json(text, len, &plan, &err) < 0)
		fail_msg("%s", err.text);
	free(text);
	plan->pairs = plan->n_routes;
	return plan;
}

static struct plan_route *
route(struct plan *plan, unsigned b, unsigned p)
{
	char x[16], y[16];

	(void)snprintf(x, sizeof(x), "b%u", b);
	(void)snprintf(y, sizeof(y), "p%u", p);
	for (size_t i = 0; i < plan->n_routes; i++) {
		struct plan_route *r = &plan->routes[i];

		if (!strcmp(plan->names[r->a], x) && !strcmp(plan->names[r->b], y))
			return r;
	}
	fail_msg("no route %s-%s", x, y);
	return NULL;
}

static void
set_direct(struct plan *plan, unsigned b, unsigned p, int64_t us)
{
	struct plan_route *r = route(plan, b, p);

	r->path = PLAN_DIRECT;
	r->us = us;
}

static size_t
off_hub(const struct plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_routes; i++)
		n += plan->routes[i].path != PLAN_HUB;
	return n;
}

static void
say_at(struct stage_events *events, const char *const ends[2], enum stage_kind kind,
    struct wall at)
{
	struct stage_event *e;

	events->event = mem_grow(events->event, events->n + 1, sizeof(*events->event));
	e = &events->event[events->n];
	*e = (struct stage_event){ .kind = kind, .at = at };
	(void)snprintf(e->node, sizeof(e->node), "%s", ends[0]);
	(void)snprintf(e->peer, sizeof(e->peer), "%s", ends[1]);
	events->n++;
	stage_events_settle(events);
}

static void
say(struct stage_events *events, const char *node, const char *peer,
    enum stage_kind kind)
{
	static int64_t said; /* before this, in this test */

	if (events->n == 0)
		said = 0;
	say_at(events, (const char *const[]){ node, peer }, kind,
	    (struct wall){ T0 + said++ * NS_PER_S });
}

/* Both ends of everything in force. */
static void
all_good(struct stage_events *events, const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_routes; i++) {
		const struct plan_route *r = &plan->routes[i];

		if (r->path == PLAN_HUB)
			continue;
		say(events, plan->names[r->a], plan->names[r->b], STAGE_DIRECT);
		say(events, plan->names[r->b], plan->names[r->a], STAGE_DIRECT);
	}
}

static void
the_canary_goes_alone_and_is_the_least(void **state)
{
	struct plan *target = plan_of(3, 11);
	struct stage_events none = { 0 };
	struct stage s;

	(void)state;
	set_direct(target, 1, 0, 49000);
	set_direct(target, 2, 0, 120000);
	set_direct(target, 3, 0, 38000);
	stage_make(target, NULL, &none, now, &s);
	assert_int_equal(s.added, 1);
	assert_int_equal(s.later, 2);
	assert_int_equal(off_hub(target), 1);
	assert_int_equal(route(target, 2, 0)->path, PLAN_DIRECT);
	assert_int_equal(route(target, 2, 0)->since.ns, T0);
	assert_int_equal(route(target, 1, 0)->us, 301000);
	assert_string_not_equal(s.waits, "");
	plan_free(target);
}

static void
silence_is_no_verdict(void **state)
{
	static const struct {
		enum stage_kind x, y;
		size_t added;
	} rows[] = {
		{ STAGE_OTHER, STAGE_OTHER, 0 },
		{ STAGE_DIRECT, STAGE_OTHER, 0 },
		{ STAGE_OTHER, STAGE_DIRECT, 0 },
		{ STAGE_STAGED, STAGE_DIRECT, 0 },
		{ STAGE_DIRECT, STAGE_DEMOTED, 0 },
		{ STAGE_DIRECT, STAGE_REFUSED, 0 },
		{ STAGE_DIRECT, STAGE_WITHDRAWN, 0 },
		{ STAGE_DIRECT, STAGE_DIRECT, 2 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct plan *present = plan_of(3, 11), *target = plan_of(3, 11);
		struct stage_events events = { 0 };
		struct stage s;

		set_direct(present, 1, 0, 49000);
		route(present, 1, 0)->since = (struct wall){ T0 - MINUTE };
		for (unsigned b = 1; b < 4; b++)
			set_direct(target, b, 0, 49000);
		say(&events, "b1", "p0", rows[i].x);
		say(&events, "p0", "b1", rows[i].y);
		stage_make(target, present, &events, now, &s);
		if (s.added != rows[i].added)
			fail_msg("row %zu: %zu added", i, s.added);
		assert_int_equal(route(target, 1, 0)->path, PLAN_DIRECT);
		assert_int_equal(route(target, 1, 0)->since.ns, T0 - MINUTE);
		assert_int_equal(s.waits[0] != '\0', rows[i].added == 0);
		stage_events_fini(&events);
		plan_free(present);
		plan_free(target);
	}
}

static bool
left_out(const struct plan *present, const struct stage_events *events, int64_t at_ns)
{
	const struct stage_past past = { present, events, { at_ns } };
	struct wall failed;

	return stage_left_out(&past, "b1", "p0", &failed);
}

static void
the_last_word_of_an_end_counts(void **state)
{
	static const char *const ends[] = { "b1", "p0" }, *const swap[] = { "p0",
		"b1" };
	const struct wall always = { 0 };
	struct stage_events events = { 0 };
	struct wall at;

	(void)state;
	assert_int_equal(stage_verdict(&events, ends, always, &at), STAGE_UNHEARD);
	assert_int_equal(at.ns, 0);
	assert_false(left_out(NULL, &events, T0));
	say(&events, "b1", "p0", STAGE_DEMOTED);
	say(&events, "p0", "b1", STAGE_DIRECT);
	assert_int_equal(stage_verdict(&events, swap, always, &at), STAGE_BAD);
	assert_int_equal(at.ns, T0); /* of the bad word, not of the newest */
	assert_true(left_out(NULL, &events, T0 + 59 * MINUTE));
	assert_false(left_out(NULL, &events, T0 + 61 * MINUTE));
	say(&events, "b1", "p0", STAGE_REFUSED);
	assert_int_equal(stage_verdict(&events, ends, always, &at), STAGE_BAD);
	assert_int_equal(at.ns, T0 + 2 * NS_PER_S);
	say(&events, "p0", "b1", STAGE_REFUSED);
	assert_int_equal(stage_verdict(&events, ends, always, &at), STAGE_BAD);
	assert_int_equal(at.ns, T0 + 3 * NS_PER_S);
	say(&events, "b1", "p0", STAGE_DIRECT);
	say(&events, "p0", "b1", STAGE_DIRECT);
	assert_int_equal(stage_verdict(&events, ends, always, &at), STAGE_GOOD);
	assert_int_equal(at.ns, 0);
	assert_false(left_out(NULL, &events, T0));
	/* Back by the plan: no fault, and good no more. */
	say(&events, "p0", "b1", stage_kind_parse("withdrawn"));
	assert_int_equal(stage_verdict(&events, ends, always, &at), STAGE_UNHEARD);
	assert_false(left_out(NULL, &events, T0));
	stage_events_fini(&events);
}

/* In force for so long, and what became of it. */
static void
silence_has_its_time(void **state)
{
	struct plan *present = plan_of(3, 11);
	struct stage_events events = { 0 };
	struct plan_route *r = route(present, 1, 0);

	(void)state;
	r->since = (struct wall){ T0 - MINUTE };
	set_direct(present, 1, 0, 49000);
	assert_false(left_out(present, &events, T0 + 29 * MINUTE));
	assert_true(left_out(present, &events, T0 + 30 * MINUTE));
	say(&events, "b1", "p0", STAGE_DIRECT);
	say(&events, "p0", "b1", STAGE_STAGED);
	assert_true(left_out(present, &events, T0 + 30 * MINUTE));
	r->good = true;
	assert_false(left_out(present, &events, T0 + 30 * MINUTE));
	r->good = false;
	say(&events, "p0", "b1", STAGE_DIRECT);
	assert_false(left_out(present, &events, T0 + 30 * MINUTE));
	r->since.ns = 0; /* nobody knows for how long */
	stage_events_fini(&events);
	assert_false(left_out(present, &events, T0 + 90 * MINUTE));
	plan_free(present);
}

/* What was said of another path, or of another time, is none of this one. */
static void
words_of_before_do_not_count(void **state)
{
	static const struct {
		enum stage_kind x, y;
		int64_t since_ns; /* of the path; the words are of T0 */
		enum stage_verdict verdict;
		bool left_out;
	} rows[] = {
		{ STAGE_DIRECT, STAGE_DIRECT, MINUTE, STAGE_GOOD, false },
		{ STAGE_DIRECT, STAGE_DIRECT, 2 * MINUTE, STAGE_UNHEARD, false },
		{ STAGE_DEMOTED, STAGE_DIRECT, MINUTE, STAGE_BAD, true },
		{ STAGE_DEMOTED, STAGE_DIRECT, 2 * MINUTE, STAGE_UNHEARD, false },
		/* However long ago that is, and good till then: it must leave. */
		{ STAGE_DIRECT, STAGE_REFUSED, -600 * MINUTE, STAGE_BAD, true },
	};
	static const char *const ends[] = { "b1", "p0" };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct plan *present = plan_of(3, 11), *target = plan_of(3, 11);
		struct stage_events events = { 0 };
		struct wall since = { T0 + rows[i].since_ns }, at;
		struct stage s;

		set_direct(present, 1, 0, 49000);
		route(present, 1, 0)->since = since;
		route(present, 1, 0)->good = i == 4;
		set_direct(target, 1, 0, 49000);
		set_direct(target, 2, 0, 49000);
		say(&events, "b1", "p0", rows[i].x);
		say(&events, "p0", "b1", rows[i].y);
		assert_int_equal(stage_verdict(&events, ends, since, &at),
		    rows[i].verdict);
		assert_int_equal(left_out(present, &events,
				     T0 + (i == 4 ? 61 : 3) * MINUTE),
		    rows[i].left_out);
		stage_make(target, present, &events, now, &s);
		assert_int_equal(s.added, rows[i].verdict == STAGE_GOOD);
		stage_events_fini(&events);
		plan_free(present);
		plan_free(target);
	}
}

/* Events are kept for a while only. */
static void
what_was_good_stays_so_until_an_end_objects(void **state)
{
	(void)state;
	for (unsigned objects = 0; objects < 2; objects++) {
		struct plan *present = plan_of(3, 11), *target = plan_of(3, 11);
		struct stage_events events = { 0 };
		struct stage s;

		set_direct(present, 1, 0, 49000);
		route(present, 1, 0)->good = true;
		set_direct(target, 1, 0, 49000);
		set_direct(target, 2, 0, 49000);
		if (objects)
			say(&events, "p0", "b1", STAGE_DEMOTED);
		stage_make(target, present, &events, now, &s);
		assert_int_equal(s.added, objects ? 0 : 1);
		assert_int_equal(route(target, 1, 0)->good, !objects);
		assert_false(route(target, 2, 0)->good);
		stage_events_fini(&events);
		plan_free(present);
		plan_free(target);
	}
}

static void
pairs_go_back_first_and_not_all_at_once(void **state)
{
	struct plan *present = plan_of(3, 11), *target = plan_of(3, 11);
	struct stage_events events = { 0 };
	struct stage s;

	(void)state;
	for (unsigned b = 0; b < 8; b++)
		set_direct(present, b, 0, 49000);
	set_direct(target, 9, 1, 20000);
	all_good(&events, present);
	stage_make(target, present, &events, now, &s);
	assert_int_equal(s.removed, 2); /* a quarter of eight */
	assert_int_equal(s.added, 1);	/* of the three that may change */
	assert_int_equal(s.later, 6);
	assert_int_equal(off_hub(target), 7);
	stage_events_fini(&events);
	plan_free(present);
	plan_free(target);
}

/* b1 by p0 to p1: p0-p1 is a tunnel between two that never talk. */
static struct plan *
relayed(void)
{
	struct plan *plan = plan_of(2, 20);
	struct plan_route *r = route(plan, 1, 1);

	set_direct(plan, 1, 0, 20000);
	free(plan->tunnels);
	plan->tunnels = mem_array(1, sizeof(*plan->tunnels));
	plan->n_tunnels = 1;
	plan->tunnels[0] = (struct plan_tunnel){ .a = route(plan, 0, 0)->b,
		.b = route(plan, 0, 1)->b,
		.hub_us = PLAN_UNKNOWN,
		.direct_us = 30000 };
	r->path = PLAN_RELAY;
	r->via = plan->tunnels[0].a;
	r->us = 50200;
	return plan;
}

static void
a_relay_path_comes_after_its_tunnels(void **state)
{
	static const struct {
		size_t off_hub, added;
	} stages[] = { { 1, 1 }, { 2, 1 }, { 3, 1 }, { 3, 0 } };
	struct plan *present = NULL;
	struct stage_events events = { 0 };
	struct stage s;

	(void)state;
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		struct plan *target = relayed();

		stage_make(target, present, &events, now, &s);
		assert_int_equal(s.added, stages[i].added);
		assert_int_equal(off_hub(target), stages[i].off_hub);
		assert_int_equal(route(target, 1, 1)->path,
		    i < 2 ? PLAN_HUB : PLAN_RELAY);
		assert_int_equal(target->n_routes, 41);
		plan_free(present);
		present = target;
		all_good(&events, present);
	}
	assert_string_equal(s.waits, "");
	stage_events_fini(&events);
	plan_free(present);
}

/* What an agent asks of a path by a relay: both tunnels, in the same plan. */
static bool
is_taken(const struct plan *plan)
{
	for (size_t i = 0; i < plan->n_routes; i++) {
		const struct plan_route *r = &plan->routes[i];

		for (int end = 0; end < 2 && r->path == PLAN_RELAY; end++) {
			const char *x = plan->names[end ? r->b : r->a];
			const char *via = plan->names[r->via];
			bool swap = strcmp(x, via) > 0;
			const struct plan_route *leg =
			    plan_route(plan, swap ? via : x, swap ? x : via);

			if (!leg || leg->path != PLAN_DIRECT)
				return false;
		}
	}
	return true;
}

/* Between two POPs, which never talk. */
static void
add_direct(struct plan *plan, unsigned p, unsigned q)
{
	plan->routes =
	    mem_grow(plan->routes, plan->n_routes + 1, sizeof(*plan->routes));
	plan->routes[plan->n_routes++] = (struct plan_route){ .a = route(plan, 0, p)->b,
		.b = route(plan, 0, q)->b,
		.path = PLAN_DIRECT,
		.us = 30000 };
	qsort(plan->routes, plan->n_routes, sizeof(*plan->routes), plan_route_order);
}

static void
set_relay(struct plan *plan, unsigned b, unsigned p, unsigned via)
{
	struct plan_route *r = route(plan, b, p);

	r->path = PLAN_RELAY;
	r->via = route(plan, 0, via)->b;
	r->us = 50200;
}

static void
a_relay_path_goes_before_its_tunnels(void **state)
{
	static const size_t removed[] = { 2, 1, 0 }; /* a quarter of 8, of 6 */
	struct plan *present = plan_of(2, 20), *target = plan_of(2, 20);
	struct stage_events events = { 0 };
	struct stage s;

	(void)state;
	set_direct(present, 1, 0, 20000);
	add_direct(present, 0, 1);
	set_relay(present, 1, 1, 0);
	/* Wanted otherwise, which must wait: so must both tunnels, though unwanted. */
	set_direct(target, 1, 1, 10000);
	stage_make(target, present, &events, now, &s);
	assert_true(is_taken(target));
	assert_int_equal(off_hub(target), 3);
	assert_int_equal(s.added + s.removed, 0);
	assert_int_equal(s.later, 3);
	plan_free(target);
	for (size_t i = 0; i < sizeof(removed) / sizeof(removed[0]); i++) {
		target = plan_of(2, 20);
		for (unsigned b = 2; b < 7; b++) {
			set_direct(present, b, 0, 20000);
			set_direct(target, b, 0, 20000);
		}
		stage_make(target, present, &events, now, &s);
		assert_true(is_taken(target));
		assert_int_equal(route(target, 1, 1)->path, PLAN_HUB);
		assert_int_equal(s.removed, removed[i]);
		plan_free(present);
		present = target;
	}
	assert_int_equal(off_hub(present), 5);
	plan_free(present);
}

/* A tunnel's own ends are to go by another relay, and it has a path yet. */
static void
a_tunnel_moves_after_what_takes_it(void **state)
{
	struct plan *present = plan_of(3, 11);
	struct stage_events events = { 0 };

	(void)state;
	set_direct(present, 1, 0, 20000);
	set_direct(present, 1, 2, 20000);
	add_direct(present, 0, 1);
	add_direct(present, 0, 2);
	set_relay(present, 1, 1, 0);
	for (size_t i = 0; i < 3; i++) {
		struct plan *target = plan_of(3, 11);
		struct stage s;

		target->pairs = 10; /* one a stage */
		set_relay(target, 1, 0, 2);
		route(target, 1, 0)->us = 1000; /* which would be the first */
		set_direct(target, 1, 1, 200000);
		set_direct(target, 1, 2, 20000);
		add_direct(target, 0, 1);
		add_direct(target, 0, 2);
		all_good(&events, present);
		stage_make(target, present, &events, now, &s);
		assert_true(is_taken(target));
		assert_int_equal(s.later, i == 0);
		plan_free(present);
		present = target;
	}
	assert_int_equal(route(present, 1, 0)->path, PLAN_RELAY);
	assert_int_equal(route(present, 1, 1)->path, PLAN_DIRECT);
	stage_events_fini(&events);
	plan_free(present);
}

/* A plan for fewer pairs, or with a node less. */
static void
what_is_not_asked_about_goes_back_by_and_by(void **state)
{
	struct plan *present = plan_of(3, 11), *target = plan_of(3, 11);
	struct stage_events events = { 0 };
	struct stage s;
	size_t n = 0;

	(void)state;
	for (unsigned b = 0; b < 8; b++)
		set_direct(present, b, 1, 49000);
	route(present, 9, 2)->since = (struct wall){ T0 - MINUTE }; /* did not stand */
	all_good(&events, present);
	for (size_t i = 0; i < target->n_routes; i++) {
		if (!strcmp(target->names[target->routes[i].b], "p0"))
			target->routes[n++] = target->routes[i];
	}
	target->n_routes = n;
	stage_make(target, present, &events, now, &s);
	assert_int_equal(s.removed, 2);
	assert_int_equal(s.later, 6);
	assert_int_equal(off_hub(target), 6);
	assert_int_equal(route(target, 9, 2)->since.ns, T0 - MINUTE);
	plan_free(target);
	/* p1 is of the mesh no more. */
	target = plan_of(1, 11);
	stage_make(target, present, &events, now, &s);
	assert_int_equal(s.removed + s.later, 0);
	assert_int_equal(target->n_routes, 11);
	stage_events_fini(&events);
	plan_free(present);
	plan_free(target);
}

/* One, three, and then a tenth of a hundred pairs. */
static void
waves_grow(void **state)
{
	static const size_t added[] = { 1, 3, 10, 10, 6 };
	struct plan *present = NULL;
	struct stage_events events = { 0 };
	struct stage s;

	(void)state;
	for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++) {
		struct plan *target = plan_of(10, 10);

		for (unsigned k = 0; k < 30; k++)
			set_direct(target, k / 10, k % 10, 49000);
		stage_make(target, present, &events, now, &s);
		assert_int_equal(s.added, added[i]);
		plan_free(present);
		present = target;
		all_good(&events, present);
	}
	stage_events_fini(&events);
	plan_free(present);
}

/* A relay path with the one tunnel, or with the other. */
static void
one_tunnel_makes_no_relay_path(void **state)
{
	(void)state;
	for (unsigned row = 0; row < 2; row++) {
		struct plan *present = relayed(), *target = relayed();
		struct stage_events events = { 0 };
		struct stage s;

		if (row == 0) {
			route(present, 1, 0)->path = PLAN_HUB;
			add_direct(present, 0, 1);
		}
		route(present, 1, 1)->path = PLAN_HUB;
		all_good(&events, present);
		stage_make(target, present, &events, now, &s);
		assert_int_equal(route(target, 1, 1)->path, PLAN_HUB);
		assert_int_equal(s.added, 1);
		stage_events_fini(&events);
		plan_free(present);
		plan_free(target);
	}
}

/* Figures that nothing may be made of. */
static void
doubtful_figures_are_told(void **state)
{
	(void)state;
	assert_true(stage_sees(8, 10));
	assert_false(stage_sees(7, 10));
	assert_false(stage_sees(15, 19)); /* 78.9 % */
	assert_true(stage_slower(100000, 125001));
	assert_false(stage_slower(100000, 125000));
	assert_true(stage_slower(10000, 20001));
	assert_false(stage_slower(10000, 20000)); /* 10 ms are noise */
	assert_false(stage_slower(PLAN_UNKNOWN, 900000));
	assert_false(stage_slower(100000, PLAN_UNKNOWN));
	assert_false(stage_doubts(2, 10));
	assert_true(stage_doubts(3, 10));
	assert_false(stage_doubts(1, 1));
	assert_true(stage_doubts(2, 2));
}

/* As the collector has it for the next round. */
static struct plan *
published(struct plan *plan)
{
	struct plan *out;
	struct err err = { .text = "" };
	char *text = plan_to_json(plan);

	if (plan_from_json(text, strlen(text), &out, &err) < 0)
		fail_msg("%s", err.text);
	free(text);
	plan_free(plan);
	return out;
}

static bool
never_comes_up(unsigned b)
{
	return b < 4;
}

/* A round: what is not left out is wanted, and what can come up says so. */
static struct plan *
round_of(struct plan *present, struct stage_events *events, struct wall at)
{
	const struct stage_past past = { present, events, at };
	struct plan *target = plan_of(3, 11);
	struct wall failed;
	struct stage s;

	for (unsigned b = 0; b < 11; b++) {
		const char *x = target->names[route(target, b, 0)->a];

		if (!stage_left_out(&past, x, "p0", &failed))
			set_direct(target, b, 0, 49000);
	}
	stage_make(target, present, events, at, &s);
	plan_free(present);
	for (unsigned b = 0; b < 11; b++) {
		const struct plan_route *r = route(target, b, 0);
		const char *x = target->names[r->a];

		if (r->path != PLAN_DIRECT || r->since.ns != at.ns || never_comes_up(b))
			continue;
		say_at(events, (const char *const[]){ x, "p0" }, STAGE_DIRECT, at);
		say_at(events, (const char *const[]){ "p0", x }, STAGE_DIRECT, at);
	}
	return published(target);
}

/*
 * The four of the least worth.  Nobody says so, as of a UDP port that is shut; they are
 * the canaries, and must not be so again before the others have come.
 */
static void
what_never_comes_up_holds_up_nobody(void **state)
{
	struct stage_events events = { 0 };
	struct plan *present = NULL;
	unsigned tries = 0;

	(void)state;
	for (int64_t minute = 0; minute < 24 * 60; minute += 5) {
		const struct wall at = { T0 + minute * MINUTE };
		size_t good = 0;

		present = round_of(present, &events, at);
		for (size_t i = 0; i < present->n_routes; i++) {
			const struct plan_route *r = &present->routes[i];

			good += r->path == PLAN_DIRECT && r->good;
			tries += r->path == PLAN_DIRECT && r->since.ns == at.ns;
		}
		if (minute == 155)
			assert_int_equal(good, 0); /* four times 40 minutes */
		if (minute >= 180)
			assert_int_equal(good, 7);
	}
	/* And they are tried again, each 100 minutes at most. */
	assert_in_range(tries - 7, 4 * 10, 4 * 16);
	stage_events_fini(&events);
	plan_free(present);
}

/* Half an hour and no word: for an hour the plan itself says so, to the next round. */
static void
a_plan_remembers_what_failed(void **state)
{
	struct plan *present = plan_of(3, 11), *target = plan_of(3, 11);
	struct stage_events events = { 0 };
	struct stage s;

	(void)state;
	set_direct(present, 1, 0, 49000);
	route(present, 1, 0)->since = (struct wall){ T0 - 31 * MINUTE };
	stage_make(target, present, &events, now, &s);
	plan_free(present);
	present = published(target);
	assert_string_equal(s.waits, "b1-p0, which did not stand, to leave the plan");
	assert_int_equal(route(present, 1, 0)->path, PLAN_HUB);
	assert_int_equal(route(present, 1, 0)->since.ns, T0);
	assert_int_equal(present->n_routes, 1);
	assert_int_equal(stage_off_hub(present), 0);
	assert_true(left_out(present, &events, T0 + 59 * MINUTE));
	assert_false(left_out(present, &events, T0 + 60 * MINUTE));
	/* It is remembered for a day. */
	for (unsigned hours = 23; hours < 25; hours++) {
		target = plan_of(3, 11);
		stage_make(target, present, &events,
		    (struct wall){ T0 + hours * 60 * MINUTE }, &s);
		plan_free(present);
		present = published(target);
		assert_int_equal(present->n_routes, hours == 23);
	}
	/* What goes back by the plan has not failed. */
	target = plan_of(3, 11);
	plan_free(present);
	present = plan_of(3, 11);
	set_direct(present, 1, 0, 49000);
	route(present, 1, 0)->since = (struct wall){ T0 - 29 * MINUTE };
	stage_make(target, present, &events, now, &s);
	assert_int_equal(s.removed, 1);
	assert_int_equal(route(target, 1, 0)->since.ns, 0);
	plan_free(target);
	plan_free(present);
}

/* Whatever the target: good verdicts lead to it, and no stage is too large. */
static void
every_target_is_reached(void **state)
{
	unsigned seed = 20261122;

	(void)state;
	print_message("seed %u\n", seed);
	for (unsigned trial = 0; trial < 200; trial++) {
		struct plan *present = NULL;
		struct stage_events events = { 0 };
		bool want[24];
		unsigned stages = 0;

		srand(seed + trial);
		for (unsigned goal = 0; goal < 2; goal++) {
			struct stage s = { .later = 1 };

			for (size_t i = 0; i < 24; i++)
				want[i] = rand() % 3 == 0;
			while (s.later) {
				struct plan *target = plan_of(2, 12);

				for (unsigned i = 0; i < 24; i++) {
					if (want[i])
						set_direct(target, i % 12, i / 12,
						    1000 * (10 + rand() % 200));
				}
				stage_make(target, present, &events, now, &s);
				assert_true(s.added + s.removed <= 2);
				assert_true(present || s.added <= 1);
				plan_free(present);
				present = target;
				all_good(&events, present);
				assert_true(++stages < 100);
			}
			for (unsigned i = 0; i < 24; i++)
				assert_int_equal(route(present, i % 12, i / 12)->path,
				    want[i] ? PLAN_DIRECT : PLAN_HUB);
		}
		stage_events_fini(&events);
		plan_free(present);
	}
}

/* By the relay p0 to p1, by its own tunnel, or by the hub: whichever. */
static struct plan *
with_relays(const unsigned want[12])
{
	struct plan *plan = plan_of(2, 12);
	struct plan_tunnel *t = mem_array(1, sizeof(*t));

	free(plan->tunnels);
	plan->tunnels = t;
	*t = (struct plan_tunnel){ .a = route(plan, 0, 0)->b,
		.b = route(plan, 0, 1)->b,
		.hub_us = PLAN_UNKNOWN,
		.direct_us = 30000 };
	for (unsigned b = 0; b < 12; b++) {
		struct plan_route *r = route(plan, b, 1);

		if (want[b] == 1) {
			set_direct(plan, b, 1, 10000);
		} else if (want[b] == 2) {
			set_direct(plan, b, 0, 20000);
			r->path = PLAN_RELAY;
			r->via = t->a;
			r->us = 50200;
			plan->n_tunnels = 1;
		}
	}
	return plan;
}

static void
every_target_with_relays_is_reached(void **state)
{
	unsigned seed = 20261130;

	(void)state;
	print_message("seed %u\n", seed);
	for (unsigned trial = 0; trial < 200; trial++) {
		struct plan *present = NULL;
		struct stage_events events = { 0 };
		unsigned want[12], stages = 0;

		srand(seed + trial);
		for (unsigned goal = 0; goal < 4; goal++) {
			struct stage s = { .later = 1 };

			for (size_t i = 0; i < 12; i++)
				want[i] = (unsigned)rand() % 3;
			while (s.later) {
				struct plan *target = with_relays(want);

				stage_make(target, present, &events, now, &s);
				assert_true(is_taken(target));
				assert_true(s.added + s.removed <= 3);
				plan_free(present);
				present = target;
				all_good(&events, present);
				assert_true(++stages < 300);
			}
			for (unsigned b = 0; b < 12; b++)
				assert_int_equal(route(present, b, 1)->path, want[b]);
		}
		stage_events_fini(&events);
		plan_free(present);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_canary_goes_alone_and_is_the_least),
		cmocka_unit_test(silence_is_no_verdict),
		cmocka_unit_test(the_last_word_of_an_end_counts),
		cmocka_unit_test(silence_has_its_time),
		cmocka_unit_test(words_of_before_do_not_count),
		cmocka_unit_test(what_was_good_stays_so_until_an_end_objects),
		cmocka_unit_test(pairs_go_back_first_and_not_all_at_once),
		cmocka_unit_test(a_relay_path_comes_after_its_tunnels),
		cmocka_unit_test(a_relay_path_goes_before_its_tunnels),
		cmocka_unit_test(a_tunnel_moves_after_what_takes_it),
		cmocka_unit_test(what_is_not_asked_about_goes_back_by_and_by),
		cmocka_unit_test(waves_grow),
		cmocka_unit_test(one_tunnel_makes_no_relay_path),
		cmocka_unit_test(doubtful_figures_are_told),
		cmocka_unit_test(what_never_comes_up_holds_up_nobody),
		cmocka_unit_test(a_plan_remembers_what_failed),
		cmocka_unit_test(every_target_is_reached),
		cmocka_unit_test(every_target_with_relays_is_reached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
