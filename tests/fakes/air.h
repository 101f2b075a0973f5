/* SPDX-License-Identifier: MIT */
/*
 * A prober and a clock behind struct run_io, for the fake kernel's world: its clock
 * moves only when the run waits, and what happens to a probe is set in struct fake_air.
 */
#ifndef TESTS_FAKES_AIR_H
#define TESTS_FAKES_AIR_H

#include "optimizer/apply/run_io.h"

#define AIR_FLIGHTS_MAX 1024
#define AIR_FULL_BYTES	1372 /* 1420 less 48 */

struct air_flight {
	uint32_t slot;
	struct mono due;
	bool lost;
	int64_t rtt_ns;
};

struct fake_air {
	int64_t rtt_ns;
	bool eats_full;	     /* MTU black hole */
	struct addr eats;    /* and all that goes to this address */
	int open_rc;	     /* below 0: there is no prober */
	struct mono stop_at; /* the user interrupts; 0 = never */

	bool open;
	struct air_flight flights[AIR_FLIGHTS_MAX];
	size_t n;
	unsigned sent;
	int64_t longest_wait_ns;
};

extern struct fake_air air;
extern const struct run_io air_io;

#endif
