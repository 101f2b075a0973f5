/* SPDX-License-Identifier: MIT */
/*
 * What a controller with the signing key may send: plans made up against the one that
 * is followed now, sealed.
 */
#ifndef TESTS_UNIT_HOSTILE_PLAN_H
#define TESTS_UNIT_HOSTILE_PLAN_H

#include "common/signed.h"
#include "optimizer/agent/follow.h"
#include "optimizer/decide/plan_json.h"
#include "tests/unit/netd_world.h"
#include "tests/unit/seed.h"

#define NODES	     6
#define PAIRS	     10 /* without the hub */
#define OUT_OF_REACH ((UINT64_C(1) << 53) - 1)

enum attack {
	RANDOM,
	CREEPING,
	FLIPPED, /* every pair the other way */
	EMPTY,
	BOUNDARY, /* as many pairs as may change, or one more */
	SWINGING, /* one pair there and back again */
	REPLAYED,
	ROLLED_BACK,
	FUTURE,
	STALE,
	FORGED,
	BIT,
	CUT,
	FOREIGN, /* another mesh */
	OUTSIDE, /* what the roster does not allow */
	FAR_EPOCH,
	ATTACKS
};

struct message {
	uint8_t *bytes;
	size_t len;
};

static struct seed dice;
static struct mesh *mesh; /* the agent's reading of the file */
static struct follow f;
static struct signed_key key, other_key;

static inline struct plan *
new_plan(struct wall now)
{
	struct plan *plan = mem_alloc(sizeof(*plan));

	(void)snprintf(plan->mesh, sizeof(plan->mesh), "%s", mesh->name);
	plan->n_names = NODES;
	plan->names = mem_array(NODES, sizeof(*plan->names));
	for (size_t i = 0; i < NODES; i++)
		memcpy(plan->names[i], mesh->nodes[i].name, sizeof(plan->names[i]));
	plan->issue = mem_alloc(sizeof(*plan->issue));
	plan->issue->epoch = f.order.epoch + 1 + seed_below(&dice, 2);
	plan->issue->issued.ns = now.ns - now.ns % NS_PER_MS;
	plan->issue->ttl_s = 900;
	plan->routes = mem_array(2 * PAIRS + 2, sizeof(*plan->routes));
	return plan;
}

static inline void
add(struct plan *plan, size_t a, size_t b, enum plan_path path, size_t via)
{
	struct plan_route *r = &plan->routes[plan->n_routes++];

	*r = (struct plan_route){ .a = (uint32_t)a,
		.b = (uint32_t)b,
		.path = path,
		.via = (uint32_t)via,
		.us = 1000,
		.hub_us = seed_below(&dice, 2) ? 500000 : 10 };
}

/* What is followed now, but for one pair of it. */
static inline void
add_past(struct plan *plan, size_t but)
{
	for (size_t i = 0; i < f.order.n; i++) {
		const struct order_pair *p = &f.order.pair[i];

		if (i != but)
			add(plan, p->a, p->b,
			    p->path == WAY_BY_RELAY ? PLAN_RELAY : PLAN_DIRECT, p->via);
	}
}

/* So many pairs that are not there yet. */
static inline void
add_new(struct plan *plan, size_t n)
{
	for (size_t a = HKG; a < NODES; a++) {
		for (size_t b = a + 1; b < NODES && n > 0; b++) {
			if (order_find(&f.order, a, b))
				continue;
			add(plan, a, b, PLAN_DIRECT, 0);
			n--;
		}
	}
}

static inline size_t
someone(void)
{
	return seed_below(&dice, 40) ? HKG + seed_below(&dice, NODES - 1)
				     : seed_below(&dice, NODES);
}

static inline void
fill_random(struct plan *plan)
{
	for (size_t n = seed_below(&dice, 6); n > 0; n--)
		add(plan, someone(), someone(),
		    seed_below(&dice, 6) ? PLAN_DIRECT
					 : (enum plan_path)seed_below(&dice, 3),
		    someone());
	if (seed_below(&dice, 4) == 0)
		plan->issue->epoch = f.order.epoch + seed_below(&dice, 1000);
	if (seed_below(&dice, 4) == 0)
		plan->issue->issued.ns -= (int64_t)seed_below(&dice, 2000) * NS_PER_S;
	if (seed_below(&dice, 4) == 0)
		plan->issue->ttl_s = 1 + seed_below(&dice, PLAN_TTL_MAX_S);
}

