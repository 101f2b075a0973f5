/* SPDX-License-Identifier: MIT */
/*
 * Has somebody set the clock?  CLOCK_REALTIME and CLOCK_MONOTONIC run at one rate,
 * slewing included, so their difference is constant until then.  An epoch ends when it
 * has moved; two time stamps of different epochs have no difference that means
 * anything.
 */
#ifndef COMMON_STEPWATCH_H
#define COMMON_STEPWATCH_H

#include <stdint.h>

struct stepwatch {
	int64_t offset_ns;
	uint32_t epoch;
};

/* Zeroed is the start.  Call before the first stamp and after each batch of them. */
void stepwatch_look(struct stepwatch *w);

#endif
