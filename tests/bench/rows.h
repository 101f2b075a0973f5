/* SPDX-License-Identifier: MIT */
/*
 * Reports of a made-up node, cheap enough to be sent by the thousand a second: the rows
 * are encoded once, and each report gets a head of its own.
 */
#ifndef TESTS_BENCH_ROWS_H
#define TESTS_BENCH_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "tests/unit/seed.h"

struct rows_of {
	uint32_t node, nodes;
	uint32_t peers; /* those that follow the node in the ring */
	uint32_t paths; /* to each: 1 = by the hub, 2 = and in public */
	uint64_t boot, seq;
	int64_t start_ms;
	uint32_t window_ms;
};

struct rows {
	uint8_t *bytes; /* owned; of a report, from its count of rows on */
	size_t len;
};

/* The report up to its rows; bytes written. */
size_t rows_head(const struct rows_of *of, uint8_t *out, size_t cap);
struct rows rows_make(const struct rows_of *of, struct seed *seed);

#endif
