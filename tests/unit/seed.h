/* SPDX-License-Identifier: MIT */
/*
 * Random numbers for property tests (xorshift64*).  The seed is printed, and SEED in
 * the environment sets it, so that a failure can be had again.
 */
#ifndef TESTS_UNIT_SEED_H
#define TESTS_UNIT_SEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct seed {
	uint64_t state;
};

static inline struct seed
seed_new(const char *test)
{
	const char *given = getenv("SEED");
	uint64_t v = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);

	printf("%s: SEED=%llu\n", test, (unsigned long long)v);
	return (struct seed){ v * 0x9e3779b97f4a7c15 | 1 };
}

static inline uint64_t
seed_next(struct seed *s)
{
	s->state ^= s->state >> 12;
	s->state ^= s->state << 25;
	s->state ^= s->state >> 27;
	return s->state * 0x2545f4914f6cdd1d;
}

/* 0 <= result < n */
static inline uint32_t
seed_below(struct seed *s, uint32_t n)
{
	return (uint32_t)((seed_next(s) >> 32) * n >> 32);
}

/* 0 < result < 1 */
static inline double
seed_unit(struct seed *s)
{
	return ((double)(seed_next(s) >> 11) + 0.5) / (1LL << 53);
}

#endif
