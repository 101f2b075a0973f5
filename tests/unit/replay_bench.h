/* SPDX-License-Identifier: MIT */
/*
 * Small made-up histories for the tests of replay.
 */
#ifndef TESTS_UNIT_REPLAY_BENCH_H
#define TESTS_UNIT_REPLAY_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "optimizer/decide/replay.h"

#define HOUR_NS (3600 * NS_PER_S)

/* Node 0 is the hub; any two of the others talk. */
struct bench {
	struct history *history;
	struct instance nodes;
	struct instance_opts how;
	struct policy policy;
	struct replay_setup setup;
};

static inline void
bench_init(struct bench *b, size_t nodes, size_t slices, int32_t us)
{
	memset(b, 0, sizeof(*b));
	b->history = mem_alloc(sizeof(*b->history));
	b->history->n = slices;
	b->history->slices = mem_array(slices, sizeof(struct matrix *));
	b->history->labels = mem_array(slices, sizeof(*b->history->labels));
	b->nodes.n_nodes = nodes;
	b->nodes.nodes = mem_array(nodes, sizeof(struct node));
	b->nodes.budget = 1;
	for (size_t i = 0; i < nodes; i++) {
		b->nodes.nodes[i].name[0] = (char)('a' + i);
		b->nodes.nodes[i].role = i ? MESH_BACKEND : MESH_HUB;
		b->nodes.nodes[i].reachable = true;
		b->nodes.nodes[i].weight = 1;
		b->nodes.nodes[i].max_tunnels = MESH_NO_LIMIT;
	}
	for (size_t t = 0; t < slices; t++) {
		struct matrix *m = matrix_new(nodes);

		b->history->slices[t] = m;
		(void)snprintf(b->history->labels[t], HISTORY_LABEL_MAX, "s%zu", t + 1);
		for (size_t i = 0; i < nodes; i++)
			m->names[i][0] = (char)('a' + i);
		for (size_t i = 0; i < nodes; i++)
			for (size_t j = i + 1; j < nodes; j++)
				*matrix_cell(m, i, j) = us;
	}
	b->how.all_pairs = true;
	b->policy = policy_default();
	b->policy.interval_ns = HOUR_NS;
	b->setup = (struct replay_setup){ .history = b->history,
		.to = slices - 1,
		.slice_ns = HOUR_NS,
		.policy = &b->policy,
		.nodes = &b->nodes,
		.opts = &b->how };
}

static inline void
bench_fini(struct bench *b)
{
	history_free(b->history);
	free(b->nodes.nodes);
}

static inline void
set(struct bench *b, size_t t, size_t x, size_t y, int32_t us)
{
	*matrix_cell(b->history->slices[t], x, y) = us;
}

static inline struct replay_result
replayed(const struct bench *b)
{
	struct replay_result r;
	struct err err = { "" };

	if (replay_run(&b->setup, &r, &err) < 0)
		fail_msg("%s", err.text);
	return r;
}

/* b-c is excellent in even hours and useless in odd ones; b-d is good always. */
static inline void
make_flapping(struct bench *b, size_t slices)
{
	bench_init(b, 4, slices, 100000);
	for (size_t t = 0; t < slices; t++) {
		set(b, t, 1, 2, t % 2 ? 195000 : 20000);
		set(b, t, 1, 3, 60000);
		set(b, t, 2, 3, 199999);
	}
	b->setup.window = 1;
	b->policy.both = false;
	b->policy.change_cost_us = 0;
	b->policy.dwell_ns = 0;
	b->policy.penalty = 0;
}

#endif