static inline void
fill_creeping(struct plan *plan)
{
	size_t changed = seed_below(&dice, (uint32_t)f.order.n + 3);
	uint32_t b = FRA + seed_below(&dice, 4);

	add_past(plan, changed);
	if (changed < f.order.n)
		return;
	if (seed_below(&dice, 3) || b == FRA)
		add(plan, HKG, b, PLAN_DIRECT, 0);
	else
		add(plan, HKG, b, PLAN_RELAY, FRA);
}

static inline void
fill_swinging(struct plan *plan)
{
	size_t b = FRA + seed_below(&dice, 2);
	const struct order_pair *p = order_find(&f.order, HKG, b);

	add_past(plan, p ? (size_t)(p - f.order.pair) : SIZE_MAX);
	if (!p)
		add(plan, HKG, b, PLAN_DIRECT, 0);
}

static inline void
fill_outside(struct plan *plan)
{
	add_past(plan, SIZE_MAX);
	switch (seed_below(&dice, 4)) {
	case 0:
		add(plan, DUB, someone() | 1, PLAN_DIRECT, 0);
		break;
	case 1: /* no relay */
		add(plan, HKG, FRA, PLAN_RELAY, SIN);
		break;
	case 2: /* by the hub, and by nobody's tunnels */
		add(plan, HKG, SYD, PLAN_RELAY, DUB);
		break;
	default:
		(void)snprintf(plan->names[SYD], sizeof(plan->names[SYD]), "nobody");
		add(plan, HKG, SYD, PLAN_DIRECT, 0);
		break;
	}
}

static inline struct plan *
make(enum attack attack, struct wall now)
{
	struct plan *plan = new_plan(now);

	switch (attack) {
	case RANDOM:
		fill_random(plan);
		break;
	case FLIPPED:
		add_new(plan, PAIRS);
		break;
	case EMPTY:
		break;
	case BOUNDARY:
		add_past(plan, SIZE_MAX);
		add_new(plan, 3 + seed_below(&dice, 2));
		break;
	case SWINGING:
		fill_swinging(plan);
		break;
	case ROLLED_BACK:
		add_past(plan, SIZE_MAX);
		plan->issue->epoch = 1 + seed_next(&dice) % f.order.epoch;
		break;
	case FUTURE:
		fill_creeping(plan);
		plan->issue->issued.ns +=
		    61 * NS_PER_S + (int64_t)(seed_next(&dice) >> 8);
		break;
	case STALE:
		fill_creeping(plan);
		plan->issue->issued.ns -=
		    (901 + (int64_t)seed_below(&dice, 1000000)) * NS_PER_S;
		break;
	case FOREIGN:
		fill_creeping(plan);
		plan->mesh[seed_below(&dice, 3)] = 'x';
		break;
	case OUTSIDE:
		fill_outside(plan);
		break;
	case FAR_EPOCH:
		fill_creeping(plan);
		plan->issue->epoch = OUT_OF_REACH;
		break;
	default:
		fill_creeping(plan);
		break;
	}
	return plan;
}

/* As it comes over the network. */
static inline struct message
seal(enum attack attack, struct wall now)
{
	struct plan *plan = make(attack, now);
	char *text = plan_to_json(plan);
	struct message m;

	plan_free(plan);
	assert_int_equal(signed_seal(attack == FORGED ? &other_key : &key, text,
			     strlen(text), &m.bytes, &m.len),
	    0);
	free(text);
	if (attack == BIT)
		m.bytes[seed_below(&dice, (uint32_t)m.len)] ^=
		    (uint8_t)(1u << seed_below(&dice, 8));
	if (attack == CUT)
		m.len = seed_below(&dice, (uint32_t)m.len);
	return m;
}

static inline bool
must_be_refused(enum attack attack)
{
	return attack == ROLLED_BACK || attack == FUTURE || attack == FORGED ||
	       attack == BIT || attack == CUT || attack == FOREIGN || attack == OUTSIDE;
}

#endif
